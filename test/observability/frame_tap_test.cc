#include "messi/frame_tap.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::Direction;
using messi::TappedFrame;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;

namespace {

messi::ServerOptions tapped_by(messi::FrameTap tap) {
  messi::ServerOptions options;
  options.frame_tap = std::move(tap);
  return options;
}

}  // namespace

TEST_CASE("a tap sees each frame, whole", "[observability]") {
  ManualLoop loop;
  std::string sent;
  std::string received;
  std::vector<std::string> names;
  Server server(loop, "tcp://:6000", tapped_by([&](const TappedFrame& frame) {
                  CHECK(frame.connection == 1);
                  CHECK(frame.size == 4 + frame.payload.size());
                  names.emplace_back(name_of(frame.type));
                  (frame.direction == Direction::kSent ? sent : received) +=
                      messi::test::frame(static_cast<int>(frame.type), frame.payload);
                }));
  REQUIRE(server.start().ok());
  RawClient peer(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  loop.network().faults.capacity = 700;
  const std::string bytes = messi::test::kPing + from_client(message(std::string(9'000, 'x'))) +
                            from_client(message("y"));
  peer->send(bytes);
  server.find_client(1)->send(message(std::string(90'000, 'z')));
  loop.run_until_idle();
  CHECK(received == bytes);
  CHECK(sent == peer->received());
  CHECK(messi::test::frames_of(sent).size() == 2);
  CHECK(std::count(names.begin(), names.end(), "message") == 3);
  CHECK(std::count(names.begin(), names.end(), "ping") == 1);
  CHECK(std::count(names.begin(), names.end(), "pong") == 1);
}

TEST_CASE("a tap that throws ends the connection", "[observability]") {
  ManualLoop loop;
  Direction hated = Direction::kSent;
  Server server(loop, "tcp://:6000", tapped_by([&](const TappedFrame& frame) {
                  if (frame.direction == hated) throw std::runtime_error("no");
                }));
  REQUIRE(server.start().ok());
  RawClient peer(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  SECTION("when something is received") {
    hated = Direction::kReceived;
    peer->send(from_client(message("hello")));
  }
  SECTION("when something is sent") { server.find_client(1)->send(message("hello")); }
  CHECK_THROWS_AS(loop.run_until_idle(), std::runtime_error);
  loop.run_until_idle();
  CHECK(server.count("1 disconnected") == 1);
  CHECK(peer->ended());
}

TEST_CASE("a tap looks away when a frame is too big", "[observability]") {
  ManualLoop loop;
  std::size_t seen = 0;
  Server server(loop, "tcp://:6000", tapped_by([&](const TappedFrame& frame) {
                  if (frame.direction == Direction::kReceived) ++seen;
                }));
  REQUIRE(server.start().ok());
  RawClient peer(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  peer->send(messi::test::header(1, (1 << 24) - 1) + std::string(100'000, 'x'));
  loop.run_until_idle();
  CHECK(seen == 0);
  CHECK(server.has("1 disconnected: Message too big."));
}
