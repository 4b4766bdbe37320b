// Where the clients of a server on several loops go, and on which threads its hooks run.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "test/catch.h"
#include "test/sharded/world.h"

using messi::test::ShardClient;
using messi::test::ShardServer;
using messi::test::ShardWorld;

TEST_CASE("clients go to the loops in turn, and hooks stay on their loop", "[sharded]") {
  ShardWorld world({}, "tcp://127.0.0.1:0", 3);
  world.connect(12);
  CHECK(world.spread() == std::vector<std::size_t>{4, 4, 4});
  for (const auto& client : world.clients) client->say("echo");
  REQUIRE(world.until([&] { return world.all_have("echo"); }));
  CHECK(world.seen.wrong_thread == 0);
  CHECK(world.server.client_count() == 12);
}

TEST_CASE("ids are unique, and a client is found on its own loop only", "[sharded]") {
  ShardWorld world;
  world.connect(6);
  std::set<std::uint64_t> ids;
  std::vector<std::uint64_t> all;
  world.server.for_each([&](ShardServer& shard) {
    for (const auto& client : shard.clients()) {
      ids.insert(client.id());
      all.push_back(client.id());
    }
  });
  CHECK(ids.size() == 6);
  CHECK(all.size() == 6);
  for (const std::uint64_t id : ids) {
    int found = 0;
    world.server.for_each(
        [&](ShardServer& shard) { found += shard.find_client(id) != nullptr ? 1 : 0; });
    CHECK(found == 1);
  }
}

TEST_CASE("a loop that has lost its clients gets those that come", "[sharded]") {
  ShardWorld world;
  world.connect(20);
  REQUIRE(world.spread() == std::vector<std::size_t>{10, 10});
  world.one_on_each();  // now they know; the ids of the first loop are 1, 3, 5...
  auto& clients = world.clients;
  clients.erase(std::remove_if(clients.begin(), clients.end(),
                               [](const auto& client) { return client->has("on 1"); }),
                clients.end());
  REQUIRE(world.until([&] { return world.server.client_count() == 10; }));
  world.connect(6);
  CHECK(world.spread() == std::vector<std::size_t>{6, 10});
}

TEST_CASE("a loop that a hook blocks does not keep others from working", "[sharded]") {
  ShardWorld world;
  world.connect(4);
  const std::vector<ShardClient*> ones = world.one_on_each();
  ShardClient* const odd = ones[1];
  const std::string uri = world.server.uri();
  world.block(*ones[0]);
  odd->say("echo still there");
  CHECK(world.until([&] { return odd->has("echo still there"); }));
  // Some of those that come wait for the blocked loop; the others are served.
  std::vector<std::unique_ptr<ShardClient>> more;
  for (int i = 0; i < 8; ++i) {
    more.push_back(std::make_unique<ShardClient>(world.loop, uri));
    more.back()->start();
  }
  CHECK(world.until([&] {
    return std::count_if(more.begin(), more.end(),
                         [](const auto& client) { return client->connected(); }) >= 4;
  }));
  world.unblock();
  CHECK(world.until([&] {
    return std::all_of(more.begin(), more.end(),
                       [](const auto& client) { return client->connected(); });
  }));
}

TEST_CASE("the loops share a Unix socket, whose file goes with the last of them", "[sharded]") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("messi-sharded-" + std::to_string(::getpid())))
          .string();
  {
    ShardWorld world({}, "unix://" + path);
    world.connect(6);
    CHECK(world.spread() == std::vector<std::size_t>{3, 3});
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("one loop is a server as any other", "[sharded]") {
  ShardWorld world({}, "tcp://127.0.0.1:0", 1);
  world.connect(3);
  world.clients[0]->say("all one");
  CHECK(world.until([&] { return world.all_have("all one"); }));
}
