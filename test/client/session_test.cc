// A client's side of sessions, against a server that is made of bytes.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "chat.messi.h"
#include "messi/session/session_loss.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/session_bytes.h"

using messi::DisconnectReason;
using messi::SessionLoss;
using messi::SessionMode;
using messi::test::ack_frame;
using messi::test::big_endian;
using messi::test::close_frame;
using messi::test::frames_of;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::Log;
using messi::test::message;
using messi::test::number_at;
using messi::test::offer_frame;
using messi::test::pattern;
using messi::test::RawFrame;
using messi::test::session_close_frame;
using messi::test::text_of;
using messi::test::tlv;
using messi::test::types_of;
using messi::testing::ManualLoop;
using messi::testing::RawPeer;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

const std::string kId = pattern(16, 1);
const std::string kSecret = pattern(16, 2);

/// A WELCOME of the test's server.
struct Welcome {
  int version = 1;
  int status = 0;
  int reason = 0;
  std::optional<std::uint64_t> prev_rx = {};
  std::uint64_t rx = 0;
  std::uint64_t retain = 4 * 1024 * 1024;
  std::uint64_t max_payload = 1024 * 1024;
  std::string id = kId;
  std::string secret = kSecret;
  std::string tlvs = {};

  std::string bytes() const {
    return messi::test::frame(7, big_endian(static_cast<std::uint64_t>(version), 1) +
                                     big_endian(static_cast<std::uint64_t>(status), 1) +
                                     big_endian(static_cast<std::uint64_t>(reason), 1) +
                                     big_endian(prev_rx ? 1 : 0, 1) + big_endian(30'000, 4) +
                                     big_endian(retain, 4) + big_endian(max_payload, 4) +
                                     big_endian(rx, 8) + id + secret +
                                     big_endian(prev_rx.value_or(0), 8) + big_endian(0, 8) + tlvs);
  }
};

Welcome resumed(std::uint64_t rx) {
  Welcome welcome;
  welcome.status = 1;
  welcome.rx = rx;
  return welcome;
}

struct Hello {
  bool resume;
  bool no_session;
  std::uint64_t attempt;
  std::uint64_t retain;
  std::uint64_t max_payload;
  std::uint64_t rx;
  std::string id;
  std::string secret;
  std::string tlvs;

  static Hello of(const RawFrame& frame) {
    REQUIRE(frame.type == 6);
    const std::string& payload = frame.payload;
    REQUIRE(payload.size() >= 56);
    CHECK(payload[0] == 1);
    CHECK(number_at(payload, 2, 2) == 1);  // calls: the protocol has a request with a reply
    const std::uint64_t flags = number_at(payload, 1, 1);
    return {(flags & 1) != 0,         (flags & 2) != 0,          number_at(payload, 4, 4),
            number_at(payload, 8, 4), number_at(payload, 12, 4), number_at(payload, 16, 8),
            payload.substr(24, 16),   payload.substr(40, 16),    payload.substr(56)};
  }
};

class Client : public chat::ChatClient {
 public:
  Client(messi::EventLoop& loop, const messi::ClientOptions& options)
      : ChatClient(loop, "tcp://localhost:6000", options) {}

  Log log;
  std::function<void(const std::string& line)> then = [](const std::string& /*line*/) {};
  std::vector<std::string> handed_back;
  absl::StatusCode last_failure = absl::StatusCode::kOk;
  std::optional<std::optional<messi::Duration>> retry;
  std::uint64_t unacknowledged_at_end = 0;
  bool accepts_schema = true;

  Log take_log() { return std::exchange(log, {}); }

  void on_connected() override {
    CHECK_FALSE(up_);
    up_ = true;
    happened("connected");
  }
  void on_disconnected(DisconnectReason reason) override {
    CHECK(up_);
    CHECK_FALSE(connected());
    CHECK_FALSE(detached());
    up_ = false;
    unacknowledged_at_end = unacknowledged();
    happened("disconnected: " + std::string(to_string(reason)));
  }
  void on_detached(DisconnectReason reason) override {
    CHECK(up_);
    happened("detached: " + std::string(to_string(reason)));
  }
  void on_resumed(std::uint64_t replayed) override {
    CHECK(up_);
    CHECK_FALSE(detached());
    happened("resumed: " + std::to_string(replayed));
  }
  void on_session_lost(const SessionLoss& loss) override {
    std::string line = "lost: " + std::string(to_string(loss.reason)) + " " +
                       std::to_string(loss.first_unacked) + " to " +
                       std::to_string(loss.last_accepted);
    if (loss.peer_handled) line += ", handled " + std::to_string(*loss.peer_handled);
    std::uint64_t number = loss.first_unacked;
    for (const auto& each : loss.messages) {
      CHECK(each.number == number++);
      handed_back.push_back(messi::test::frame(1, each.payload));
    }
    CHECK(number == loss.last_accepted + 1);
    happened(line);
  }
  std::optional<messi::Duration> on_connect_failure(const absl::Status& error) override {
    last_failure = error.code();
    happened("failed: " + std::string(error.message()));
    return retry ? *retry : ChatClient::on_connect_failure(error);
  }
  bool on_schema_mismatch(const messi::SchemaMismatch& mismatch) override {
    happened("mismatch: " + mismatch.text());
    return accepts_schema;
  }
  void on_writable() override { happened("writable"); }
  void on_message_ind(const chat::MessageInd& message) override {
    CHECK(up_);
    happened("message " + text_of(message));
  }

 private:
  void happened(const std::string& line) {
    log.push_back(line);
    then(line);
  }

  bool up_ = false;
};

messi::ClientOptions with_sessions(SessionMode mode = SessionMode::kPrefer) {
  messi::ClientOptions options;
  options.session = mode;
  return options;
}

struct World {
  explicit World(const messi::ClientOptions& options = with_sessions()) : client(loop, options) {
    client.start();
    loop.run_until_idle();
  }

