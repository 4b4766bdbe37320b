// Streams over WebSocket keep the promises of io/stream.h, whatever the stream below does.

#include "messi/io/stream.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/websocket/accept_key.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "messi/tls.h"
#include "messi/websocket.h"
#include "test/catch.h"
#include "test/support/authority.h"
#include "test/support/stream_end.h"
#include "test/tls/support.h"
#include "test/websocket/support.h"

using messi::IoResult;
using messi::Slice;
using messi::Space;
using messi::Stream;
using messi::test::Authority;
using messi::test::closing;
using messi::test::config_of;
using messi::test::End;
using messi::test::kAccepted;
using messi::test::masked_frame;
using messi::test::plain_frame;
using messi::test::request;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawPeer;
using messi::websocket::accept_key;
using namespace std::chrono_literals;

namespace {

const Authority& authority() {
  static const Authority result;
  return result;
}

/// Makes pairs of ends, and ends whose other side is bytes.
class Room final : private messi::ListenHandler {
 public:
  explicit Room(std::string scheme = "ws")
      : uri_(std::move(scheme) + "://localhost:6000"),
        listener_(*loop.networks().listen(uri_, {}, *this)) {}

  std::pair<std::unique_ptr<End>, std::unique_ptr<End>> connect() {
    std::unique_ptr<Stream> connected = connect_to(uri_);
    REQUIRE(accepted != nullptr);
    return {std::make_unique<End>(std::move(connected)),
            std::make_unique<End>(std::move(accepted))};
  }
  std::unique_ptr<Stream> connect_to(const std::string& uri) {
    auto stream = messi::test::connected_stream(loop, uri);
    REQUIRE(stream != nullptr);
    return stream;
  }
  /// The client is bytes, and has said `more` with its request.
  std::unique_ptr<End> accept(RawClient& client, const std::string& more = "") {
    loop.run_until_idle();
    client->send(request() + more);
    loop.run_until_idle();
    CHECK(client->take_received() == kAccepted);
    REQUIRE(accepted != nullptr);
    return std::make_unique<End>(std::move(accepted));
  }

  ManualLoop loop;
  messi::tls::Network tls{loop, config_of(authority())};
  messi::websocket::Network ws{loop};
  messi::websocket::Network wss{loop, {}, "wss", "tls"};
  std::unique_ptr<Stream> accepted;

 private:
  void handle_accept(std::unique_ptr<Stream> stream) override { accepted = std::move(stream); }
  void handle_out_of_descriptors() override {}

  const std::string uri_;
  std::unique_ptr<messi::Listener> listener_;
};

const std::vector<std::string> kSchemes = {"ws", "wss"};

}  // namespace

TEST_CASE("no input of a WebSocket is reported while none is wanted", "[websocket]") {
  for (const std::string& scheme : kSchemes) {
    Room room(scheme);
    const auto [client, server] = room.connect();
    End& reader = *server;
    reader.on_readable = [&] {
      if (reader.heard.size() >= 50) reader.stream->want_input(false);
    };
    client->write(std::string(100, 'x'));
    room.loop.run_until_idle();
    CHECK(reader.heard.size() < 100);
    client->stream->finish();
    const int before = reader.readable;
    room.loop.advance(1min);
    CHECK(reader.readable == before);
    reader.on_readable = [] {};
    reader.stream->want_input(true);
    room.loop.run_until_idle();
    CHECK(reader.heard.size() == 100);
    CHECK(reader.ended);
  }
}

TEST_CASE("an end that came with the last bytes of a WebSocket is reported after them",
          "[websocket]") {
  for (const std::string& scheme : kSchemes) {
    Room room(scheme);
    const auto [client, server] = room.connect();
    server->stream->want_input(false);
    server->most_per_read = 1'000;
    client->write(std::string(25, 'x'));
    client->stream->finish();
    room.loop.run_until_idle();
    server->stream->want_input(true);
    room.loop.run_until_idle();
    CHECK(server->heard.size() == 25);
    CHECK(server->ended);
    CHECK(server->stream->why_ended().empty());
    const int before = server->readable;
    server->stream->want_input(false);
    server->stream->want_input(true);
    client->stream.reset();
    room.loop.advance(1min);
    CHECK(server->readable == before);
  }
}

TEST_CASE("bytes of a WebSocket that was cut off are handed out before the end, which says so",
          "[websocket]") {
  for (const std::string& scheme : kSchemes) {
    Room room(scheme);
    const auto [client, server] = room.connect();
    client->write(std::string(25, 'x'));
    client->stream.reset();  // without `finish`
    room.loop.run_until_idle();
    CHECK(server->heard.size() == 25);
    CHECK(server->ended);
    CHECK(server->stream->why_ended() == "The connection was cut off; the client did not end it.");
  }
}

