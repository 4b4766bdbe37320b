// Sessions of the client for devices, to which the test is the server, and not always a good one.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messi/session/session_mode.h"
#include "test/catch.h"
#include "test/device/session_device.h"
#include "test/support/bytes.h"
#include "test/support/live_bytes.h"
#include "test/support/session_bytes.h"

using messi::SendResult;
using messi::SessionMode;
using messi::test::ack_frame;
using messi::test::big_endian;
using messi::test::close_frame;
using messi::test::frame;
using messi::test::frames_of;
using messi::test::header;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::number_at;
using messi::test::offer_frame;
using messi::test::pattern;
using messi::test::RawFrame;
using messi::test::session_close_frame;
using messi::test::SessionDevice;
using messi::test::tlv;
using messi::test::types_of;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

using Lines = std::vector<std::string>;

struct Welcome {
  int version = 1;
  bool resumed = false;
  int reason = 0;
  std::uint64_t rx = 0;
  std::uint64_t max_payload = 1024 * 1024;
  std::string id = pattern(16, 1);
  std::string secret = pattern(16, 2);
  std::optional<std::uint64_t> prev_rx = {};
  std::string tlvs = {};

  std::string bytes() const {
    return frame(7, big_endian(static_cast<std::uint64_t>(version), 1) +
                        big_endian(resumed ? 1 : 0, 1) +
                        big_endian(static_cast<std::uint64_t>(reason), 1) +
                        big_endian(prev_rx ? 1 : 0, 1) + big_endian(30'000, 4) +
                        big_endian(4096, 4) + big_endian(max_payload, 4) + big_endian(rx, 8) + id +
                        secret + big_endian(prev_rx.value_or(0), 8) + big_endian(0, 8) + tlvs);
  }
};

Welcome resumed(std::uint64_t rx) {
  Welcome welcome;
  welcome.resumed = true;
  welcome.rx = rx;
  return welcome;
}

/// A message of the server.
std::string said(std::string_view text) {
  std::string inner = "\x12" + std::string(1, static_cast<char>(text.size())) + std::string(text);
  return frame(2, "\x12" + std::string(1, static_cast<char>(inner.size())) + inner);
}

struct Alone {
  explicit Alone(const messi::SessionDeviceOptions& options = {}, std::size_t room = 72)
      : device(options, room) {
    device.link_up(now);
  }

  void hear(std::string_view bytes) {
    device.handle_bytes(bytes, now);
    device.handle_time(now);
  }
  /// What it writes.
  std::string take() {
    std::string bytes;
    device.handle_time(now);
    while (!device.output().empty()) {
      bytes += device.output();
      device.handle_written(device.output().size());
    }
    return bytes;
  }
  /// Until it has begun a session.
  void meet(const Welcome& welcome = {}) {
    hear(offer_frame(true));
    take();
    hear(welcome.bytes() + ack_frame(0, 0));
    CHECK(frames_of(take()) == frames_of(ack_frame(0, 0)));
    CHECK(device.take_log() == Lines{"connected"});
  }
  /// Another connection; returns its HELLO.
  std::string meet_again() {
    device.link_down();
    device.link_up(now);
    CHECK(take() == kPing);
    hear(offer_frame(true));
    const std::vector<RawFrame> frames = frames_of(take());
    REQUIRE(frames.size() == 1);
    REQUIRE(frames[0].type == 6);
    device.take_log();
    return frames[0].payload;
  }

  messi::TimePoint now = messi::TimePoint(1000s);
  SessionDevice device;
};

// In the memory for output, with a ping and two headers.
constexpr std::size_t kRoomForToken = sizeof(messi::test::SessionBuffers::outgoing) - 56 - 3 * 4;
constexpr const char* kProtocol = "lost 1-0: The protocol was broken.";

}  // namespace

