#include "messi/log.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/statistics.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"

using messi::LogLevel;
using messi::test::Client;
using messi::test::close_frame;
using messi::test::Log;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

/// Writes lines such as "warning 1 disconnected: Slow reader.".
messi::LogHook into(Log& log) {
  return [&log](LogLevel level, std::uint64_t connection, std::string_view text) {
    constexpr const char* kNames[] = {"info", "warning", "error"};
    log.push_back(std::string(kNames[static_cast<int>(level)]) + ' ' + std::to_string(connection) +
                  ' ' + std::string(text));
  };
}

template <typename Options>
Options logged_by(messi::LogHook log) {
  Options options;
  options.log = std::move(log);
  return options;
}

}  // namespace

TEST_CASE("a server logs who comes and goes", "[observability]") {
  ManualLoop loop;
  Log log;
  auto options = logged_by<messi::ServerOptions>(into(log));
  options.max_clients = 1;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  RawClient peer(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  const std::string address = server.find_client(1)->peer_address();
  RawClient other(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  peer->send("GET / HTTP/1.1\r\n\r\n");
  loop.run_until_idle();
  REQUIRE(log.size() == 3);
  CHECK(log[0] == "info 1 connected: " + address);
  CHECK(log[1].substr(0, 15) == "info 0 refused:");
  CHECK(log[2] == "warning 1 disconnected: Protocol error. The peer seems to speak HTTP.");
}

TEST_CASE("with a log alone a connection takes no memory more", "[observability]") {
  const auto memory = [](const messi::ClientOptions& options) {
    ManualLoop loop;
    const RawServer server(loop, "tcp://:6000");
    Client client(loop, "tcp://localhost:6000", options);
    const std::size_t before = messi::test::live_bytes();
    client.start();
    loop.run_until_idle();
    CHECK(client.connected());
    return messi::test::live_bytes() - before;
  };
  std::size_t lines = 0;
  messi::ClientOptions options;
  const std::size_t unobserved = memory(options);
  options.log = [&lines](LogLevel, std::uint64_t, std::string_view) { ++lines; };
  CHECK(memory(options) == unobserved);
  CHECK(lines == 1);
  options.statistics = std::make_shared<messi::Statistics>();
  CHECK(memory(options) > unobserved);
}

TEST_CASE("a client logs each connection by its number", "[observability]") {
  ManualLoop loop;
  Log log;
  Client client(loop, "tcp://localhost:6000", logged_by<messi::ClientOptions>(into(log)));
  client.start();
  loop.run_until_idle();
  REQUIRE(log.size() == 1);
  CHECK(log[0] == "warning 0 not connected: " + std::string(client.last_failure.message()));
  log.clear();
  RawServer server(loop, "tcp://:6000");
  while (server.peers().empty()) loop.advance(100ms);
  // What the peer says is made harmless.
  server.last().send(messi::test::kPong + close_frame(15, "no\n\x1b[31m"));
  while (log.size() < 3) loop.advance(100ms);
  client.stop();
  loop.advance(10s);
  REQUIRE(log.size() == 4);
  CHECK(log[0] == "info 1 connected: tcp://localhost:6000");
  CHECK(log[1].find("disconnected: ") != std::string::npos);
  CHECK(log[1] == "warning 1 disconnected: Refused. no??[31m");
  CHECK(log[2] == "info 2 connected: tcp://localhost:6000");
  CHECK(log[3] == "info 2 disconnected: Stopped.");
}

TEST_CASE("a mistake is an error", "[observability]") {
  ManualLoop loop;
  Log log;
  Client client(loop, "nonsense", logged_by<messi::ClientOptions>(into(log)));
  client.retry = [](const absl::Status& /*error*/) { return std::nullopt; };
  client.start();
  loop.run_until_idle();
  REQUIRE(log.size() == 1);
  CHECK(log[0].substr(0, 22) == "error 0 not connected:");
  CHECK(client.stopped());
}

TEST_CASE("a log may post that its client and its server are destroyed", "[observability]") {
  ManualLoop loop;
  std::optional<Server> server;
  std::optional<Client> client;
  server.emplace(loop, "tcp://:6000",
                 logged_by<messi::ServerOptions>([&](LogLevel, std::uint64_t, std::string_view) {
                   loop.post([&] { server.reset(); });
                 }));
  client.emplace(loop, "tcp://localhost:6000",
                 logged_by<messi::ClientOptions>([&](LogLevel, std::uint64_t, std::string_view) {
                   loop.post([&] { client.reset(); });
                 }));
  REQUIRE(server->start().ok());
  client->start();
  loop.advance(30s);
  CHECK_FALSE(server.has_value());
  CHECK_FALSE(client.has_value());
}

TEST_CASE("a log that throws takes no hook away", "[observability]") {
  ManualLoop loop;
  const auto throws = [](LogLevel, std::uint64_t, std::string_view) {
    throw std::runtime_error("full");
  };
  Server server(loop, "tcp://:6000", logged_by<messi::ServerOptions>(throws));
  Client client(loop, "tcp://localhost:6000", logged_by<messi::ClientOptions>(throws));
  REQUIRE(server.start().ok());
  client.start();
  int thrown = 0;
  const auto run = [&] {
    for (bool again = true; again;) {
      again = false;
      try {
        loop.run_until_idle();
      } catch (const std::runtime_error&) {
        again = true;
        ++thrown;
      }
    }
  };
  run();
  client.stop();
  run();
  CHECK(thrown == 4);
  CHECK(server.count("1 connected") == 1);
  CHECK(server.count("1 disconnected") == 1);
  CHECK(client.count("connected") == 1);
  CHECK(client.log.back() == "disconnected: General error.");
}
