// Sessions of the client for devices, over a link that the test moves byte by byte, with our
// server.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/device/session_device.h"

using messi::DisconnectReason;
using messi::SendResult;
using messi::SessionMode;
using messi::test::SessionDevice;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

constexpr const char* kServer = "tcp://:6000";
constexpr const char* kUri = "tcp://localhost:6000";

messi::ServerOptions with_sessions() {
  messi::ServerOptions options;
  options.session = SessionMode::kPrefer;
  return options;
}

class Server final : public chat::ChatServer {
 public:
  explicit Server(messi::EventLoop& loop, const messi::ServerOptions& options = with_sessions())
      : ChatServer(loop, kServer, options) {
    CHECK(start().ok());
  }

  Lines heard;
  Lines log;
  std::string wants;       ///< A token; "": nothing.
  bool is_strict = false;  ///< Takes no clients with another schema.

  void say(const std::string& text) {
    chat::MessageInd message;
    message.set_text(text);
    CHECK(broadcast(message));
  }
  Client& client() { return *clients().begin(); }

 private:
  bool on_schema_mismatch(Client& /*client*/, const messi::SchemaMismatch& mismatch) override {
    log.push_back(mismatch.text());
    return !is_strict;
  }
  void on_authenticate(Client& client) override {
    if (wants.empty() || client.auth_token() == wants) {
      client.accept();
    } else {
      client.refuse();
    }
  }
  void on_client_connected(Client& /*client*/) override { log.emplace_back("connected"); }
  void on_client_session_lost(Client& /*client*/, const messi::SessionLoss& loss) override {
    log.push_back("lost: " + std::string(to_string(loss.reason)));
  }
  void on_client_disconnected(Client& /*client*/, DisconnectReason reason) override {
    log.push_back("disconnected: " + std::string(to_string(reason)));
  }
  void on_connect_req(Client& client, const chat::ConnectReq& /*request*/) override {
    client.send(chat::ConnectRsp());
  }
  void on_message_ind(Client& /*client*/, const chat::MessageInd& message) override {
    heard.push_back(message.text());
  }
};

/// A device whose link is a connection to the server.
struct World {
  explicit World(const messi::ServerOptions& options = with_sessions(),
                 const messi::SessionDeviceOptions& its = {}, std::size_t room = 72)
      : server(std::in_place, loop, options), device(its, room) {}

  void up() {
    wire = std::make_unique<RawClient>(loop, kUri);
    loop.run_until_idle();
    arrived.clear();
    device.link_up(loop.now());
  }
  /// What is on its way is lost.
  void down() {
    (*wire)->close();
    device.link_down();
    loop.run_until_idle();
  }
  void restart_server() {
    server.reset();
    server.emplace(loop);
  }

  /// Moves bytes until there are no more, or `most` were moved. Returns how many.
  std::size_t move(std::size_t most = SIZE_MAX) {
    std::size_t moved = 0;
    while (moved < most) {
      device.handle_time(loop.now());
      if (!device.output().empty()) {
        (*wire)->send(device.output().substr(0, 1));
        device.handle_written(1);
      } else if (!arrived.empty()) {
        device.handle_bytes({arrived.data(), 1}, loop.now());
        arrived.erase(0, 1);
      } else {
        loop.run_until_idle();
        arrived = (*wire)->take_received();
        if (!arrived.empty()) continue;
        if ((*wire)->ended()) device.link_down();
        break;
      }
      ++moved;
    }
    loop.run_until_idle();
    return moved;
  }
  /// Moves all that waits at once; the server answers before `handle_written` is told, if it ever
  /// is.
  void move_by_dma(bool told = true) {
    device.handle_time(loop.now());
    const std::size_t size = device.output().size();
    if (size > 0) (*wire)->send(device.output());
    loop.run_until_idle();
    loop.advance(200ms);
    device.handle_bytes((*wire)->take_received(), loop.now());
    if (told && size > 0) device.handle_written(size);
  }
  /// Long enough for all acknowledgements.
  void rest() {
    for (int i = 0; i < 3; ++i) {
      loop.advance(200ms);
      move();
    }
  }

  ManualLoop loop;
  std::optional<Server> server;
  SessionDevice device;
  std::unique_ptr<RawClient> wire;
  std::string arrived;
};

