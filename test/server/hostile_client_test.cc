// A server that is given anything at all never crashes, reports one disconnect per client (the
// recording server checks that on the way), and goes on serving the others.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/nonsense.h"

using messi::test::Client;
using messi::test::from_client;
using messi::test::message;
using messi::test::Nonsense;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

TEST_CASE("a server survives any clients, and serves the others", "[server]") {
  std::size_t connections = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Nonsense nonsense(Nonsense::From::kClient, seed);
    ManualLoop loop(seed);
    Server server(loop);
    REQUIRE(server.start().ok());
    server.on = [](const std::string& event, Server::Client* from) {
      if (event.rfind("message", 0) == 0) from->send(message("echo"));
    };
    Client good(loop);
    good.start();
    std::vector<std::unique_ptr<RawClient>> bad;
    std::size_t echoes = 0;
    for (int step = 0; step < 100; ++step) {
      loop.network().faults.most_per_read = 1 + nonsense.below(500);
      bad.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
      loop.run_until_idle();
      for (const auto& each : bad) {
        if (nonsense.below(3) == 0 && !(*each)->ended()) (*each)->send(nonsense.stream());
      }
      if (nonsense.below(4) == 0) bad.erase(bad.begin());
      good.send(message("hello"));
      loop.run_until_idle();
      CHECK(good.count("message echo") == ++echoes);
      loop.advance(std::chrono::milliseconds(nonsense.below(500)));
    }
    CHECK(good.log.size() == 1 + echoes);
    connections += server.count("");
    bad.clear();
    loop.run_until_idle();
    CHECK(server.client_count() == 1);
  }
  CHECK(connections > 4'000);
}

TEST_CASE("a server survives a message with any one byte changed", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  const std::string original = from_client(message("hello"));
  std::size_t clients = 0;
  for (std::size_t at = 0; at < original.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = original;
      changed[at] = static_cast<char>(value);
      RawClient client(loop, "tcp://localhost:6000");
      loop.run_until_idle();
      client->send(changed);
      loop.run_until_idle();
      client->close();
      loop.run_until_idle();
      const std::string id = std::to_string(++clients);
      if (server.count(id + " disconnected") != 1) FAIL(at << " is " << value);
      server.log.clear();
    }
  }
  CHECK(server.client_count() == 0);
}
