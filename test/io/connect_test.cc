// Connecting never blocks the loop, tries every address, and tells what went wrong.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::Timer;
using messi::io::Fd;
using messi::test::Client;
using messi::test::connect_to;
using messi::test::Log;
using messi::test::RawListener;
using messi::test::run_until;
using messi::test::Server;
using messi::test::tcp_socket;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using messi::test::SocketLoop;

namespace {

messi::ClientOptions with_timeout(messi::Duration timeout) {
  messi::ClientOptions options;
  options.connect_timeout = timeout;
  return options;
}

std::optional<messi::Duration> never(const absl::Status& /*error*/) { return std::nullopt; }

/// A listener that does not answer any more: the kernel's queue is full.
struct FullListener {
  FullListener() : listener(0) {
    for (int i = 0; i < 8; ++i) {
      waiting.push_back(tcp_socket());
      connect_to(waiting.back(), listener.port());
    }
  }
  RawListener listener;
  std::vector<Fd> waiting;
};

}  // namespace

TEST_CASE("a refused connection says so", "[io][loops]") {
  SocketLoop loop;
  std::string uri;
  { uri = RawListener().uri(); }
  Client client(loop, uri);
  client.retry = never;
  client.start();
  CHECK(run_until(loop, [&] { return !client.log.empty(); }));
  CHECK(std::string(client.last_failure.message()) == uri + ": cannot connect: Connection refused");
  CHECK(client.last_failure.code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("a host that does not exist fails cleanly", "[io][loops]") {
  SocketLoop loop;
  Client client(loop, "tcp://no.such.host.invalid:6000", with_timeout(10s));
  client.retry = never;
  client.start();
  CHECK(run_until(loop, [&] { return !client.log.empty(); }));
  CHECK_FALSE(client.connected());
  CHECK(client.log.size() == 1);
  // By the resolver's answer; or by the time-out, where nobody answers the resolver.
  CHECK_THAT(std::string(client.last_failure.message()),
             StartsWith("tcp://no.such.host.invalid:6000: cannot "));
}

TEST_CASE("a client may be stopped or destroyed while its host is looked up", "[io][loops]") {
  SocketLoop loop;
  for (const char* const host : {"no.such.host.invalid", "localhost"}) {
    for (int turns = 0; turns < 3; ++turns) {
      auto client = std::make_unique<Client>(loop, "tcp://" + std::string(host) + ":6000");
      client->start();
      for (int i = 0; i < turns; ++i) loop.poll();
      if (turns == 1) client->stop();
      client.reset();
    }
  }
  messi::test::run_for(loop, 10ms);
}

TEST_CASE("port 0 is nothing to connect to", "[io][loops]") {
  SocketLoop loop;
  Client client(loop, "tcp://127.0.0.1:0");
  client.retry = never;
  client.start();
  CHECK(run_until(loop, [&] { return !client.log.empty(); }));
  CHECK(client.last_failure.code() == absl::StatusCode::kInvalidArgument);
  CHECK_THAT(std::string(client.last_failure.message()), ContainsSubstring("port 0"));
}

TEST_CASE("every address of a host is tried", "[io][loops]") {
  // An empty host is ::1 and 127.0.0.1; only one of them has a listener.
  for (const char* const host : {"127.0.0.1", "[::1]"}) {
    SocketLoop loop;
    Server server(loop, "tcp://" + std::string(host) + ":0");
    REQUIRE(server.start().ok());
    Client client(loop, "tcp://:" + std::to_string(server.port()));
    client.start();
    CHECK(run_until(loop, [&] { return !client.log.empty(); }));
    CHECK(client.log == Log{"connected"});
  }
}

TEST_CASE("when all addresses fail there is one failure", "[io][loops]") {
  SocketLoop loop;
  std::string uri;
  { uri = "tcp://:" + std::to_string(RawListener().port()); }
  Client client(loop, uri);
  client.retry = never;
  client.start();
  CHECK(run_until(loop, [&] { return !client.log.empty(); }));
  messi::test::run_for(loop, 5ms);
  CHECK(client.log == Log{"failed: " + uri + ": cannot connect: Connection refused"});
}

TEST_CASE("a connect that is not answered times out, and the loop goes on meanwhile",
          "[io][loops]") {
  const FullListener full;
  SocketLoop loop;
  Client client(loop, full.listener.uri(), with_timeout(60ms));
  client.retry = never;
  const messi::TimePoint began = loop.now();
  client.start();
  int ticks = 0;
  Timer timer(loop, [&] {
    ++ticks;
    timer.set(loop.now() + 1ms);
  });
  timer.set(began);
  CHECK(run_until(loop, [&] { return !client.log.empty(); }));
  timer.cancel();
  CHECK(client.last_failure.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(loop.now() - began >= 60ms);
  CHECK(ticks > 2);
}

TEST_CASE("a client of a server that does not answer can be stopped", "[io][loops]") {
  const FullListener full;
  SocketLoop loop;
  const std::size_t descriptors = messi::test::open_descriptors().size();
  Client client(loop, full.listener.uri());
  client.start();
  messi::test::run_for(loop, 5ms);
  CHECK(messi::test::open_descriptors().size() == descriptors + 1);
  client.stop();
  messi::test::run_for(loop, 5ms);
  CHECK(client.log.empty());
  CHECK(messi::test::open_descriptors().size() == descriptors);
}

TEST_CASE("an address that does not answer is overtaken by one that does", "[io][loops]") {
  // A listener on 127.0.0.1 that is full, and a server on ::1 with the same port.
  for (int attempt = 0; attempt < 20; ++attempt) {
    const FullListener full;
    SocketLoop loop;
    Server server(loop, "tcp://[::1]:" + std::to_string(full.listener.port()));
    if (!server.start().ok()) continue;  // somebody else has it; take another port
    Client client(loop, "tcp://:" + std::to_string(server.port()));
    client.start();
    CHECK(run_until(loop, [&] { return !client.log.empty(); }));
    CHECK(client.log == Log{"connected"});
    return;
  }
  FAIL("no port was free on both addresses");
}

TEST_CASE("connecting leaves no descriptors behind", "[io][loops]") {
  SocketLoop loop;
  std::string refused;
  { refused = RawListener().uri(); }
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  const std::size_t descriptors = messi::test::open_descriptors().size();
  for (int i = 0; i < 20; ++i) {
    Client client(loop, i % 2 == 0 ? refused : server.uri());
    client.retry = never;
    client.start();
    CHECK(run_until(loop, [&] { return !client.log.empty(); }));
  }
  CHECK(run_until(loop, [&] { return server.count("") == 20; }));
  CHECK(messi::test::open_descriptors().size() == descriptors);
}