/// What is said and what is heard, both ways.
struct Talk {
  explicit Talk(World& its_world) : world(its_world) {}

  void device_says() {
    said.push_back("device " + std::to_string(said.size()));
    REQUIRE(world.device.say(said.back()) == SendResult::kOk);
  }
  void server_says() {
    answered.push_back("server " + std::to_string(answered.size()));
    world.server->say(answered.back());
  }
  void check() const {
    CHECK(world.server->heard == said);
    CHECK(world.device.heard == answered);
    CHECK(world.device.unacknowledged() == 0);
    CHECK(world.server->client().unacknowledged() == 0);
  }

  World& world;
  Lines said;
  Lines answered;
};

}  // namespace

TEST_CASE("messages go both ways in a session, and are acknowledged") {
  World world;
  world.up();
  world.move();
  CHECK(world.device.take_log() == Lines{"connected"});
  Talk talk(world);
  for (int i = 0; i < 100; ++i) {
    talk.device_says();
    talk.server_says();
    world.move();
  }
  world.rest();
  talk.check();
  CHECK(world.device.log.empty());
  CHECK(world.server->log == Lines{"connected"});
}

TEST_CASE("what is sent before the first connection, and without one, is kept") {
  World world;
  Talk talk(world);
  talk.device_says();
  world.up();
  world.move();
  world.down();
  CHECK(world.device.take_log() == Lines{"connected", "detached: Connection closed."});
  talk.device_says();
  talk.server_says();
  world.up();
  world.move();
  CHECK(world.device.take_log() == Lines{"resumed 0"});
  world.rest();
  talk.check();
}

TEST_CASE("a session goes on wherever its connections are cut") {
  World world;
  world.up();
  world.move();
  Talk talk(world);
  std::size_t all = SIZE_MAX;
  for (std::size_t bytes = 0; bytes < all; ++bytes) {
    talk.device_says();
    talk.device_says();
    talk.server_says();
    talk.server_says();
    world.loop.advance(200ms);
    world.move(bytes);
    world.down();
    world.up();
    const std::size_t moved = world.move(bytes);  // the handshake, and what is sent again
    if (moved < bytes) all = moved;
    world.down();
    world.up();
    world.rest();
    talk.check();
    // A byte more is sent than may be sent again, so that it is not the same bytes each time.
    if (bytes % 3 == 0) talk.device_says();
  }
  CHECK(all > 250);
  for (const std::string& each : world.device.log) {
    const bool expected = each == "connected" || each == "detached: Connection closed." ||
                          each == "failed: Connection closed." || each.substr(0, 7) == "resumed";
    CHECK(expected);
  }
  CHECK(world.server->log == Lines{"connected"});
}

TEST_CASE("that something was written may be told after its answer has come, or never") {
  World world;
  world.up();
  world.move();
  Talk talk(world);
  int acknowledged = 0;
  for (int i = 0; i < 300; ++i) {
    talk.device_says();
    talk.server_says();
    const std::uint64_t before = world.device.unacknowledged();
    world.move_by_dma(i % 3 > 0);
    if (world.device.unacknowledged() < before) ++acknowledged;
    if (i % 3 > 0) continue;
    world.down();
    world.up();
    world.rest();
    talk.check();
  }
  CHECK(acknowledged >= 100);
  CHECK(world.server->log == Lines{"connected"});
}

TEST_CASE("a first connection may be cut anywhere") {
  std::size_t all = SIZE_MAX;
  for (std::size_t bytes = 0; bytes < all; ++bytes) {
    World world;
    world.up();
    REQUIRE(world.device.say("once") == SendResult::kOk);
    const std::size_t moved = world.move(bytes);
    if (moved < bytes) all = moved;
    world.down();
    world.up();
    world.rest();
    CHECK(world.server->heard == Lines{"once"});
    CHECK(world.device.unacknowledged() == 0);
  }
  CHECK(all > 200);
}

TEST_CASE("a server that was restarted does not know the session, and the device is told") {
  World world;
  world.up();
  world.move();
  REQUIRE(world.device.say("one") == SendResult::kOk);
  world.rest();
  world.device.take_log();
  REQUIRE(world.device.say("two") == SendResult::kOk);
  world.restart_server();
  world.down();
  REQUIRE(world.device.say("three") == SendResult::kOk);
  world.up();
  world.move();
  CHECK(world.device.take_log() == Lines{"detached: Connection closed.",
                                         "lost 2-3: The server does not know the session.",
                                         "disconnected: Session lost.", "connected"});
  REQUIRE(world.device.say("four") == SendResult::kOk);
  world.rest();
  CHECK(world.server->heard == Lines{"four"});
}

