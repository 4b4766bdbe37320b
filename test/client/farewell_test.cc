// What a client does when its server says why it closes the connection: CLOSE.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::close_frame;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::Log;
using messi::test::message;
using messi::testing::ManualLoop;
using messi::testing::RawPeer;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

constexpr int kBusy = 7;
constexpr int kAuth = 9;
constexpr int kLimit = 12;
constexpr int kDrain = 14;
constexpr int kRefused = 15;

/// A client that is connected to a server that does as it is told.
struct World {
  explicit World(const messi::ClientOptions& options = {})
      : client(loop, "tcp://localhost:6000", options) {
    client.may_leave = true;
    client.start();
    loop.run_until_idle();
    peer().take_received();
    client.log.clear();
  }
  RawPeer& peer() { return server.last(); }
  void say(const std::string& bytes) {
    peer().send(bytes);
    loop.run_until_idle();
  }

  ManualLoop loop;
  RawServer server{loop, "tcp://:6000"};
  Client client;
};

std::string text_of(std::size_t size) { return std::string(size, 'x'); }

}  // namespace

TEST_CASE("a client says why its server closed the connection, in the server's words", "[client]") {
  struct Case {
    int code;
    std::string reason;
  };
  for (const Case& each : {Case{kBusy, "Too many clients."}, Case{kAuth, "Not authenticated."},
                           Case{kRefused, "Refused."}, Case{kLimit, "Connection closed."},
                           Case{200, "Connection closed."}}) {
    World world;
    world.say(close_frame(each.code, "Come back\ntomorrow."));
    CHECK(world.client.log == Log{"disconnected: " + each.reason});
    CHECK(world.client.disconnect_hint() == "Come back?tomorrow.");
    CHECK(world.peer().ended());
  }
}

TEST_CASE("without words there is no hint, also not an old one", "[client]") {
  World world;
  world.say(close_frame(kBusy, "Full."));
  CHECK(world.client.disconnect_hint() == "Full.");
  world.loop.advance(2s);
  REQUIRE(world.client.connected());
  world.say(close_frame(kBusy));
  CHECK(world.client.disconnect_hint().empty());
}

