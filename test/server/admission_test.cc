// How many clients may come from one address, and how many at once.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

/// A server to which clients come from anywhere.
struct Door {
  explicit Door(messi::ServerOptions options) : server(loop, "tcp://:6000", options) {
    REQUIRE(server.start().ok());
  }

  void come(const std::string& origin, int count = 1) {
    loop.network().new_origin = origin;
    for (int i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    }
    loop.run_until_idle();
  }
  /// How many have been turned away for that reason.
  std::size_t refused(const std::string& reason) const {
    std::size_t count = 0;
    for (const std::string& line : server.log) {
      if (line.rfind("refused", 0) == 0 && line.find(reason) != std::string::npos) ++count;
    }
    return count;
  }

  ManualLoop loop;
  Server server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

}  // namespace

TEST_CASE("of one address only so many may be clients", "[server]") {
  messi::ServerOptions options;
  options.max_clients_per_address = 2;
  Door door(options);
  door.come("192.0.2.1", 3);
  CHECK(door.server.log == Log{"1 connected", "2 connected",
                               "refused memory:client-3: Too many clients from this address."});
  CHECK((*door.clients[2])->ended());
  const auto told = messi::test::frames_of((*door.clients[2])->received());
  REQUIRE(told.size() == 1);
  CHECK(told[0].type == 9);
  CHECK(told[0].payload.substr(24) == "Too many clients from this address.");
  // Others may.
  door.come("192.0.2.2", 3);
  door.come("2001:db8::/64", 3);
  CHECK(door.server.client_count() == 6);
  CHECK(door.refused("from this address") == 3);
}

TEST_CASE("who has no address is not counted", "[server]") {
  messi::ServerOptions options;
  options.max_clients_per_address = 1;
  Door door(options);
  door.come("", 10);
  CHECK(door.server.client_count() == 10);
}

TEST_CASE("when a client of an address has gone, another may come", "[server]") {
  messi::ServerOptions options;
  options.max_clients_per_address = 2;
  Door door(options);
  for (int i = 0; i < 100; ++i) {
    door.come("192.0.2.1", 2);
    CHECK(door.server.client_count() == 2);
    // It counts until its connection is over, whoever ends it.
    door.server.find_client(static_cast<std::uint64_t>(2 * i + 1))->disconnect();
    door.come("192.0.2.1");
    CHECK(door.refused("from this address") == static_cast<std::size_t>(i + 1));
    (*door.clients[1])->close();
    (*door.clients[0])->close();
    door.loop.run_until_idle();
    CHECK(door.server.client_count() == 0);
    door.clients.clear();
  }
}

TEST_CASE("a server that is started again counts anew", "[server]") {
  messi::ServerOptions options;
  options.max_clients_per_address = 2;
  Door door(options);
  door.come("192.0.2.1", 2);
  door.server.stop_now();
  REQUIRE(door.server.start().ok());
  door.loop.run_until_idle();
  door.come("192.0.2.1", 3);
  CHECK(door.server.client_count() == 2);
}

TEST_CASE("clients come at a bounded rate", "[server]") {
  messi::ServerOptions options;
  options.max_accepts_per_second = 5;
  Door door(options);
  door.come("", 8);
  CHECK(door.server.client_count() == 5);
  CHECK(door.refused("Too many connections at once.") == 3);
  door.loop.advance(200ms);
  door.come("", 2);
  CHECK(door.server.client_count() == 6);
  door.loop.advance(1s);
  door.come("", 8);
  CHECK(door.server.client_count() == 11);
}

TEST_CASE("who is turned away takes nobody's place in the rate", "[server]") {
  messi::ServerOptions options;
  options.max_accepts_per_second = 2;
  options.max_clients_per_address = 1;
  Door door(options);
  door.come("192.0.2.1", 100);
  CHECK(door.server.client_count() == 1);
  CHECK(door.refused("from this address") == 99);
  door.come("192.0.2.2");
  CHECK(door.server.client_count() == 2);
}

TEST_CASE("connections that come and go at once do not keep the others waiting", "[server]") {
  messi::ServerOptions options;
  options.max_accepts_per_second = 100;
  options.client_timeout = 1h;
  Door door(options);
  Client good(door.loop);
  good.start();
  door.loop.run_until_idle();
  std::size_t echoes = 0;
  door.server.on = [](const std::string& event, Server::Client* from) {
    if (event == "message hello") from->send(message("echo"));
  };
  for (int i = 0; i < 100; ++i) {
    door.come("", 100);
    door.clients.clear();
    good.send(message("hello"));
    door.loop.advance(100ms);
    CHECK(good.count("message echo") == ++echoes);
  }
  CHECK(door.server.client_count() == 1);
  // The rate in ten seconds, what had been saved, and the good one.
  CHECK(door.server.count("") < 4 * (1'000 + 100 + 1) + echoes + door.refused(""));
  CHECK(door.refused("at once") > 8'000);
  CHECK(good.log.size() == 1 + echoes);
}

TEST_CASE("a herd that is turned away is in after a while", "[server]") {
  messi::ServerOptions options;
  options.max_accepts_per_second = 20;
  Door door(options);
  std::vector<std::unique_ptr<Client>> herd;
  for (int i = 0; i < 200; ++i) {
    herd.push_back(std::make_unique<Client>(door.loop));
    herd.back()->start();
  }
  door.loop.advance(2min);
  CHECK(door.server.client_count() == 200);
}
