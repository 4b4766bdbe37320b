// How a client's connection ends: in good order, at once, by an exception, or never.

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::kPing;
using messi::test::Log;
using messi::test::message;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

/// A client that is connected to a server that does as it is told.
struct World {
  explicit World(const messi::ClientOptions& options = {})
      : client(loop, "tcp://localhost:6000", options) {
    client.start();
    loop.run_until_idle();
    server.last().take_received();
    client.log.clear();
  }

  ManualLoop loop;
  RawServer server{loop, "tcp://:6000"};
  Client client;
};

std::string text_of(std::size_t size) { return std::string(size, 'x'); }

}  // namespace

TEST_CASE("what was sent before stop arrives, however slowly it is read", "[client]") {
  World world;
  world.loop.network().faults.capacity = 1'000;
  std::string expected;
  for (int i = 0; i < 5; ++i) {
    world.client.send(message(text_of(10'000)));
    expected += from_client(message(text_of(10'000)));
  }
  world.client.stop();
  CHECK_FALSE(world.client.connected());
  CHECK_FALSE(world.client.stopped());
  world.client.send(message("too late"));
  world.server.last().send(from_server(message("too late")));
  world.loop.run_until_idle();
  CHECK(world.server.last().received() == expected);
  CHECK(world.server.last().ended());
  CHECK(world.client.log == Log{"disconnected: Stopped."});
  CHECK(world.client.stopped());
}

TEST_CASE("stop waits for a server that does not read, but not for ever", "[client]") {
  World world;
  world.server.last().want_input(false);
  world.loop.network().faults.capacity = 1'000;
  world.client.send(message(text_of(10'000)));
  world.client.stop();
  world.loop.advance(4'900ms);
  CHECK(world.client.log.empty());
  world.loop.advance(200ms);
  CHECK(world.client.log == Log{"disconnected: Stopped."});
  CHECK(world.client.stopped());
}

TEST_CASE("stop waits for a server that does not end its side, but not for ever", "[client]") {
  messi::ClientOptions options;
  options.linger = 100ms;
  World world(options);
  world.server.last().stay_open();
  world.client.send(message("goodbye"));
  world.client.stop();
  world.loop.advance(90ms);
  CHECK(world.server.last().ended());
  CHECK(world.client.log.empty());
  world.loop.advance(20ms);
  CHECK(world.client.log == Log{"disconnected: Stopped."});
}

TEST_CASE("a client that is writing its last still pings", "[client]") {
  World world;
  world.server.last().stay_open();
  world.server.last().want_input(false);
  world.loop.network().faults.capacity = 1'000;
  world.client.send(message(text_of(1'990)));
  world.loop.run_until_idle();
  world.client.stop();
  world.loop.advance(3s);
  world.server.last().want_input(true);
  world.loop.run_until_idle();
  CHECK(world.server.last().received() == from_client(message(text_of(1'990))) + kPing);
  CHECK(world.server.last().ended());
}

TEST_CASE("stop_now waits for nobody, also when a stop is under way", "[client]") {
  for (const bool stop_before : {false, true}) {
    World world;
    world.server.last().stay_open();
    if (stop_before) {
      world.client.stop();
      world.loop.run_until_idle();
      CHECK(world.client.log.empty());
    }
    world.client.stop_now();
    world.loop.run_until_idle();
    CHECK(world.client.log == Log{"disconnected: Stopped."});
    CHECK(world.client.stopped());
  }
}

TEST_CASE("a client that is started while it stops connects when that is done", "[client]") {
  World world;
  world.server.last().stay_open();
  world.client.send(message("first"));
  world.client.stop();
  world.client.start();
  world.loop.advance(1s);
  CHECK(world.client.log.empty());
  world.server.last().finish();
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"disconnected: Stopped.", "connected"});
  CHECK(world.server.peers().size() == 2);
}

TEST_CASE("there is one way to wait for the end, connected or not", "[client]") {
  ManualLoop loop;
  Client client(loop, "tcp://localhost:6000");
  CHECK(client.stopped());
  client.start();
  CHECK_FALSE(client.stopped());
  loop.run_until_idle();
  CHECK_FALSE(client.stopped());  // it waits for the next attempt
  client.stop();
  CHECK(client.stopped());

  client.retry = [](const absl::Status&) { return std::nullopt; };
  client.start();
  loop.run_until_idle();
  CHECK(client.stopped());
}

TEST_CASE("a hook of a client that throws ends the connection, and the client comes back",
          "[client]") {
  for (const std::string hook : {"connected", "message one", "unknown", "writable"}) {
    CAPTURE(hook);
    messi::ClientOptions options;
    options.max_pending_bytes = 10'000;
    ManualLoop loop;
    RawServer server(loop, "tcp://:6000");
    Client client(loop, "tcp://localhost:6000", options);
    int left = 1;
    client.then = [&](const std::string& line) {
      if (line.rfind(hook, 0) == 0 && left-- == 1) throw std::runtime_error("a hook failed");
    };
    client.start();
    int thrown = 0;
    const auto run = [&] {
      for (bool again = true; again;) {
        again = false;
        try {
          loop.run_until_idle();
        } catch (const std::runtime_error&) {
          ++thrown;
          again = true;
        }
      }
    };
    run();
    server.last().send(messi::test::frame(2, "\x1a\x01?") + from_server(message("one")) +
                       from_server(message("two")));
    loop.network().faults.capacity = 0;
    client.send(message(text_of(9'000)));
    run();
    loop.network().faults.capacity = 100'000;
    run();
    CHECK(thrown == 1);
    CHECK(client.count("disconnected: General error.") == 1);
    CHECK(client.disconnect_hint() == "A hook threw an exception.");
    CHECK(client.count("message one") <= 1);
    loop.advance(2s);
    CHECK(client.connected());
    server.last().send(from_server(message("afterwards")));
    loop.run_until_idle();
    CHECK(client.log.back() == "message afterwards");
  }
}

TEST_CASE("a client whose hooks about failures throw goes on", "[client]") {
  ManualLoop loop;
  Client client(loop, "tcp://localhost:6000");
  int left = 2;
  client.then = [&](const std::string& line) {
    const bool tells = line.rfind("failed", 0) == 0 || line.rfind("disconnected", 0) == 0;
    if (tells && left-- > 0) throw std::runtime_error("a hook failed");
  };
  client.start();
  CHECK_THROWS_AS(loop.run_until_idle(), std::runtime_error);
  RawServer server(loop, "tcp://:6000");
  loop.advance(2s);
  CHECK(client.connected());
  loop.network().cut_all();
  CHECK_THROWS_AS(loop.run_until_idle(), std::runtime_error);
  loop.advance(2s);
  CHECK(client.connected());
}

TEST_CASE("a client that is paused is told nothing, and loses nothing", "[client]") {
  World world;
  world.client.then = [&](const std::string& line) {
    if (line == "message 1") world.client.pause();
  };
  for (int i = 0; i < 3; ++i) world.server.last().send(from_server(message(std::to_string(i))));
  world.loop.advance(1min);
  CHECK(world.client.log == Log{"message 0", "message 1"});
  CHECK(world.client.paused());
  CHECK(world.client.connected());
  CHECK(world.server.last().received().find(kPing) != std::string::npos);
  world.server.last().send(from_server(message("3")));
  world.loop.run_until_idle();
  CHECK(world.client.log.size() == 2);

  world.client.resume();
  CHECK_FALSE(world.client.paused());
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"message 0", "message 1", "message 2", "message 3"});
  world.loop.advance(5s);
  CHECK(world.client.has("disconnected: Keep alive timeout."));
}

TEST_CASE("a client that is paused may be stopped, and what it sent arrives", "[client]") {
  World world;
  world.client.pause();
  world.client.send(message("goodbye"));
  world.server.last().send(from_server(message("ignored")));
  world.client.stop();
  world.loop.run_until_idle();
  CHECK(world.server.last().received() == from_client(message("goodbye")));
  CHECK(world.client.log == Log{"disconnected: Stopped."});
}

TEST_CASE("a client says what its peer seems to speak", "[client]") {
  World world;
  world.server.last().send("HTTP/1.1 400 Bad Request\r\n");
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"disconnected: Protocol error."});
  CHECK(world.client.disconnect_hint() == "The peer seems to speak HTTP.");
}
