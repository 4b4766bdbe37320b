// The client for devices, over a link that the test moves byte by byte, to our server.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "small.messi.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/live_bytes.h"

using messi::DisconnectReason;
using messi::SendResult;
using messi::test::close_frame;
using messi::test::frame;
using messi::test::header;
using messi::test::kPing;
using messi::test::kPong;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr const char* kServer = "tcp://:6000";
constexpr const char* kUri = "tcp://localhost:6000";

struct Buffers {
  char incoming[64];
  char outgoing[128];
};

class Device final : private Buffers, public small::SmallDevice {
 public:
  explicit Device(const messi::DeviceOptions& options = {})
      : SmallDevice({incoming, sizeof incoming}, {outgoing, sizeof outgoing}, options) {}

  int ups = 0;
  int welcomes = 0;
  int messages = 0;
  std::size_t text_size = 0;
  std::vector<DisconnectReason> ends;

 private:
  void on_connected() override { ++ups; }
  void on_connect_rsp(const small::ConnectRsp& /*response*/) override { ++welcomes; }
  void on_message_ind(const small::MessageInd& message) override {
    ++messages;
    text_size += message.text.size();
  }
  void on_disconnected(DisconnectReason reason) override { ends.push_back(reason); }
};

/// Says again what it hears.
class Server final : public chat::ChatServer {
 public:
  explicit Server(messi::EventLoop& loop) : ChatServer(loop, kServer) { CHECK(start().ok()); }

  std::vector<std::string> heard;
  int gone = 0;

 private:
  void on_connect_req(Client& client, const chat::ConnectReq& /*request*/) override {
    client.send(chat::ConnectRsp());
  }
  void on_message_ind(Client& /*client*/, const chat::MessageInd& message) override {
    heard.push_back(message.text());
    broadcast(message);
  }
  void on_client_disconnected(Client& /*client*/, DisconnectReason /*reason*/) override { ++gone; }
};

/// A device whose link is a connection to the server.
class Link {
 public:
  Link(ManualLoop& loop, Device& device) : loop_(loop), device_(device) { up(); }

  void up() {
    wire_ = std::make_unique<RawClient>(loop_, kUri);
    loop_.run_until_idle();
    arrived_.clear();
    device_.link_up(loop_.now());
  }
  void down() {
    (*wire_)->close();
    device_.link_down();
    loop_.run_until_idle();
  }

  /// Moves bytes until there are no more, or `most` were moved. Returns how many.
  std::size_t move(std::size_t most = SIZE_MAX) {
    std::size_t moved = 0;
    while (moved < most) {
      device_.handle_time(loop_.now());
      if (!device_.output().empty()) {
        (*wire_)->send(device_.output().substr(0, 1));
        device_.handle_written(1);
      } else if (!arrived_.empty()) {
        device_.handle_bytes({arrived_.data(), 1}, loop_.now());
        arrived_.erase(0, 1);
      } else {
        loop_.run_until_idle();
        arrived_ = (*wire_)->take_received();
        if (arrived_.empty()) break;
        continue;
      }
      ++moved;
    }
    loop_.run_until_idle();
    return moved;
  }

 private:
  ManualLoop& loop_;
  Device& device_;
  std::unique_ptr<RawClient> wire_;
  std::string arrived_;
};

/// A device to which the test is the server.
struct Alone {
  explicit Alone(const messi::DeviceOptions& options = {}) : device(options) {
    device.link_up(now);
  }

  void hear(std::string_view bytes) { device.handle_bytes(bytes, now); }
  std::string take() {
    std::string bytes(device.output());
    device.handle_written(bytes.size());
    return bytes;
  }
  DisconnectReason end() const {
    REQUIRE(device.ends.size() == 1);
    CHECK(!device.connected());
    CHECK(device.output().empty());
    return device.ends.front();
  }

  messi::TimePoint now = messi::TimePoint(1000s);
  Device device;
};

/// A ServerToClient with one member.
std::string member(int number, std::string_view bytes = {}) {
  return frame(
      2, std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())}.append(
             bytes));
}

}  // namespace

TEST_CASE("messages go both ways") {
  ManualLoop loop;
  Server server(loop);
  Device device;
  Link link(loop, device);
  CHECK(device.ups == 1);
  REQUIRE(device.try_send(small::ConnectReq{"board"}) == SendResult::kOk);
  link.move();
  CHECK(device.welcomes == 1);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(device.try_send(small::MessageInd{"board", "text"}) == SendResult::kOk);
    link.move();
  }
  CHECK(server.heard == std::vector<std::string>(100, "text"));
  CHECK(device.messages == 100);
  CHECK(device.text_size == 400);
  CHECK(device.ends.empty());
}

