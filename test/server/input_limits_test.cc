// What a server bounds of what its clients send: how slowly a frame may come, how often they ping.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"

using messi::test::Client;
using messi::test::from_client;
using messi::test::header;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::live_bytes;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

/// A server with one client that sends what a test wants.
struct Room {
  explicit Room(messi::ServerOptions options = {}) : server(loop, "tcp://:6000", options) {
    REQUIRE(server.start().ok());
    loop.run_until_idle();
  }

  void send(std::string_view bytes) {
    client->send(bytes);
    loop.run_until_idle();
  }
  bool too_slow() const { return server.has("1 disconnected: Frame too slow."); }

  ManualLoop loop;
  Server server;
  RawClient client{loop, "tcp://localhost:6000"};
};

/// Whether the last that the client got is a CLOSE with the code LIMIT and this text.
bool was_told(Room& room, std::string_view text) {
  const auto frames = messi::test::frames_of(room.client->received());
  if (frames.empty() || frames.back().type != 9) return false;
  const std::string& payload = frames.back().payload;
  return payload[0] == 12 && payload.substr(24) == text;
}

std::string repeated(const std::string& bytes, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += bytes;
  return result;
}

}  // namespace

TEST_CASE("a frame that comes byte by byte is given up, though its bytes are life", "[server]") {
  Room room;
  room.send(header(1, 1000));
  for (int second = 1; second <= 10; ++second) {
    room.loop.advance(1s);
    room.send("x");
    CHECK(room.server.log == Log{"1 connected"});
  }
  room.loop.advance(1ms);
  room.send("x");
  CHECK(room.server.log == Log{"1 connected", "1 disconnected: Frame too slow."});
  CHECK(was_told(room, "Frame too slow."));
}

TEST_CASE("a header that comes byte by byte is a part of its frame", "[server]") {
  Room room;
  const std::string bytes = from_client(message("hello"));
  for (const char byte : bytes) {
    room.send({&byte, 1});
    room.loop.advance(2900ms);
  }
  CHECK(room.too_slow());
  CHECK_FALSE(room.server.has("1 message"));
}

TEST_CASE("frames of any type are timed", "[server]") {
  Room room;
  for (int i = 0; i < 8; ++i) {
    room.send(i == 0 ? header(3, 100) : "x");
    room.loop.advance(2s);
  }
  CHECK(room.server.count("1 disconnected") == 1);
}

TEST_CASE("a large frame has a second for each 16 KiB, if they come", "[server]") {
  messi::ServerOptions options;
  options.max_payload_size = 2 * 1024 * 1024;
  for (const bool quick : {true, false}) {
    CAPTURE(quick);
    Room room(options);
    const std::string frame = from_client(message(std::string(1024 * 1024, 'x')));
    const std::size_t a_second = quick ? 16 * 1024 : 8 * 1024;
    std::size_t sent = 0;
    int seconds = 0;
    for (; sent < frame.size() && room.server.client_count() == 1; ++seconds) {
      room.send(frame.substr(sent, a_second));
      sent += a_second;
      room.loop.advance(1s);
    }
    CHECK(room.too_slow() == !quick);
    CHECK(room.server.has("1 message of 1048576 bytes") == quick);
    if (!quick) CHECK(seconds == 23);
  }
}

TEST_CASE("each frame has its own time, and time between frames does not count", "[server]") {
  Room room;
  const std::string frame = from_client(message("hello"));
  for (int i = 0; i < 20; ++i) {
    room.send(frame.substr(0, 6));
    room.loop.advance(2900ms);
    room.send(frame.substr(6));
    room.loop.advance(2900ms);
  }
  CHECK(room.server.count("1 message hello") == 20);
  // Also with the beginning of the next one in the same input.
  for (int i = 0; i < 20; ++i) {
    room.send(frame.substr(0, 6));
    room.loop.advance(2900ms);
    room.send(frame.substr(6) + frame.substr(0, 3));
    room.loop.advance(2900ms);
    room.send(frame.substr(3));
  }
  CHECK(room.server.count("1 message hello") == 60);
  CHECK_FALSE(room.server.has("1 disconnected"));
}

TEST_CASE("a frame that is whole is never too slow", "[server]") {
  messi::ServerOptions options;
  options.frame_timeout = 1ms;
  Room room(options);
  const std::string frame = from_client(message("hello"));
  room.send(frame.substr(0, 6));
  room.loop.advance(2s);
  room.send(frame.substr(6));
  CHECK(room.server.has("1 message hello"));
}