TEST_CASE("a session that has expired says how far the server got") {
  World world;
  world.up();
  world.move();
  world.device.take_log();
  REQUIRE(world.device.say("handled") == SendResult::kOk);
  while (world.server->heard.empty()) world.move(1);
  world.down();
  REQUIRE(world.device.say("not handled") == SendResult::kOk);
  world.loop.advance(31s);
  world.up();
  world.move();
  CHECK(world.device.take_log() == Lines{"detached: Connection closed.",
                                         "lost 2-2: The session has expired. handled 1",
                                         "disconnected: Session lost.", "connected"});
}

TEST_CASE("when the memory is full nothing more is accepted, and nothing is lost") {
  World world;
  world.up();
  world.move();
  world.down();
  Lines said;
  while (world.device.say(std::to_string(said.size())) == SendResult::kOk)
    said.push_back(std::to_string(said.size()));
  CHECK(said.size() > 20);
  CHECK(world.device.say("0") == SendResult::kFull);
  world.up();
  world.rest();
  CHECK(world.server->heard == said);
  CHECK(world.device.say("0") == SendResult::kOk);
  CHECK(world.device.say(std::string(246, 'a')) == SendResult::kFull);
  CHECK(world.device.say(std::string(247, 'a')) == SendResult::kTooBig);
  CHECK(world.device.say("\xff") == SendResult::kInvalid);
  world.rest();
  CHECK(world.device.say(std::string(246, 'a')) == SendResult::kOk);
  world.rest();
  CHECK(world.device.unacknowledged() == 0);
  CHECK(world.server->heard.size() == said.size() + 2);
}

TEST_CASE("a larger message than the device has room for ends the session, on both sides") {
  World world;
  world.up();
  world.move();
  world.server->say(std::string(80, 'a'));
  world.move();
  CHECK(world.device.take_log() == Lines{"connected", "lost 1-0: A limit was exceeded. handled 0",
                                         "disconnected: Session lost."});
  CHECK(world.server->log ==
        Lines{"connected", "lost: A limit was exceeded.", "disconnected: Message too big."});
  CHECK_FALSE(world.device.linked());
}

TEST_CASE("with a server without sessions it goes without") {
  World world((messi::ServerOptions()));
  Talk talk(world);
  talk.device_says();
  world.up();
  world.move();
  talk.device_says();
  talk.server_says();
  world.move();
  CHECK(world.server->heard == talk.said);
  CHECK(world.device.heard == talk.answered);
  CHECK(world.device.unacknowledged() == 0);
  REQUIRE(world.device.say("lost") == SendResult::kOk);
  world.down();
  CHECK(world.device.take_log() == Lines{"connected", "disconnected: Connection closed."});
  talk.device_says();  // before the next one
  world.up();
  world.move();
  CHECK(world.server->heard == talk.said);
}

TEST_CASE("a session is lost at a server that has none") {
  World world;
  world.up();
  world.move();
  world.server.reset();
  world.server.emplace(world.loop, messi::ServerOptions());
  world.down();
  REQUIRE(world.device.say("lost") == SendResult::kOk);
  world.device.take_log();
  world.up();
  world.move();
  CHECK(world.device.take_log() ==
        Lines{"lost 1-1: The server has no sessions.", "disconnected: Session lost.", "connected"});
}

TEST_CASE("who requires a session does not go without") {
  messi::SessionDeviceOptions options;
  options.session = SessionMode::kRequired;
  World world(messi::ServerOptions(), options);
  REQUIRE(world.device.say("kept") == SendResult::kOk);
  world.up();
  world.move();
  CHECK(world.device.take_log() == Lines{"failed: Protocol error."});
  world.server.reset();
  world.server.emplace(world.loop);
  world.up();
  world.move();
  CHECK(world.device.take_log() == Lines{"connected"});
  CHECK(world.server->heard == Lines{"kept"});
}

