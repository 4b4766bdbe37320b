#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "messi/io/epoll_loop.h"
#include "messi/io/socket_address.h"
#include "messi/io/system_error.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/sockets.h"

using messi::EpollLoop;
using messi::test::Client;
using messi::test::Log;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A new folder, gone at the end with the one file that may be in it.
class Folder {
 public:
  Folder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    ::unlink(file().c_str());
    ::rmdir(path_.c_str());
  }
  std::string file() const { return path_ + "/socket"; }
  std::string uri() const { return "unix://" + file(); }
  bool file_exists() const {
    struct stat status {};
    return ::lstat(file().c_str(), &status) == 0;
  }

 private:
  std::string path_ = "/tmp/messi-test-XXXXXX";
};

void check_exchange(EpollLoop& loop, Server& server) {
  Client client(loop, server.uri());
  server.on = [](const std::string& event, Server::Client* from) {
    if (event == "connected") CHECK(from->peer_address() == "unix");
    if (event == "message hello") from->send(message("echo"));
  };
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(message("hello"));
  };
  client.start();
  CHECK(run_until(loop, [&] { return client.has("message echo"); }));
  CHECK(client.log == Log{"connected", "message echo"});
}

/// What a server that was killed leaves behind.
void leave_socket_behind(const std::string& path) {
  const messi::Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  const auto address = messi::SocketAddress::unix_path(path);
  REQUIRE(::bind(fd.get(), address.data(), address.size()) == 0);
  REQUIRE(::listen(fd.get(), 1) == 0);
}

}  // namespace

TEST_CASE("clients and servers meet at a path", "[io]") {
  const Folder folder;
  EpollLoop loop;
  Server server(loop, folder.uri());
  REQUIRE(server.start().ok());
  CHECK(server.uri() == folder.uri());
  CHECK(server.port() == 0);
  CHECK(folder.file_exists());
  check_exchange(loop, server);
  server.stop();
  CHECK_FALSE(folder.file_exists());
  REQUIRE(server.start().ok());
  check_exchange(loop, server);
}

TEST_CASE("a path that a dead server has left behind is taken over", "[io]") {
  const Folder folder;
  leave_socket_behind(folder.file());
  REQUIRE(folder.file_exists());
  EpollLoop loop;
  Server server(loop, folder.uri());
  REQUIRE(server.start().ok());
  check_exchange(loop, server);
}

TEST_CASE("a path where a server lives is in use", "[io]") {
  const Folder folder;
  EpollLoop loop;
  Server first(loop, folder.uri());
  REQUIRE(first.start().ok());
  {
    Server second(loop, folder.uri());
    const absl::Status status = second.start();
    CHECK_FALSE(status.ok());
    CHECK_THAT(std::string(status.message()),
               ContainsSubstring(folder.uri()) && ContainsSubstring("Address already in use"));
  }
  CHECK(folder.file_exists());
  check_exchange(loop, first);
}

TEST_CASE("a file that is no socket is left alone", "[io]") {
  const Folder folder;
  std::ofstream(folder.file()) << "precious";
  EpollLoop loop;
  {
    Server server(loop, folder.uri());
    CHECK_FALSE(server.start().ok());
  }
  std::string text;
  std::ifstream(folder.file()) >> text;
  CHECK(text == "precious");
}

TEST_CASE("a folder that does not exist is an error that names it", "[io]") {
  const Folder folder;
  EpollLoop loop;
  Server server(loop, "unix:///nowhere/at/all");
  const absl::Status status = server.start();
  CHECK_FALSE(status.ok());
  CHECK_THAT(std::string(status.message()),
             ContainsSubstring("unix:///nowhere/at/all") && ContainsSubstring("No such file"));
}

TEST_CASE("a client of a path waits for its server", "[io]") {
  const Folder folder;
  EpollLoop loop;
  messi::ClientOptions options;
  options.backoff.initial = 1ms;
  options.backoff.max = 5ms;
  Client client(loop, folder.uri(), options);
  client.start();
  CHECK(run_until(loop, [&] { return client.count("failed") == 2; }));
  CHECK_THAT(std::string(client.last_failure.message()), ContainsSubstring("No such file"));
  leave_socket_behind(folder.file());
  client.log.clear();
  CHECK(run_until(loop, [&] {
    return client.last_failure.message() == folder.uri() + ": cannot connect: Connection refused";
  }));
  Server server(loop, folder.uri());
  REQUIRE(server.start().ok());
  CHECK(run_until(loop, [&] { return client.connected(); }));
}

TEST_CASE("a client waits for its server where another kind of socket is", "[io]") {
  const Folder folder;
  messi::Fd other(::socket(AF_UNIX, SOCK_DGRAM, 0));
  const auto address = messi::SocketAddress::unix_path(folder.file());
  REQUIRE(::bind(other.get(), address.data(), address.size()) == 0);
  EpollLoop loop;
  messi::ClientOptions options;
  options.backoff.initial = 1ms;
  options.backoff.max = 5ms;
  Client client(loop, folder.uri(), options);
  client.start();
  CHECK(run_until(loop, [&] { return client.count("failed") == 2; }));
  CHECK(messi::errno_of(client.last_failure) == EPROTOTYPE);
  ::unlink(folder.file().c_str());
  Server server(loop, folder.uri());
  REQUIRE(server.start().ok());
  CHECK(run_until(loop, [&] { return client.connected(); }));
}
