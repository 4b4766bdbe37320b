// Calls of the client for devices, to which the test is the server, and not always a good one.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messi/session/session_mode.h"
#include "test/catch.h"
#include "test/device/calling_device.h"
#include "test/support/bytes.h"
#include "test/support/live_bytes.h"
#include "test/support/session_bytes.h"

using messi::SendResult;
using messi::SessionMode;
using messi::test::ack_frame;
using messi::test::big_endian;
using messi::test::BriefAsker;
using messi::test::frame;
using messi::test::frames_of;
using messi::test::header;
using messi::test::kPong;
using messi::test::LastingAsker;
using messi::test::number_at;
using messi::test::offer_frame;
using messi::test::pattern;
using messi::test::RawFrame;
using messi::test::session_close_frame;
using messi::test::types_of;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

using Lines = std::vector<std::string>;

/// A ServerToClient or ClientToServer with one member, which has a text.
std::string member(int number, std::string_view text = {}) {
  std::string inner = "\x0a" + std::string(1, static_cast<char>(text.size())) + std::string(text);
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(inner.size())} + inner;
}
std::string message(int number, std::string_view text) { return frame(2, member(number, text)); }

/// What is said about a request.
std::string about(std::uint64_t request, int kind, std::string_view rest = {}) {
  return frame(
      10, big_endian(request, 8) + std::string(1, static_cast<char>(kind)) + std::string(rest));
}
std::string answer(std::uint64_t request, std::string_view text) {
  return about(request, 1, member(1, text));
}

struct Welcome {
  bool session = true;
  bool resumed = false;
  std::uint64_t rx = 0;
  int features = 1;
  std::uint64_t max_payload = 1024;

  std::string bytes() const {
    const std::string none(16, '\0');
    return frame(7, big_endian(1, 1) + big_endian(resumed ? 1 : 0, 1) + big_endian(0, 2) +
                        big_endian(30'000, 4) + big_endian(4096, 4) + big_endian(max_payload, 4) +
                        big_endian(rx, 8) + (session ? pattern(16, 1) : none) +
                        (session ? pattern(16, 2) : none) + big_endian(0, 12) +
                        big_endian(static_cast<std::uint64_t>(features), 2) + big_endian(0, 2));
  }
};

messi::SessionDeviceOptions mode(SessionMode session) {
  messi::SessionDeviceOptions options;
  options.session = session;
  return options;
}

template <typename Device>
struct Alone {
  template <typename... Options>
  explicit Alone(const Options&... options) : device(options...) {
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
  void pass(messi::Duration time) {
    now += time;
    device.handle_time(now);
  }
  SendResult echo(std::uintptr_t context, std::string_view text = {}) {
    return device.echo(text, now + 1s, context);
  }

  messi::TimePoint now = messi::TimePoint(1000s);
  Device device;
};

/// In a session, or welcomed without one, with so many calls, of which all requests were written.
struct Lasting : Alone<LastingAsker> {
  explicit Lasting(const Welcome& welcome = {}, std::uintptr_t calls = 0)
      : Alone(mode(welcome.session ? SessionMode::kPrefer : SessionMode::kOff)) {
    hear(offer_frame(true));
    for (const RawFrame& each : frames_of(take())) {
      if (each.type == 6) hello = each.payload;
    }
    hear(welcome.bytes());
    if (welcome.session) hear(ack_frame(0, 0));
    take();
    for (std::uintptr_t i = 1; i <= calls; ++i) REQUIRE(echo(i) == SendResult::kOk);
    take();
    REQUIRE(device.connected());
    REQUIRE(device.log.empty());
  }