TEST_CASE("who wants no session has none") {
  messi::SessionDeviceOptions options;
  options.session = SessionMode::kOff;
  World world(with_sessions(), options);
  world.up();
  world.move();
  CHECK(world.device.say("plain") == SendResult::kOk);
  world.move();
  CHECK(world.server->heard == Lines{"plain"});
  world.down();
  CHECK(world.device.take_log() == Lines{"connected", "disconnected: Connection closed."});
  CHECK(world.server->log == Lines{"connected", "disconnected: Connection closed."});
}

TEST_CASE("a server may end a session, or drain") {
  World world;
  world.up();
  world.move();
  Talk talk(world);
  SECTION("disconnect") {
    talk.server_says();
    world.server->client().disconnect();
    world.move();
    CHECK(world.device.take_log() == Lines{"connected", "disconnected: Connection closed."});
  }
  SECTION("disconnect, with something on its way") {
    REQUIRE(world.device.say("lost") == SendResult::kOk);
    world.server->client().disconnect();
    world.move();
    CHECK(world.device.take_log() == Lines{"connected",
                                           "lost 1-1: The session was closed. handled 0",
                                           "disconnected: Connection closed."});
  }
  SECTION("drain") {
    talk.device_says();
    talk.server_says();
    world.server->drain(5s);
    while (world.device.connected()) world.move(1);
    CHECK(world.device.say("too late") == SendResult::kNotConnected);
    world.move();
    world.rest();
    CHECK(world.device.take_log() == Lines{"connected", "disconnected: Draining."});
    CHECK(world.server->heard == talk.said);
    CHECK(world.device.heard == talk.answered);
    CHECK(world.server->log == Lines{"connected", "disconnected: Draining."});
  }
}

TEST_CASE("a device ends its session in order, and the server hears it at once") {
  World world;
  world.up();
  world.move();
  Talk talk(world);
  const auto start = world.loop.now();
  const Lines ended{"connected", "disconnected: Connection closed."};
  SECTION("a connection carries it") {
    talk.device_says();
    talk.device_says();
    world.device.stop();
    CHECK_FALSE(world.device.connected());
    CHECK(world.device.say("too late") == SendResult::kNotConnected);
    world.server->say("not heard");
    world.device.stop();
    world.move();
    CHECK(world.device.take_log() == Lines{"connected", "disconnected: Stopped."});
    CHECK(world.loop.now() == start);
    CHECK(world.server->log ==
          Lines{"connected", "lost: The session was closed.", "disconnected: Connection closed."});
  }
  SECTION("when there is one again") {
    world.down();
    talk.device_says();
    world.device.stop();
    CHECK(world.device.take_log() == Lines{"connected", "detached: Connection closed."});
    world.up();
    world.move();
    CHECK(world.device.take_log() == Lines{"resumed 0", "disconnected: Stopped."});
    CHECK(world.server->log == ended);
  }
  SECTION("the server ends it at the same time") {
    talk.device_says();
    while (world.server->heard.empty()) world.move(1);
    world.device.stop();
    world.server->client().disconnect();
    world.move();
    CHECK(world.device.take_log() == Lines{"connected", "disconnected: Stopped."});
    CHECK(world.server->log == Lines{"connected", "disconnected: Disconnected."});
  }
  SECTION("the server drains at the same time") {
    talk.device_says();
    world.device.stop();
    world.server->drain(5s);
    world.move();
    CHECK(world.device.take_log() == Lines{"connected", "disconnected: Stopped."});
    CHECK(world.loop.now() == start);
    CHECK(world.server->heard == talk.said);
    CHECK(world.server->log.size() == 2);
    return;
  }
  SECTION("the server has drained before") {
    world.server->say(std::string(40, 'a'));
    world.server->drain(5s);
    while (world.device.connected()) world.move(1);
    world.device.stop();
    world.move();
    world.rest();
    CHECK(world.device.take_log() == Lines{"connected", "disconnected: Draining."});
    CHECK(world.server->log == Lines{"connected", "disconnected: Draining."});
    CHECK(world.device.heard.size() == 1);
    return;
  }
  SECTION("the server has forgotten it") {
    world.restart_server();
    world.down();
    REQUIRE(world.device.say("lost") == SendResult::kOk);
    world.device.stop();
    world.device.take_log();
    world.up();
    world.move();
    CHECK(world.device.take_log() ==
          Lines{"lost 1-1: The server does not know the session.", "disconnected: Stopped."});
  }
  SECTION("the server has no sessions any more") {
    world.server.reset();
    world.server.emplace(world.loop, messi::ServerOptions());
    world.down();
    world.device.stop();
    world.device.take_log();
    world.up();
    world.move();
    CHECK(world.device.take_log() ==
          Lines{"lost 1-0: The server has no sessions.", "disconnected: Stopped."});
  }
  CHECK_FALSE(world.device.linked());
  CHECK(world.device.heard.empty());
  CHECK(world.server->heard == talk.said);
  // And it may begin anew.
  world.up();
  REQUIRE(world.device.say("again") == SendResult::kOk);
  world.rest();
  CHECK(world.server->heard.back() == "again");
}

