// One side after the upgrade: a stream of bytes in messages, control frames, and the end.

#include "messi/io/websocket/engine.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "messi/base/bytes.h"
#include "test/catch.h"
#include "test/websocket/support.h"

using messi::Space;
using messi::test::closing;
using messi::test::masked_frame;
using messi::test::plain_frame;
using messi::websocket::Engine;
using messi::websocket::Side;

namespace {

/// An engine, with what it has heard.
class Peer {
 public:
  explicit Peer(Side side) : engine(side) {}

  /// Takes bytes, which lie in two spaces.
  void take(const std::string& bytes, std::size_t cut = 0) {
    cut = std::min(cut, bytes.size());
    std::string first = bytes.substr(0, cut);
    std::string second = bytes.substr(cut);
    const Space spaces[] = {{first.data(), first.size()}, {second.data(), second.size()}};
    const std::size_t size = engine.read(spaces, 2, bytes.size());
    REQUIRE(size <= bytes.size());
    heard += (first + second).substr(0, size);
  }
  /// The control frames that are to be written, all of them.
  std::string control() {
    std::string written;
    while (engine.wants_control()) {
      engine.write_control({});
      written += engine.writer().output();
      engine.writer().handle_output(engine.writer().output().size());
    }
    return written;
  }

  Engine engine;
  std::string heard;
};

std::string numbers(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * 31);
  return text;
}

}  // namespace

TEST_CASE("what messages carry is one stream, wherever the input is cut", "[websocket]") {
  const std::string text = numbers(400);
  const std::string bytes = masked_frame(0x82, text.substr(0, 7)) + masked_frame(0x82, "") +
                            masked_frame(0x02, text.substr(7, 143)) + masked_frame(0x89, "hi") +
                            masked_frame(0x80, text.substr(150, 50), "abcd") +
                            masked_frame(0x82, text.substr(200));
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Peer whole(Side::kServer);
    whole.take(bytes, cut);
    REQUIRE(whole.heard == text);
    Peer twice(Side::kServer);
    twice.take(bytes.substr(0, cut));
    twice.take(bytes.substr(cut), 3);
    REQUIRE(twice.heard == text);
    REQUIRE(twice.control() == plain_frame(0x8a, "hi"));
  }
  Peer slow(Side::kServer);
  for (const char byte : bytes) slow.take(std::string(1, byte));
  CHECK(slow.heard == text);
}

TEST_CASE("a ping is answered, and of several the last one", "[websocket]") {
  Peer server(Side::kServer);
  server.take(masked_frame(0x89, "one"));
  CHECK(server.control() == plain_frame(0x8a, "one"));
  CHECK(server.control().empty());
  server.take(masked_frame(0x89, "two") + masked_frame(0x89, std::string(125, 'x')) +
              masked_frame(0x8a, "two"));
  CHECK(server.control() == plain_frame(0x8a, std::string(125, 'x')));

  Peer client(Side::kClient);
  client.take(plain_frame(0x89, ""));
  CHECK(client.control() == masked_frame(0x8a, "", std::string(4, '\0')));
}

TEST_CASE("a pong waits for the end of the message that has begun", "[websocket]") {
  Peer server(Side::kServer);
  auto& writer = server.engine.writer();
  writer.begin_message(3, {});
  writer.handle_output(writer.output().size());
  writer.handle_message(2);
  server.take(masked_frame(0x89, "one") + masked_frame(0x89, "two"));
  CHECK_FALSE(server.engine.wants_control());
  writer.handle_message(1);
  CHECK(server.control() == plain_frame(0x8a, "two"));

  // The newest is remembered while an older one is half on its way.
  server.take(masked_frame(0x89, "three"));
  server.engine.write_control({});
  writer.handle_output(1);
  server.take(masked_frame(0x89, "four") + masked_frame(0x89, "five"));
  CHECK(writer.output() == plain_frame(0x8a, "three").substr(1));
  CHECK_FALSE(server.engine.wants_control());
  writer.handle_output(writer.output().size());
  CHECK(server.control() == plain_frame(0x8a, "five"));
}

TEST_CASE("pings take no memory, however many they are", "[websocket]") {
  Peer server(Side::kServer);
  const std::string ping = masked_frame(0x89, std::string(125, 'x'));
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += ping;
  for (int i = 0; i < 100; ++i) server.take(many);
  CHECK(server.control().size() == 127);
  CHECK(server.heard.empty());
  STATIC_REQUIRE(sizeof(Engine) <= 640);
}