  std::string hello;
};

Welcome without_session() {
  Welcome welcome;
  welcome.session = false;
  return welcome;
}

}  // namespace

TEST_CASE("a device with calls says so, and how much it has room for") {
  const Lasting session;
  CHECK(number_at(session.hello, 1, 1) == 0);
  CHECK(number_at(session.hello, 2, 2) == 1);
  CHECK(number_at(session.hello, 12, 4) == 96 - 9);
  const Lasting none(without_session());
  CHECK(none.hello.size() == 56);
  CHECK(number_at(none.hello, 1, 1) == 2);
  CHECK(number_at(none.hello, 2, 2) == 1);
  CHECK(none.hello.substr(8, 4) == std::string(4, '\0'));
  CHECK(none.hello.substr(16) == std::string(40, '\0'));
}

TEST_CASE("an answer names its request, and so does a cancel") {
  for (const Welcome& welcome : {Welcome(), without_session()}) {
    Lasting device(welcome, 3);
    device.hear(answer(3, "three"));
    CHECK(device.device.cancel_call(2));
    CHECK(frames_of(device.take()) == frames_of(about(2, 3)));
    device.hear(answer(1, "one"));
    device.hear(message(3, "?"));  // the server asks: its message 3
    const std::vector<RawFrame> frames = frames_of(device.take());
    REQUIRE(!frames.empty());
    CHECK(frames.back() == frames_of(about(3, 1, member(3, "?"))).front());
    CHECK(device.device.log == Lines{"3 ok three", "2 CANCELLED", "1 ok one"});
  }
}

TEST_CASE("an answer that comes after the hook of its request is a message") {
  Lasting device;
  device.device.answer = [](const lasting::AskReq& /*request*/) {};
  device.hear(message(3, "?"));
  device.take();
  REQUIRE(device.device.try_send(lasting::AskRsp{"!"}) == SendResult::kOk);
  CHECK(frames_of(device.take()) == frames_of(frame(1, member(3, "!"))));
  // And so is a second one.
  device.device.answer = [&device](const lasting::AskReq& /*request*/) {
    CHECK(device.device.try_send(lasting::AskRsp{"1"}) == SendResult::kOk);
    CHECK(device.device.try_send(lasting::AskRsp{"2"}) == SendResult::kOk);
  };
  device.hear(message(3, "?"));
  const std::vector<RawFrame> frames = frames_of(device.take());
  REQUIRE(frames.size() >= 2);
  CHECK(frames[0] == frames_of(about(2, 1, member(3, "1"))).front());
  CHECK(frames[1] == frames_of(frame(1, member(3, "2"))).front());
}

TEST_CASE("an answer to a request that is not written yet is none") {
  Lasting device;
  REQUIRE(device.echo(1) == SendResult::kOk);
  REQUIRE(device.echo(2) == SendResult::kOk);
  device.hear(answer(2, "guessed"));
  device.take();
  CHECK(device.device.log ==
        Lines{"1 UNAVAILABLE", "2 UNAVAILABLE", "lost", "disconnected: Protocol error."});
}

TEST_CASE("an answer of 9 bytes more than the largest message has room, a larger one has not") {
  Lasting fits({}, 1);
  fits.hear(answer(1, std::string(83, 'a')));
  CHECK(fits.device.log == Lines{"1 ok " + std::string(83, 'a')});

  Lasting large({}, 1);
  large.hear(answer(1, std::string(84, 'a')));
  large.take();
  CHECK(large.device.log == Lines{"1 UNAVAILABLE", "lost", "disconnected: Message too big."});

  // The end of a text may be missing.
  Lasting failure({}, 1);
  failure.hear(about(1, 2, "\x05" + std::string(256, 'a')));
  CHECK(failure.device.log == Lines{"1 NOT_FOUND " + std::string(86, 'a')});
  failure.hear(header(10, 267));
  failure.take();
  CHECK(failure.device.log.back() == "disconnected: Message too big.");
}

TEST_CASE("a failure's code and text may be anything") {
  Lasting device({}, 4);
  device.hear(about(1, 2, "\x05no\x1b\n\x7f such"));
  device.hear(about(2, 2, "\x11\xff\xfe\x41"));
  device.hear(about(3, 2, "\0a\xc2\x85z\xc3\xa4"s));
  device.hear(about(4, 2, "\x10"));
  CHECK(device.device.log == Lines{"1 NOT_FOUND no??? such", "2 UNKNOWN ??A",
                                   "3 UNKNOWN a??z\xc3\xa4", "4 UNAUTHENTICATED"});
}

TEST_CASE("what may not be said about a request ends the session or the connection") {
  const auto check = [](std::string_view bytes) {
    INFO(bytes.size());
    for (const Welcome& welcome : {Welcome(), without_session()}) {
      Lasting device(welcome, 1);
      device.hear(bytes);
      device.take();
      CHECK_FALSE(device.device.linked());
      CHECK(device.device.log ==
            (welcome.session ? Lines{"1 UNAVAILABLE", "lost", "disconnected: Protocol error."}
                             : Lines{"1 UNAVAILABLE", "disconnected: Protocol error."}));
    }
  };
  check(frame(10));
  check(frame(10, big_endian(1, 8)));
  check(about(1, 0));
  check(about(1, 4));
  check(about(0, 1, member(1)));
  check(about(1, 2));  // a failure without a code
  check(answer(2, "not sent yet"));
  check(about(2, 2, "\x05"));
  check(answer(UINT64_MAX, "x"));
  check(about(1, 1, member(2)));  // the reply of another request
  check(about(1, 1));             // none
  check(about(1, 1, member(1) + member(4)));
  check(about(1, 3));  // a cancel of itself
  check(about(7, 3));
}

TEST_CASE("an answer that cannot be decoded ends its call with the session") {
  Lasting device({}, 1);
  device.hear(about(1, 1, "\x0a\x03\x0a\x01\xff"));
  device.take();
  CHECK(device.device.log == Lines{"1 UNAVAILABLE", "lost", "disconnected: Message decode error."});
}

TEST_CASE("what nobody waits for is a message, or nothing") {
  Lasting device({}, 1);
  device.hear(answer(1, "once"));
  device.hear(answer(1, "twice"));
  device.hear(about(1, 2, "\x05"));
  REQUIRE(device.device.try_send_note({"no request"}) == SendResult::kOk);
  device.take();
  device.hear(about(2, 1, member(4, "news for a note")));
  device.hear(about(1, 3));  // a message of the server that was no request
  device.hear(message(1, "unasked"));
  CHECK(device.device.log ==
        Lines{"1 ok once", "echo_rsp twice", "news news for a note", "echo_rsp unasked"});
  CHECK(device.device.connected());
}

TEST_CASE(
    "a server that has not said that it knows calls answers in order, and gets such answers") {
  Welcome old;
  old.features = 0;
  Lasting device(old, 2);
  CHECK(device.device.cancel_call(1));
  CHECK(device.take().empty());  // nothing is said of it
  device.hear(message(1, "one"));
  device.hear(message(1, "two"));
  device.hear(message(3, "?"));
  CHECK(types_of(device.take()) == std::vector<int>{1});
  CHECK(device.device.log == Lines{"1 CANCELLED", "2 ok two"});
  device.hear(answer(1, "x"));  // which it must not say in a session
  device.take();
  CHECK(device.device.log.back() == "disconnected: Protocol error.");

  Alone<BriefAsker> brief;
  REQUIRE(brief.echo(1) == SendResult::kOk);
  brief.hear(offer_frame(true) + answer(1, "x"));  // a frame that it does not know
  CHECK(brief.device.log.empty());
  brief.hear(message(1, "one"));
  CHECK(brief.device.log == Lines{"1 ok one"});
}

TEST_CASE("a link that is made without the end of the one before ends its calls") {
  Alone<BriefAsker> brief;
  REQUIRE(brief.echo(1) == SendResult::kOk);
  brief.device.link_up(brief.now);
  CHECK(brief.device.log == Lines{"1 UNAVAILABLE", "disconnected: Connection closed."});
  brief.hear(message(1, "for nobody"));
  CHECK(brief.device.log.back() == "echo_rsp for nobody");
}

TEST_CASE("a resumed session may forget that it knows calls, and remember it") {
  Lasting device({}, 2);
  const auto resume = [&device](int features) {
    device.device.link_down();
    device.device.link_up(device.now);
    device.take();
    device.hear(offer_frame(true));
    device.take();
    Welcome again;
    again.resumed = true;
    again.rx = 2;
    again.features = features;
    device.hear(again.bytes() + ack_frame(2, device.device.log.size() / 3));
    device.take();
  };
  resume(0);
  device.hear(message(1, "in order"));
  resume(1);
  device.hear(answer(2, "by name"));
  CHECK(device.device.log ==
        Lines{"detached", "resumed", "1 ok in order", "detached", "resumed", "2 ok by name"});
}

TEST_CASE("a call whose request was not sent because the session ended is over once") {
  Welcome small;
  small.max_payload = 8;
  Alone<LastingAsker> device;
  REQUIRE(device.echo(1, "more than the server takes") == SendResult::kOk);
  device.hear(offer_frame(true));
  device.take();
  device.hear(small.bytes() + ack_frame(0, 0));
  device.take();
  CHECK(device.device.log == Lines{"1 UNAVAILABLE", "lost", "disconnected: Message too big."});
  device.pass(10s);
  CHECK(device.device.log.size() == 3);
}

TEST_CASE("a hook that calls again for ever gets a turn each time") {
  Lasting device({}, 2);
  device.device.on_result = [&device](std::uintptr_t context) {
    CHECK(device.device.echo("again", device.now, context) == SendResult::kOk);
  };
  device.now += 1s;
  for (int turn = 1; turn <= 3; ++turn) {
    CHECK(device.device.handle_time(device.now) == device.now);
    CHECK(device.device.results == 2 * turn);
    for (const std::string& each : device.device.log) CHECK(each.size() == 19);
  }
}

TEST_CASE("when the memory for what is kept is full, a cancel is left out") {
  Lasting device({}, 1);
  device.device.link_down();
  while (device.device.try_send_note({}) == SendResult::kOk) {
  }
  CHECK(device.device.cancel_call(1));
  CHECK(device.device.log == Lines{"detached", "1 CANCELLED"});
  CHECK(device.device.detached());
}

TEST_CASE("who stops gets no answers, and calls that are open end as cancelled") {
  Lasting device({}, 2);
  device.hear(answer(1, "one"));
  device.device.on_result = [&device](std::uintptr_t /*context*/) {
    CHECK(device.echo(9) == SendResult::kNotConnected);
  };
  device.device.stop();
  CHECK(device.echo(3) == SendResult::kNotConnected);
  CHECK_FALSE(types_of(device.take()).empty());
  device.hear(answer(2, "two") + message(3, "?") + about(1, 3));
  device.hear(session_close_frame(5, 2, 4, true));
  CHECK(device.device.log == Lines{"1 ok one", "2 CANCELLED", "disconnected: Stopped."});
}

TEST_CASE("without a session open calls of who stops end as cancelled, too") {
  Lasting device(without_session(), 1);
  REQUIRE(device.echo(2) == SendResult::kOk);
  device.device.stop();
  device.hear(answer(1, "one"));
  CHECK(types_of(device.take()) == std::vector<int>{1});
  CHECK(device.device.log == Lines{"1 CANCELLED", "2 CANCELLED", "disconnected: Stopped."});
}

TEST_CASE("calls allocate nothing") {
  const std::string heard = answer(1, "one") + about(2, 2, "\x05text") + message(3, "?");
  Lasting device;
  device.device.counts_only = true;
  const messi::TimePoint deadline = device.now + 1s;
  const std::size_t before = messi::test::allocations();
  int sent = 0;
  for (std::uintptr_t i = 1; i <= 4; ++i) {
    if (device.device.echo("text", deadline, i) == SendResult::kOk) ++sent;
  }
  while (!device.device.output().empty()) {
    device.device.handle_written(device.device.output().size());
  }
  device.device.handle_bytes(heard, device.now);
  const bool cancelled = device.device.cancel_call(3);
  device.device.handle_time(deadline);
  CHECK(messi::test::allocations() == before);
  CHECK(sent == 4);
  CHECK(cancelled);
  CHECK(device.device.results == 4);
}

TEST_CASE("any bytes about requests do no harm, and each call is over once") {
  std::uint64_t state = 1;
  const auto random = [&state] {
    state = state * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::uint8_t>(state >> 56);
  };
  const std::string good = answer(2, "two") + message(3, "?") + about(1, 2, "\x05no") + kPong +
                           about(2, 3) + answer(3, "three") + ack_frame(3, 6);
  int ends = 0;
  for (int round = 0; round < 20'000; ++round) {
    Lasting device(round % 2 == 0 ? Welcome() : without_session(), 3);
    std::string bytes = good;
    for (int i = random() % 4; i > 0; --i)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const std::size_t cut = random() % bytes.size();
    device.hear(std::string_view(bytes).substr(0, cut));
    device.take();
    device.hear(std::string_view(bytes).substr(cut));
    device.take();
    device.pass(2s);
    device.device.link_down();
    device.pass(2s);
    int results[4] = {};
    for (const std::string& each : device.device.log) {
      if (each[0] >= '1' && each[0] <= '3' && each[1] == ' ') ++results[each[0] - '0'];
    }
    CHECK(results[1] == 1);
    CHECK(results[2] == 1);
    CHECK(results[3] == 1);
    ends += device.device.connected() ? 0 : 1;
  }
  CHECK(ends > 1'000);
}