TEST_CASE("a link that breaks after any byte can be made anew") {
  ManualLoop loop;
  Server server(loop);
  Device device;
  Link link(loop, device);
  std::size_t all = SIZE_MAX;
  int rounds = 0;
  for (std::size_t bytes = 0; bytes < all; ++bytes) {
    REQUIRE(device.try_send(small::ConnectReq{"board"}) == SendResult::kOk);
    REQUIRE(device.try_send(small::MessageInd{"board", "lost or not"}) == SendResult::kOk);
    const std::size_t moved = link.move(bytes);
    if (moved < bytes) all = moved;
    link.down();
    CHECK(!device.connected());
    CHECK(device.output().empty());
    CHECK(device.try_send(small::ConnectReq{"board"}) == SendResult::kNotConnected);
    ++rounds;
    CHECK(server.gone == rounds);
    link.up();
    const int before = device.messages;
    REQUIRE(device.try_send(small::MessageInd{"board", "again"}) == SendResult::kOk);
    link.move();
    CHECK(server.heard.back() == "again");
    CHECK(device.messages == before + 1);
    link.down();
    ++rounds;
    link.up();
  }
  CHECK(rounds > 100);
  CHECK(device.ends == std::vector<DisconnectReason>(static_cast<std::size_t>(rounds),
                                                     DisconnectReason::kConnectionClosed));
}

TEST_CASE("pings keep a silent connection alive, and silence ends it") {
  ManualLoop loop;
  Server server(loop);
  Device device;
  Link link(loop, device);
  for (int i = 0; i < 60; ++i) {
    link.move();
    loop.advance(1s);
  }
  CHECK(device.connected());
  CHECK(server.gone == 0);

  Alone alone;
  CHECK(alone.device.handle_time(alone.now) == alone.now + 2s);
  CHECK(alone.take() == kPing);
  alone.now += 2s;
  CHECK(alone.device.handle_time(alone.now) == alone.now + 2s);
  CHECK(alone.take() == kPing);
  alone.hear(kPong);
  alone.now += 3999ms;
  CHECK(alone.device.handle_time(alone.now) == alone.now + 1ms);
  alone.now += 1ms;
  CHECK(alone.device.handle_time(alone.now) == messi::TimePoint::max());
  CHECK(alone.end() == DisconnectReason::kKeepAliveTimeout);
}

TEST_CASE("one ping waits at the most, and messages leave room for it") {
  Alone alone;
  while (alone.device.try_send(small::MessageInd{"", "0123456"}) == SendResult::kOk) {
  }
  CHECK(alone.device.try_send(small::ConnectReq{}) == SendResult::kFull);
  const std::string messages(alone.device.output());
  for (int i = 0; i < 3; ++i) {
    alone.device.handle_time(alone.now);
    alone.now += 1s;
  }
  CHECK(alone.device.output() == messages + kPing);
  alone.device.handle_written(messages.size() + 1);
  CHECK(alone.device.output() == kPing.substr(1));
  alone.device.handle_written(3);
  alone.hear(kPong);
  alone.now += 1s;
  alone.device.handle_time(alone.now);
  CHECK(alone.take() == kPing);
}

TEST_CASE("what cannot be sent is told, and the connection goes on") {
  Alone alone;
  CHECK(alone.device.try_send(small::ConnectReq{std::string(117, 'a')}) == SendResult::kTooBig);
  CHECK(alone.device.try_send(small::ConnectReq{"\xff"}) == SendResult::kInvalid);
  CHECK(alone.device.try_send(small::ConnectReq{std::string(116, 'a')}) == SendResult::kOk);
  CHECK(alone.device.output().size() == 124);
  CHECK(alone.device.try_send(small::ConnectReq{}) == SendResult::kFull);
  CHECK(alone.device.connected());
}

TEST_CASE("a message as large as the memory comes, a larger one ends the connection") {
  const std::string text(58, 'a');
  Alone fits;
  fits.hear(member(2, "\x12\x3a" + text));
  CHECK(fits.device.messages == 1);
  CHECK(fits.device.text_size == 58);

  Alone large;
  large.hear(header(2, 65));
  CHECK(large.end() == DisconnectReason::kMessageTooBig);
}