  RawPeer& peer() { return server.last(); }
  void say(const std::string& bytes) {
    peer().send(bytes);
    loop.run_until_idle();
  }
  /// What the client has said since the last time, without pings.
  std::vector<RawFrame> heard() {
    std::vector<RawFrame> frames;
    for (RawFrame& each : frames_of(peer().take_received())) {
      if (each.type != 3) frames.push_back(std::move(each));
    }
    return frames;
  }
  std::string heard_bytes() {
    std::string bytes;
    for (const RawFrame& each : heard()) bytes += messi::test::frame(each.type, each.payload);
    return bytes;
  }
  /// A new session begins.
  void welcome(const Welcome& welcome = {}) {
    say(offer_frame(true));
    const auto hellos = heard();
    REQUIRE(hellos.size() == 1);
    CHECK_FALSE(Hello::of(hellos[0]).no_session);
    say(welcome.bytes());
  }
  /// The connection is lost, and there is another one.
  void reconnect() {
    const std::size_t before = server.peers().size();
    if (!peer().ended()) peer().close();
    for (int i = 0; i < 100 && server.peers().size() == before; ++i) loop.advance(100ms);
    REQUIRE(server.peers().size() == before + 1);
    loop.run_until_idle();
  }
  void send(const std::string& text) {
    client.send_message_ind(message(text));
    loop.run_until_idle();
  }

  ManualLoop loop;
  RawServer server{loop, "tcp://:6000"};
  Client client;
};

/// GENERATE is only for what is as simple as a number.
template <typename Value = std::string>
Value one_of(int which, const std::vector<Value>& values) {
  return values.at(static_cast<std::size_t>(which));
}

std::string up(const std::string& text) { return from_client(message(text)); }
std::string down(const std::string& text) { return from_server(message(text)); }

}  // namespace

TEST_CASE("a client begins a session", "[client]") {
  World world;
  CHECK(world.peer().take_received() == kPing);
  CHECK_FALSE(world.client.connected());
  world.say(offer_frame(true) + kPong);
  const auto heard = world.heard();
  REQUIRE(heard.size() == 1);
  const Hello hello = Hello::of(heard[0]);
  CHECK_FALSE(hello.resume);
  CHECK_FALSE(hello.no_session);
  CHECK(hello.attempt == 1);
  CHECK(hello.retain == 16 * 1024 * 1024);
  CHECK(hello.max_payload == 1024 * 1024);
  CHECK(hello.rx == 0);
  CHECK(hello.id == std::string(16, '\0'));
  CHECK(hello.secret == std::string(16, '\0'));
  CHECK(world.client.log.empty());
  world.say(down("not for this client") + Welcome().bytes() + ack_frame(0, 0) + down("hello"));
  CHECK(world.client.take_log() == Log{"connected", "message hello"});
  CHECK(world.client.connected());
  CHECK_FALSE(world.client.detached());
  CHECK(world.heard_bytes() == ack_frame(1, 0));
}

TEST_CASE("what is sent before there is a connection is kept for it", "[client]") {
  World world;
  world.send("one");
  world.say(offer_frame(true));
  world.send("two");
  CHECK(world.client.unacknowledged() == 2);
  world.heard();
  world.say(Welcome().bytes());
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("one") + up("two"));
  CHECK(world.client.pending_bytes() == up("one").size() + up("two").size());
  world.say(ack_frame(1, 0));
  CHECK(world.client.unacknowledged() == 1);
  world.say(ack_frame(2, 0));
  CHECK(world.client.unacknowledged() == 0);
  CHECK(world.client.pending_bytes() == 0);
  CHECK(world.client.take_log() == Log{"connected"});
}

TEST_CASE("a session goes on in another connection", "[client]") {
  World world;
  world.welcome();
  for (const char* const text : {"1", "2", "3"}) world.send(text);
  world.say(ack_frame(0, 0) + down("a") + down("b") + ack_frame(1, 2));
  CHECK(world.client.take_log() == Log{"connected", "message a", "message b"});
  world.peer().close();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"detached: Connection closed."});
  CHECK(world.client.connected());
  CHECK(world.client.detached());
  CHECK_FALSE(world.client.stopped());
  world.send("4");
  world.reconnect();
  world.say(offer_frame(true));
  const auto heard = world.heard();
  REQUIRE(heard.size() == 1);
  const Hello hello = Hello::of(heard[0]);
  CHECK(hello.resume);
  CHECK(hello.attempt == 2);
  CHECK(hello.rx == 2);
  CHECK(hello.id == kId);
  CHECK(hello.secret == kSecret);
  CHECK(world.client.detached());
  world.say(resumed(2).bytes() + down("c"));
  CHECK(world.client.take_log() == Log{"resumed: 1", "message c"});
  CHECK(world.heard_bytes() == ack_frame(3, 2) + up("3") + up("4"));
  CHECK_FALSE(world.client.detached());
  world.say(ack_frame(4, 3));
  CHECK(world.client.unacknowledged() == 0);
}

