// How a server on several loops ends, also while something is under way.

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "test/catch.h"
#include "test/sharded/world.h"

using messi::LoopThreadOptions;
using messi::ServerOptions;
using messi::Sharded;
using messi::ShardedOptions;
using messi::test::Seen;
using messi::test::ShardServer;
using messi::test::ShardWorld;
using namespace std::chrono_literals;

TEST_CASE("stop and drain end the clients of all loops, and what was sent arrives", "[sharded]") {
  ShardWorld world;
  world.connect(6);
  const bool drains = GENERATE(false, true);
  world.server.for_each(
      [](ShardServer& shard) { shard.broadcast(messi::test::message("goodbye")); });
  if (drains) {
    world.server.drain(10s);
  } else {
    world.server.stop();
  }
  REQUIRE(world.until([&] { return world.server.client_count() == 0; }));
  CHECK(world.server.wait_until_stopped());
  REQUIRE(world.until([&] { return world.all_have("goodbye"); }));
  for (const auto& client : world.clients) CHECK(client->texts.size() == 2);  // of each loop one
}

TEST_CASE("a server on several loops can be started again, at another port", "[sharded]") {
  ShardWorld world;
  world.connect(2);
  for (int i = 0; i < 3; ++i) {
    for (const auto& client : world.clients) client->stop_now();
    world.clients.clear();
    world.server.stop();
    world.begin();
    world.connect(4);
    world.clients[0]->say("all " + std::to_string(i));
    CHECK(world.until([&] { return world.all_have("all " + std::to_string(i)); }));
  }
}

TEST_CASE("a server on several loops may be started and stopped by two threads at once",
          "[sharded]") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("messi-twice-" + std::to_string(::getpid())))
          .string();
  ShardWorld world({}, "unix://" + path, 3);
  std::atomic<int> failed{0};
  const auto start_and_stop = [&] {
    for (int i = 0; i < 500; ++i) {
      world.server.stop_now();
      if (!world.server.start().ok()) ++failed;
    }
  };
  std::thread other(start_and_stop);
  start_and_stop();
  other.join();
  CHECK(failed == 0);
  world.begin();
  world.connect(3);
}

TEST_CASE("if one loop cannot listen, none does, and the error says why", "[sharded]") {
  ShardWorld first;
  Seen seen;
  Sharded<ShardServer> second(first.server.uri(), {}, ShardedOptions{2, {}}, seen);
  const absl::Status status = second.start();
  CHECK_FALSE(status.ok());
  CHECK(std::string(status.message()).find(first.server.uri()) != std::string::npos);
  CHECK(second.port() == 0);
  Sharded<ShardServer> third("tpc://127.0.0.1:0", {}, ShardedOptions{2, {}}, seen);
  CHECK_FALSE(third.start().ok());
}

TEST_CASE("a server on several loops may be destroyed while all is under way", "[sharded]") {
  for (int i = 0; i < 20; ++i) {
    ServerOptions options;
    options.session = messi::SessionMode::kPrefer;
    ShardWorld world(options);
    messi::ClientOptions client_options;
    client_options.session = messi::SessionMode::kPrefer;
    for (int k = 0; k < 8; ++k) {
      world.clients.push_back(std::make_unique<messi::test::ShardClient>(
          world.loop, world.server.uri(), client_options));
      world.clients.back()->start();
    }
    for (int k = 0; k < i; ++k) {
      for (const auto& client : world.clients) {
        if (client->connected()) client->say("all " + std::to_string(k));
      }
      world.loop.poll(messi::Duration::zero());
    }
  }
}

TEST_CASE("one loop's server that stops leaves the others at work", "[sharded]") {
  ShardWorld world;
  world.connect(4);
  const auto ones = world.one_on_each();
  ones[0]->say("stop");
  REQUIRE(world.until([&] { return world.server.client_count() == 2; }));
  ones[1]->say("echo on");
  CHECK(world.until([&] { return ones[1]->has("echo on"); }));
  // Those that come are for the others, though it has fewer clients.
  world.clients.clear();
  world.connect(4);
  CHECK(world.spread()[0] + world.spread()[1] == 4);
}

TEST_CASE("an exception of a hook ends its connection, and the guard goes on", "[sharded]") {
  std::atomic<int> caught{0};
  LoopThreadOptions thread;
  thread.guard = [&caught](const std::function<void()>& run) {
    try {
      run();
    } catch (const std::exception&) {
      ++caught;
    }
  };
  ShardWorld world({}, "tcp://127.0.0.1:0", 2, thread);
  world.connect(4);
  const auto ones = world.one_on_each();
  ones[0]->say("throw");
  REQUIRE(world.until([&] { return world.seen.disconnected == 1; }));
  CHECK(caught == 1);
  ones[1]->say("all alive");
  CHECK(world.until([&] { return ones[1]->has("all alive"); }));
}

TEST_CASE("stops from several threads at once are one", "[sharded]") {
  ShardWorld world;
  world.connect(4);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&world] { world.server.stop(); });
  for (std::thread& thread : threads) thread.join();
  CHECK(world.until([&] { return world.server.client_count() == 0; }));
  CHECK(world.server.wait_until_stopped());
}
