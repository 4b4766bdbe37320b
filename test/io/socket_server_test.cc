// Servers on real sockets.

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/io/live.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::EpollLoop;
using messi::test::Client;
using messi::test::run_until;
using messi::test::Server;
using messi::testing::RawClient;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("port 0 is a port that the kernel chooses, and that can be asked for", "[io]") {
  EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  CHECK(server.port() == 0);
  CHECK(server.uri() == "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  CHECK(server.port() != 0);
  CHECK(server.uri() == "tcp://127.0.0.1:" + std::to_string(server.port()));
  server.stop();
  CHECK(server.port() == 0);
}

TEST_CASE("a port that is in use is an error that names it", "[io]") {
  EpollLoop loop;
  Server first(loop, "tcp://127.0.0.1:0");
  REQUIRE(first.start().ok());
  Server second(loop, first.uri());
  const absl::Status status = second.start();
  CHECK_FALSE(status.ok());
  CHECK(std::string(status.message()) == first.uri() + ": cannot listen: Address already in use");

  first.stop();
  CHECK(second.start().ok());
}

TEST_CASE("an address that is not this machine's, or no host, is an error that names it", "[io]") {
  EpollLoop loop;
  Server elsewhere(loop, "tcp://203.0.113.1:6000");
  CHECK_THAT(std::string(elsewhere.start().message()),
             ContainsSubstring("tcp://203.0.113.1:6000: cannot listen: "));
  Server nowhere(loop, "tcp://no.such.host.invalid:6000");
  CHECK_THAT(std::string(nowhere.start().message()),
             ContainsSubstring("tcp://no.such.host.invalid:6000: cannot find the host: "));
}

TEST_CASE("a socket file that a dead server has left behind is no obstacle, a live server is", "[io]") {
  const std::string path = "/tmp/messi-test-stale-" + std::to_string(::getpid()) + ".sock";
  EpollLoop loop;
  {
    // What a killed process leaves behind: the file, and nobody who listens.
    const messi::SocketAddress address = messi::SocketAddress::unix_path(path);
    const messi::Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::bind(fd.get(), address.data(), address.size()) == 0);
  }
  Server server(loop, "unix://" + path);
  REQUIRE(server.start().ok());
  Server second(loop, "unix://" + path);
  CHECK_THAT(std::string(second.start().message()), ContainsSubstring("Address already in use"));
  server.stop();
  CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("stop and start with clients connected: each hears of it once, and is served again", "[io]") {
  EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  const std::string uri = server.uri();
  messi::ClientOptions options;
  options.backoff.initial = 5ms;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<Client>(loop, uri, options));
    clients.back()->start();
  }
  run_until(loop, [&] { return server.client_count() == 10; });
  server.stop();
  run_until(loop, [&] { return server.client_count() == 0; });
  CHECK(messi::test::count(server.log, "1 disconnected: Stopped.") == 1);

  Server again(loop, uri);
  REQUIRE(again.start().ok());
  run_until(loop, [&] { return again.client_count() == 10; });
  for (const auto& client : clients) {
    CHECK(client->count("disconnected: Connection closed.") == 1);
  }
}

TEST_CASE("a client that does not read is disconnected, and the others hear everything", "[io]") {
  EpollLoop loop;
  messi::ServerOptions options;
  options.max_pending_bytes = 256 * 1024;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());

  // A socket of which nobody reads.
  EpollLoop never_run;
  RawClient deaf(never_run, server.uri());
  while (deaf.peer() == nullptr) never_run.poll(100ms);
  Client reader(loop, server.uri());
  reader.start();
  run_until(loop, [&] { return server.client_count() == 2; });

  std::size_t sent = 0;
  std::size_t most_pending = 0;
  while (server.client_count() == 2) {
    server.broadcast(messi::test::message(std::string(20'000, 'x')));
    for (auto& client : server.clients()) {
      most_pending = std::max(most_pending, client.pending_bytes());
    }
    ++sent;
    loop.poll();
    REQUIRE(sent < 100'000);
  }
  CHECK(messi::test::count(server.log, "1 disconnected: Slow reader.") == 1);
  CHECK(most_pending <= options.max_pending_bytes);
  run_until(loop, [&] { return reader.count("message") == sent; });
  CHECK_FALSE(reader.has("disconnected"));
}

TEST_CASE("a silent client is dropped, one that says anything at all is not", "[io]") {
  EpollLoop loop;
  messi::ServerOptions options;
  options.client_timeout = 200ms;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  RawClient silent(loop, server.uri());
  RawClient alive(loop, server.uri());
  messi::Timer beat(loop, [&] {
    if (alive.peer() != nullptr) alive->send(messi::test::kPing);
    beat.set(loop.now() + 20ms);
  });
  beat.set(loop.now());
  run_until(loop, [&] { return silent.peer() != nullptr && silent->ended(); });
  CHECK(messi::test::count(server.log, "1 disconnected: Keep alive timeout.") == 1);
  CHECK(server.client_count() == 1);
}