TEST_CASE("the first words of a device are a ping and a HELLO, and then an ACK") {
  Alone alone;
  CHECK(alone.take() == kPing);
  CHECK(alone.take().empty());
  alone.hear(offer_frame(true));
  const std::vector<RawFrame> frames = frames_of(alone.take());
  REQUIRE(frames.size() == 1);
  const std::string zeros(32, '\0');
  CHECK(frames[0] == RawFrame{6, big_endian(0x01000000, 4) + big_endian(1, 4) + big_endian(256, 4) +
                                     big_endian(72, 4) + big_endian(0, 8) + zeros});
  CHECK(alone.device.say("early") == SendResult::kOk);
  CHECK(alone.device.output().empty());
  alone.hear(said("not for this client yet") + kPong + frame(99, "?") + ack_frame(5, 5));
  CHECK(alone.device.log.empty());
  Welcome welcome;
  welcome.tlvs = tlv(2, std::string(100, 't')) + tlv(3, std::string(900, 't'));
  alone.hear(welcome.bytes());
  CHECK(alone.device.take_log() == Lines{"connected"});
  CHECK(types_of(alone.take()) == std::vector<int>{8, 1});
  CHECK(alone.device.heard.empty());
}

TEST_CASE("a HELLO with a token, if there is room for it") {
  const auto hello_with = [](std::string_view token, SessionMode mode, bool sessions) {
    messi::SessionDeviceOptions options;
    options.auth_token = token;
    options.session = mode;
    Alone alone(options);
    alone.take();
    alone.hear(offer_frame(sessions));
    const std::vector<RawFrame> frames = frames_of(alone.take());
    return frames.empty() ? alone.device.log.front() : frames[0].payload;
  };
  const std::string secret(kRoomForToken, 's');
  const std::string hello = hello_with(secret, SessionMode::kPrefer, true);
  CHECK(number_at(hello, 1, 1) == 0);
  CHECK(hello.substr(56) == tlv(1, secret));
  CHECK(hello_with(secret + "!", SessionMode::kPrefer, true) == "failed: General error.");
  CHECK(hello_with("", SessionMode::kPrefer, true).size() == 56);
  CHECK(hello_with(secret, SessionMode::kRequired, false) == "failed: Protocol error.");
  for (const std::string& alone : {hello_with(secret, SessionMode::kOff, true),
                                   hello_with(secret, SessionMode::kPrefer, false)}) {
    CHECK(number_at(alone, 1, 1) == 2);
    CHECK(alone.substr(16) == std::string(40, '\0') + tlv(1, secret));
  }
}

TEST_CASE("what a server says of its schema may be anything") {
  const std::string own(kept::KeptDevice::kSchema);
  const auto differs = [&own](const std::string& tlvs, std::size_t room = 120) {
    messi::SessionDeviceOptions options;
    options.schema = own;
    Alone alone(options, room);
    alone.hear(offer_frame(true));
    const std::vector<RawFrame> frames = frames_of(alone.take());
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].payload.substr(56) == tlv(2, own));
    Welcome welcome;
    welcome.tlvs = tlvs;
    alone.hear(welcome.bytes());
    REQUIRE(alone.device.log.back() == "connected");
    return alone.device.log.size() == 2;
  };
  CHECK_FALSE(differs(""));
  CHECK_FALSE(differs(tlv(2, own)));
  CHECK_FALSE(differs(tlv(2, own + "and more")));
  CHECK_FALSE(differs(tlv(3, "") + tlv(2, own)));
  CHECK_FALSE(differs(tlv(3, "?")));
  CHECK(differs(tlv(2, "")));
  CHECK(differs(tlv(2, "\4")));
  CHECK(differs(tlv(2, own.substr(0, own.size() - 1))));
  CHECK(differs(tlv(2, own.substr(0, own.size() - 1) + '!')));
  CHECK(differs(tlv(2, "?" + own.substr(1))));
  CHECK(differs(tlv(3, "?") + tlv(2, "?")));
  // What is cut, by the server or by the room, says nothing.
  for (std::size_t size = 0; size < own.size() + 4; ++size) {
    CHECK_FALSE(differs(tlv(2, std::string(own.size(), '?')).substr(0, size)));
    CHECK_FALSE(differs(tlv(2, std::string(own.size(), '?')), 72 + size));
  }
  CHECK(differs(tlv(2, std::string(own.size(), '?')), 72 + own.size() + 4));
}