TEST_CASE("a server that no longer knows the session: it is lost, once, and a new one begins",
          "[client]") {
  const bool knows_rx = GENERATE(false, true);
  World world;
  world.welcome();
  for (const char* const text : {"1", "2", "3"}) world.send(text);
  world.say(ack_frame(1, 0));
  world.client.take_log();
  world.reconnect();
  CHECK(world.client.take_log() == Log{"detached: Connection closed."});
  world.say(offer_frame(true));
  CHECK(Hello::of(world.heard()[0]).resume);
  world.client.then = [&](const std::string& line) {
    if (line.substr(0, 4) == "lost") world.client.send_message_ind(message("again"));
  };
  Welcome fresh;
  fresh.reason = knows_rx ? 2 : 1;
  if (knows_rx) fresh.prev_rx = 2;
  fresh.id = pattern(16, 7);
  world.say(fresh.bytes());
  CHECK(world.client.take_log() == (knows_rx
                                        ? Log{"lost: The session has expired. 3 to 3, handled 2",
                                              "disconnected: Session lost.", "connected"}
                                        : Log{"lost: The server does not know the session. 2 to 3",
                                              "disconnected: Session lost.", "connected"}));
  CHECK(world.client.handed_back == (knows_rx ? Log{up("3")} : Log{up("2"), up("3")}));
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("again"));
  world.reconnect();
  world.say(offer_frame(true));
  const Hello hello = Hello::of(world.heard()[0]);
  CHECK(hello.id == pattern(16, 7));
  CHECK(hello.attempt == 3);  // the server knows the session since the second one
}

TEST_CASE("a server that offers nothing is a server as before", "[client]") {
  const std::string first =
      one_of(GENERATE(Catch::Generators::range(0, 2)), {kPong, down("hello")});
  World world;
  world.send("early");
  world.heard();
  world.say(first);
  CHECK(world.client.take_log() ==
        (first == kPong ? Log{"connected"} : Log{"connected", "message hello"}));
  CHECK(world.heard_bytes() == up("early"));
  CHECK(world.client.unacknowledged() == 0);
  world.send("late");
  CHECK(world.heard_bytes() == up("late"));
  world.say(offer_frame(true));  // too late
  CHECK(world.heard().empty());
  world.peer().close();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"disconnected: Connection closed."});
  world.send("kept");
  world.reconnect();
  world.welcome();
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("kept"));
  CHECK(world.client.take_log() == Log{"connected"});
}

TEST_CASE("a client that requires sessions never goes without", "[client]") {
  const std::string first = one_of(GENERATE(Catch::Generators::range(0, 4)),
                                   {kPong, down("hello"), offer_frame(false),
                                    messi::test::frame(5, std::string("\2\3\0\1", 4))});
  World world(with_sessions(SessionMode::kRequired));
  world.client.retry = std::optional<messi::Duration>();
  world.say(first);
  CHECK(world.client.take_log() ==
        Log{"failed: tcp://localhost:6000: the server offers no sessions"});
  CHECK(world.client.last_failure == absl::StatusCode::kFailedPrecondition);
  CHECK(world.client.stopped());
}

TEST_CASE("a session is lost if the server has none any more", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.reconnect();
  world.client.take_log();
  SECTION("it offers nothing") { world.say(kPong); }
  SECTION("it offers only the handshake") {
    world.say(offer_frame(false));
    CHECK(Hello::of(world.heard()[0]).no_session);
    Welcome none;
    none.id = none.secret = std::string(16, '\0');
    none.retain = 0;
    world.say(none.bytes());
  }
  CHECK(world.client.take_log() == Log{"lost: The server has no sessions. 1 to 1",
                                       "disconnected: Session lost.", "connected"});
  CHECK(world.client.handed_back == Log{up("1")});
}

TEST_CASE("a client without sessions may introduce itself, with a token", "[client]") {
  messi::ClientOptions options;
  options.auth_token = "a token";
  World world(options);
  world.say(offer_frame(true));
  const auto heard = world.heard();
  REQUIRE(heard.size() == 1);
  const Hello hello = Hello::of(heard[0]);
  CHECK(hello.no_session);
  CHECK_FALSE(hello.resume);
  CHECK(hello.tlvs.substr(0, 11) == tlv(1, "a token"));
  CHECK(world.client.log.empty());
  world.client.send_message_ind(message("dropped"));
  Welcome none;
  none.id = none.secret = std::string(16, '\0');
  none.retain = 0;
  world.say(none.bytes() + down("hello"));
  CHECK(world.client.take_log() == Log{"connected", "message hello"});
  world.send("1");
  CHECK(world.heard_bytes() == up("1"));
  world.say(close_frame(14));
  world.peer().close();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"disconnected: Draining."});
}

TEST_CASE("a client and a server tell each other what they speak", "[client]") {
  World world;
  world.client.accepts_schema = GENERATE(true, false);
  world.say(offer_frame(true));
  const Hello hello = Hello::of(world.heard()[0]);
  CHECK(hello.tlvs.substr(0, 2) == big_endian(2, 2));
  CHECK(hello.tlvs.substr(4, 5) == big_endian(4, 1) + "chat");
  Welcome welcome;
  SECTION("the same") {
    welcome.tlvs = hello.tlvs;
    world.say(welcome.bytes());
    CHECK(world.client.take_log() == Log{"connected"});
  }
  SECTION("something else") {
    welcome.tlvs = tlv(2, big_endian(5, 1) + "other" + pattern(32));
    world.say(welcome.bytes());
    const std::string text = "server speaks \"other\", not \"chat\"";
    if (world.client.accepts_schema) {
      CHECK(world.client.take_log() == Log{"mismatch: " + text, "connected"});
    } else {
      CHECK(world.client.take_log() ==
            Log{"mismatch: " + text, "failed: tcp://localhost:6000: " + text});
      CHECK(world.client.last_failure == absl::StatusCode::kFailedPrecondition);
      CHECK(world.peer().ended());
    }
  }
  SECTION("nonsense") {
    welcome.tlvs = tlv(2, "\x40 too short");
    world.say(welcome.bytes());
    CHECK(world.client.take_log() == Log{"failed: tcp://localhost:6000: Protocol error."});
  }
}

