#include "messi/connection/connection.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/catch.h"
#include "test/support/bytes.h"

using messi::DisconnectReason;
using messi::TimePoint;
using messi::connection::Connection;
using messi::connection::ConnectionSettings;
using messi::connection::Side;
using messi::test::frame;
using messi::test::header;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::pattern;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{1h};
constexpr std::size_t kMaxPayload = 1000;
constexpr std::size_t kMaxPending = 5000;

constexpr ConnectionSettings kClient{Side::kClient, kMaxPayload, kMaxPending, {2s, 4s}};
constexpr ConnectionSettings kServer{Side::kServer, kMaxPayload, kMaxPending, {0s, 3s}};

/// A connection, what it has dispatched, and what it wants to write.
class Subject {
 public:
  explicit Subject(const ConnectionSettings& settings) : connection(settings, pool_, kStart) {}

  void receive(std::string_view bytes, TimePoint now = kStart) {
    connection.handle_bytes(bytes, now, dispatch_);
  }
  void receive_in_spare(std::string_view bytes, TimePoint now = kStart) {
    const messi::Space spare = connection.spare();
    REQUIRE(spare.size >= bytes.size());
    std::copy(bytes.begin(), bytes.end(), spare.data);
    connection.handle_spare(bytes.size(), now, dispatch_);
  }

  void resume() { connection.resume(kStart, dispatch_); }

  bool send(const std::string& payload) {
    messi::wire::Outbox* const outbox = connection.outbox();
    std::uint8_t* const out = outbox != nullptr ? outbox->reserve(payload.size()) : nullptr;
    if (out == nullptr) return false;
    std::memcpy(out, payload.data(), payload.size());
    outbox->commit(payload.size());
    return true;
  }

  /// What waits to be written.
  std::string output() {
    messi::wire::Batch batch;
    connection.gather(batch);
    std::string bytes;
    for (std::size_t i = 0; i < batch.count(); ++i) {
      bytes.append(batch.slices()[i].data, batch.slices()[i].size);
    }
    return bytes;
  }
  void consume(std::size_t size) {
    messi::wire::Batch batch;
    connection.gather(batch);
    connection.handle_written(batch, size);
  }
  std::string take_output() {
    std::string bytes = output();
    consume(bytes.size());
    return bytes;
  }

  bool ended(DisconnectReason reason) const {
    return connection.closed() && connection.reason() == reason;
  }

 private:
  messi::wire::BufferPool pool_;

 public:
  Connection connection;
  std::vector<std::string> dispatched;
  std::string pause_at = "never";

 private:
  const std::function<bool(std::string_view)> dispatch_ = [this](std::string_view payload) {
    dispatched.emplace_back(payload);
    if (payload == pause_at) connection.pause();
    if (payload == "throw") throw std::runtime_error("a hook failed");
    return payload != "cannot be decoded";
  };
};

int type_of(Side side) { return side == Side::kClient ? 1 : 2; }

}  // namespace

TEST_CASE("a client's connection begins with a ping, a server's with nothing", "[session]") {
  Subject client(kClient);
  CHECK(client.output() == kPing);
  Subject server(kServer);
  CHECK(server.output().empty());
}

TEST_CASE("user messages arrive in order, and go out framed", "[session]") {
  for (const auto& [settings, peer] :
       {std::pair{kClient, Side::kServer}, {kServer, Side::kClient}}) {
    Subject subject(settings);
    subject.take_output();
    subject.receive(frame(type_of(peer), "one") + frame(type_of(peer), "") +
                    frame(type_of(peer), "three"));
    CHECK(subject.dispatched == std::vector<std::string>{"one", "", "three"});
    CHECK(subject.send("four"));
    CHECK(subject.send(""));
    CHECK(subject.output() ==
          frame(type_of(settings.side), "four") + frame(type_of(settings.side), ""));
    CHECK_FALSE(subject.connection.closed());
  }
}

TEST_CASE("a server answers a ping with a pong, ahead of what is queued", "[session]") {
  Subject server(kServer);
  REQUIRE(server.send("queued"));
  server.receive(kPing);
  CHECK(server.output() == kPong + frame(2, "queued"));
}

TEST_CASE("a pong never goes into the middle of a frame", "[session]") {
  const std::string first = frame(2, "first message");
  const std::string second = frame(2, "second message");
  for (std::size_t written = 1; written < first.size(); ++written) {
    Subject server(kServer);
    REQUIRE(server.send("first message"));
    REQUIRE(server.send("second message"));
    server.consume(written);
    server.receive(kPing);
    CHECK(server.output() == first.substr(written) + kPong + second);
  }
}

