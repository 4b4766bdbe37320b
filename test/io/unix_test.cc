#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "messi/io/linux/lock_file.h"
#include "messi/io/linux/socket_address.h"
#include "messi/system_error.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::test::Client;
using messi::test::Log;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using messi::test::SocketLoop;

namespace {

/// A new folder, gone at the end with the one file that may be in it.
class Folder {
 public:
  Folder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    ::unlink(file().c_str());
    ::unlink(lock().c_str());
    ::rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }
  std::string file() const { return path_ + "/socket"; }
  std::string lock() const { return file() + ".lock"; }
  std::string uri() const { return "unix://" + file(); }
  bool file_exists() const { return exists(file()); }
  bool lock_exists() const { return exists(lock()); }
  mode_t mode() const {
    struct stat status {};
    return ::lstat(file().c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }

 private:
  static bool exists(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
  }
  std::string path_ = "/tmp/messi-test-XXXXXX";
};

void check_exchange(SocketLoop& loop, Server& server) {
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
  const messi::io::Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  const auto address = messi::io::SocketAddress::unix_path(path);
  REQUIRE(::bind(fd.get(), address.data(), address.size()) == 0);
  REQUIRE(::listen(fd.get(), 1) == 0);
}

}  // namespace

TEST_CASE("clients and servers meet at a path", "[io][loops]") {
  const Folder folder;
  SocketLoop loop;
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

TEST_CASE("a path that a dead server has left behind is taken over", "[io][loops]") {
  const Folder folder;
  leave_socket_behind(folder.file());
  REQUIRE(folder.file_exists());
  SocketLoop loop;
  Server server(loop, folder.uri());
  REQUIRE(server.start().ok());
  check_exchange(loop, server);
}

TEST_CASE("a path where a server lives is in use", "[io][loops]") {
  const Folder folder;
  SocketLoop loop;
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

TEST_CASE("a file that is no socket is left alone", "[io][loops]") {
  const Folder folder;
  std::ofstream(folder.file()) << "precious";
  SocketLoop loop;
  {
    Server server(loop, folder.uri());
    CHECK_FALSE(server.start().ok());
  }
  std::string text;
  std::ifstream(folder.file()) >> text;
  CHECK(text == "precious");
}

TEST_CASE("a folder that does not exist is an error that names it", "[io][loops]") {
  const Folder folder;
  SocketLoop loop;
  Server server(loop, "unix:///nowhere/at/all");
  const absl::Status status = server.start();
  CHECK_FALSE(status.ok());
  CHECK_THAT(std::string(status.message()),
             ContainsSubstring("unix:///nowhere/at/all") && ContainsSubstring("No such file"));
}

TEST_CASE("a client of a path waits for its server", "[io][loops]") {
  const Folder folder;
  SocketLoop loop;
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

TEST_CASE("a client waits for its server where another kind of socket is", "[io][loops]") {
  const Folder folder;
  messi::io::Fd other(::socket(AF_UNIX, SOCK_DGRAM, 0));
  const auto address = messi::io::SocketAddress::unix_path(folder.file());
  REQUIRE(::bind(other.get(), address.data(), address.size()) == 0);
  SocketLoop loop;
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

TEST_CASE("an old server that stops leaves the file of its successor", "[io][loops]") {
  const Folder folder;
  SocketLoop loop;
  Server old(loop, folder.uri());
  REQUIRE(old.start().ok());
  ::unlink(folder.file().c_str());
  Server successor(loop, folder.uri());
  REQUIRE(successor.start().ok());
  old.stop();
  messi::test::run_for(loop, 5ms);
  CHECK(folder.file_exists());
  check_exchange(loop, successor);
}

TEST_CASE("a server at a relative path finds its file after a change of folder", "[io][loops]") {
  const Folder folder;
  char before[4096];
  REQUIRE(::getcwd(before, sizeof(before)) != nullptr);
  REQUIRE(::chdir(folder.path().c_str()) == 0);
  SocketLoop loop;
  Server server(loop, "unix://socket");
  const bool started = server.start().ok();
  REQUIRE(::chdir(before) == 0);
  REQUIRE(started);
  CHECK(server.uri() == folder.uri());
  check_exchange(loop, server);
  server.stop();
  messi::test::run_for(loop, 5ms);
  CHECK_FALSE(folder.file_exists());
}

TEST_CASE("a server does not notice who sees whether it lives", "[io][loops]") {
  const Folder folder;
  SocketLoop loop;
  Server server(loop, folder.uri());
  REQUIRE(server.start().ok());
  for (int i = 0; i < 5; ++i) CHECK_FALSE(Server(loop, folder.uri()).start().ok());
  messi::test::run_for(loop, 10ms);
  CHECK(server.log.empty());
}

TEST_CASE("of those who start at once where a dead server was, one starts", "[io][loops]") {
  constexpr int kRounds = 30;
  constexpr int kStarters = 4;
  for (int round = 0; round < kRounds; ++round) {
    const Folder folder;
    leave_socket_behind(folder.file());
    int go[2];
    int told[2];
    int end[2];
    REQUIRE(::pipe(go) == 0);
    REQUIRE(::pipe(told) == 0);
    REQUIRE(::pipe(end) == 0);
    for (int i = 0; i < kStarters; ++i) {
      if (::fork() != 0) continue;
      ::close(end[1]);
      SocketLoop loop;
      Server server(loop, folder.uri());
      char byte = 0;
      if (::read(go[0], &byte, 1) != 1) ::_exit(1);
      byte = server.start().ok() ? '+' : '-';
      if (::write(told[1], &byte, 1) != 1) ::_exit(1);
      // Lives until the others have tried too.
      ::_exit(::read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    std::string results(kStarters, ' ');
    REQUIRE(::write(go[1], results.data(), kStarters) == kStarters);
    for (char& result : results) REQUIRE(::read(told[0], &result, 1) == 1);
    for (const int fd : {go[0], go[1], told[0], told[1], end[0], end[1]}) ::close(fd);
    while (::wait(nullptr) > 0) {
    }
    CHECK(std::count(results.begin(), results.end(), '+') == 1);
  }
}

TEST_CASE("the lock beside the socket is there for a moment only", "[io][loops]") {
  const Folder folder;
  std::ofstream(folder.lock()) << "of one who died";
  SocketLoop loop;
  Server server(loop, folder.uri());
  REQUIRE(server.start().ok());
  CHECK_FALSE(folder.lock_exists());
  server.stop();
  messi::test::run_for(loop, 5ms);
  CHECK_FALSE(folder.file_exists());
  CHECK_FALSE(folder.lock_exists());
  {
    const std::string lock = folder.lock();
    const messi::io::LockFile held(lock.c_str());
    REQUIRE(held.held());
    CHECK(messi::errno_of(server.start()) == EADDRINUSE);
  }
  CHECK(server.start().ok());
}

TEST_CASE("the file has the permissions that were asked for, whatever the umask", "[io][loops]") {
  for (const mode_t mask : {0U, 077U}) {
    const Folder folder;
    const mode_t before = ::umask(mask);
    SocketLoop loop;
    messi::ServerOptions options;
    options.unix_mode = 0620;
    Server server(loop, folder.uri(), options);
    const bool started = server.start().ok();
    ::umask(before);
    REQUIRE(started);
    CHECK(folder.mode() == 0620);
  }
}

TEST_CASE("clients and servers meet at a name that is no file", "[io][loops]") {
  const std::string uri = "unix-abstract:messi-test-" + std::to_string(::getpid());
  SocketLoop loop;
  Server server(loop, uri);
  REQUIRE(server.start().ok());
  CHECK(server.uri() == uri);
  CHECK(server.port() == 0);
  check_exchange(loop, server);
  Server second(loop, uri);
  CHECK(messi::errno_of(second.start()) == EADDRINUSE);
  server.stop();
  messi::test::run_for(loop, 5ms);
  REQUIRE(second.start().ok());
  check_exchange(loop, second);
}
