// Broadcasts and groups reach the clients of all loops.

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/sharded/world.h"

using messi::DisconnectReason;
using messi::ServerOptions;
using messi::SlowReader;
using messi::test::ShardClient;
using messi::test::ShardServer;
using messi::test::ShardWorld;

TEST_CASE("a broadcast reaches the clients of all loops", "[sharded]") {
  ShardWorld world({}, "tcp://127.0.0.1:0", 3);
  world.connect(9);
  world.clients[4]->say("all hello");
  CHECK(world.until([&] { return world.all_have("all hello"); }));
  world.clients[5]->say("others hello");
  CHECK(world.until([&] { return world.all_have("others hello", 5); }));
  world.clients[5]->say("echo");
  REQUIRE(world.until([&] { return world.clients[5]->has("echo"); }));
  CHECK_FALSE(world.clients[5]->has("others hello"));
  CHECK(world.seen.wrong_thread == 0);
}

TEST_CASE("broadcasts of a loop arrive in order, and each once", "[sharded]") {
  constexpr int kMessages = 2'000;
  ShardWorld world;
  world.connect(4);
  const std::vector<ShardClient*> ones = world.one_on_each();
  for (int i = 0; i < kMessages; ++i) {
    ones[0]->say("all a" + std::to_string(i));
    ones[1]->say("all b" + std::to_string(i));
  }
  REQUIRE(world.until([&] {
    return world.all_have("all a" + std::to_string(kMessages - 1)) &&
           world.all_have("all b" + std::to_string(kMessages - 1));
  }));
  for (const auto& client : world.clients) {
    int next_a = 0;
    int next_b = 0;
    for (const std::string& text : client->texts) {
      if (text == "all a" + std::to_string(next_a)) {
        ++next_a;
      } else if (text == "all b" + std::to_string(next_b)) {
        ++next_b;
      } else {
        CHECK(text.rfind("on ", 0) == 0);
      }
    }
    CHECK(next_a == kMessages);
    CHECK(next_b == kMessages);
  }
}

TEST_CASE("a loop without clients broadcasts to those of the others", "[sharded]") {
  ShardWorld world;
  world.connect(1);
  const std::size_t empty = world.spread()[0] == 0 ? 0 : 1;
  world.server.thread(empty).call(
      [&] { world.shards()[empty]->broadcast(messi::test::message("from nobody")); });
  CHECK(world.until([&] { return world.clients[0]->has("from nobody"); }));
}

TEST_CASE("a message to a group reaches its members on all loops, and nobody else", "[sharded]") {
  ShardWorld world;
  world.connect(8);
  for (std::size_t i = 0; i < 4; ++i) {
    world.clients[i]->say("join");
    world.clients[i]->say("echo joined");
  }
  REQUIRE(world.until([&] {
    for (std::size_t i = 0; i < 4; ++i) {
      if (!world.clients[i]->has("echo joined")) return false;
    }
    return true;
  }));
  world.clients[7]->say("room hello");  // itself no member
  world.clients[7]->say("all done");
  REQUIRE(world.until([&] { return world.all_have("all done"); }));
  for (std::size_t i = 0; i < 8; ++i) CHECK(world.clients[i]->has("room hello") == (i < 4));
  // One who has left gets nothing more; the loops may be without a member then.
  for (std::size_t i = 0; i < 3; ++i) world.clients[i]->say("leave");
  for (std::size_t i = 0; i < 3; ++i) world.clients[i]->say("echo left");
  REQUIRE(world.until([&] {
    return world.clients[0]->has("echo left") && world.clients[1]->has("echo left") &&
           world.clients[2]->has("echo left");
  }));
  for (std::size_t i = 0; i < 8; ++i) world.clients[i]->say("room from " + std::to_string(i));
  REQUIRE(world.until([&] {
    for (std::size_t i = 0; i < 8; ++i) {
      if (!world.clients[3]->has("room from " + std::to_string(i))) return false;
    }
    return true;
  }));
  CHECK_FALSE(world.clients[0]->has("room from 0"));
}

TEST_CASE("what a blocked loop is owed is bounded, and its clients are told apart as slow readers",
          "[sharded]") {
  ServerOptions options;
  options.max_total_pending_bytes = 2 * 1024 * 1024;
  const bool drops = GENERATE(false, true);
  if (drops) options.slow_reader = SlowReader::kDropNewest;
  ShardWorld world(options);
  world.connect(4);
  const std::vector<ShardClient*> ones = world.one_on_each();
  world.block(*ones[0]);
  // Not more than its own clients may get, since those read.
  const std::string text(16 * 1024, 'x');
  for (int i = 0; i < 200; ++i) {
    ones[1]->say("all " + std::to_string(i) + ' ' + text);
    const std::size_t wanted = ones[1]->texts.size() + 1;
    REQUIRE(world.until([&] { return ones[1]->texts.size() >= wanted || !ones[1]->connected(); }));
  }
  CHECK(ones[1]->connected());
  world.unblock();
  const auto texts_before = ones[0]->texts.size();
  if (drops) {
    REQUIRE(world.until([&] { return world.seen.behind == 2; }));
    ones[1]->say("all after");
    // Those that were left out are over when less than half is waiting.
    REQUIRE(world.until([&] {
      ones[1]->say("all again");
      return ones[0]->has("all again");
    }));
    CHECK(ones[0]->texts.size() > texts_before);
    CHECK(ones[0]->connected());
  } else {
    REQUIRE(world.until([&] { return world.seen.disconnected == 2; }));
    CHECK(world.seen.count(std::string(to_string(DisconnectReason::kTooMuchQueued))) == 2);
    CHECK(ones[1]->events == std::vector<std::string>{"connected"});
  }
}