TEST_CASE("a client that may be silent for ever is not condemned for one silence", "[server]") {
  messi::ServerOptions options;
  options.client_timeout = messi::Duration::max();
  Room room(options);
  const std::string frame = from_client(message("hello"));
  room.send(frame.substr(0, 6));
  for (std::size_t i = 6; i < 9; ++i) {
    CHECK(room.server.log == Log{"1 connected"});
    room.loop.advance(1h);
    room.send(frame.substr(i, 1));
  }
  CHECK(room.too_slow());
}

TEST_CASE("a pause does not count", "[server]") {
  Room room;
  const std::string frame = from_client(message("hello"));
  room.send(frame.substr(0, 6));
  room.loop.advance(2s);
  room.server.find_client(1)->pause();
  room.loop.advance(1h);
  room.server.find_client(1)->resume();
  room.loop.advance(2s);
  room.send(frame.substr(6, 1));
  room.send(frame.substr(7));
  CHECK(room.server.log == Log{"1 connected", "1 message hello"});
}

TEST_CASE("5,000 peers with slow frames are gone in time, and take no more memory than that",
          "[server]") {
  messi::ServerOptions options;
  options.max_clients = 6'000;
  options.max_payload_size = 0xffffff;
  Room room(options);
  Client good(room.loop);
  good.start();
  room.loop.run_until_idle();
  const std::size_t before = live_bytes();
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 5'000; ++i) {
    slow.push_back(std::make_unique<RawClient>(room.loop, "tcp://localhost:6000"));
  }
  room.loop.run_until_idle();
  std::size_t most_memory = 0;
  for (int i = 0; i < 6; ++i) {
    for (const auto& each : slow) {
      if (!(*each)->ended()) (*each)->send(i == 0 ? header(1, 0xffffff) : "x");
    }
    good.send(message("hello"));
    room.loop.run_until_idle();
    most_memory = std::max(most_memory, live_bytes() - before);
    room.loop.advance(2500ms);
  }
  room.loop.run_until_idle();
  CHECK(room.server.count("2 message hello") == 6);
  std::size_t gone = 0;
  for (const std::string& line : room.server.log) {
    if (line.find("Frame too slow.") != std::string::npos) ++gone;
  }
  CHECK(gone == 5'000);
  CHECK(most_memory < 5'000 * 8'000);
}

TEST_CASE("a client may ping ten times a second, and send a hundred that were held up",
          "[server]") {
  Room room;
  room.send(repeated(kPing, 100));
  for (int i = 0; i < 100; ++i) {
    room.loop.advance(100ms);
    room.send(kPing);
  }
  CHECK(room.server.log == Log{"1 connected"});
  CHECK(room.client->received().size() == 101 * kPong.size());  // one at a time is enough
}

TEST_CASE("a client that pings more often is disconnected", "[server]") {
  Room room;
  for (int i = 0; i < 250 && room.server.client_count() == 1; ++i) {
    room.loop.advance(50ms);
    room.send(kPing);
    if (i < 198) CHECK(room.server.log == Log{"1 connected"});
  }
  CHECK(room.server.log == Log{"1 connected", "1 disconnected: Too many pings."});
  CHECK(was_told(room, "Too many pings."));
}

TEST_CASE("a flood of pings whose pongs are not read ends at once", "[server]") {
  Room room;
  room.loop.network().faults.capacity = 8;
  room.client->want_input(false);
  const std::size_t before = live_bytes();
  room.client->send(kPing + kPing);
  room.loop.run_until_idle();
  room.loop.network().faults.capacity = 1'000'000;
  room.client->send(repeated(kPing, 100'000));
  room.loop.run_until_idle();
  CHECK(room.server.log == Log{"1 connected", "1 disconnected: Too many pings."});
  CHECK(live_bytes() - before < 1'000'000);
}

TEST_CASE("messages are not pings: a flood of them is the loop's to share out", "[server]") {
  Room room;
  room.send(repeated(from_client(message("hello")), 10'000));
  CHECK(room.server.count("1 message hello") == 10'000);
  CHECK_FALSE(room.server.has("1 disconnected"));
}

TEST_CASE("without a limit a client may ping as it likes", "[server]") {
  messi::ServerOptions options;
  options.max_pings_per_second = SIZE_MAX;
  Room room(options);
  room.send(repeated(kPing, 10'000));
  CHECK(room.server.log == Log{"1 connected"});
}

TEST_CASE("a client that is being disconnected gets its pongs still", "[server]") {
  Room room;
  room.server.find_client(1)->disconnect();
  room.send(repeated(kPing, 1'000));
  CHECK(room.server.log == Log{"1 connected", "1 disconnected: Disconnected."});
}
