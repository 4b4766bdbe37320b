// Streams over TLS keep the promises of io/stream.h, whatever the stream below does.

#include "messi/io/stream.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "messi/tls.h"
#include "test/catch.h"
#include "test/support/any_network.h"
#include "test/support/authority.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"
#include "test/support/stream_end.h"
#include "test/tls/support.h"

using messi::IoResult;
using messi::Space;
using messi::Stream;
using messi::test::Authority;
using messi::test::Client;
using messi::test::config_of;
using messi::test::End;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawPeer;
using namespace std::chrono_literals;

namespace {

const Authority& authority() {
  static const Authority result;
  return result;
}

/// Makes pairs of ends.
class Room final : private messi::ListenHandler {
 public:
  Room() : listener_(*loop.networks().listen("tls://localhost:6000", {}, *this)) {}

  std::pair<std::unique_ptr<End>, std::unique_ptr<End>> connect() {
    auto stream = messi::test::connected_stream(loop, "tls://localhost:6000");
    REQUIRE(stream != nullptr);
    REQUIRE(accepted != nullptr);
    return {std::make_unique<End>(std::move(stream)), std::make_unique<End>(std::move(accepted))};
  }

  ManualLoop loop;
  messi::tls::Network tls{loop, config_of(authority())};
  std::unique_ptr<Stream> accepted;

 private:
  void handle_accept(std::unique_ptr<Stream> stream) override { accepted = std::move(stream); }
  void handle_out_of_descriptors() override {}

  std::unique_ptr<messi::Listener> listener_;
};

}  // namespace