TEST_CASE("a close in order is the end, and is answered with its code", "[websocket]") {
  for (const int code : {1000, 1001, 0}) {
    CAPTURE(code);
    const std::string payload = code > 0 ? closing(code, "bye") : "";
    Peer server(Side::kServer);
    server.take(masked_frame(0x82, "last") + masked_frame(0x88, payload) +
                masked_frame(0x82, "too late"));
    CHECK(server.heard == "last");
    CHECK(server.engine.ended());
    CHECK(server.engine.why_ended().empty());
    // This side may say something first.
    CHECK(server.control().empty());
    CHECK(server.engine.can_write());
    server.engine.finish();
    CHECK_FALSE(server.engine.can_write());
    CHECK(server.control() == plain_frame(0x88, payload.substr(0, 2)));
    CHECK(server.engine.closed());
  }
}

TEST_CASE("the end of this side is a close with 1000, behind the message that has begun",
          "[websocket]") {
  Peer client(Side::kClient);
  auto& writer = client.engine.writer();
  writer.begin_message(1, {});
  client.engine.finish();
  CHECK_FALSE(client.engine.wants_control());
  writer.handle_output(writer.output().size());
  writer.handle_message(1);
  CHECK(client.control() == masked_frame(0x88, closing(1000), std::string(4, '\0')));
  // Nothing is said after it.
  client.take(plain_frame(0x89, "ping"));
  client.engine.finish();
  CHECK(client.control().empty());
  CHECK_FALSE(client.engine.ended());
  client.take(plain_frame(0x82, "still heard") + plain_frame(0x88, closing(1000)));
  CHECK(client.heard == "still heard");
  CHECK(client.engine.ended());
}

TEST_CASE("why the other side has closed is told", "[websocket]") {
  Peer client(Side::kClient);
  client.take(plain_frame(0x88, closing(1008, "no \x1b[1mpets")));
  CHECK(client.engine.why_ended() == "Closed by the server with code 1008: no ?[1mpets");
  Peer server(Side::kServer);
  server.take(masked_frame(0x88, closing(4000)));
  CHECK(server.engine.why_ended() == "Closed by the client with code 4000.");
  Peer cut(Side::kClient);
  cut.engine.handle_cut();
  CHECK(cut.engine.why_ended() == "The connection was cut off; the server did not end it.");
}

TEST_CASE("a close that is malformed is an error", "[websocket]") {
  const auto answer_to = [](const std::string& payload) {
    Peer client(Side::kClient);
    client.take(plain_frame(0x88, payload));
    CHECK(client.engine.ended());
    CHECK(client.engine.why_ended().find("Not the WebSocket that we speak: ") == 0);
    const std::string answer = client.control();
    return static_cast<std::uint8_t>(answer.at(6)) * 256 + static_cast<std::uint8_t>(answer.at(7));
  };
  CHECK(answer_to("x") == 1002);
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    CAPTURE(code);
    CHECK(answer_to(closing(code)) == 1002);
  }
  CHECK(answer_to(closing(1000, "\xc3")) == 1007);
  for (const int code : {1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999}) {
    CAPTURE(code);
    Peer client(Side::kClient);
    client.take(plain_frame(0x88, closing(code)));
    client.engine.finish();
    CHECK(client.control().substr(6) == closing(code));
  }
}

TEST_CASE("text is refused with 1003, and broken rules with 1002, at once", "[websocket]") {
  Peer server(Side::kServer);
  server.take(masked_frame(0x82, "fine") + masked_frame(0x81, "text"));
  CHECK(server.heard == "fine");
  CHECK(server.engine.ended());
  CHECK(server.engine.why_ended() == "Not the WebSocket that we speak: a message is text.");
  CHECK(server.control() == plain_frame(0x88, closing(1003, "a message is text")));
  CHECK_FALSE(server.engine.can_write());
  server.take(masked_frame(0x82, "more"));
  CHECK(server.heard == "fine");

  Peer other(Side::kServer);
  other.take(plain_frame(0x82, "fine"));
  CHECK(other.control() == plain_frame(0x88, closing(1002, "a frame is not masked")));
}

TEST_CASE("random bytes do no harm", "[websocket]") {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    Peer server(Side::kServer);
    std::string sent;
    while (random() % 8 > 0 && !server.engine.ended()) {
      std::string bytes;
      for (std::size_t size = random() % 20; size > 0; --size) {
        bytes += static_cast<char>(random());
      }
      // Often it begins well.
      if (random() % 2 == 0) bytes = masked_frame(0x82, bytes);
      sent += bytes;
      server.take(bytes, random() % 20);
      server.control();
    }
    REQUIRE(server.heard.size() <= sent.size());
    REQUIRE((server.engine.ended() || server.engine.why_ended().empty()));
  }
}