TEST_CASE("what a server sends before CLOSE is received, and nothing after it", "[client]") {
  for (const std::size_t most : {std::size_t{1}, std::size_t{100'000}}) {
    World world;
    world.loop.network().faults.most_per_read = most;
    world.say(from_server(message("before")) + close_frame(kBusy) + from_server(message("after")));
    CHECK(world.client.log == Log{"message before", "disconnected: Too many clients."});
  }
}

TEST_CASE("a CLOSE that is too short is a protocol error", "[client]") {
  World world;
  world.say(messi::test::frame(9, std::string(23, '\x07')));
  CHECK(world.client.log == Log{"disconnected: Protocol error."});
  World lying;
  lying.say(messi::test::header(9, 0xffffff));
  CHECK(lying.client.log == Log{"disconnected: Protocol error."});
}

TEST_CASE("a client that is sent away backs off, even from a server that answers pings",
          "[client]") {
  World world;
  std::vector<messi::Duration> delays;
  for (int i = 0; i < 12; ++i) {
    world.peer().send(kPong);
    world.say(close_frame(kAuth));
    const messi::TimePoint sent_away = world.loop.now();
    while (!world.client.connected()) world.loop.advance(10ms);
    delays.push_back(world.loop.now() - sent_away);
  }
  CHECK(delays.front() <= 1010ms);
  CHECK(delays.back() >= 15s);
}

TEST_CASE("a client that is sent away tries its other servers first", "[client]") {
  ManualLoop loop;
  RawServer first(loop, "tcp://:6000");
  RawServer second(loop, "tcp://:6001");
  messi::ClientOptions options;
  options.more_uris = {"tcp://localhost:6001"};
  Client client(loop, "tcp://localhost:6000", options);
  client.start();
  loop.run_until_idle();
  first.last().send(kPong + close_frame(kBusy));
  loop.advance(1ms);
  CHECK(client.uri() == "tcp://localhost:6001");
  CHECK(client.connected());
  second.last().send(kPong);
  loop.run_until_idle();
  second.last().close();
  loop.advance(2s);
  CHECK(second.peers().size() == 2);  // that was no fault of the server's
}

TEST_CASE("a client waits as long as the server says, but not for ever", "[client]") {
  World world;
  world.say(close_frame(kBusy, "", 4'000));
  world.loop.advance(3'900ms);
  CHECK(world.server.peers().size() == 1);
  world.loop.advance(200ms);
  CHECK(world.server.peers().size() == 2);
  world.say(kPong + close_frame(kDrain, "", 0xffffffff));
  world.peer().close();
  world.loop.advance(299s);
  CHECK(world.server.peers().size() == 2);
  world.loop.advance(2s);
  CHECK(world.server.peers().size() == 3);
}

TEST_CASE("a CLOSE for a client that is stopping changes nothing", "[client]") {
  World world;
  world.loop.network().faults.capacity = 1'000;
  world.client.send(message(text_of(10'000)));
  world.peer().want_input(false);
  world.client.stop();
  world.say(close_frame(kDrain) + close_frame(kBusy, "Full."));
  world.peer().want_input(true);
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"disconnected: Stopped."});
  CHECK(world.client.disconnect_hint().empty());
  CHECK(world.client.stopped());
  CHECK(world.peer().received() == from_client(message(text_of(10'000))));
}

TEST_CASE("a client of a draining server writes what it has, and hears what comes", "[client]") {
  for (const std::size_t most : {std::size_t{1}, std::size_t{100'000}}) {
    CAPTURE(most);
    World world;
    world.loop.network().faults.most_per_read = most;
    world.loop.network().faults.capacity = 1'000;
    world.peer().stay_open();
    world.peer().want_input(false);
    world.client.send(message(text_of(20'000)));
    world.loop.run_until_idle();
    world.say(kPong + from_server(message("before")) + close_frame(kDrain, "Bye.") +
              from_server(message("behind")));
    CHECK(world.client.log == Log{"message before", "message behind"});
    CHECK_FALSE(world.client.connected());
    world.client.send(message("too late"));
    world.peer().want_input(true);
    world.loop.run_until_idle();
    CHECK(world.peer().take_received() == from_client(message(text_of(20'000))));
    CHECK(world.peer().ended());
    world.say(from_server(message("an answer")));
    CHECK(world.client.log.back() == "message an answer");
    world.peer().finish();
    world.loop.run_until_idle();
    CHECK(world.client.log ==
          Log{"message before", "message behind", "message an answer", "disconnected: Draining."});
    CHECK(world.client.disconnect_hint() == "Bye.");
    world.loop.advance(200ms);
    CHECK(world.client.connected());
  }
}

TEST_CASE("the clients of a draining server come back soon, but not all at once", "[client]") {
  std::vector<messi::Duration> delays;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    ManualLoop loop(seed);
    RawServer server(loop, "tcp://:6000");
    Client client(loop);
    client.start();
    loop.run_until_idle();
    server.last().send(kPong + close_frame(kDrain));
    loop.run_until_idle();
    REQUIRE(client.log.back() == "disconnected: Draining.");
    const messi::TimePoint lost = loop.now();
    while (!client.connected()) loop.advance(1ms);
    delays.push_back(loop.now() - lost);
  }
  CHECK(*std::min_element(delays.begin(), delays.end()) < 20ms);
  CHECK(*std::max_element(delays.begin(), delays.end()) > 180ms);
  CHECK(*std::max_element(delays.begin(), delays.end()) <= 201ms);
}

TEST_CASE("the clients of a draining server try another one next", "[client]") {
  ManualLoop loop;
  RawServer first(loop, "tcp://:6000");
  RawServer second(loop, "tcp://:6001");
  messi::ClientOptions options;
  options.more_uris = {"tcp://localhost:6001"};
  Client client(loop, "tcp://localhost:6000", options);
  client.start();
  loop.run_until_idle();
  first.last().send(kPong + close_frame(kDrain));
  loop.advance(201ms);
  CHECK(client.uri() == "tcp://localhost:6001");
  CHECK(client.connected());
}

TEST_CASE("a server that drains before it has answered anything is one that failed", "[client]") {
  World world;
  for (int i = 0; i < 12; ++i) {
    world.say(close_frame(kDrain));
    while (!world.client.connected()) world.loop.advance(100ms);
  }
  CHECK(world.loop.now() > messi::TimePoint(1h) + 1min);
}

TEST_CASE("a client goes on writing when a draining server has ended its side", "[client]") {
  World world;
  world.loop.network().faults.capacity = 1'000;
  world.peer().stay_open();
  world.peer().want_input(false);
  world.client.send(message(text_of(20'000)));
  world.peer().send(close_frame(kDrain));
  world.peer().finish();
  // The server reads a little now and then, for longer than it may be silent.
  for (int i = 0; i < 10; ++i) {
    world.loop.advance(3s);
    world.peer().want_input(true);
    world.loop.network().faults.most_per_read = 100;
    world.loop.network().deliver();
    world.peer().want_input(false);
    CHECK(world.client.log.empty());
  }
  world.loop.network().faults.most_per_read = 100'000;
  world.peer().want_input(true);
  world.loop.run_until_idle();
  CHECK(messi::test::types_of(world.peer().received()) == std::vector<int>{1, 3});
  CHECK(world.client.log == Log{"disconnected: Draining."});
}

TEST_CASE("a client gives up a draining server that is silent or gone", "[client]") {
  for (const bool reads : {true, false}) {
    World world;
    world.loop.network().faults.capacity = 1'000;
    world.peer().stay_open();
    world.peer().want_input(reads);
    world.client.send(message(text_of(20'000)));
    world.say(close_frame(kDrain));
    world.loop.advance(3'900ms);
    CHECK(world.client.log.empty());
    world.loop.advance(200ms);
    CHECK(world.client.log == Log{"disconnected: Draining."});
  }
  World gone;
  gone.loop.network().faults.capacity = 1'000;
  gone.peer().stay_open();
  gone.peer().want_input(false);
  gone.client.send(message(text_of(20'000)));
  gone.peer().send(close_frame(kDrain));
  gone.peer().finish();
  gone.loop.run_until_idle();
  gone.peer().close();
  gone.loop.run_until_idle();
  CHECK(gone.client.log == Log{"disconnected: Draining."});
}

TEST_CASE("a client that writes its last to a draining server pings it", "[client]") {
  World world;
  world.loop.network().faults.capacity = 1'000;
  world.peer().stay_open();
  world.peer().want_input(false);
  world.client.send(message(text_of(20'000)));
  world.say(close_frame(kDrain));
  for (int i = 0; i < 5; ++i) {
    world.loop.advance(2s);
    world.peer().send(kPong);
  }
  world.peer().want_input(true);
  world.loop.run_until_idle();
  const std::vector<int> types = messi::test::types_of(world.peer().received());
  CHECK(std::count(types.begin(), types.end(), 3) == 1);
  CHECK(std::count(types.begin(), types.end(), 1) == 1);
}

TEST_CASE("stop ends a client whose server drains, within the time for that", "[client]") {
  for (const bool restart : {false, true}) {
    World world;
    world.peer().stay_open();
    world.say(kPong + close_frame(kDrain));
    world.client.stop();
    if (restart) world.client.start();
    world.say(from_server(message("too late")));
    world.loop.advance(4'900ms);
    CHECK(world.client.log.empty());
    world.loop.advance(200ms);
    CHECK(world.client.log.at(0) == "disconnected: Draining.");
    world.loop.advance(200ms);
    CHECK(world.client.stopped() == !restart);
    CHECK(world.client.connected() == restart);
  }
  World now;
  now.peer().stay_open();
  now.say(close_frame(kDrain));
  now.client.stop_now();
  now.loop.run_until_idle();
  CHECK(now.client.log == Log{"disconnected: Draining."});
  CHECK(now.client.stopped());
}

TEST_CASE("a hook may hold a draining server back", "[client]") {
  World world;
  world.peer().stay_open();
  world.client.then = [&](const std::string& line) {
    if (line == "message hold") world.client.pause();
  };
  world.say(close_frame(kDrain) + from_server(message("hold")) + from_server(message("one")));
  world.say(from_server(message("two")));
  world.peer().close();
  world.loop.advance(1min);
  CHECK(world.client.log == Log{"message hold"});
  CHECK(world.client.paused());
  world.client.resume();
  world.loop.run_until_idle();
  CHECK(world.client.log ==
        Log{"message hold", "message one", "message two", "disconnected: Draining."});

  World stopped;
  stopped.peer().stay_open();
  stopped.client.then = [&](const std::string&) { stopped.client.pause(); };
  stopped.say(close_frame(kDrain) + from_server(message("hold")) + from_server(message("one")));
  stopped.client.stop();
  stopped.peer().close();
  stopped.loop.run_until_idle();
  CHECK(stopped.client.log == Log{"message hold", "disconnected: Draining."});
}

TEST_CASE("after a hook has thrown, or a message was wrong, a leaving client hears no more",
          "[client]") {
  World world;
  world.peer().stay_open();
  world.client.then = [](const std::string& line) {
    if (line == "message throw") throw std::runtime_error("a hook failed");
  };
  world.peer().send(close_frame(kDrain) + from_server(message("throw")) +
                    from_server(message("too late")));
  CHECK_THROWS_AS(world.loop.run_until_idle(), std::runtime_error);
  world.say(from_server(message("too late")));
  world.peer().close();
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"message throw", "disconnected: Draining."});

  World wrong;
  wrong.peer().stay_open();
  wrong.say(close_frame(kDrain) + messi::test::frame(2, "\xff") + from_server(message("too late")));
  wrong.peer().close();
  wrong.loop.run_until_idle();
  CHECK(wrong.client.log == Log{"disconnected: Draining."});
}

TEST_CASE("a client may be destroyed while its server drains", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  auto client = std::make_unique<Client>(loop);
  client->start();
  loop.run_until_idle();
  server.last().stay_open();
  server.last().send(close_frame(kDrain));
  loop.run_until_idle();
  client.reset();
  loop.run_until_idle();
  CHECK(server.last().ended());
}

// A ping could not be written, before the client had read the word that the server left.
TEST_CASE("a client that could not write to a draining server any more still comes to an end",
          "[client]") {
  ManualLoop loop;
  messi::test::Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  client.start();
  loop.advance(1900ms);
  loop.network().link(1)->to_client.latency = 300ms;
  server.drain(10ms);
  loop.advance(400ms);
  CHECK(client.count("disconnected") == 1);
  CHECK(client.has("disconnected: Draining."));
}