TEST_CASE("a token that is too long is a contradiction", "[client]") {
  messi::ClientOptions options;
  options.auth_token = pattern(513);
  ManualLoop loop;
  Client client(loop, options);
  client.start();
  loop.run_until_idle();
  CHECK(client.last_failure == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a server that refuses a client says so, and the session is kept", "[client]") {
  struct Case {
    int code;
    absl::StatusCode status;
    std::string text;
  };
  const Case each =
      one_of<Case>(GENERATE(Catch::Generators::range(0, 6)),
                   {Case{9, absl::StatusCode::kUnauthenticated, "Not authenticated. Who?"},
                    Case{7, absl::StatusCode::kUnavailable, "Too many clients. Who?"},
                    Case{15, absl::StatusCode::kPermissionDenied, "Refused. Who?"},
                    Case{16, absl::StatusCode::kFailedPrecondition, "Schema mismatch. Who?"},
                    Case{14, absl::StatusCode::kUnavailable, "Draining. Who?"},
                    Case{6, absl::StatusCode::kUnavailable, "Connection closed. Who?"}});
  World world;
  world.welcome();
  world.send("1");
  world.reconnect();
  world.say(offer_frame(true));
  world.client.take_log();
  world.say(close_frame(each.code, "Who?", 20'000));
  world.peer().close();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"failed: tcp://localhost:6000: " + each.text});
  CHECK(world.client.last_failure == each.status);
  CHECK(world.client.detached());
  const std::size_t before = world.server.peers().size();
  world.loop.advance(19s);
  CHECK(world.server.peers().size() == before);
  world.loop.advance(30s);
  REQUIRE(world.server.peers().size() > before);
  world.heard();
  world.say(offer_frame(true));
  CHECK(Hello::of(world.heard()[0]).attempt == 3);
  world.say(resumed(0).bytes());
  CHECK(world.client.take_log().back() == "resumed: 1");
}

TEST_CASE("a server that drains begins no session any more", "[client]") {
  World world;
  world.send("1");
  world.heard();
  const std::string late = Welcome().bytes() + ack_frame(0, 0) + down("not for this client");
  if (GENERATE(true, false)) {
    world.say(offer_frame(true));
    world.say(close_frame(14, "", 300) + late);
  } else {
    world.say(offer_frame(true) + close_frame(14, "", 300) + late);
  }
  CHECK(world.client.take_log() == Log{"failed: tcp://localhost:6000: Draining."});
  CHECK(world.client.last_failure == absl::StatusCode::kUnavailable);
  CHECK(world.peer().ended());
  world.loop.advance(299ms);
  CHECK(world.server.peers().size() == 1);
  world.reconnect();
  world.heard();
  world.welcome();
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("1"));
  CHECK(world.client.take_log() == Log{"connected"});
}

TEST_CASE("a server that does not answer is given up, and the session is kept", "[client]") {
  World world;
  world.welcome();
  world.reconnect();
  world.client.take_log();
  const bool offers = GENERATE(false, true);
  if (offers) world.say(offer_frame(true));
  world.loop.advance(4900ms);
  CHECK(world.client.log.empty());
  world.loop.advance(200ms);
  CHECK(world.client.take_log() ==
        Log{"failed: tcp://localhost:6000: cannot connect: no answer in time"});
  CHECK(world.client.detached());
}

TEST_CASE("a client that has given up is not connected, also before it says so", "[client]") {
  World world;
  world.welcome();
  world.client.take_log();
  world.loop.network().faults.refuse_connects = true;
  world.client.retry = std::optional<messi::Duration>();
  messi::Task meanwhile(world.loop, [&] {
    CHECK_FALSE(world.client.connected());
    CHECK_FALSE(world.client.detached());
    CHECK(world.client.try_send_message_ind(message("1")) == messi::SendResult::kNotConnected);
  });
  world.client.then = [&](const std::string& line) {
    if (line.rfind("failed", 0) == 0) meanwhile.schedule();
  };
  world.peer().close();
  world.loop.advance(2s);
  CHECK(world.client.take_log() ==
        Log{"detached: Connection closed.",
            "failed: tcp://localhost:6000: cannot connect: Connection refused",
            "disconnected: Stopped."});
}

TEST_CASE("what was handled is acknowledged after 200 ms, or when it is much", "[client]") {
  World world;
  Welcome small;
  small.retain = 4000;
  world.welcome(small);
  world.heard();
  world.say(down("a"));
  world.loop.advance(190ms);
  CHECK(world.heard().empty());
  world.loop.advance(10ms);
  CHECK(world.heard_bytes() == ack_frame(1, 0));
  world.loop.advance(1s);
  CHECK(world.heard().empty());
  const std::string text(930, 'x');
  world.say(down(text));
  CHECK(world.heard_bytes() == ack_frame(2, 0));
}

TEST_CASE("an acknowledgement goes with other output", "[client]") {
  World world;
  world.welcome();
  world.heard();
  world.say(down("a"));
  world.loop.advance(60ms);
  CHECK(world.heard().empty());
  world.send("1");
  CHECK(world.heard_bytes() == ack_frame(1, 0) + up("1"));
  world.loop.advance(1s);
  CHECK(world.heard().empty());
}

TEST_CASE("stop ends a session when everything was handled", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.heard();
  world.client.send_message_ind(message("2"));
  world.client.stop();
  CHECK_FALSE(world.client.connected());
  CHECK_FALSE(world.client.stopped());
  world.client.send_message_ind(message("dropped"));
  world.loop.run_until_idle();
  CHECK(world.heard_bytes() == up("2") + session_close_frame(5, 0, 2));
  world.say(down("too late"));
  world.say(session_close_frame(5, 2, 1, true));
  CHECK(world.peer().ended());
  CHECK(world.client.take_log() == Log{"connected", "disconnected: Stopped."});
  CHECK(world.client.unacknowledged_at_end == 0);
  CHECK(world.client.stopped());
}