TEST_CASE("a HELLO that resumes has all the server needs") {
  Alone alone;
  alone.meet();
  alone.hear(said("one") + said("two"));
  const std::string hello = alone.meet_again();
  CHECK(number_at(hello, 1, 1) == 1);
  CHECK(number_at(hello, 4, 4) == 2);
  CHECK(number_at(hello, 16, 8) == 2);
  CHECK(hello.substr(24) == Welcome().id + Welcome().secret);
  alone.meet_again();
  CHECK(number_at(alone.meet_again(), 4, 4) == 4);
}

TEST_CASE("an ACK comes 200 ms after a message, earlier with others, or when many are owed") {
  Alone alone;
  alone.meet();
  alone.take();
  alone.hear(said("one"));
  CHECK(alone.take().empty());
  CHECK(alone.device.handle_time(alone.now) == alone.now + 200ms);
  alone.now += 199ms;
  CHECK(alone.take().empty());
  alone.now += 1ms;
  CHECK(alone.take() == ack_frame(1, 0));
  alone.hear(said("two"));
  alone.now += 50ms;
  REQUIRE(alone.device.say("a") == SendResult::kOk);
  CHECK(types_of(alone.take()) == std::vector<int>{1, 8});
  for (int i = 0; i < 12; ++i) alone.hear(said("many, since 4096 bytes are kept there"));
  CHECK(frames_of(alone.take()) == frames_of(ack_frame(12, 1)));
}

TEST_CASE("only one ACK waits, and says what was true") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("a") == SendResult::kOk);
  alone.device.handle_written(1);
  for (int i = 0; i < 5; ++i) {
    alone.hear(said("one"));
    alone.now += 200ms;
    alone.device.handle_time(alone.now);
  }
  alone.device.handle_written(alone.device.output().size());  // the rest of the frame
  CHECK(alone.take() == ack_frame(5, 1));
}

TEST_CASE("what is not acknowledged is sent again, from where the server is") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  REQUIRE(alone.device.say("two") == SendResult::kOk);
  REQUIRE(alone.device.say("three") == SendResult::kOk);
  const std::string all = alone.take();
  alone.hear(ack_frame(1, 0));
  CHECK(alone.device.unacknowledged() == 2);
  alone.meet_again();
  alone.hear(resumed(2).bytes());
  CHECK(alone.device.take_log() == Lines{"resumed 1"});
  CHECK(alone.take() == ack_frame(0, 2) + all.substr(all.size() * 2 / 3 - 1));
  CHECK(alone.device.unacknowledged() == 1);
}

TEST_CASE("what a server cannot have handled ends the session when it resumes") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  REQUIRE(alone.device.say("two") == SendResult::kOk);
  SECTION("it was not given out to be written") {
    alone.meet_again();
    alone.hear(resumed(2).bytes());
    CHECK(alone.device.take_log() ==
          Lines{"lost 1-2: The protocol was broken.", "disconnected: Protocol error."});
  }
  SECTION("it was acknowledged before") {
    alone.take();
    alone.hear(ack_frame(1, 0));
    alone.meet_again();
    alone.hear(resumed(0).bytes());
    CHECK(alone.device.take_log() ==
          Lines{"lost 2-2: The protocol was broken.", "disconnected: Protocol error."});
  }
  CHECK_FALSE(alone.device.linked());
}

TEST_CASE(
    "what was written when the link went down may have been handled, whatever was said of it") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  REQUIRE(alone.device.say("two") == SendResult::kOk);
  const std::string first(alone.device.output());
  SECTION("it was handled") {
    alone.meet_again();
    alone.hear(resumed(1).bytes());
    CHECK(alone.device.take_log() == Lines{"resumed 0"});
    CHECK(alone.device.unacknowledged() == 1);
    const std::vector<RawFrame> frames = frames_of(alone.take());
    REQUIRE(frames.size() == 2);
    CHECK(frames[1].payload.find("two") != std::string::npos);
  }
  SECTION("it was not") {
    alone.meet_again();
    alone.hear(resumed(0).bytes());
    CHECK(alone.device.take_log() == Lines{"resumed 1"});
    CHECK(alone.take().find(first) != std::string::npos);
  }
}

