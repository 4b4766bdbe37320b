// The limits of a server on several loops hold for all of them together.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/sharded/world.h"
#include "test/support/sockets.h"

using messi::ServerOptions;
using messi::test::ShardWorld;

namespace {

/// Connects sockets until `count` of them stay, and all the others are turned away.
void expect_admitted(ShardWorld& world, std::size_t tries, std::size_t count) {
  std::vector<messi::io::Fd> sockets;
  for (std::size_t i = 0; i < tries; ++i) {
    sockets.push_back(messi::test::connected_socket(world.server.port()));
  }
  const auto ended = [&] {
    std::size_t number = 0;
    for (const messi::io::Fd& socket : sockets) {
      messi::test::read_all(socket);
      number += messi::test::at_end(socket) ? 1 : 0;
    }
    return number;
  };
  REQUIRE(world.until([&] { return ended() == tries - count; }));
  CHECK(world.until([&] { return world.server.client_count() == count; }));
}

}  // namespace

TEST_CASE("max_clients is exact for all loops together", "[sharded]") {
  ServerOptions options;
  options.max_clients = GENERATE(1U, 3U, 8U);  // also fewer than there are loops
  ShardWorld world(options);
  expect_admitted(world, 20, options.max_clients);
  CHECK(world.seen.count("refused: Too many clients.") == 20 - options.max_clients);
}

TEST_CASE("max_clients_per_address counts on all loops", "[sharded]") {
  ServerOptions options;
  options.max_clients_per_address = 5;
  ShardWorld world(options);
  expect_admitted(world, 12, 5);
  // When they have gone, others may come.
  REQUIRE(world.until([&] { return world.server.client_count() == 0; }));
  expect_admitted(world, 12, 5);
}

TEST_CASE("max_accepts_per_second counts on all loops", "[sharded]") {
  ServerOptions options;
  options.max_accepts_per_second = 4;
  ShardWorld world(options);
  std::vector<messi::io::Fd> sockets;
  for (int i = 0; i < 12; ++i) {
    sockets.push_back(messi::test::connected_socket(world.server.port()));
  }
  // A token may come meanwhile; with twice as many, one for each loop, far more would be let in.
  REQUIRE(world.until([&] {
    return world.server.client_count() +
               world.seen.count("refused: Too many connections at once.") ==
           12;
  }));
  CHECK(world.server.client_count() >= 4);
  CHECK(world.server.client_count() < 8);
}

TEST_CASE("without descriptors all loops turn clients away, serve the others, and recover",
          "[sharded]") {
  ShardWorld world;
  world.connect(4);
  const messi::test::DescriptorLimit limit(64);
  std::vector<messi::io::Fd> unlucky;
  for (int i = 0; i < 10; ++i) unlucky.push_back(messi::test::tcp_socket());
  std::vector<messi::io::Fd> rest = messi::test::take_all_descriptors();
  for (const messi::io::Fd& socket : unlucky) {
    REQUIRE(messi::test::connect_to(socket, world.server.port()));
  }
  // What one loop keeps in reserve, and uses to turn somebody away, another may use to let one in.
  const auto refused = [&] { return world.seen.count("refused: Too many clients."); };
  REQUIRE(world.until([&] { return refused() + world.server.client_count() == 14; }));
  CHECK(refused() >= 8);
  world.clients[0]->say("all of us");
  CHECK(world.until([&] { return world.all_have("all of us"); }));

  rest.clear();
  unlucky.clear();
  REQUIRE(world.until([&] { return world.server.client_count() == 4; }));
  world.connect(4);
  world.clients[7]->say("all of us again");
  CHECK(world.until([&] { return world.all_have("all of us again"); }));
  for (int i = 0; i < 4; ++i) CHECK(world.clients[static_cast<std::size_t>(i)]->events.size() == 1);
}