TEST_CASE("stop waits for a server that is away, and goes on with it", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.peer().close();
  world.client.stop();
  world.reconnect();
  CHECK_FALSE(world.client.stopped());
  world.say(offer_frame(true));
  world.heard();
  world.say(resumed(0).bytes());
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("1") + session_close_frame(5, 0, 1));
  world.say(session_close_frame(5, 1, 0, true));
  CHECK(world.client.log.back() == "disconnected: Stopped.");
  CHECK(world.client.unacknowledged_at_end == 0);
  CHECK(world.client.stopped());
}

TEST_CASE("the end of a session is said again if the connection breaks before the answer",
          "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.client.take_log();
  const bool said = GENERATE(true, false);
  if (said) world.client.stop();
  world.say(said ? ack_frame(1, 0) : ack_frame(1, 0) + down("a"));
  CHECK(world.client.unacknowledged() == 0);
  world.peer().close();
  if (!said) world.loop.run_until_idle();
  if (!said) world.client.stop();
  world.reconnect();
  CHECK_FALSE(world.client.stopped());
  world.say(offer_frame(true));
  CHECK(Hello::of(world.heard()[0]).resume);
  SECTION("the server has kept it") {
    world.say(resumed(1).bytes());
    const std::uint64_t rx = said ? 0 : 1;
    CHECK(world.heard_bytes() == ack_frame(rx, 1) + session_close_frame(5, rx, 1));
    world.say(session_close_frame(5, 1, rx, true));
    CHECK(world.client.log.back() == "disconnected: Stopped.");
  }
  SECTION("the server has forgotten it") {
    Welcome other;
    other.reason = 5;
    other.prev_rx = 1;
    world.say(other.bytes());
    CHECK(world.client.log.back() == "disconnected: Stopped.");
  }
  CHECK(messi::test::count(world.client.log, "disconnected") == 1);
  CHECK(messi::test::count(world.client.log, "connected") == 0);
  CHECK_FALSE(messi::test::has(world.client.log, "lost"));
  CHECK(world.client.stopped());
}

TEST_CASE("stop waits for a connection, also to a server without sessions", "[client]") {
  World world;
  world.client.send_message_ind(message("1"));
  world.client.stop();
  world.loop.run_until_idle();
  CHECK_FALSE(world.client.stopped());
  world.heard();
  world.say(kPong);
  CHECK(world.heard_bytes() == up("1"));
  CHECK(world.peer().ended());
  CHECK(world.client.take_log() == Log{"connected", "disconnected: Stopped."});
  CHECK(world.client.stopped());
}

TEST_CASE("when linger is over, what was not handled is told", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.client.take_log();
  const bool there = GENERATE(true, false);
  if (!there) world.peer().close();
  if (!there) world.loop.run_until_idle();
  world.client.take_log();
  world.client.close(3s);
  world.loop.advance(2900ms);
  CHECK(world.client.log.empty());
  CHECK_FALSE(world.client.stopped());
  world.loop.advance(200ms);
  CHECK(world.client.take_log() ==
        Log{"lost: The session was closed. 1 to 1", "disconnected: Stopped."});
  CHECK(world.client.unacknowledged_at_end == 1);
  CHECK(world.client.handed_back == Log{up("1")});
  CHECK(world.client.stopped());
}

TEST_CASE("stop_now ends a session at once, and tells the server", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.heard();
  world.client.take_log();
  world.client.stop_now();
  world.loop.run_until_idle();
  CHECK(world.heard_bytes() == session_close_frame(5, 0, 1));
  CHECK(world.client.take_log() ==
        Log{"lost: The session was closed. 1 to 1", "disconnected: Stopped."});
  CHECK(world.client.stopped());
}

TEST_CASE("without a connection stop_now still says what is lost, and start begins anew",
          "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.peer().close();
  world.loop.run_until_idle();
  world.client.take_log();
  world.client.stop_now();
  CHECK_FALSE(world.client.stopped());
  world.client.start();
  world.client.send_message_ind(message("new"));
  world.loop.run_until_idle();
  CHECK(world.client.take_log() ==
        Log{"lost: The session was closed. 1 to 1", "disconnected: Stopped."});
  world.loop.advance(1s);
  world.heard();
  world.say(offer_frame(true));
  CHECK_FALSE(Hello::of(world.heard()[0]).resume);
  world.say(Welcome().bytes());
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("new"));
}

TEST_CASE("a client that was never connected hands back what was sent", "[client]") {
  ManualLoop loop;
  Client client(loop, with_sessions());
  client.start();
  client.send_message_ind(message("1"));
  loop.advance(1s);
  client.take_log();
  SECTION("stop_now") { client.stop_now(); }
  SECTION("stop") { client.stop(); }
  SECTION("no further attempt") { client.retry = std::optional<messi::Duration>(); }
  loop.advance(60s);
  CHECK(client.stopped());
  CHECK(client.log.back() == "lost: The session was closed. 1 to 1");
  CHECK(client.handed_back == Log{up("1")});
}

TEST_CASE("start after stop: the session ends first, then another one begins", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.client.stop();
  world.client.start();
  world.loop.run_until_idle();
  world.heard();
  world.client.take_log();
  world.say(session_close_frame(5, 1, 0, true));
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"disconnected: Stopped."});
  REQUIRE(world.server.peers().size() == 2);
  world.say(offer_frame(true));
  CHECK_FALSE(Hello::of(world.heard()[0]).resume);
}

TEST_CASE("a server ends a session in order", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.send("2");
  world.heard();
  world.client.take_log();
  const bool all = GENERATE(true, false);
  world.say(down("a") + session_close_frame(5, all ? 2 : 1, 1, false, "Bye."));
  CHECK(world.heard_bytes() == session_close_frame(5, 1, 2, true));
  CHECK(world.client.take_log() ==
        (all ? Log{"message a", "disconnected: Connection closed."}
             : Log{"message a", "lost: The session was closed. 2 to 2, handled 1",
                   "disconnected: Connection closed."}));
  CHECK(world.client.disconnect_hint() == "Bye.");
  world.reconnect();
  world.say(offer_frame(true));
  CHECK_FALSE(Hello::of(world.heard()[0]).resume);
}