TEST_CASE("a short write to a WebSocket is followed by room, and everything arrives",
          "[websocket]") {
  for (const std::string& scheme : kSchemes) {
    for (const std::size_t capacity : std::vector<std::size_t>{1, 2, 3, 5, 50, 5'000, 100'000}) {
      for (const bool to_server : {true, false}) {
        CAPTURE(scheme, capacity, to_server);
        Room room(scheme);
        const auto ends = room.connect();
        End& writer = to_server ? *ends.first : *ends.second;
        End& reader = to_server ? *ends.second : *ends.first;
        reader.most_per_read = 100'000;
        room.loop.network().faults.capacity = capacity;
        std::string text;
        for (std::size_t i = 0; i < std::min<std::size_t>(400'000, 4'000 * capacity); ++i) {
          text += static_cast<char>(i * 7 + i / 256);
        }
        std::size_t sent = 0;
        const auto go_on = [&] {
          if (sent == text.size()) return;
          // In slices, of which some are empty.
          const Slice slices[] = {
              {text.data() + sent, std::min<std::size_t>(3, text.size() - sent)},
              {nullptr, 0},
              {text.data() + std::min(sent + 3, text.size()),
               text.size() - std::min(sent + 3, text.size())}};
          const IoResult result = writer.stream->write(slices, 3, false);
          CHECK(result.kind != IoResult::Kind::kEnd);
          sent += result.size;
        };
        writer.on_writable = go_on;
        go_on();
        room.loop.run_until_idle();
        CHECK(sent == text.size());
        CHECK(reader.heard == text);
      }
    }
  }
}