TEST_CASE("an answer that is wrong fails the attempt, and the session goes on") {
  const auto end_of = [](const std::string& bytes) {
    Alone alone;
    alone.meet();
    alone.meet_again();
    alone.hear(bytes);
    CHECK_FALSE(alone.device.linked());
    CHECK(alone.device.detached());
    REQUIRE(alone.device.log.size() == 1);
    return alone.device.log.front();
  };
  const auto with = [](auto change) {
    Welcome welcome;
    change(welcome);
    return welcome.bytes();
  };
  const std::string wrong = "failed: Protocol error.";
  CHECK(end_of(with([](Welcome& w) { w.version = 2; })) == wrong);
  CHECK(end_of(with([](Welcome& w) { w.rx = 1; })) == wrong);
  CHECK(end_of(with([](Welcome& w) { w.id = std::string(16, '\0'); })) == wrong);
  CHECK(end_of(with([](Welcome& w) { w.secret = std::string(16, '\0'); })) == wrong);
  CHECK(end_of(with([](Welcome& w) {
          w.resumed = true;
          w.id = pattern(16, 3);
        })) == wrong);
  CHECK(end_of(frame(7, std::string(71, '\x01'))) == wrong);
  CHECK(end_of(frame(1)) == wrong);
  CHECK(end_of(kPing) == wrong);
  CHECK(end_of(frame(9, "short")) == wrong);
  CHECK(end_of(header(7, 2049)) == wrong);
  CHECK(end_of(header(2, 73)) == "failed: Message too big.");
  CHECK(end_of(close_frame(6)) == "failed: Connection closed.");
  CHECK(end_of(close_frame(7)) == "failed: Too many clients.");
  CHECK(end_of(close_frame(9)) == "failed: Not authenticated.");
  CHECK(end_of(close_frame(14)) == "failed: Draining.");
}

TEST_CASE("what breaks the rules of a session ends it, and the server is told why") {
  const auto end_of = [](const std::string& bytes, int code) {
    Alone alone;
    alone.meet();
    REQUIRE(alone.take().empty());
    alone.hear(bytes + said("not heard"));
    CHECK(alone.device.log.empty());
    CHECK_FALSE(alone.device.connected());
    CHECK(alone.take() == session_close_frame(code, 0, 0));
    CHECK(alone.device.heard.empty());
    CHECK_FALSE(alone.device.linked());
    REQUIRE(alone.device.log.size() == 2);
    return alone.device.log;
  };
  const Lines protocol{kProtocol, "disconnected: Protocol error."};
  CHECK(end_of(ack_frame(1, 0), 10) == protocol);
  CHECK(end_of(ack_frame(0, 1), 10) == protocol);
  CHECK(end_of(frame(8, "short"), 10) == protocol);
  CHECK(end_of(frame(9, "short"), 10) == protocol);
  CHECK(end_of(session_close_frame(5, 0, 1), 10) == protocol);
  CHECK(end_of(session_close_frame(5, 0, 0, true), 10) == protocol);
  CHECK(end_of(offer_frame(true), 10) == protocol);
  CHECK(end_of(Welcome().bytes(), 10) == protocol);
  CHECK(end_of(frame(10, std::string(9, '\x01')), 10) == protocol);
  CHECK(end_of(frame(99), 10) == protocol);
  CHECK(end_of(frame(1), 10) == protocol);
  CHECK(end_of(kPing, 10) == protocol);
  CHECK(end_of("HTTP/1.1 400", 10) == protocol);
  CHECK(end_of(frame(2, "\x0a\x05"), 11) ==
        Lines{"lost 1-0: A message could not be decoded.", "disconnected: Message decode error."});
  CHECK(end_of(header(2, 73), 12) ==
        Lines{"lost 1-0: A limit was exceeded.", "disconnected: Message too big."});
}