TEST_CASE("a session that is closed ends when linger is over, also if its connection ends then",
          "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.client.take_log();
  world.client.close(1s);
  world.loop.run_until_idle();
  world.peer().close();
  world.loop.hold_up(2s);
  world.client.start();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() ==
        Log{"lost: The session was closed. 1 to 1", "disconnected: Stopped."});
  for (int i = 0; i < 50 && world.server.peers().size() == 1; ++i) world.loop.advance(100ms);
  world.heard();
  world.say(offer_frame(true));
  CHECK_FALSE(Hello::of(world.heard()[0]).resume);
}

TEST_CASE("a client that is closed does not go on without a session", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.peer().close();
  world.loop.run_until_idle();
  world.client.take_log();
  world.client.stop();
  world.reconnect();
  world.say(kPong);
  CHECK(world.client.take_log() ==
        Log{"lost: The server has no sessions. 1 to 1", "disconnected: Session lost."});
  CHECK(world.client.stopped());
}

TEST_CASE("a client that is closed is done when its session is lost", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.reconnect();
  world.client.take_log();
  world.client.stop();
  const bool restarts = GENERATE(true, false);
  if (restarts) world.client.start();
  const std::string throws = one_of(GENERATE(0, 1, 2), {"nothing", "lost", "disconnected"});
  world.client.then = [&](const std::string& line) {
    if (line.substr(0, throws.size()) == throws) throw std::runtime_error("a hook");
  };
  world.say(offer_frame(true));
  Welcome answer = resumed(2);  // which is a lie
  const bool lie = GENERATE(true, false);
  if (!lie) {
    answer = Welcome();
    answer.id = pattern(16, 9);
  }
  if (throws == "nothing") {
    world.say(answer.bytes());
  } else {
    CHECK_THROWS(world.say(answer.bytes()));
  }
  world.loop.run_until_idle();
  CHECK(
      world.client.take_log() ==
      (lie ? Log{"lost: The protocol was broken. 1 to 1", "disconnected: Protocol error."}
           : Log{"lost: The server does not know the session. 1 to 1", "disconnected: Stopped."}));
  CHECK(world.client.stopped() != restarts);
  if (!restarts) return;
  for (int i = 0; i < 50 && world.server.peers().size() == 2; ++i) world.loop.advance(100ms);
  world.heard();
  world.welcome();
  CHECK(world.client.take_log() == Log{"connected"});
}

TEST_CASE("after stop_now and start what is sent is for the next session", "[client]") {
  World world;
  world.welcome();
  world.heard();
  world.client.take_log();
  world.client.stop_now();
  CHECK_FALSE(world.client.connected());
  world.client.start();
  CHECK_FALSE(world.client.connected());
  world.client.send_message_ind(message("next"));
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"disconnected: Stopped."});
  REQUIRE(world.server.peers().size() == 2);
  world.heard();
  world.welcome();
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("next"));
}

TEST_CASE("two ends that cross answer each other", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.heard();
  world.client.take_log();
  world.client.stop();
  world.loop.run_until_idle();
  CHECK(world.heard_bytes() == session_close_frame(5, 0, 1));
  world.say(session_close_frame(5, 1, 3));
  CHECK(world.heard().empty());
  CHECK(world.client.take_log() == Log{"disconnected: Stopped."});
}

TEST_CASE("a server that drains gets everything, and the next session gets what is sent then",
          "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.heard();
  world.client.take_log();
  world.say(down("a") + session_close_frame(14, 0, 1));
  CHECK(world.heard_bytes() == session_close_frame(14, 1, 1, true));
  CHECK_FALSE(world.client.connected());
  CHECK_FALSE(world.peer().ended());
  world.send("for the next");
  CHECK(world.heard().empty());
  world.say(down("b") + ack_frame(1, 2));
  if (GENERATE(true, false)) {
    world.loop.advance(200ms);
    CHECK(world.heard_bytes() == ack_frame(2, 1));
    world.peer().finish();
    world.loop.run_until_idle();
  } else {  // the server ends its side, and waits for the last word
    world.peer().finish();
    world.loop.run_until_idle();
    CHECK(world.heard_bytes() == ack_frame(2, 1));
  }
  CHECK(world.client.take_log() == Log{"message a", "message b", "disconnected: Draining."});
  CHECK(world.client.handed_back.empty());
  world.reconnect();
  world.welcome();
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("for the next"));
}

TEST_CASE("stop during a drain, and start: the next session gets its messages", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.say(session_close_frame(14, 0, 0));
  world.client.stop();
  world.client.start();
  world.loop.run_until_idle();
  world.say(ack_frame(1, 0));
  world.client.take_log();
  world.reconnect();
  CHECK(world.client.take_log() == Log{"disconnected: Draining."});
  world.welcome();
  world.say(down("a"));
  CHECK(world.client.take_log() == Log{"connected", "message a"});
}

TEST_CASE("in the hook of a loss more is sent than the next session takes", "[client]") {
  messi::ClientOptions options = with_sessions();
  options.max_pending_bytes = 100;
  World world(options);
  world.welcome();
  world.send("1");
  world.reconnect();
  world.client.take_log();
  bool done = false;
  world.client.then = [&](const std::string& line) {
    if (line.substr(0, 4) != "lost" || std::exchange(done, true)) return;
    for (int i = 0; i < 2; ++i) world.client.send_message_ind(message(std::string(60, 'x')));
  };
  const bool sessions = GENERATE(true, false);
  world.say(sessions ? offer_frame(true) : kPong);
  Welcome other;
  other.id = pattern(16, 9);
  if (sessions) world.say(other.bytes());
  const Log log = world.client.take_log();
  REQUIRE(log.size() >= 3);
  CHECK(log[1] == "disconnected: Session lost.");
  CHECK(log[2] == "lost: Too much was not acknowledged. 1 to 1");
  CHECK(messi::test::count(log, "lost") == 2);
  CHECK(messi::test::count(log, "disconnected") == 1);
}