TEST_CASE("the end of a session may be cut anywhere, and is the end") {
  std::size_t all = SIZE_MAX;
  for (std::size_t bytes = 0; bytes < all; ++bytes) {
    World world;
    world.up();
    world.move();
    Talk talk(world);
    talk.device_says();
    talk.device_says();
    world.server->say("not heard");
    world.device.stop();
    const std::size_t moved = world.move(bytes);
    if (moved < bytes) all = moved;
    for (int i = 0; i < 3 && world.device.log.back() != "disconnected: Stopped."; ++i) {
      world.down();
      world.up();
      world.move();
    }
    CHECK(world.server->heard == talk.said);
    CHECK(world.device.heard.empty());
    CHECK(world.device.log.back() == "disconnected: Stopped.");
    for (const std::string& each : world.device.log) CHECK(each.substr(0, 4) != "lost");
    world.down();
    CHECK(world.server->log.back() == "disconnected: Connection closed.");
    CHECK(world.server->clients().begin() == world.server->clients().end());
  }
  CHECK(all > 80);
}

TEST_CASE("a device stops before it has a session, or has none") {
  SECTION("nothing was sent") {
    World world;
    world.device.stop();
    CHECK(world.device.log.empty());
    world.up();
    world.device.stop();
    CHECK(world.device.take_log() == Lines{"failed: Stopped."});
    CHECK_FALSE(world.device.linked());
    world.up();
    world.move();
    CHECK(world.device.take_log() == Lines{"connected"});
  }
  SECTION("something was sent") {
    World world;
    REQUIRE(world.device.say("once") == SendResult::kOk);
    world.device.stop();
    world.up();
    world.move();
    CHECK(world.device.take_log() == Lines{"connected", "disconnected: Stopped."});
    CHECK(world.server->heard == Lines{"once"});
    CHECK(world.server->log == Lines{"connected", "disconnected: Connection closed."});
  }
  SECTION("the server has no sessions") {
    World world((messi::ServerOptions()));
    world.up();
    world.move();
    REQUIRE(world.device.say("once") == SendResult::kOk);
    world.server->say("not heard");
    world.device.stop();
    CHECK(world.device.say("too late") == SendResult::kNotConnected);
    world.move();
    CHECK(world.device.take_log() == Lines{"connected", "disconnected: Stopped."});
    CHECK(world.server->heard == Lines{"once"});
    CHECK(world.device.heard.empty());
    world.up();
    world.move();
    CHECK(world.device.take_log() == Lines{"connected"});
    world.device.stop();
    CHECK(world.device.take_log() == Lines{"disconnected: Stopped."});
  }
}

TEST_CASE("a server that stops ends the sessions of devices") {
  World world;
  world.up();
  world.move();
  Talk talk(world);
  talk.server_says();
  world.server->stop();
  world.move();
  CHECK(world.device.take_log() == Lines{"connected", "disconnected: Connection closed."});
  CHECK(world.device.heard == talk.answered);
  CHECK(world.server->log == Lines{"connected", "disconnected: Stopped."});
}