TEST_CASE("what was decrypted is reported again, although nothing more arrives", "[tls]") {
  Room room;
  const auto [client, server] = room.connect();
  const std::string text(1'000, 'x');
  CHECK(client->write(text).size == text.size());
  room.loop.run_until_idle();
  CHECK(server->heard == text);
  CHECK(server->readable >= 100);
  const int before = server->readable;
  room.loop.advance(1min);
  CHECK(server->readable == before);
}

TEST_CASE("no input is reported while none is wanted, also what was decrypted", "[tls]") {
  Room room;
  const auto [client, server] = room.connect();
  End& reader = *server;
  reader.on_readable = [&] {
    if (reader.heard.size() == 50) reader.stream->want_input(false);
  };
  client->write(std::string(100, 'x'));
  room.loop.run_until_idle();
  CHECK(reader.heard.size() == 50);
  client->stream->finish();
  const int before = reader.readable;
  room.loop.advance(1min);
  CHECK(reader.readable == before);
  reader.stream->want_input(true);
  room.loop.run_until_idle();
  CHECK(reader.heard.size() == 100);
  CHECK(reader.ended);
}

TEST_CASE("an end that came with the last bytes is reported after them", "[tls]") {
  Room room;
  const auto [client, server] = room.connect();
  server->stream->want_input(false);
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

TEST_CASE("bytes that were cut off are handed out before the end, which says so", "[tls]") {
  Room room;
  const auto [client, server] = room.connect();
  client->write(std::string(25, 'x'));
  client->stream.reset();  // without `finish`
  room.loop.run_until_idle();
  CHECK(server->heard.size() == 25);
  CHECK(server->ended);
  CHECK(server->stream->why_ended() == "The connection was cut off; the client did not end it.");
}

TEST_CASE("a short write is followed by room, and everything arrives", "[tls]") {
  for (const std::size_t capacity : std::vector<std::size_t>{1, 50, 5'000}) {
    CAPTURE(capacity);
    Room room;
    const auto ends = room.connect();
    End& writer = *ends.first;
    End& reader = *ends.second;
    reader.most_per_read = 100'000;
    room.loop.network().faults.capacity = capacity;
    const std::string text(std::min<std::size_t>(200'000, 4'000 * capacity), 'x');
    std::size_t sent = 0;
    const auto go_on = [&] {
      if (sent == text.size()) return;
      const IoResult result = writer.write(text.substr(sent));
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

TEST_CASE("room is not reported to those who were not refused any", "[tls]") {
  Room room;
  const auto [client, server] = room.connect();
  room.loop.network().faults.capacity = 10;
  CHECK(client->write("all of this is taken, and held").size == 30);
  CHECK(client->writable == 0);
  room.loop.run_until_idle();
  CHECK(server->heard == "all of this is taken, and held");
  CHECK(client->writable == 0);

  // Here the second one is refused.
  client->write("first");
  CHECK(client->write("second").kind == IoResult::Kind::kAgain);
  room.loop.run_until_idle();
  CHECK(client->writable == 1);
}

TEST_CASE("room is reported also to those who read in the meantime", "[tls]") {
  Room room;
  const auto ends = room.connect();
  End& writer = *ends.first;
  End& reader = *ends.second;
  room.loop.network().faults.capacity = 100;
  writer.write(std::string(50, 'x'));
  writer.write(std::string(50, 'x'));
  REQUIRE(writer.write("more").kind == IoResult::Kind::kAgain);
  reader.most_per_read = 1'000;
  // Now there is room, and before the writer is told of it, it reads.
  reader.on_readable = [&] {
    char byte;
    const Space space{&byte, 1};
    writer.stream->read(&space, 1);
  };
  room.loop.run_until_idle();
  CHECK(writer.writable == 1);
  CHECK(reader.heard.size() == 100);
}

TEST_CASE("the end goes behind what is held, and each direction ends by itself", "[tls]") {
  Room room;
  const auto [client, server] = room.connect();
  room.loop.network().faults.capacity = 10;
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

TEST_CASE("writing to an end that is gone ends, without a callback", "[tls]") {
  Room room;
  const auto [client, server] = room.connect();
  server->stream.reset();
  CHECK(client->write("anybody?").kind != IoResult::Kind::kAgain);
  CHECK(client->write("anybody?").kind == IoResult::Kind::kEnd);
  room.loop.run_until_idle();
  CHECK(client->writable == 0);
  CHECK(client->ended);
}

TEST_CASE("empty writes are nothing", "[tls]") {
  Room room;
  const auto [client, server] = room.connect();
  CHECK(client->write("").kind == IoResult::Kind::kSome);
  CHECK(client->stream->write(nullptr, 0, false).kind == IoResult::Kind::kSome);
  room.loop.run_until_idle();
  CHECK(server->readable == 0);
}

TEST_CASE("a stream may be destroyed in each of its callbacks", "[tls]") {
  for (const bool held : {true, false}) {
    Room room;
    auto [client, server] = room.connect();
    End& reader = *server;
    reader.on_readable = [&] {
      if (!held || reader.readable == 2) reader.stream.reset();
    };
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
  writer.write("first");
  writer.write("second");
  room.loop.run_until_idle();
  CHECK(writer.stream == nullptr);
  CHECK(server->ended);
}

TEST_CASE("what comes before a stream is started is kept", "[tls]") {
  for (const std::size_t size : std::vector<std::size_t>{1, 5'000, 50'000}) {
    CAPTURE(size);
    Room room;
    RawClient client(room.loop, "tls://localhost:6000");
    room.loop.run_until_idle();
    client->send(std::string(size, 'x'));
    room.loop.run_until_idle();
    REQUIRE(room.accepted != nullptr);
    RawPeer late(std::move(room.accepted));
    room.loop.run_until_idle();
    CHECK(late.received().size() == size);
  }
}

TEST_CASE("bytes behind the handshake in the same read are not lost", "[tls]") {
  Room room;
  room.loop.network().new_links.to_server.latency = 10ms;
  RawClient client(room.loop, "tls://localhost:6000");
  // The client is done, and says something, while its last part of the handshake is under way.
  while (client.peer() == nullptr) room.loop.advance(1ms);
  client->send("hello");
  room.loop.advance(1s);
  REQUIRE(room.accepted != nullptr);
  RawPeer late(std::move(room.accepted));
  room.loop.run_until_idle();
  CHECK(late.received() == "hello");
}

TEST_CASE("a paused client gets its messages after resume, and then the end", "[tls]") {
  ManualLoop loop;
  messi::tls::Network tls(loop, config_of(authority()));
  messi::test::pause_and_resume(loop, "tls://localhost:6000");
}

TEST_CASE("many clients that come at once all get in, though a turn makes only a few steps",
          "[tls]") {
  ManualLoop loop;
  messi::tls::Network tls(loop, config_of(authority()));
  messi::test::come_at_once(loop, "tls://localhost:6000");
}

TEST_CASE("much more than is allowed to wait can be sent in one turn to those who read",
          "[tls][loops]") {
  SocketLoop loop;
  messi::tls::Network tls(loop, config_of(authority()));
  messi::ServerOptions options;
  options.max_pending_bytes = 500'000;
  Server server(loop, "tls://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  // The reader is another process, in effect: it reads while this loop waits for room.
  Client client(loop, server.uri());
  client.start();
  CHECK(run_until(loop, [&] { return server.client_count() == 1 && client.connected(); }));
  server.find_client(1)->send(message(std::string(900'000, 'x')));
  CHECK(run_until(loop, [&] { return client.has("message of 900000 bytes"); }));
}

TEST_CASE("who is at the other end, and on which descriptor, is passed on", "[tls][loops]") {
  SocketLoop loop;
  messi::tls::Network tls(loop, config_of(authority()));
  Server server(loop, "tls://127.0.0.1:0");
  REQUIRE(server.start().ok());
  CHECK(server.uri() == "tls://127.0.0.1:" + std::to_string(server.port()));
  Client client(loop, server.uri());
  client.start();
  CHECK(run_until(loop, [&] { return server.client_count() == 1 && client.connected(); }));
  CHECK(server.find_client(1)->peer_address().find("127.0.0.1:") == 0);
  CHECK(server.find_client(1)->peer_certificate() == nullptr);
  CHECK(server.find_client(1)->native_handle() > 2);
  CHECK(client.native_handle() > 2);
  REQUIRE(client.peer_certificate() != nullptr);
  CHECK(client.peer_certificate()->dns_names == std::vector<std::string>{"localhost"});
  CHECK(client.peer_certificate()->ip_addresses == std::vector<std::string>{"127.0.0.1", "::1"});
  client.stop();
  CHECK(run_until(loop, [&] { return client.stopped(); }));
  CHECK(client.peer_certificate() == nullptr);
}