TEST_CASE("acknowledgements of what was never given out, or that go back, are not believed") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  REQUIRE(alone.device.say("two") == SendResult::kOk);
  SECTION("not given out") {
    const std::string first(alone.device.output());
    alone.hear(ack_frame(2, 0));
    CHECK(alone.take() == first + session_close_frame(10, 0, 1));
  }
  SECTION("back") {
    alone.take();
    alone.hear(ack_frame(2, 0) + ack_frame(1, 0));
    CHECK(alone.take() == session_close_frame(10, 0, 2));
  }
}

// With DMA the end of a frame may have arrived before its end is told.
TEST_CASE("what is being written may be acknowledged, and stays where it is") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  REQUIRE(alone.device.say("two") == SendResult::kOk);
  const std::string_view first = alone.device.output();
  const std::string copy(first);
  SECTION("an ACK") {
    alone.hear(ack_frame(1, 0));
    CHECK(alone.device.unacknowledged() == 1);
    REQUIRE(alone.device.say("three") == SendResult::kOk);
    CHECK(alone.device.output().data() == first.data());
    CHECK(first == copy);
    const std::vector<RawFrame> frames = frames_of(alone.take());
    REQUIRE(frames.size() == 3);
    CHECK(frames[1].payload.find("two") != std::string::npos);
    CHECK(frames[2].payload.find("three") != std::string::npos);
    alone.hear(ack_frame(3, 0));
    CHECK(alone.device.unacknowledged() == 0);
  }
  SECTION("an ACK, and then the link goes down") {
    alone.hear(ack_frame(1, 0));
    alone.meet_again();
    alone.hear(resumed(1).bytes());
    CHECK(alone.device.take_log() == Lines{"resumed 0"});
    const std::vector<RawFrame> frames = frames_of(alone.take());
    REQUIRE(frames.size() == 2);
    CHECK(frames[1].payload.find("two") != std::string::npos);
  }
  SECTION("a CLOSE") {
    alone.hear(session_close_frame(3, 1, 0));
    CHECK(alone.device.log == Lines{"lost 2-2: Too much was not acknowledged. handled 1",
                                    "disconnected: Session lost."});
  }
  CHECK(alone.device.log.size() <= 2);
}

TEST_CASE("a CLOSE that says why the session is lost") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  REQUIRE(alone.device.say("two") == SendResult::kOk);
  alone.take();
  alone.hear(session_close_frame(3, 1, 0));
  CHECK(alone.device.log ==
        Lines{"lost 2-2: Too much was not acknowledged. handled 1", "disconnected: Session lost."});
  CHECK_FALSE(alone.device.linked());
}

TEST_CASE("another CLOSE ends the connection, and not the session") {
  Alone alone;
  alone.meet();
  alone.hear(session_close_frame(15, 0, 0));
  CHECK(alone.device.log == Lines{"detached: Refused."});
}

TEST_CASE("what is kept and is larger than the server accepts ends the session") {
  Alone alone;
  REQUIRE(alone.device.say(std::string(100, 'a')) == SendResult::kOk);
  Welcome small;
  small.max_payload = 50;
  alone.hear(offer_frame(true));
  alone.take();
  alone.hear(small.bytes());
  CHECK(alone.device.say(std::string(47, 'a')) == SendResult::kTooBig);
  CHECK(alone.device.say(std::string(46, 'a')) == SendResult::kOk);
  CHECK(alone.take() == ack_frame(0, 0) + session_close_frame(12, 0, 0));
  CHECK(alone.device.log ==
        Lines{"connected", "lost 1-2: A limit was exceeded.", "disconnected: Message too big."});
}

TEST_CASE("a server that does not go on is given up") {
  messi::SessionDeviceOptions options;
  options.connect_timeout = 3s;
  Alone alone(options);
  alone.hear(offer_frame(true));
  for (int i = 0; i < 2; ++i) {
    alone.now += 1s;
    alone.hear(kPong);
  }
  CHECK(alone.device.handle_time(alone.now) == alone.now + 1s);
  alone.now += 1s;
  alone.device.handle_time(alone.now);
  CHECK(alone.device.log == Lines{"failed: Keep alive timeout."});
}