TEST_CASE("what a server may not send ends the connection") {
  const auto end_of = [](std::string_view bytes) {
    Alone alone;
    alone.hear(bytes);
    CHECK(alone.device.messages == 0);
    return alone.end();
  };
  CHECK(end_of(frame(1)) == DisconnectReason::kProtocolError);
  CHECK(end_of(kPing) == DisconnectReason::kProtocolError);
  CHECK(end_of(frame(4, "?")) == DisconnectReason::kProtocolError);
  CHECK(end_of(header(5, 2049)) == DisconnectReason::kProtocolError);
  CHECK(end_of("HTTP/1.1 400") == DisconnectReason::kProtocolError);
  CHECK(end_of(frame(9, "short")) == DisconnectReason::kProtocolError);
  CHECK(end_of(frame(2, "\x0a\x05")) == DisconnectReason::kMessageDecodeError);
  CHECK(end_of(member(2, "\x12\x01\xff")) == DisconnectReason::kMessageDecodeError);
  CHECK(end_of(frame(2, "\xff\xff")) == DisconnectReason::kMessageDecodeError);
}

TEST_CASE("what a newer server may send is passed over") {
  Alone alone;
  alone.hear(frame(5, std::string(2048, 'o')));
  alone.hear(frame(200, std::string(100, 'n')));
  alone.hear(member(7, "?"));
  alone.hear(frame(2));
  alone.hear(member(1));
  CHECK(alone.device.welcomes == 1);
  CHECK(alone.device.ends.empty());
}

TEST_CASE("the server's reason is heard, and when it drains what was sent is still written") {
  Alone refused;
  refused.hear(close_frame(15, std::string(96, 't')));
  CHECK(refused.end() == DisconnectReason::kRefused);

  Alone drained;
  REQUIRE(drained.device.try_send(small::ConnectReq{"board"}) == SendResult::kOk);
  drained.hear(close_frame(14));
  CHECK(drained.device.ends.empty());
  CHECK(drained.device.try_send(small::ConnectReq{"board"}) == SendResult::kNotConnected);
  drained.hear(member(1));
  CHECK(drained.device.welcomes == 1);
  CHECK(drained.take().size() == 13);
  CHECK(drained.end() == DisconnectReason::kDraining);
}

TEST_CASE("a frame that does not end is given up") {
  messi::DeviceOptions options;
  options.frame_timeout = 3s;
  Alone alone(options);
  alone.hear(header(2, 8));
  alone.now += 2s;
  alone.hear("a");
  CHECK(alone.device.handle_time(alone.now) == alone.now + 1s);
  alone.now += 1s;
  alone.device.handle_time(alone.now);
  CHECK(alone.end() == DisconnectReason::kFrameTooSlow);
}

TEST_CASE("nothing is allocated") {
  const std::string messages = member(1) + member(2, "\x12\x02hi") + frame(5, "unknown");
  const std::string refused = close_frame(15);
  Alone alone;
  alone.device.ends.reserve(1);
  const std::size_t before = messi::test::allocations();
  const bool sent = alone.device.try_send(small::ConnectReq{"board"}) == SendResult::kOk;
  alone.device.handle_time(alone.now);
  alone.device.handle_written(alone.device.output().size());
  alone.hear(messages);
  alone.hear(refused);
  alone.device.link_up(alone.now);
  CHECK(messi::test::allocations() == before);
  CHECK(sent);
  CHECK(alone.device.messages == 1);
  CHECK(alone.device.ends.size() == 1);
}

TEST_CASE("any bytes at all do no harm") {
  std::uint64_t state = 1;
  const auto random = [&state] {
    state = state * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::uint8_t>(state >> 56);
  };
  const std::string good = member(1) + kPong + member(2, "\x12\x02hi") + close_frame(99);
  int ends = 0;
  for (int round = 0; round < 20'000; ++round) {
    Alone alone;
    std::string bytes = good;
    for (int i = random() % 4; i >= 0; --i)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const std::size_t cut = random() % bytes.size();
    alone.hear(std::string_view(bytes).substr(0, cut));
    alone.hear(std::string_view(bytes).substr(cut));
    alone.device.handle_time(alone.now);
    CHECK(alone.device.ends.size() <= 1);
    ends += static_cast<int>(alone.device.ends.size());
  }
  CHECK(ends > 10'000);
}