TEST_CASE("a CLOSE may be older than an ACK that went ahead of it", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.client.take_log();
  world.say(ack_frame(1, 0) + session_close_frame(14, 0, 0));
  world.peer().finish();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"disconnected: Draining."});
}

TEST_CASE("a server that drains and goes before it has handled everything: that is told",
          "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.client.take_log();
  world.say(session_close_frame(14, 0, 0));
  world.peer().close();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() ==
        Log{"lost: The session was closed. 1 to 1", "disconnected: Draining."});
}

TEST_CASE("a session whose server breaks the protocol is lost", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.heard();
  world.client.take_log();
  const std::string lie = one_of(
      GENERATE(Catch::Generators::range(0, 10)),
      {ack_frame(2, 0), ack_frame(0, 1), messi::test::frame(8, "short"), messi::test::frame(77, ""),
       offer_frame(true), Welcome().bytes(), from_client(message("echo")), messi::test::kPing,
       session_close_frame(5, 0, 0, true), session_close_frame(5, 9, 0)});
  world.say(lie);
  CHECK(types_of(world.heard_bytes()) == std::vector<int>{9});
  CHECK(world.client.take_log() ==
        Log{"lost: The protocol was broken. 1 to 1", "disconnected: Protocol error."});
  world.reconnect();
  world.say(offer_frame(true));
  CHECK_FALSE(Hello::of(world.heard()[0]).resume);
}

TEST_CASE("a lie in an introduction is a failed attempt", "[client]") {
  World world;
  Welcome strange;
  const int which = GENERATE(0, 1, 2, 3, 4, 5);
  if (which == 0) strange.version = 2;
  if (which == 1) strange.status = 1;
  if (which == 2) strange.rx = 1;
  if (which == 3) strange.id = std::string(16, '\0');
  if (which == 4) strange.tlvs = "cut";
  world.say(which == 5 ? messi::test::frame(5, "abc") : offer_frame(true));
  if (which != 5) world.say(strange.bytes());
  CHECK(world.client.take_log() == Log{"failed: tcp://localhost:6000: Protocol error."});
  world.loop.advance(2s);
  world.heard();
  world.welcome();
  CHECK(world.client.take_log() == Log{"connected"});
}

TEST_CASE("a server that resumes with a lie: the session is lost", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.reconnect();
  world.client.take_log();
  world.say(offer_frame(true));
  world.say(resumed(2).bytes());
  CHECK(world.client.take_log() == Log{"lost: The protocol was broken. 1 to 1",
                                       "disconnected: Protocol error.",
                                       "failed: tcp://localhost:6000: Protocol error."});
}

TEST_CASE("a message that cannot be decoded ends the session, also for the server", "[client]") {
  World world;
  world.welcome();
  world.heard();
  world.client.take_log();
  world.say(down("a") + messi::test::frame(2, "\xff"));
  CHECK(world.heard_bytes().substr(0, 24) == session_close_frame(10 + 1, 1, 0).substr(0, 24));
  CHECK(world.client.take_log() == Log{"message a", "lost: A message could not be decoded. 1 to 0",
                                       "disconnected: Message decode error."});
}

TEST_CASE("a server's word that the session is lost is final", "[client]") {
  World world;
  world.welcome();
  world.send("1");
  world.client.take_log();
  world.say(session_close_frame(4, 1, 0));
  CHECK(world.client.take_log() ==
        Log{"lost: The server needed the session's place. 2 to 1, handled 1",
            "disconnected: Session lost."});
}

TEST_CASE("a session that keeps too much is lost, with or without a connection", "[client]") {
  messi::ClientOptions options = with_sessions();
  options.max_pending_bytes = 1000;
  World world(options);
  world.welcome();
  const bool there = GENERATE(true, false);
  if (!there) world.peer().close();
  if (!there) world.loop.run_until_idle();
  world.client.take_log();
  world.heard();
  for (int i = 0; i < 10; ++i) world.client.send_message_ind(message(std::string(200, 'x')));
  CHECK_FALSE(world.client.connected());
  world.loop.run_until_idle();
  CHECK(world.client.take_log() ==
        Log{"lost: Too much was not acknowledged. 1 to 4", "disconnected: Slow reader."});
  CHECK(world.client.handed_back.size() == 4);
  if (there) CHECK(types_of(world.heard_bytes()).back() == 9);
  world.send("new");
  world.reconnect();
  world.welcome();
  CHECK(world.heard_bytes() == ack_frame(0, 0) + up("new"));
}

TEST_CASE("after a message that ends the session nothing is dispatched", "[client]") {
  messi::ClientOptions options = with_sessions();
  options.max_pending_bytes = 100;
  World world(options);
  world.welcome();
  world.client.take_log();
  world.client.then = [&](const std::string& line) {
    if (line != "message a") return;
    for (int i = 0; i < 2; ++i) world.client.send_message_ind(message(std::string(100, 'x')));
  };
  // Nor does it end for another reason.
  const std::string behind = GENERATE(down("b"), session_close_frame(5, 0, 1));
  world.say(down("a") + behind);
  CHECK(world.client.take_log() == Log{"message a", "lost: Too much was not acknowledged. 1 to 1",
                                       "disconnected: Slow reader."});
}