TEST_CASE("a hook may end the link") {
  Alone alone;
  alone.hear(offer_frame(true));
  alone.take();
  alone.device.hangs_up = true;
  alone.hear(Welcome().bytes() + said("later"));
  CHECK(alone.device.take_log() == Lines{"connected", "detached: Connection closed."});
  CHECK(alone.device.heard.empty());
  alone.meet_again();
  Welcome fresh;
  fresh.reason = 1;
  fresh.id = pattern(16, 5);
  alone.hear(fresh.bytes());
  CHECK(alone.device.take_log() == Lines{"lost 1-0: The server does not know the session.",
                                         "failed: Connection closed.",
                                         "disconnected: Session lost."});
  CHECK_FALSE(alone.device.linked());
}

TEST_CASE("the end of a device's session on the wire") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  alone.hear(said("heard"));
  alone.device.stop();
  CHECK(types_of(alone.take()) == std::vector<int>{1, 9});
  alone.hear(said("not heard") + frame(8, big_endian(0, 8) + big_endian(2, 8)));
  CHECK(alone.device.heard == Lines{"heard"});
  CHECK(alone.device.log.empty());
  SECTION("it is answered") {
    alone.hear(session_close_frame(5, 1, 2, true) + said("later"));
    CHECK(alone.device.log == Lines{"disconnected: Stopped."});
  }
  SECTION("another CLOSE has crossed it") {
    alone.hear(session_close_frame(5, 1, 2) + session_close_frame(5, 1, 2, true));
    CHECK(alone.device.log == Lines{"disconnected: Stopped."});
  }
  SECTION("the server has not handled all") {
    alone.hear(session_close_frame(5, 0, 2, true));
    CHECK(alone.device.log ==
          Lines{"lost 1-1: The session was closed. handled 0", "disconnected: Stopped."});
  }
  SECTION("the server drains, and then answers") {
    alone.hear(session_close_frame(14, 0, 2) + session_close_frame(5, 1, 2, true));
    CHECK(alone.device.log == Lines{"disconnected: Stopped."});
  }
  SECTION("the server has handled more than there was") {
    alone.hear(session_close_frame(5, 2, 2, true));
    CHECK(alone.device.log ==
          Lines{"lost 1-1: The protocol was broken.", "disconnected: Protocol error."});
  }
  SECTION("what is no answer") {
    alone.hear(session_close_frame(14, 1, 2, true));
    CHECK(alone.device.log ==
          Lines{"lost 1-1: The protocol was broken.", "disconnected: Protocol error."});
  }
  SECTION("the session is lost") {
    alone.hear(session_close_frame(3, 1, 2));
    CHECK(alone.device.log == Lines{"lost 2-1: Too much was not acknowledged. handled 1",
                                    "disconnected: Session lost."});
  }
  SECTION("the connection is lost, and with the next one the server has not handled all") {
    const std::string hello = alone.meet_again();
    CHECK(number_at(hello, 16, 8) == 1);  // what was not heard was not handled
    alone.hear(resumed(0).bytes());
    CHECK(alone.device.take_log() == Lines{"resumed 1"});
    CHECK(types_of(alone.take()) == std::vector<int>{8, 1, 9});
    alone.hear(session_close_frame(5, 1, 1, true));
    CHECK(alone.device.log == Lines{"disconnected: Stopped."});
  }
  CHECK(alone.take().empty());
  CHECK_FALSE(alone.device.linked());
}

TEST_CASE("an answer to a CLOSE before its time is no answer") {
  Alone alone;
  alone.meet();
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  const std::string first(alone.device.output());
  alone.device.stop();
  SECTION("an answer") {
    alone.hear(session_close_frame(5, 0, 0, true));
    CHECK(alone.take() == first + session_close_frame(10, 0, 1));
    CHECK(alone.device.log ==
          Lines{"lost 1-1: The protocol was broken.", "disconnected: Protocol error."});
  }
  SECTION("the server ends the session first") {
    alone.hear(session_close_frame(5, 0, 0));
    CHECK(alone.take() == first + session_close_frame(5, 0, 1, true));
    CHECK(alone.device.log ==
          Lines{"lost 1-1: The session was closed. handled 0", "disconnected: Stopped."});
  }
}