TEST_CASE("a server that asks who its clients are is told by a token, with a session or without") {
  for (const SessionMode mode : {SessionMode::kPrefer, SessionMode::kOff}) {
    for (const std::string token : {"let me in", "please", ""}) {
      messi::ServerOptions options = with_sessions();
      options.session = mode;
      options.handshake = true;
      messi::SessionDeviceOptions its;
      its.auth_token = token;
      World world(options, its);
      world.server->wants = "let me in";
      world.up();
      world.move();
      if (token == "let me in") {
        CHECK(world.device.take_log() == Lines{"connected"});
        REQUIRE(world.device.say("in") == SendResult::kOk);
        world.move();
        CHECK(world.server->heard == Lines{"in"});
        world.down();
        CHECK(world.device.detached() == (mode == SessionMode::kPrefer));
      } else if (mode == SessionMode::kPrefer || !token.empty()) {
        CHECK(world.device.take_log() == Lines{"failed: Not authenticated."});
      } else {
        world.rest();
        CHECK(world.server->log.empty());
      }
    }
  }
}

TEST_CASE("a device and its server tell each other their schemas") {
  std::string same(kept::KeptDevice::kSchema);
  REQUIRE(same.substr(0, 5) == "\4kept");
  same.replace(1, 4, "chat");  // the rest is that of the server's
  messi::SessionDeviceOptions its;
  const std::string mismatch = "client speaks \"kept\", not \"chat\"";
  for (const SessionMode mode : {SessionMode::kPrefer, SessionMode::kOff}) {
    its.session = mode;
    its.schema = same;
    World alike(with_sessions(), its, 120);
    alike.up();
    alike.move();
    CHECK(alike.device.log == Lines{"connected"});
    CHECK(alike.server->log == Lines{"connected"});

    its.schema = kept::KeptDevice::kSchema;
    World world(with_sessions(), its, 120);
    SECTION("both go on") {
      world.up();
      world.move();
      CHECK(world.device.log == Lines{"another schema", "connected"});
      CHECK(world.server->log == Lines{mismatch, "connected"});
    }
    SECTION("the server does not") {
      world.server->is_strict = true;
      world.up();
      world.move();
      CHECK(world.device.log == Lines{"failed: Schema mismatch."});
      CHECK(world.server->log == Lines{mismatch});
    }
    SECTION("the device does not") {
      world.device.is_strict = true;
      world.up();
      world.move();
      CHECK(world.device.log == Lines{"another schema", "failed: Schema mismatch."});
    }
    SECTION("the hook hangs up") {
      world.device.hangs_up = true;
      world.up();
      world.move();
      CHECK(world.device.log == Lines{"another schema", "failed: Connection closed."});
    }
    SECTION("there is no room for what the server says") {
      World small(with_sessions(), its);
      small.up();
      small.move();
      CHECK(small.device.log == Lines{"connected"});
      CHECK(small.server->log == Lines{mismatch, "connected"});
    }
  }
}

TEST_CASE("a silent connection is kept alive in a session, and a dead one is given up") {
  World world;
  world.up();
  for (int i = 0; i < 60; ++i) {
    world.move();
    world.loop.advance(1s);
  }
  world.move();
  CHECK(world.device.take_log() == Lines{"connected"});
  world.loop.advance(4s);  // nothing is moved
  world.device.handle_time(world.loop.now());
  CHECK(world.device.take_log() == Lines{"detached: Keep alive timeout."});
  world.up();
  world.move();
  CHECK(world.device.take_log() == Lines{"resumed 0"});
}

TEST_CASE("anything at any time: nothing is lost, and nothing comes twice") {
  std::uint64_t state = 7;
  const auto random = [&state](unsigned below) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return static_cast<unsigned>(state >> 33) % below;
  };
  World world;
  world.up();
  world.move();
  Talk talk(world);
  int full = 0;
  for (int step = 0; step < 20'000; ++step) {
    switch (random(8)) {
      case 0:
      case 1: {
        const std::string text = "device " + std::to_string(talk.said.size());
        const SendResult result = world.device.say(text);
        if (result == SendResult::kOk) talk.said.push_back(text);
        full += result == SendResult::kFull ? 1 : 0;
        break;
      }
      case 2:
        talk.server_says();
        break;
      case 3:
        world.loop.advance(std::chrono::milliseconds(random(100)));
        break;
      case 4:
        if (random(10) > 0) break;
        world.down();
        world.up();
        break;
      default:
        world.move(random(100));
    }
    if (step % 1000 == 999) {
      world.rest();
      talk.check();
    }
  }
  CHECK(full > 10);
  CHECK(talk.said.size() > 1000);
  CHECK(world.server->log == Lines{"connected"});
}