TEST_CASE("many pings in one go need one pong", "[session]") {
  Subject server(kServer);
  std::string pings;
  for (int i = 0; i < 10'000; ++i) pings += kPing;
  server.receive(pings);
  CHECK(server.take_output() == kPong);
  server.receive(kPing);
  CHECK(server.take_output() == kPong);
}

TEST_CASE("a client pings on time however much is queued", "[session]") {
  Subject client(kClient);
  client.take_output();
  for (int i = 0; i < 4; ++i) REQUIRE(client.send(pattern(1000)));
  client.consume(10);
  client.receive(kPong, kStart + 1900ms);
  client.connection.handle_time(kStart + 2s, kStart + 2s);
  const std::vector<int> types = messi::test::types_of(client.output().substr(994));
  CHECK(types == std::vector<int>{3, 1, 1, 1});
}

TEST_CASE("any byte received counts as life", "[session]") {
  for (const ConnectionSettings& settings : {kClient, kServer}) {
    Subject subject(settings);
    const std::string slow = frame(settings.side == Side::kClient ? 2 : 1, pattern(60));
    TimePoint now = kStart;
    for (std::size_t i = 0; i < slow.size(); ++i) {
      now += 2900ms;
      subject.connection.handle_time(now, now);
      REQUIRE_FALSE(subject.connection.closed());
      const std::string_view byte = std::string_view(slow).substr(i, 1);
      if (i > 10 && i % 2 == 0) {
        subject.receive_in_spare(byte, now);
      } else {
        subject.receive(byte, now);
      }
      subject.take_output();
    }
    CHECK(subject.dispatched.size() == 1);
  }
}

TEST_CASE("a peer that is silent for too long is given up", "[session]") {
  Subject client(kClient);
  client.connection.handle_time(kStart + 4s - 1ns, kStart + 4s - 1ns);
  CHECK_FALSE(client.connection.closed());
  client.connection.handle_time(kStart + 4s, kStart + 4s);
  CHECK(client.ended(DisconnectReason::kKeepAliveTimeout));

  Subject server(kServer);
  server.receive(kPing, kStart + 1s);
  server.connection.handle_time(kStart + 4s - 1ns, kStart + 4s - 1ns);
  CHECK_FALSE(server.connection.closed());
  server.connection.handle_time(kStart + 4s, kStart + 4s);
  CHECK(server.ended(DisconnectReason::kKeepAliveTimeout));
}

TEST_CASE("whoever calls at the deadline makes progress", "[session]") {
  for (const ConnectionSettings& settings : {kClient, kServer}) {
    Subject subject(settings);
    TimePoint now = kStart;
    while (!subject.connection.closed()) {
      const TimePoint deadline = subject.connection.deadline();
      REQUIRE(deadline > now);
      REQUIRE(deadline <= kStart + 4s);
      now = deadline;
      subject.connection.handle_time(now, now);
    }
    CHECK(now == kStart + settings.keepalive.silence_limit);
  }
}

TEST_CASE("a pong proves that a server is there; nothing else does", "[session]") {
  Subject client(kClient);
  client.receive(frame(2, "hello"));
  CHECK_FALSE(client.connection.proved());
  client.receive(kPong.substr(0, 3));
  CHECK_FALSE(client.connection.proved());
  client.receive(kPong.substr(3));
  CHECK(client.connection.proved());
}

TEST_CASE("a ping or pong with a payload is none", "[session]") {
  Subject server(kServer);
  server.receive(frame(3, "x"));
  CHECK(server.ended(DisconnectReason::kProtocolError));
  Subject client(kClient);
  client.receive(frame(4, "x"));
  CHECK(client.ended(DisconnectReason::kProtocolError));
}

TEST_CASE("a server accepts only what clients send", "[session]") {
  for (int type = 0; type < 256; ++type) {
    Subject server(kServer);
    server.receive(frame(type));
    const bool legal = type == 1 || type == 3;
    CHECK(server.connection.closed() == !legal);
    if (!legal) CHECK(server.ended(DisconnectReason::kProtocolError));
  }
}

TEST_CASE("a client ignores what a newer server may send", "[session]") {
  Subject client(kClient);
  for (int type = 0; type < 256; ++type) {
    if ((type >= 1 && type <= 4) || type == 9) continue;
    client.receive(frame(type, "whatever it means"));
  }
  client.receive(frame(2, "after all that"));
  CHECK(client.dispatched == std::vector<std::string>{"after all that"});
  CHECK_FALSE(client.connection.closed());
}

TEST_CASE("a message that cannot be decoded ends the connection", "[session]") {
  Subject server(kServer);
  server.receive(frame(1, "fine") + frame(1, "cannot be decoded") + frame(1, "too late"));
  CHECK(server.ended(DisconnectReason::kMessageDecodeError));
  CHECK(server.dispatched == std::vector<std::string>{"fine", "cannot be decoded"});
}

TEST_CASE("a message over the limit is refused at its header", "[session]") {
  for (const ConnectionSettings& settings : {kClient, kServer}) {
    Subject subject(settings);
    const int type = settings.side == Side::kClient ? 2 : 1;
    subject.receive(frame(type, pattern(kMaxPayload)));
    CHECK(subject.dispatched.size() == 1);
    subject.receive(header(type, kMaxPayload + 1).substr(0, 3));
    CHECK_FALSE(subject.connection.closed());
    subject.receive(header(type, kMaxPayload + 1).substr(3));
    CHECK(subject.ended(DisconnectReason::kMessageTooBig));
  }
}

TEST_CASE("the limit is for frames of unknown types too", "[session]") {
  for (const ConnectionSettings& settings : {kClient, kServer}) {
    for (const int type : {0, 77}) {
      Subject whole(settings);
      whole.receive(header(type, kMaxPayload + 1));
      CHECK(whole.ended(DisconnectReason::kProtocolError));

      Subject cut(settings);
      for (const char byte : header(type, kMaxPayload + 1)) {
        if (!cut.connection.closed()) cut.receive({&byte, 1});
      }
      CHECK(cut.ended(DisconnectReason::kProtocolError));
    }
  }
}

TEST_CASE("a client that is connected to a client, or to itself, notices", "[session]") {
  for (const int type : {1, 3}) {
    Subject whole(kClient);
    whole.receive(frame(type, ""));
    CHECK(whole.ended(DisconnectReason::kProtocolError));
    CHECK(whole.connection.hint() == messi::Hint::kClient);

    Subject cut(kClient);
    cut.receive(header(type, 100));
    CHECK(cut.ended(DisconnectReason::kProtocolError));
  }
}

TEST_CASE("a peer of another protocol is told by its first bytes", "[session]") {
  using messi::Hint;
  const std::vector<std::pair<std::string, Hint>> greetings = {
      {"HTTP/1.1 400 Bad Request\r\n", Hint::kHttp},
      {"GET / HTTP/1.1\r\n", Hint::kHttp},
      {"PRI * HTTP/2.0\r\n", Hint::kHttp},
      {std::string("\x15\x03\x03\x00\x02\x02\x46", 7), Hint::kTls},
      {std::string("\x16\x03\x01\x02\x00\x01\x00", 7), Hint::kTls},
      {"SSH-2.0-OpenSSH_9.2p1\r\n", Hint::kSsh},
      {"220 mail.example.org ESMTP\r\n", Hint::kNone}};
  for (const auto& [greeting, hint] : greetings) {
    for (const ConnectionSettings& settings : {kClient, kServer}) {
      CAPTURE(greeting);
      Subject subject(settings);
      subject.receive(greeting);
      CHECK(subject.ended(DisconnectReason::kProtocolError));
      CHECK(subject.connection.hint() == hint);
      Subject slowly(settings);
      for (const char byte : greeting) slowly.receive(std::string(1, byte));
      CHECK(slowly.ended(DisconnectReason::kProtocolError));
    }
  }
}

TEST_CASE("a paused connection dispatches nothing, and then all of it in order", "[session]") {
  const std::string frames = frame(1, "one") + frame(1, "pause") + frame(1, "two") +
                             frame(1, pattern(90)) + frame(1, "three");
  for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
    CAPTURE(cut);
    Subject server(kServer);
    server.pause_at = "pause";
    server.receive(frames.substr(0, cut));
    const bool paused = server.connection.paused();
    if (paused) CHECK(server.dispatched == std::vector<std::string>{"one", "pause"});
    if (paused) server.resume();
    server.receive(frames.substr(cut));
    if (!paused) server.resume();
    CHECK(server.dispatched ==
          std::vector<std::string>{"one", "pause", "two", pattern(90), "three"});
    CHECK_FALSE(server.connection.closed());
  }
}