TEST_CASE("many slices are written to a WebSocket", "[websocket]") {
  Room room;
  const auto [client, server] = room.connect();
  server->most_per_read = 1'000;
  const std::vector<Slice> slices(500, Slice{"ab", 2});
  for (const End* const end : {client.get(), server.get()}) {
    CHECK(end->stream->write(slices.data(), slices.size(), false).size == 1'000);
  }
  room.loop.run_until_idle();
  CHECK(server->heard.size() == 1'000);
  CHECK(client->heard.substr(0, 6) == "ababab");
}

TEST_CASE("a message of a server is written with its header, and without a copy", "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  server->write("Hello");
  room.loop.run_until_idle();
  CHECK(client->take_received() == plain_frame(0x82, "Hello"));
  // Long ones are cut, since others may keep a message until it is whole.
  const std::string text(150'000, 'x');
  CHECK(server->write(text).size == text.size());
  room.loop.run_until_idle();
  CHECK(client->take_received() == plain_frame(0x82, text.substr(0, 65'535)) +
                                       plain_frame(0x82, text.substr(0, 65'535)) +
                                       plain_frame(0x82, text.substr(0, 150'000 - 2 * 65'535)));
}

TEST_CASE("a client asks for a WebSocket, and masks each message with another key", "[websocket]") {
  ManualLoop loop;
  const messi::websocket::Network ws(loop);
  messi::testing::RawServer server(loop, "tcp://localhost:6000");
  RawClient client(loop, "ws://localhost:6000");
  loop.run_until_idle();
  const std::string asked = server.last().take_received();
  CHECK(asked.find("GET / HTTP/1.1\r\nHost: localhost:6000\r\nUpgrade: websocket\r\n") == 0);
  const std::string end = "\r\nSec-WebSocket-Protocol: messi.v1\r\n\r\n";
  CHECK(asked.substr(asked.size() - end.size()) == end);
  const std::string field = "Sec-WebSocket-Key: ";
  const std::string key = asked.substr(asked.find(field) + field.size(), 24);
  std::string answer(kAccepted);
  server.last().send(answer.replace(answer.find("s3pP"), 28, accept_key(key)));
  loop.run_until_idle();
  REQUIRE(client.peer() != nullptr);
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) {
    client->send("hello");
    loop.run_until_idle();
    const std::string message = server.last().take_received();
    REQUIRE(message.size() == 11);
    const std::string mask = message.substr(2, 4);
    REQUIRE(message == masked_frame(0x82, "hello", mask));
    keys.insert(mask);
  }
  CHECK(keys.size() > 95);
}

TEST_CASE("room in a WebSocket is not reported to those who were not refused any", "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  room.loop.network().faults.capacity = 10;
  client->want_input(false);
  // A pong that does not fit is the stream's own matter.
  client->send(masked_frame(0x89, std::string(30, 'x')));
  room.loop.run_until_idle();
  client->want_input(true);
  room.loop.run_until_idle();
  CHECK(client->take_received() == plain_frame(0x8a, std::string(30, 'x')));
  CHECK(server->writable == 0);

  client->want_input(false);
  client->send(masked_frame(0x89, std::string(30, 'x')));
  room.loop.run_until_idle();
  CHECK(server->write("refused").kind == IoResult::Kind::kAgain);
  client->want_input(true);
  room.loop.run_until_idle();
  CHECK(server->writable == 1);
}

TEST_CASE("room is reported also to those who were pinged in the meantime", "[websocket]") {
  Room room;
  End client(room.connect_to("tcp://localhost:6000"));
  client.most_per_read = 1'000;
  client.write(request());
  room.loop.run_until_idle();
  REQUIRE(room.accepted != nullptr);
  End server(std::move(room.accepted));
  client.stream->want_input(false);
  server.stream->want_input(false);
  client.write(masked_frame(0x89, "ping"));
  room.loop.network().faults.capacity = 100;
  server.write(std::string(48, 'x'));
  server.write(std::string(48, 'x'));
  REQUIRE(server.write("more").kind == IoResult::Kind::kAgain);
  // Now there is room, and before the writer is told of it, it has a ping to answer.
  client.on_readable = [&] {
    char bytes[100];
    const Space space{bytes, sizeof(bytes)};
    server.stream->read(&space, 1);
  };
  client.stream->want_input(true);
  room.loop.run_until_idle();
  CHECK(server.writable == 1);
  CHECK(client.heard.substr(client.heard.size() - 6) == plain_frame(0x8a, "ping"));
}

TEST_CASE("a pong that waits behind a whole write is not the writer's matter", "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  room.loop.network().faults.capacity = 12;
  std::string text = "eleven more";
  server->on_writable = [&] { text.erase(0, server->write(text).size); };
  client->want_input(false);
  text.erase(0, server->write(text).size);
  CHECK(text.size() == 1);
  client->send(masked_frame(0x89, "this does not fit at once"));
  room.loop.run_until_idle();
  client->want_input(true);
  room.loop.run_until_idle();
  CHECK(client->take_received() ==
        plain_frame(0x82, "eleven more") + plain_frame(0x8a, "this does not fit at once"));
  CHECK(server->writable == 1);
}

TEST_CASE("pings between a short write and its rest are answered behind it", "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  room.loop.network().faults.capacity = 10;
  std::string text = "these are more bytes than there is room for";
  const std::string all = text;
  server->on_writable = [&] { text.erase(0, server->write(text).size); };
  text.erase(0, server->write(text).size);
  CHECK(text.size() == all.size() - 8);
  client->send(masked_frame(0x89, "one") + masked_frame(0x82, "x") + masked_frame(0x89, "two"));
  room.loop.run_until_idle();
  CHECK(client->take_received() == plain_frame(0x82, all) + plain_frame(0x8a, "two"));
  CHECK(server->heard == "x");
}

TEST_CASE("a write that was refused before its first byte has begun no message", "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  room.loop.network().faults.capacity = 6;
  client->want_input(false);
  CHECK(server->write("four").size == 4);
  CHECK(server->write("refused").kind == IoResult::Kind::kAgain);
  server->stream->finish();
  room.loop.run_until_idle();
  CHECK(server->stream->holds_output());
  client->want_input(true);
  room.loop.run_until_idle();
  CHECK(client->take_received() == plain_frame(0x82, "four") + plain_frame(0x88, closing(1000)));
  CHECK_FALSE(server->stream->holds_output());
  CHECK(server->writable > 0);
}

TEST_CASE("each direction of a WebSocket ends by itself", "[websocket]") {
  for (const std::string& scheme : kSchemes) {
    CAPTURE(scheme);
    Room room(scheme);
    const auto [client, server] = room.connect();
    server->most_per_read = client->most_per_read = 1'000;
    client->write("some last words");
    client->stream->finish();
    CHECK(client->write("more").kind == IoResult::Kind::kEnd);
    room.loop.run_until_idle();
    CHECK(server->heard == "some last words");
    CHECK(server->ended);
    CHECK_FALSE(client->ended);
    CHECK(server->write("understood").size == 10);
    server->stream->finish();
    room.loop.run_until_idle();
    CHECK(client->heard == "understood");
    CHECK(client->ended);
    CHECK(client->stream->why_ended().empty());
  }
}

TEST_CASE("a close is answered, and then TCP ends", "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  client->stay_open();
  server->most_per_read = 1'000;
  client->send(masked_frame(0x82, "bye") + masked_frame(0x88, closing(1001)));
  room.loop.run_until_idle();
  CHECK(server->heard == "bye");
  CHECK(server->ended);
  CHECK(client->received().empty());
  server->stream->finish();
  room.loop.run_until_idle();
  CHECK(client->received() == plain_frame(0x88, closing(1001)));
  CHECK(client->ended());
}

TEST_CASE("after a close of this side TCP ends only with the other side's", "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  client->stay_open();
  server->stream->finish();
  room.loop.run_until_idle();
  CHECK(client->received() == plain_frame(0x88, closing(1000)));
  CHECK_FALSE(client->ended());
  client->send(masked_frame(0x88, closing(1000)));
  room.loop.run_until_idle();
  CHECK(client->ended());
  CHECK(server->ended);
}

TEST_CASE("a message that stays unfinished cannot be followed by a close", "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  client->stay_open();
  room.loop.network().faults.capacity = 10;
  CHECK(server->write("more than there is room for").size == 8);
  server->stream->finish();
  CHECK_FALSE(server->stream->holds_output());
  room.loop.run_until_idle();
  CHECK(client->received().size() == 10);
  CHECK(client->ended());
}

TEST_CASE("writing to a WebSocket that is gone ends, without a callback", "[websocket]") {
  for (const std::string& scheme : kSchemes) {
    Room room(scheme);
    const auto [client, server] = room.connect();
    server->stream.reset();
    CHECK(client->write("anybody?").kind != IoResult::Kind::kAgain);
    CHECK(client->write("anybody?").kind == IoResult::Kind::kEnd);
    room.loop.run_until_idle();
    CHECK(client->writable == 0);
    CHECK(client->ended);
  }
}

TEST_CASE("empty writes to a WebSocket are nothing", "[websocket]") {
  Room room;
  const auto [client, server] = room.connect();
  CHECK(client->write("").kind == IoResult::Kind::kSome);
  CHECK(client->stream->write(nullptr, 0, false).kind == IoResult::Kind::kSome);
  room.loop.run_until_idle();
  CHECK(server->readable == 0);
}

TEST_CASE("a WebSocket may be destroyed in each of its callbacks", "[websocket]") {
  for (const std::string& scheme : kSchemes) {
    Room room(scheme);
    auto [client, server] = room.connect();
    End& reader = *server;
    reader.on_readable = [&] { reader.stream.reset(); };
    client->write(std::string(100, 'x'));
    room.loop.run_until_idle();
    CHECK(reader.stream == nullptr);
    CHECK(client->ended);
  }
  Room room;
  auto [client, server] = room.connect();
  End& writer = *client;
  room.loop.network().faults.capacity = 10;
  writer.on_writable = [&] { writer.stream.reset(); };
  writer.write("more than there is room for");
  room.loop.run_until_idle();
  CHECK(writer.stream == nullptr);
  CHECK(server->ended);
}

TEST_CASE("bytes behind the request in the same read are not lost", "[websocket]") {
  for (const std::size_t size : std::vector<std::size_t>{1, 100, 1'000, 50'000}) {
    for (const bool ends : {true, false}) {
      CAPTURE(size, ends);
      Room room;
      RawClient client(room.loop, "tcp://localhost:6000");
      const std::string text(size, 'x');
      const auto server =
          room.accept(client, masked_frame(0x82, text) +
                                  (ends ? masked_frame(0x88, closing(1000)) : std::string()));
      server->most_per_read = 300;
      room.loop.run_until_idle();
      CHECK(server->heard == text);
      CHECK(server->ended == ends);
    }
  }
}

TEST_CASE("what comes before a WebSocket is started is kept", "[websocket]") {
  for (const std::string& scheme : kSchemes) {
    for (const std::size_t size : std::vector<std::size_t>{1, 5'000, 50'000}) {
      CAPTURE(scheme, size);
      Room room(scheme);
      RawClient client(room.loop, scheme + "://localhost:6000");
      room.loop.run_until_idle();
      client->send(std::string(size, 'x'));
      room.loop.run_until_idle();
      REQUIRE(room.accepted != nullptr);
      RawPeer late(std::move(room.accepted));
      room.loop.run_until_idle();
      CHECK(late.received().size() == size);
    }
  }
}

TEST_CASE("pings of somebody who does not read take no memory, and end in one pong",
          "[websocket]") {
  Room room;
  RawClient client(room.loop, "tcp://localhost:6000");
  const auto server = room.accept(client);
  server->most_per_read = 10'000;
  room.loop.network().faults.capacity = 1'000;
  client->want_input(false);
  std::string pings;
  for (int i = 0; i < 1'000; ++i) pings += masked_frame(0x89, std::string(120, 'x'));
  client->send(pings);
  room.loop.run_until_idle();
  client->send(masked_frame(0x89, "last") + masked_frame(0x82, "heard"));
  room.loop.run_until_idle();
  CHECK(server->heard == "heard");
  const int turns = server->readable;
  room.loop.advance(1min);
  CHECK(server->readable == turns);
  client->want_input(true);
  room.loop.run_until_idle();
  const std::string received = client->take_received();
  CHECK(received.size() < 1'300);
  CHECK(received.substr(received.size() - 6) == plain_frame(0x8a, "last"));
}