TEST_CASE("stop does not wait for a session that has ended meanwhile", "[client]") {
  messi::ClientOptions options = with_sessions();
  options.max_payload_size = 100;
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop, options);
  client.start();
  client.send_message_ind(message("1"));
  const bool connecting = GENERATE(true, false);
  if (!connecting) loop.run_until_idle();
  client.send_message_ind(message(std::string(200, 'x')));
  client.stop();
  loop.run_until_idle();
  CHECK(client.take_log() == Log{"lost: A limit was exceeded. 1 to 1"});
  CHECK(client.stopped());
}

TEST_CASE("a message that the server does not accept ends the session", "[client]") {
  World world;
  Welcome small;
  small.max_payload = 100;
  world.welcome(small);
  world.heard();
  world.client.take_log();
  world.send("1");
  world.send(std::string(200, 'x'));
  CHECK(types_of(world.heard_bytes()) == std::vector<int>{1, 9});
  CHECK(world.client.take_log() ==
        Log{"lost: A limit was exceeded. 1 to 2", "disconnected: Message too big."});
}

TEST_CASE("try_send says what a session does not take, and the session goes on", "[client]") {
  using messi::SendResult;
  messi::ClientOptions options = with_sessions();
  options.max_pending_bytes = 1000;
  World world(options);
  const auto try_send = [&](std::size_t size) {
    return world.client.try_send_message_ind(message(std::string(size, 'x')));
  };
  CHECK(try_send(200) == SendResult::kOk);
  Welcome small;
  small.max_payload = 300;
  world.welcome(small);
  CHECK(try_send(350) == SendResult::kTooBig);
  for (int i = 0; i < 3; ++i) CHECK(try_send(200) == SendResult::kOk);
  CHECK(try_send(200) == SendResult::kFull);
  world.peer().close();
  world.loop.run_until_idle();
  CHECK(try_send(200) == SendResult::kFull);
  world.reconnect();
  world.say(offer_frame(true));
  world.client.take_log();
  Welcome back = resumed(0);
  back.max_payload = 300;
  world.say(back.bytes());
  CHECK(world.client.take_log() == Log{"resumed: 1"});
  world.say(ack_frame(2, 0));
  CHECK(world.client.take_log() == Log{"writable"});
  CHECK(try_send(200) == SendResult::kOk);
  CHECK(world.client.unacknowledged() == 3);
  world.client.stop();
  CHECK(try_send(1) == SendResult::kNotConnected);
  CHECK_FALSE(messi::test::has(world.client.log, "lost"));
}

TEST_CASE("on_writable comes when less than half is kept", "[client]") {
  messi::ClientOptions options = with_sessions();
  options.max_pending_bytes = 1000;
  World world(options);
  world.welcome();
  world.client.take_log();
  for (int i = 0; i < 4; ++i) world.send(std::string(200, 'x'));
  world.say(ack_frame(1, 0));
  CHECK(world.client.take_log().empty());
  const bool closes = GENERATE(false, true);
  if (closes) world.client.close(5s);
  world.say(ack_frame(2, 0));
  CHECK(world.client.take_log() == (closes ? Log() : Log{"writable"}));
}

TEST_CASE("a pause outlives a connection", "[client]") {
  World world;
  world.welcome();
  const bool before = GENERATE(true, false);
  if (before) world.client.pause();
  if (before) world.client.resume();
  world.peer().close();
  world.loop.run_until_idle();
  world.client.pause();
  CHECK(world.client.paused());
  world.reconnect();
  world.say(offer_frame(true));
  CHECK(Hello::of(world.heard()[0]).rx == 0);
  world.say(resumed(0).bytes() + down("a"));
  CHECK(world.client.paused());
  CHECK(world.client.log.back() == "resumed: 0");
  world.loop.advance(5s);
  world.client.resume();
  CHECK_FALSE(world.client.paused());
  world.loop.run_until_idle();
  CHECK(world.client.log.back() == "message a");
}

TEST_CASE("hooks of a session may do anything", "[client]") {
  const std::string when =
      one_of(GENERATE(Catch::Generators::range(0, 7)),
             {"connected", "detached", "resumed", "lost", "disconnected", "failed", "message"});
  const int what = GENERATE(0, 1, 2, 3, 4);
  INFO(when << what);
  World world;
  bool done = false;
  world.client.then = [&](const std::string& line) {
    if (done || line.substr(0, when.size()) != when) return;
    done = true;
    if (what == 0 || what == 2) world.client.stop();
    if (what == 1 || what == 3) world.client.stop_now();
    if (what >= 2) world.client.start();
    if (what == 4) throw std::runtime_error("a hook");
  };
  const auto run = [&](const std::function<void()>& call) {
    try {
      call();
    } catch (const std::runtime_error&) {
    }
    try {
      world.loop.run_until_idle();
    } catch (const std::runtime_error&) {
    }
  };
  const auto next = [&] {
    const std::size_t before = world.server.peers().size();
    for (int i = 0; i < 400 && world.server.peers().size() == before; ++i) {
      run([&] { world.loop.advance(100ms); });
    }
  };
  const auto say = [&](const std::string& bytes) { run([&] { world.say(bytes); }); };
  say(offer_frame(true));
  say(Welcome().bytes());
  run([&] { world.send("1"); });
  say(down("a"));
  world.peer().close();
  next();
  say(offer_frame(true));
  say(resumed(0).bytes());
  world.peer().close();
  next();
  say(offer_frame(true));
  say(close_frame(7));
  world.peer().close();
  next();
  say(offer_frame(true));
  Welcome other;
  other.id = pattern(16, 9);
  say(other.bytes());
  CHECK(done);
  world.client.then = [](const std::string& /*line*/) {};
  run([&] { world.client.stop_now(); });
  CHECK(world.client.stopped());
  // Each session was told of once.
  std::size_t up = 0;
  std::size_t down_count = 0;
  for (const std::string& line : world.client.log) {
    up += line == "connected" ? 1 : 0;
    down_count += line.substr(0, 12) == "disconnected" ? 1 : 0;
  }
  CHECK(up == down_count);
}