TEST_CASE("an exception of a hook ends the connection, and gives all memory back", "[session]") {
  const std::string frames = frame(1, "fine") + frame(1, "throw") + frame(1, "too late");
  for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
    CAPTURE(cut);
    Subject server(kServer);
    const auto receive = [&](const std::string& bytes) {
      if (server.connection.closed()) return;
      try {
        server.receive(bytes);
      } catch (const std::runtime_error&) {
      }
    };
    receive(frames.substr(0, cut));
    receive(frames.substr(cut));
    CHECK(server.ended(DisconnectReason::kGeneralError));
    CHECK(server.connection.hint() == messi::Hint::kHookThrew);
    CHECK(server.dispatched == std::vector<std::string>{"fine", "throw"});
  }
}

TEST_CASE("a message to be sent is refused if it is too big", "[session]") {
  Subject client(kClient);
  CHECK(client.send(pattern(kMaxPayload)));
  CHECK_FALSE(client.connection.closed());
  CHECK_FALSE(client.send(pattern(kMaxPayload + 1)));
  CHECK(client.ended(DisconnectReason::kMessageTooBig));
}

TEST_CASE("a queue that is full ends the connection", "[session]") {
  for (const bool slow : {false, true}) {
    Subject server(kServer);
    server.connection.set_slow(slow);
    for (std::size_t i = 0; i < kMaxPending / 104; ++i) REQUIRE(server.send(pattern(100)));
    CHECK(server.connection.pending_bytes() <= kMaxPending);
    CHECK_FALSE(server.send(pattern(100)));
    CHECK(server.ended(slow ? DisconnectReason::kSlowReader : DisconnectReason::kTooMuchAtOnce));
    CHECK(server.connection.pending_bytes() <= kMaxPending);
    CHECK(server.connection.outbox() == nullptr);
  }
}

