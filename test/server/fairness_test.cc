// A client that floods starves neither the others, nor the timers, nor its own pings.

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::from_client;
using messi::test::kPing;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

std::string flood() {
  std::string bytes;
  for (int i = 0; i < 50'000; ++i) bytes += from_client(message("flood"));
  return bytes + kPing;
}

}  // namespace

TEST_CASE("who floods waits while the others are served", "[server]") {
  ManualLoop loop;
  loop.network().faults.most_per_read = 64 * 1024;  // as a socket is read
  Server server(loop);
  REQUIRE(server.start().ok());
  RawClient flooder(loop, "tcp://localhost:6000");
  RawClient modest(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  server.log.clear();
  flooder->send(flood());
  modest->send(from_client(message("modest")));
  loop.run_until_idle();
  const auto served = std::find(server.log.begin(), server.log.end(), "2 message modest");
  REQUIRE(served != server.log.end());
  // Behind one read of the flood at the most, and not behind all of it.
  CHECK(served - server.log.begin() < 10'000);
  CHECK(server.log.size() == 50'001);
  CHECK(flooder->received() == messi::test::kPong);
}

TEST_CASE("timers fire and posts are called during a flood", "[server]") {
  ManualLoop loop;
  loop.network().faults.most_per_read = 64 * 1024;
  Server server(loop);
  REQUIRE(server.start().ok());
  RawClient flooder(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  server.log.clear();
  flooder->send(flood());
  messi::Timer timer(loop, [&] { server.log.push_back("timer"); });
  timer.set(loop.now());
  loop.post([&] { server.log.push_back("posted"); });
  loop.run_until_idle();
  for (const char* const what : {"timer", "posted"}) {
    const auto when = std::find(server.log.begin(), server.log.end(), what);
    REQUIRE(when != server.log.end());
    CHECK(when - server.log.begin() < 10'000);
  }
}

TEST_CASE("a hook that always sends more does not stop the loop", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  // An endless game of echo, without any time passing.
  server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "message ping") client->send(message("pong"));
  };
  Client client(loop);
  int left = 200;
  client.then = [&](const std::string& line) {
    if (line == "message pong" && --left > 0) client.send(message("ping"));
  };
  client.start();
  loop.run_until_idle();
  client.send(message("ping"));
  int turns_with_timer = 0;
  messi::Timer timer(loop, [&] {
    if (left <= 0) return;
    ++turns_with_timer;
    timer.set(loop.now());
  });
  timer.set(loop.now());
  loop.run_until_idle();
  CHECK(left == 0);
  CHECK(turns_with_timer > 200);
}