TEST_CASE("hooks may stop the device") {
  Alone alone;
  alone.device.stops = true;
  REQUIRE(alone.device.say("one") == SendResult::kOk);
  alone.hear(offer_frame(true));
  alone.take();
  alone.hear(Welcome().bytes() + said("later"));
  CHECK(alone.device.take_log() == Lines{"connected"});
  CHECK(types_of(alone.take()) == std::vector<int>{8, 1, 9});
  CHECK(alone.device.heard.empty());
  alone.meet_again();
  Welcome fresh;
  fresh.reason = 1;
  fresh.id = pattern(16, 5);
  alone.hear(fresh.bytes());
  CHECK(alone.device.log.empty());
  CHECK(alone.take() == session_close_frame(5, 0, 0));  // the new session is none
  CHECK(alone.device.take_log() ==
        Lines{"lost 1-1: The server does not know the session.", "disconnected: Stopped."});
  CHECK_FALSE(alone.device.linked());
}

TEST_CASE("the hook of a lost session may stop the next one") {
  Alone alone;
  alone.meet();
  alone.meet_again();
  alone.device.stops = true;
  Welcome fresh;
  fresh.reason = 1;
  fresh.id = pattern(16, 5);
  alone.hear(fresh.bytes());
  CHECK(alone.device.take_log() == Lines{"lost 1-0: The server does not know the session.",
                                         "failed: Stopped.", "disconnected: Session lost."});
  CHECK_FALSE(alone.device.linked());
}

TEST_CASE("nothing of a session is allocated") {
  Alone alone;
  alone.device.log.reserve(10);
  const std::string offer = offer_frame(true);
  const std::string welcome = Welcome().bytes() + ack_frame(0, 0);
  const std::string text = "text";
  const std::size_t before = messi::test::allocations();
  alone.device.handle_bytes(offer, alone.now);
  alone.device.handle_written(alone.device.output().size());
  alone.device.handle_bytes(welcome, alone.now);
  bool sent = alone.device.try_send(kept::MessageInd{"", text}) == SendResult::kOk;
  while (!alone.device.output().empty()) alone.device.handle_written(alone.device.output().size());
  CHECK(messi::test::allocations() == before);
  CHECK(sent);
  CHECK(alone.device.connected());
}

TEST_CASE("any bytes at all do no harm to a session") {
  std::uint64_t state = 1;
  const auto random = [&state](std::size_t below) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::size_t>(state >> 33) % below;
  };
  int lost = 0;
  int failed = 0;
  int stopped = 0;
  messi::SessionDeviceOptions options;
  options.schema = kept::KeptDevice::kSchema;
  Welcome welcome;
  welcome.tlvs = tlv(3, "") + tlv(2, options.schema);
  const std::string good = offer_frame(true) + welcome.bytes() + ack_frame(0, 0) + said("hi") +
                           ack_frame(2, 1) + said("ho") + session_close_frame(5, 2, 2);
  for (int round = 0; round < 20'000; ++round) {
    Alone alone(options, 120);
    REQUIRE(alone.device.say("one") == SendResult::kOk);
    std::string bytes = good;
    for (std::size_t i = random(4); i > 0; --i) {
      bytes[random(bytes.size())] = static_cast<char>(random(256));
    }
    for (std::size_t at = 0; at < bytes.size() && alone.device.linked();) {
      const std::size_t size = random(40) + 1;
      alone.hear(std::string_view(bytes).substr(at, size));
      at += size;
      if (random(3) > 0) alone.take();
      (void)alone.device.say("more");
      if (random(20) == 0) alone.device.stop();
    }
    alone.take();
    alone.device.link_down();
    CHECK(alone.device.log.size() <= 4);
    for (const std::string& each : alone.device.log) {
      lost += each.substr(0, 4) == "lost" ? 1 : 0;
      failed += each.substr(0, 6) == "failed" ? 1 : 0;
      stopped += each == "disconnected: Stopped." ? 1 : 0;
    }
  }
  CHECK(stopped > 1000);
  CHECK(lost > 1000);
  CHECK(failed > 1000);
}