TEST_CASE("a message that cannot be encoded ends the connection", "[session]") {
  Subject client(kClient);
  client.connection.outbox()->refuse(messi::wire::Accepted::kInvalid);
  CHECK(client.ended(DisconnectReason::kMessageEncodeError));
}

TEST_CASE("an empty queue accepts any message that is not too big", "[session]") {
  const ConnectionSettings tight{Side::kServer, kMaxPayload, 10, {0s, 3s}};
  Subject server(tight);
  CHECK(server.send(pattern(kMaxPayload)));
  CHECK_FALSE(server.send("x"));
  CHECK(server.ended(DisconnectReason::kTooMuchAtOnce));
}

TEST_CASE("a closed connection takes nothing and gives nothing", "[session]") {
  Subject client(kClient);
  client.receive(header(2, 100) + "begun");
  CHECK(client.connection.spare().size > 0);
  client.take_output();
  client.connection.close(DisconnectReason::kStopped);
  client.connection.close(DisconnectReason::kConnectionClosed);
  CHECK(client.ended(DisconnectReason::kStopped));  // only the first reason counts
  CHECK(client.connection.spare().size == 0);
  CHECK_FALSE(client.send("too late"));
  CHECK(client.output().empty());
  client.connection.handle_time(kStart + 1h, kStart + 1h);
  CHECK(client.ended(DisconnectReason::kStopped));
}

TEST_CASE("nothing is dispatched once the dispatch has closed the connection", "[session]") {
  messi::wire::BufferPool pool;
  Connection connection(kServer, pool, kStart);
  int dispatched = 0;
  connection.handle_bytes(frame(1, "a") + frame(1, "b") + frame(1, "c"), kStart,
                          [&](std::string_view /*payload*/) {
                            if (++dispatched == 2)
                              connection.close(DisconnectReason::kDisconnected);
                            return true;
                          });
  CHECK(dispatched == 2);
}

TEST_CASE("nothing is carried over from one connection to the next", "[session]") {
  const std::string message = frame(2, "a message");
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    {
      Subject before(kClient);
      before.receive(message.substr(0, cut));
    }
    Subject after(kClient);
    after.receive(message);
    CHECK(after.dispatched == std::vector<std::string>{"a message"});
  }
}

TEST_CASE("that this process was held up while a frame came condemns no peer", "[session]") {
  for (const messi::Duration silence : {messi::Duration(3s), messi::Duration::max()}) {
    for (const messi::Duration patience : {messi::Duration(1ms), messi::Duration(10s)}) {
      const ConnectionSettings settings{
          Side::kServer, kMaxPayload, kMaxPending, {0s, silence}, patience};
      Subject server(settings);
      const std::string bytes = frame(1, "hello");
      server.receive(bytes.substr(0, 5));
      // These came at once, and waited in the kernel.
      server.receive(bytes.substr(5, 1), kStart + 1h);
      CHECK_FALSE(server.connection.closed());
      server.receive(bytes.substr(6), kStart + 1h);
      CHECK(server.dispatched == std::vector<std::string>{"hello"});
    }
  }
}

TEST_CASE("both sides time the frames of the other, in pieces and in place", "[session]") {
  for (const bool in_place : {true, false}) {
    for (const Side side : {Side::kClient, Side::kServer}) {
      const ConnectionSettings settings{side, kMaxPayload, kMaxPending, {0s, 4s}, 10s};
      Subject subject(settings);
      subject.receive(header(type_of(side == Side::kClient ? Side::kServer : Side::kClient), 900));
      TimePoint now = kStart;
      const auto receive = [&] {
        in_place ? subject.receive_in_spare("x", now) : subject.receive("x", now);
      };
      for (int i = 0; i < 10; ++i) {
        now += 1s;
        receive();
        CHECK_FALSE(subject.connection.closed());
      }
      now += 1ms;
      receive();
      CHECK(subject.ended(DisconnectReason::kFrameTooSlow));
    }
  }
}
