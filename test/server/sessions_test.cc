// What a server keeps for its clients from one connection to the next.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/server/session_world.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/session_bytes.h"

using messi::DisconnectReason;
using messi::ServerOptions;
using messi::SessionLossReason;
using messi::SessionMode;
using messi::test::ack_frame;
using messi::test::frame;
using messi::test::from_client;
using messi::test::kPing;
using messi::test::Log;
using messi::test::message;
using messi::test::number_at;
using messi::test::Peer;
using messi::test::RawFrame;
using messi::test::RawHello;
using messi::test::Server;
using messi::test::session_close_frame;
using messi::test::SessionWorld;
using messi::test::with_sessions;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;

/// A client with a session that works.
struct Pair : SessionWorld {
  explicit Pair(ServerOptions options = with_sessions())
      : SessionWorld(std::move(options)), peer(loop) {
    peer.attach();
    REQUIRE(server.log == Log{"1 connected"});
    server.log.clear();
    CHECK(peer.take_types().empty());
  }

  Server::Client& client() {
    REQUIRE(server.find_client(1) != nullptr);
    return *server.find_client(1);
  }
  void send(const std::string& text) {
    client().send(message(text));
    loop.run_until_idle();
  }

  Peer peer;
};

/// rx and tx of an ACK or a CLOSE.
std::pair<std::uint64_t, std::uint64_t> counts_of(const RawFrame& frame) {
  const std::size_t at = frame.type == 9 ? 8 : 0;
  return {number_at(frame.payload, at, 8), number_at(frame.payload, at + 8, 8)};
}
using Counts = std::pair<std::uint64_t, std::uint64_t>;

}  // namespace

TEST_CASE("a session begins with WELCOME and ACK", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.session_timeout = 7s;
  options.max_pending_bytes = 1000;
  options.max_payload_size = 500;
  SessionWorld world(options);
  Peer peer(world.loop);
  peer.connect();
  const std::vector<RawFrame> frames = peer.introduce();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0] == RawFrame{8, std::string(16, '\0')});
  CHECK_FALSE(peer.welcome.resumed());
  CHECK(peer.welcome.reason == 0);
  CHECK(peer.welcome.window_ms == 7000);
  CHECK(peer.welcome.retain == 1000);
  CHECK(peer.welcome.max_payload == 500);
  CHECK(peer.welcome.rx == 0);
  CHECK_FALSE(peer.welcome.knows_prev_rx());
  CHECK(peer.id != std::string(16, '\0'));
  CHECK(peer.secret != std::string(16, '\0'));
  CHECK(peer.id != peer.secret);
  CHECK(world.server.log == Log{"1 connected"});
}

TEST_CASE("what a client did not get is sent again, and nothing twice", "[server][sessions]") {
  Pair pair;
  for (const char* const text : {"one", "two", "three"}) pair.send(text);
  CHECK(pair.client().unacknowledged() == 3);
  CHECK(pair.peer.take_texts() == Texts{"one", "two", "three"});
  pair.peer.rx = 2;  // "three" was cut
  pair.peer.send("first");
  pair.peer.cut();
  CHECK(pair.client().connected());
  CHECK(pair.client().detached());
  CHECK(pair.server.client_count() == 1);
  CHECK(pair.server.ids() == std::vector<std::uint64_t>{1});
  CHECK(pair.client().peer_address() == "memory:client-1");
  pair.client().send(message("four"));
  pair.server.broadcast(message("five"));
  pair.loop.run_until_idle();
  CHECK(pair.client().unacknowledged() == 5);
  CHECK(pair.client().pending_bytes() > 0);

  pair.peer.connect();
  std::vector<RawFrame> frames = pair.peer.introduce();
  CHECK(pair.peer.welcome.resumed());
  CHECK(pair.peer.server_rx == 1);
  REQUIRE(frames.size() == 4);
  CHECK(frames[0].type == 8);
  CHECK(counts_of(frames[0]) == Counts{1, 2});
  pair.peer.ack();
  CHECK(pair.client().unacknowledged() == 0);
  CHECK(pair.client().pending_bytes() == 0);
  CHECK(pair.client().peer_address() == "memory:client-2");
  CHECK_FALSE(pair.client().detached());
  pair.peer.send("second");
  pair.send("six");
  CHECK(pair.peer.take_texts() == Texts{"six"});
  CHECK(pair.server.log == Log{"1 message first", "1 detached: Connection closed.", "1 resumed 1",
                               "1 message second"});
}

TEST_CASE("a session resumes after no message at all", "[server][sessions]") {
  Pair pair;
  for (int i = 0; i < 3; ++i) {
    pair.peer.cut();
    pair.peer.attach();
    CHECK(pair.peer.welcome.resumed());
    CHECK(pair.peer.take_types().empty());
  }
  CHECK(pair.server.log.size() == 6);
  CHECK(pair.server.log.back() == "1 resumed 0");
}

TEST_CASE("acknowledgements come in time, and with other output", "[server][sessions]") {
  Pair pair;
  SECTION("after 200 ms") {
    pair.peer.send("one");
    CHECK(pair.peer.take_types().empty());
    pair.loop.advance(100ms);
    pair.peer.send("two");
    pair.loop.advance(99ms);
    CHECK(pair.peer.take_types().empty());
    pair.loop.advance(1ms);
    const std::vector<RawFrame> frames = pair.peer.take();
    REQUIRE(frames.size() == 1);
    CHECK(counts_of(frames[0]) == Counts{2, 0});
    pair.loop.advance(1s);
    CHECK(pair.peer.take_types().empty());
  }
  SECTION("at once when much has come") {
    for (int i = 0; i < 8; ++i) pair.peer.send(std::string(30'000, 'x'));
    CHECK(pair.peer.take_types().empty());
    pair.peer.send(std::string(30'000, 'x'));
    CHECK(pair.peer.take_types() == std::vector<int>{8});
  }
  SECTION("with an answer that is written anyway") {
    for (int i = 0; i < 3; ++i) pair.peer.send(std::string(30'000, 'x'));
    pair.send("answer");
    const std::vector<RawFrame> frames = pair.peer.take();
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].type == 8);
    CHECK(counts_of(frames[0]) == Counts{3, 0});
  }
  SECTION("for many clients") {
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 5; ++i) {
      peers.push_back(std::make_unique<Peer>(pair.loop));
      peers.back()->attach();
      peers.back()->take();
    }
    for (int i = 0; i < 5; ++i) {
      peers[static_cast<std::size_t>(i)]->send("one");
      pair.loop.advance(10ms);
    }
    pair.send("to the first");
    pair.loop.advance(150ms);
    for (const auto& peer : peers) CHECK(peer->take_types().size() <= 1);
    pair.loop.advance(50ms);
    for (const auto& peer : peers) CHECK(peer->take_types().size() <= 1);
    CHECK(pair.server.count("6 message one") == 1);
  }
}

TEST_CASE("only who knows the secret resumes a session", "[server][sessions]") {
  Pair pair;
  pair.peer.send("one");
  pair.send("kept");
  pair.peer.cut();
  Peer other(pair.loop);
  other.connect();
  RawHello hello = pair.peer.hello();
  hello.attempt = 7;
  hello.rx = 0;
  SECTION("another secret") { hello.secret[15] = static_cast<char>(hello.secret[15] ^ 1); }
  SECTION("another id") { hello.id[0] = static_cast<char>(hello.id[0] ^ 1); }
  SECTION("another principal") {
    pair.server.authenticate = [](Server::Client& client) { client.accept("somebody else"); };
  }
  other.introduce(hello);
  CHECK_FALSE(other.welcome.resumed());
  CHECK(other.welcome.reason == static_cast<int>(SessionLossReason::kUnknown));
  CHECK_FALSE(other.welcome.knows_prev_rx());
  CHECK(other.id != hello.id);
  other.ack();
  CHECK(pair.server.log.back() == "2 connected");
  CHECK(pair.client().detached());

  pair.server.authenticate = [](Server::Client& client) { client.accept(); };
  pair.peer.rx = 0;
  pair.peer.attach();
  CHECK(pair.peer.welcome.resumed());
}

TEST_CASE("a session belongs to a principal", "[server][sessions]") {
  SessionWorld world;
  world.server.authenticate = [](Server::Client& client) { client.accept("erik"); };
  Peer peer(world.loop);
  peer.attach();
  peer.cut();
  peer.attach();
  CHECK(peer.welcome.resumed());
}

TEST_CASE("a client that comes back takes over a half-open connection", "[server][sessions]") {
  Pair pair;
  pair.loop.network().link(1)->to_server.stalled = true;
  pair.loop.network().link(1)->to_client.stalled = true;
  pair.send("one");
  Peer next(pair.loop);
  next.id = pair.peer.id;
  next.secret = pair.peer.secret;
  next.attempt = pair.peer.attempt;
  next.attach();
  CHECK(next.welcome.resumed());
  CHECK(next.rx == 1);
  // What the old connection still brings is not read any more.
  if (messi::testing::LinkFaults* const old = pair.loop.network().link(1)) {
    old->to_server.stalled = old->to_client.stalled = false;
  }
  pair.peer.link().send(from_client(message("too late")));
  next.send("two");
  pair.loop.advance(1s);
  CHECK(pair.server.log == Log{"1 detached: Replaced.", "1 resumed 1", "1 message two"});
  CHECK(pair.server.client_count() == 1);
}

TEST_CASE("what the old connection brings before it is taken over counts", "[server][sessions]") {
  Pair pair;
  Peer next(pair.loop);
  next.id = pair.peer.id;
  next.secret = pair.peer.secret;
  next.attempt = pair.peer.attempt + 1;
  next.connect();
  pair.peer.link().send(from_client(message("in time")));
  next.introduce(next.hello());
  CHECK(next.welcome.resumed());
  CHECK(next.server_rx == pair.server.count("1 message in time"));
}

TEST_CASE("a delayed HELLO of an attempt that was given up changes nothing", "[server][sessions]") {
  Pair pair;
  pair.peer.cut();
  Peer late(pair.loop);
  late.connect();
  RawHello abandoned = pair.peer.hello();
  abandoned.attempt = 2;
  pair.peer.attempt = 2;
  pair.peer.attach();  // the third
  CHECK(pair.peer.attempt == 3);
  late.link().take_received();
  for (const std::uint32_t attempt : {2u, 3u}) {
    late.connect();
    late.link().take_received();
    abandoned.attempt = attempt;
    late.say(abandoned.frame());
    CHECK(late.link().received() == messi::test::close_frame(6));
    CHECK(late.link().ended());
    CHECK(pair.server.log.back().find("refused memory:client-") == 0);
    CHECK(pair.server.log.back().find("Replaced.") != std::string::npos);
  }
  CHECK(pair.server.client_count() == 1);
  pair.peer.send("still here");
  CHECK(pair.server.log.back() == "1 message still here");
}

TEST_CASE("a client that has got what was never sent loses its session", "[server][sessions]") {
  Pair pair;
  pair.peer.send("one");
  for (const char* const text : {"a", "b", "c"}) pair.send(text);
  pair.peer.take();
  pair.peer.rx = 2;
  pair.peer.ack();
  pair.peer.cut();
  pair.server.log.clear();
  SECTION("more than was written") { pair.peer.rx = 4; }
  SECTION("less than it has acknowledged") { pair.peer.rx = 1; }
  pair.peer.connect();
  pair.peer.introduce();
  CHECK_FALSE(pair.peer.welcome.resumed());
  CHECK(pair.peer.welcome.reason == static_cast<int>(SessionLossReason::kProtocol));
  CHECK(pair.peer.welcome.knows_prev_rx());
  CHECK(pair.peer.welcome.prev_rx == 1);
  CHECK(pair.server.count("1 lost: The protocol was broken. 3-3") == 1);
  CHECK(pair.server.handed_back == Texts{"c"});
  CHECK(pair.server.count("1 disconnected: Protocol error.") == 1);
  CHECK(pair.server.count("2 connected") == 1);
}

TEST_CASE("a wrong ACK ends the session", "[server][sessions]") {
  Pair pair;
  pair.peer.send("one");
  pair.send("a");
  pair.peer.take();
  const auto [rx, tx] = GENERATE(Counts{2, 1}, Counts{1, 0}, Counts{1, 2});
  pair.peer.say(ack_frame(rx, tx));
  const std::vector<RawFrame> frames = pair.peer.take();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].type == 9);
  CHECK(frames[0].payload[0] == 10);
  CHECK(counts_of(frames[0]) == Counts{1, 1});
  CHECK(pair.peer.link().ended());
  CHECK(pair.server.log == Log{"1 message one", "1 lost: The protocol was broken. 1-1",
                               "1 disconnected: Protocol error."});
}

TEST_CASE("a session whose client may not know of it waits like others, but gives way first",
          "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_clients = 2;
  options.session_timeout = 10s;
  SessionWorld world(options);
  Peer confirmed(world.loop);
  confirmed.attach();
  confirmed.cut();
  world.loop.advance(1s);
  Peer peer(world.loop);
  peer.connect();
  peer.introduce();
  peer.cut();
  CHECK(world.server.log.back() == "2 detached: Connection closed.");
  SECTION("it resumes") {
    peer.attach();
    CHECK(peer.welcome.resumed());
  }
  SECTION("it expires") {
    world.loop.advance(10s);
    CHECK(world.server.has("2 disconnected: Session lost."));
  }
  SECTION("it gives way") {
    Peer third(world.loop);
    third.attach();
    CHECK(world.server.has("2 lost: The server needed the session's place. 1-0"));
    confirmed.attach();
    CHECK(confirmed.welcome.resumed());
  }
}

TEST_CASE("a session waits so long, and no longer", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.session_timeout = 10s;
  Pair pair(options);
  pair.peer.send("one");
  pair.peer.cut();
  pair.loop.advance(9s);
  pair.peer.attach();
  CHECK(pair.peer.welcome.resumed());
  pair.peer.cut();
  pair.send("kept");
  pair.loop.advance(9999ms);
  CHECK(pair.client().detached());
  pair.server.log.clear();
  pair.loop.advance(1ms);
  CHECK(pair.server.log ==
        Log{"1 lost: The session has expired. 1-1", "1 disconnected: Session lost."});
  CHECK(pair.server.handed_back == Texts{"kept"});
  CHECK(pair.server.client_count() == 0);
  pair.peer.connect();
  pair.peer.introduce();
  CHECK_FALSE(pair.peer.welcome.resumed());
  CHECK(pair.peer.welcome.reason == static_cast<int>(SessionLossReason::kExpired));
  CHECK(pair.peer.welcome.knows_prev_rx());
  CHECK(pair.peer.welcome.prev_rx == 1);
}

TEST_CASE("a session that is over is remembered for ten minutes", "[server][sessions]") {
  Pair pair;
  pair.client().disconnect_now();
  pair.loop.run_until_idle();
  const auto wait = GENERATE(9min, 10min);
  pair.loop.advance(wait);
  pair.peer.connect();
  pair.peer.introduce();
  const auto reason = wait < 10min ? SessionLossReason::kClosed : SessionLossReason::kUnknown;
  CHECK(pair.peer.welcome.reason == static_cast<int>(reason));
}

TEST_CASE("the first ACK is not overtaken by the next one", "[server][sessions]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.connect();
  peer.take();
  messi::testing::LinkFaults* const faults = world.loop.network().link(1);
  REQUIRE(faults != nullptr);
  faults->to_client.capacity = 10;
  peer.link().want_input(false);
  peer.say(RawHello().frame());
  peer.say(from_client(message("early")));
  world.loop.advance(1s);
  faults->to_client.capacity = 100'000;
  peer.link().want_input(true);
  world.loop.advance(1s);
  const std::vector<RawFrame> frames = peer.take();
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].type == 7);
  CHECK(counts_of(frames[1]) == Counts{0, 0});
  CHECK(counts_of(frames[2]) == Counts{1, 0});
}

TEST_CASE("a CLOSE that waits is not overtaken by an ACK", "[server][sessions]") {
  Pair pair;
  pair.peer.link().want_input(false);
  pair.send(std::string(500'000, 'x'));
  pair.server.drain(100s);
  for (int i = 0; i < 3; ++i) pair.peer.send(std::string(30'000, 'x'));
  pair.loop.advance(1s);
  pair.peer.link().want_input(true);
  pair.loop.run_until_idle();
  std::uint64_t rx = 0;
  for (const RawFrame& frame : pair.peer.take()) {
    if (frame.type != 8 && frame.type != 9) continue;
    CHECK(counts_of(frame).first >= rx);
    rx = counts_of(frame).first;
  }
  pair.loop.advance(1s);
  REQUIRE(pair.peer.take_types() == std::vector<int>{8});
}

TEST_CASE("the session whose client is away for longest makes place", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_clients = 2;
  Pair pair(options);
  pair.peer.cut();
  pair.loop.advance(1s);
  Peer second(pair.loop);
  second.attach();
  second.cut();
  pair.server.log.clear();
  Peer third(pair.loop);
  SECTION("for a new client") {
    third.attach();
    CHECK(pair.server.has("1 lost: The server needed the session's place. 1-0"));
    CHECK(pair.server.has("1 disconnected: Session lost."));
    CHECK(pair.server.has("3 connected"));
    pair.peer.connect();
    pair.peer.introduce();
    CHECK(pair.peer.welcome.reason == static_cast<int>(SessionLossReason::kEvicted));
    CHECK(pair.server.has("2 lost"));
  }
  SECTION("not for one that comes back") {
    pair.peer.attach();
    CHECK(pair.peer.welcome.resumed());
    second.attach();
    CHECK(second.welcome.resumed());
    CHECK_FALSE(pair.server.has("1 lost"));
    CHECK_FALSE(pair.server.has("2 lost"));
  }
  SECTION("not for one that is refused") {
    pair.server.authenticate = [](Server::Client& client) { client.refuse(); };
    third.connect();
    third.say(third.hello().frame());
    CHECK_FALSE(pair.server.has("1 lost"));
  }
  SECTION("and those that are there stay") {
    pair.peer.attach();
    second.attach();
    third.connect();
    CHECK(third.link().ended());
    CHECK(pair.server.has("refused memory:client-5: Too many clients."));
  }
  CHECK(pair.server.client_count() <= 2);
}

TEST_CASE("too much that is not acknowledged is the end", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_pending_bytes = 1000;
  const bool away = GENERATE(true, false);
  const bool broadcast = GENERATE(true, false);
  Pair pair(options);
  if (away) pair.peer.cut();
  pair.server.log.clear();
  for (int i = 1; i <= 3; ++i) pair.send(std::string(300, static_cast<char>('0' + i)));
  CHECK(pair.server.log.empty());
  if (broadcast) {
    pair.server.broadcast(message(std::string(300, '4')));
  } else {
    pair.client().send(message(std::string(300, '4')));
  }
  CHECK(pair.server.find_client(1) == nullptr);
  pair.loop.run_until_idle();
  CHECK(pair.server.log ==
        Log{"1 lost: Too much was not acknowledged. 1-3", "1 disconnected: Slow reader."});
  CHECK(pair.server.handed_back.size() == 3);
  if (!away) {
    const std::vector<RawFrame> frames = pair.peer.take();
    REQUIRE(frames.size() == 4);
    CHECK(frames[3].type == 9);
    CHECK(frames[3].payload[0] == 3);
    CHECK(counts_of(frames[3]) == Counts{0, 3});
  }
}

TEST_CASE("a client that acknowledges again is writable", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_pending_bytes = 1000;
  Pair pair(options);
  for (int i = 1; i <= 3; ++i) pair.send(std::string(300, 'x'));
  pair.peer.take();
  CHECK(pair.server.log.empty());
  pair.peer.rx = 2;
  pair.peer.ack();
  CHECK(pair.server.log == Log{"1 writable"});
}

TEST_CASE("the most that waits for all together holds", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_total_pending_bytes = 1000;
  Pair pair(options);
  Peer second(pair.loop);
  second.attach();
  pair.peer.cut();
  pair.server.log.clear();
  pair.send(std::string(600, 'x'));
  pair.server.find_client(2)->send(message(std::string(200, 'y')));
  CHECK(pair.server.log.empty());
  pair.server.find_client(2)->send(message(std::string(250, 'y')));
  pair.server.find_client(2)->send(message("z"));
  pair.loop.run_until_idle();
  CHECK(pair.server.log ==
        Log{"1 lost: Too much was not acknowledged. 1-1", "1 disconnected: Too much queued."});
  CHECK(second.take_texts().size() == 3);
  second.ack();
  CHECK(pair.server.find_client(2)->pending_bytes() == 0);
}

TEST_CASE("a poison message ends the session, and is not counted", "[server][sessions]") {
  Pair pair;
  pair.peer.send("one");
  pair.send("open");
  pair.peer.take();
  pair.peer.say(frame(1, "\x0a\xff"));
  CHECK(pair.server.log == Log{"1 message one", "1 lost: A message could not be decoded. 1-1",
                               "1 disconnected: Message decode error."});
  const std::vector<RawFrame> frames = pair.peer.take();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].payload[0] == 11);
  CHECK(counts_of(frames[0]) == Counts{1, 1});
  pair.peer.connect();
  pair.peer.introduce();
  CHECK(pair.peer.welcome.reason == 11);
  CHECK(pair.peer.welcome.prev_rx == 1);
}

TEST_CASE("too large a message ends the session", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_payload_size = 100;
  SECTION("of the client") {
    Pair pair(options);
    pair.peer.say(from_client(message(std::string(200, 'x'))));
    CHECK(pair.server.log ==
          Log{"1 lost: A limit was exceeded. 1-0", "1 disconnected: Message too big."});
    CHECK(pair.peer.take().back().payload[0] == 12);
  }
  SECTION("of the server") {
    Pair pair(options);
    pair.client().send(message(std::string(200, 'x')));
    pair.loop.run_until_idle();
    CHECK(pair.server.log ==
          Log{"1 lost: A limit was exceeded. 1-0", "1 disconnected: Message too big."});
  }
  SECTION("for a client that comes back with less room") {
    Pair pair;
    pair.send(std::string(200, 'x'));
    pair.peer.cut();
    pair.peer.rx = 0;
    pair.server.log.clear();
    pair.peer.connect();
    ++pair.peer.attempt;
    RawHello hello = pair.peer.hello();
    hello.max_payload = 100;
    pair.peer.say(hello.frame());
    CHECK(pair.server.has("1 lost: A limit was exceeded. 1-1"));
    CHECK(pair.server.has("1 disconnected: Message too big."));
  }
}

TEST_CASE("the server ends a session when all is acknowledged", "[server][sessions]") {
  Pair pair;
  pair.client().send(message("last"));
  pair.client().disconnect();
  CHECK(pair.server.find_client(1) == nullptr);
  CHECK(pair.server.client_count() == 0);
  pair.loop.run_until_idle();
  std::vector<RawFrame> frames = pair.peer.take();
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].type == 9);
  CHECK(frames[1].payload[0] == 5);
  CHECK(counts_of(frames[1]) == Counts{0, 1});
  CHECK(pair.server.log.empty());
  SECTION("with the answer") {
    pair.peer.say(session_close_frame(5, 1, 0, /*reply=*/true));
    CHECK(pair.peer.link().ended());
    CHECK(pair.server.log == Log{"1 disconnected: Disconnected."});
  }
  SECTION("with an ACK") {
    pair.peer.ack();
    CHECK(pair.peer.link().ended());
    CHECK(pair.server.log == Log{"1 disconnected: Disconnected."});
  }
  SECTION("messages of the client are dropped") {
    pair.peer.send("dropped");
    pair.peer.say(session_close_frame(5, 1, 1, /*reply=*/true));
    CHECK(pair.server.log == Log{"1 disconnected: Disconnected."});
  }
  SECTION("also in another connection") {
    pair.peer.cut();
    CHECK(pair.server.log.empty());
    pair.peer.rx = 0;
    pair.peer.connect();
    frames = pair.peer.introduce();
    CHECK(pair.peer.welcome.resumed());
    REQUIRE(frames.size() == 3);
    CHECK(frames[0].type == 8);
    CHECK(frames[1].type == 2);
    CHECK(frames[2].type == 9);
    CHECK(pair.server.log.empty());
    pair.peer.say(session_close_frame(5, 1, 0, /*reply=*/true));
    CHECK(pair.server.log == Log{"1 disconnected: Disconnected."});
  }
  SECTION("if the client crosses it") {
    pair.peer.say(session_close_frame(5, 1, 0));
    CHECK(pair.peer.link().ended());
    CHECK(pair.server.log == Log{"1 disconnected: Disconnected."});
  }
  SECTION("not without an answer") {
    pair.loop.advance(4s);
    CHECK(pair.server.log.empty());
    pair.loop.advance(1s);
    CHECK(pair.server.log ==
          Log{"1 lost: The session was closed. 1-1", "1 disconnected: Disconnected."});
  }
  SECTION("not if the client stays away") {
    pair.peer.cut();
    pair.loop.advance(4999ms);
    CHECK(pair.server.log.empty());
    pair.loop.advance(1ms);
    CHECK(pair.server.log ==
          Log{"1 lost: The session was closed. 1-1", "1 disconnected: Disconnected."});
  }
  CHECK(pair.server.client_count() == 0);
  CHECK(pair.server.clients().begin() == pair.server.clients().end());
  if (!pair.server.has("1 disconnected")) return;
  pair.server.stop();
  CHECK(pair.server.stopped());
}

TEST_CASE("an end in order may be cut short", "[server][sessions]") {
  Pair pair;
  Server::Client& client = pair.client();
  client.send(message("last"));
  client.disconnect();
  SECTION("by disconnect_now, at once") { client.disconnect_now(); }
  SECTION("by disconnect_now, while the client is away") {
    pair.loop.run_until_idle();
    pair.peer.cut();
    client.disconnect_now();
  }
  SECTION("by stop, while the client is away") {
    pair.loop.run_until_idle();
    pair.peer.cut();
    pair.server.stop();
  }
  pair.loop.run_until_idle();
  CHECK(pair.server.log ==
        Log{"1 lost: The session was closed. 1-1", "1 disconnected: Disconnected."});
}

TEST_CASE("CLOSE is answered once", "[server][sessions]") {
  Pair pair;
  std::string many;
  for (int i = 0; i < 100; ++i) many += session_close_frame(5, 0, 0);
  pair.peer.say(many);
  CHECK(pair.peer.take_types() == std::vector<int>{9});
  CHECK(pair.server.log == Log{"1 disconnected: Connection closed."});
}

TEST_CASE("a CLOSE that means nothing is no end in order", "[server][sessions]") {
  Pair pair;
  pair.peer.say(session_close_frame(GENERATE(0, 6, 14, 200), 0, 0));
  CHECK(pair.server.log ==
        Log{"1 lost: The protocol was broken. 1-0", "1 disconnected: Protocol error."});
}

TEST_CASE("a server that drains may be stopped at any time", "[server][sessions]") {
  Pair pair;
  pair.send("a");
  pair.peer.take();
  pair.server.drain(4s);
  for (int i = 0; i < 3; ++i) {
    pair.loop.advance(1s);
    pair.peer.say(kPing);
  }
  pair.server.stop();
  for (int i = 0; i < 6; ++i) {
    pair.loop.advance(1s);
    if (!pair.peer.link().ended()) pair.peer.say(kPing);
  }
  CHECK(pair.server.stopped());
}

TEST_CASE("the answer to a drain is none to the end that has followed", "[server][sessions]") {
  Pair pair;
  pair.server.drain(10s);
  pair.client().send(message("late"));
  pair.server.stop();
  pair.loop.run_until_idle();
  pair.peer.take();
  pair.peer.say(session_close_frame(14, 0, 0, /*reply=*/true));
  CHECK(pair.server.client_count() == 0);
  CHECK_FALSE(pair.server.has("1 disconnected"));
  pair.peer.say(session_close_frame(5, 1, 0, /*reply=*/true));
  CHECK(pair.server.log.back() == "1 disconnected: Stopped.");
  CHECK_FALSE(pair.server.has("1 lost"));
}

TEST_CASE("those that were not accepted take nobody's place", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_clients = 3;
  SessionWorld world(options);
  Peer away(world.loop);
  away.attach();
  away.cut();
  Peer strangers[2] = {Peer(world.loop), Peer(world.loop)};
  for (Peer& stranger : strangers) stranger.connect();
  Peer honest(world.loop);
  honest.attach();
  CHECK_FALSE(world.server.has("1 lost"));
  for (Peer& stranger : strangers) stranger.cut();
  away.attach();
  CHECK(away.welcome.resumed());
}

TEST_CASE("the client ends its session", "[server][sessions]") {
  Pair pair;
  pair.peer.send("one");
  pair.send("a");
  pair.send("b");
  pair.peer.take();
  SECTION("with all that it got") {
    pair.peer.say(session_close_frame(5, 2, 1));
    const std::vector<RawFrame> frames = pair.peer.take();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].type == 9);
    CHECK(frames[0].payload[1] == 1);
    CHECK(counts_of(frames[0]) == Counts{1, 2});
    CHECK(pair.server.log == Log{"1 message one", "1 disconnected: Connection closed."});
  }
  SECTION("without all that was sent") {
    pair.peer.say(session_close_frame(5, 1, 1));
    CHECK(pair.server.log == Log{"1 message one", "1 lost: The session was closed. 2-2 of 1",
                                 "1 disconnected: Connection closed."});
    CHECK(pair.server.handed_back == Texts{"b"});
  }
  SECTION("with wrong counts") {
    pair.peer.say(session_close_frame(5, 2, 2));
    CHECK(pair.server.log.back() == "1 disconnected: Protocol error.");
  }
  SECTION("since it is lost") {
    pair.peer.say(session_close_frame(3, 1, 1));
    CHECK(pair.server.log == Log{"1 message one", "1 lost: Too much was not acknowledged. 2-2 of 1",
                                 "1 disconnected: Session lost."});
    CHECK(pair.peer.take().empty());
  }
  CHECK(pair.server.client_count() == 0);
  CHECK(pair.peer.link().ended());
}

TEST_CASE("a server that stops waits until all is acknowledged", "[server][sessions]") {
  Pair pair;
  Peer away(pair.loop);
  away.attach();
  away.cut();
  pair.server.log.clear();
  const bool open = GENERATE(true, false);
  if (open) pair.server.find_client(2)->send(message("lost"));
  pair.client().send(message("last"));
  pair.server.stop();
  pair.loop.run_until_idle();
  // Nobody can come back to it.
  if (open) {
    CHECK(pair.server.log ==
          Log{"2 lost: The session was closed. 1-1", "2 disconnected: Stopped."});
  } else {
    CHECK(pair.server.log == Log{"2 disconnected: Stopped."});
  }
  CHECK_FALSE(pair.server.stopped());
  CHECK(pair.peer.take_types() == std::vector<int>{2, 9});
  SECTION("acknowledged") {
    pair.peer.say(session_close_frame(5, 1, 0, /*reply=*/true));
    CHECK(pair.server.log.back() == "1 disconnected: Stopped.");
    CHECK_FALSE(pair.server.has("1 lost"));
  }
  SECTION("cut") {
    pair.peer.cut();
    CHECK(pair.server.log.back() == "1 disconnected: Stopped.");
    CHECK(pair.server.has("1 lost: The session was closed. 1-1"));
  }
  SECTION("stopped now") {
    pair.server.stop_now();
    pair.loop.run_until_idle();
    CHECK(pair.server.has("1 lost: The session was closed. 1-1"));
  }
  CHECK(pair.server.stopped());
}

TEST_CASE("a session that is ended at once", "[server][sessions]") {
  Pair pair;
  const bool open = GENERATE(true, false);
  const bool away = GENERATE(true, false);
  if (away) pair.peer.cut();
  pair.server.log.clear();
  if (open) pair.client().send(message("last"));
  pair.client().disconnect_now();
  CHECK(pair.server.find_client(1) == nullptr);
  pair.loop.run_until_idle();
  CHECK(pair.server.has("1 lost: The session was closed. 1-1") == open);
  CHECK(pair.server.log.back() == "1 disconnected: Disconnected.");
  if (!away) CHECK(pair.peer.take().back().payload[0] == 5);
  pair.peer.connect();
  pair.peer.introduce();
  CHECK(pair.peer.welcome.reason == static_cast<int>(SessionLossReason::kClosed));
}

TEST_CASE("a drain lets sessions go without loss", "[server][sessions]") {
  Pair pair;
  Peer away(pair.loop);
  away.attach();
  away.cut();
  pair.send("a");
  pair.peer.take();
  pair.server.log.clear();
  pair.client().send(message("b"));
  pair.server.drain(10s);
  pair.loop.run_until_idle();
  CHECK(pair.server.log == Log{"2 disconnected: Draining."});
  std::vector<RawFrame> frames = pair.peer.take();
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].type == 9);
  CHECK(frames[1].payload[0] == 14);
  CHECK(counts_of(frames[1]) == Counts{0, 2});
  pair.peer.send("question");
  CHECK(pair.server.log.back() == "1 message question");
  pair.client().send(message("answer"));
  pair.loop.run_until_idle();
  SECTION("in order") {
    pair.peer.ack();
    pair.peer.say(session_close_frame(14, 2, 1, /*reply=*/true));
    CHECK(pair.server.client_count() == 0);
    CHECK_FALSE(pair.peer.link().ended());  // the answer is not acknowledged
    frames = pair.peer.take();
    pair.peer.ack();
    CHECK(pair.peer.link().ended());
    CHECK(pair.server.log.back() == "1 disconnected: Draining.");
    CHECK_FALSE(pair.server.has("1 lost"));
  }
  SECTION("a client that goes without a word") {
    pair.peer.cut();
    CHECK(pair.server.has("1 lost: The session was closed. 1-3"));
    CHECK(pair.server.log.back() == "1 disconnected: Draining.");
  }
  SECTION("a client that takes its time") {
    pair.peer.say(kPing);
    for (int i = 0; i < 10; ++i) {
      pair.loop.advance(1s);
      pair.peer.say(kPing);
    }
    CHECK(pair.server.has("1 lost: The session was closed. 1-3"));
    CHECK(pair.server.log.back() == "1 disconnected: Draining.");
  }
  CHECK(pair.server.stopped());
}

TEST_CASE("hooks of sessions may do anything", "[server][sessions]") {
  Pair pair;
  const std::string when =
      GENERATE(as<std::string>(), "detached", "resumed", "lost", "message", "disconnected");
  const std::string what = GENERATE(as<std::string>(), "throw", "disconnect", "disconnect_now",
                                    "stop", "stop_now", "drain", "send", "broadcast", "pause");
  CAPTURE(when, what);
  bool done = false;
  pair.server.on = [&](const std::string& event, Server::Client* client) {
    if (event.find(when) != 0 || done) return;
    done = true;
    if (what == "throw") throw std::runtime_error("in a hook");
    if (what == "disconnect") client->disconnect();
    if (what == "disconnect_now") client->disconnect_now();
    if (what == "stop") pair.server.stop();
    if (what == "stop_now") pair.server.stop_now();
    if (what == "drain") pair.server.drain(1s);
    if (what == "send") client->send(message("in a hook"));
    if (what == "broadcast") pair.server.broadcast(message("in a hook"));
    if (what == "pause") client->pause();
  };
  const auto run = [&](const auto& step) {
    if (what != "throw") return step();
    try {
      step();
    } catch (const std::runtime_error&) {
    }
    pair.loop.run_until_idle();
  };
  pair.client().send(message("kept"));
  run([&] { pair.peer.send("one"); });
  run([&] { pair.peer.cut(); });
  if (pair.server.find_client(1) != nullptr && !pair.server.stopped()) {
    run([&] {
      pair.peer.connect();
      ++pair.peer.attempt;
      pair.peer.rx = 0;
      pair.peer.say(pair.peer.hello().frame());
    });
    run([&] { pair.peer.cut(); });
  }
  run([&] { pair.loop.advance(31s); });
  // A server does not look for the end of a client that is paused.
  if (Server::Client* const client = pair.server.find_client(1)) client->resume();
  run([&] { pair.loop.advance(31s); });
  CHECK(done);
  CHECK(pair.server.client_count() == 0);
  if (what != "throw" || when != "disconnected") {
    CHECK(pair.server.count("1 disconnected") == 1);
    CHECK(pair.server.log.back().find("1 disconnected") == 0);
  }
  CHECK(pair.server.count("1 lost") <= 1);
  pair.server.stop_now();
  pair.loop.run_until_idle();
  CHECK(pair.server.stopped());
}

TEST_CASE("a hook that throws has handled its message", "[server][sessions]") {
  Pair pair;
  bool threw = false;
  pair.server.on = [&](const std::string& event, Server::Client*) {
    if (event != "message two" || threw) return;
    threw = true;
    throw std::runtime_error("in a hook");
  };
  pair.peer.sent = 3;
  CHECK_THROWS(pair.peer.say(from_client(message("one")) + from_client(message("two")) +
                             from_client(message("three"))));
  pair.loop.run_until_idle();
  CHECK(pair.server.log == Log{"1 message one", "1 message two", "1 detached: General error."});
  pair.peer.connect();
  pair.peer.introduce();
  CHECK(pair.peer.welcome.resumed());
  CHECK(pair.peer.server_rx == 2);
}

TEST_CASE("a session is taken over in the middle of a message", "[server][sessions]") {
  Pair pair;
  Peer next(pair.loop);
  next.id = pair.peer.id;
  next.secret = pair.peer.secret;
  next.attempt = pair.peer.attempt + 1;
  pair.server.authenticate = [](Server::Client&) {};
  next.connect();
  next.say(next.hello().frame());
  pair.server.on = [&](const std::string& event, Server::Client*) {
    if (event == "message one") pair.server.find_arriving(2)->accept();
  };
  pair.peer.link().send(from_client(message("one")) + from_client(message("two")));
  pair.loop.run_until_idle();
  CHECK(pair.server.log == Log{"1 message one", "1 detached: Replaced.", "1 resumed 0"});
  CHECK(next.take_types() == std::vector<int>{5, 7, 8});
  CHECK(pair.server.client_count() == 1);
  next.sent = 1;
  next.ack();
  next.send("two");
  CHECK(pair.server.log.back() == "1 message two");
}

TEST_CASE("a client that is paused stays paused", "[server][sessions]") {
  Pair pair;
  pair.client().pause();
  CHECK(pair.client().paused());
  const bool resumed_meanwhile = GENERATE(true, false);
  Peer next(pair.loop);
  next.id = pair.peer.id;
  next.secret = pair.peer.secret;
  next.attempt = pair.peer.attempt;
  next.attach();
  CHECK(pair.client().paused());
  next.cut();
  pair.loop.advance(4s);
  if (resumed_meanwhile) {
    pair.client().resume();
    CHECK_FALSE(pair.client().paused());
    next.attach();
    CHECK_FALSE(pair.client().paused());
  }
  (void)next;
}

TEST_CASE("a client may be resumed and paused while its session goes from link to link",
          "[server][sessions]") {
  Pair pair;
  Peer next(pair.loop);
  next.id = pair.peer.id;
  next.secret = pair.peer.secret;
  next.attempt = pair.peer.attempt + 1;
  pair.server.authenticate = [](Server::Client&) {};
  next.connect();
  next.say(next.hello().frame());
  const bool pauses = GENERATE(false, true);
  if (!pauses) pair.client().pause();
  const auto change = [&] { pauses ? pair.client().pause() : pair.client().resume(); };
  SECTION("before") {
    change();
    pair.server.find_arriving(2)->accept();
    CHECK(pair.client().paused() == pauses);
  }
  SECTION("then") {
    pair.server.find_arriving(2)->accept();
    CHECK(pair.client().paused() == !pauses);
    change();
    CHECK(pair.client().paused() == pauses);
  }
  pair.loop.run_until_idle();
  REQUIRE(pair.server.log.back() == "1 resumed 0");
  CHECK(pair.client().paused() == pauses);
}

TEST_CASE("a client may be paused and resumed when its link has just ended", "[server][sessions]") {
  Pair pair;
  Peer other(pair.loop);
  other.attach();
  const bool pauses = GENERATE(true, false);
  if (!pauses) pair.client().pause();
  pair.server.on = [&](const std::string& event, Server::Client*) {
    if (event != "message now") return;
    CHECK_FALSE(pair.server.has("1 detached: Connection closed."));
    pauses ? pair.client().pause() : pair.client().resume();
    CHECK(pair.client().paused() == pauses);
  };
  pair.peer.link().close();
  other.sent = 1;
  other.send("now");
  CHECK(pair.server.has("1 detached: Connection closed."));
  CHECK(pair.client().paused() == pauses);
  pair.peer.connect();
  pair.peer.introduce();
  REQUIRE(pair.peer.welcome.resumed());
  CHECK(pair.client().paused() == pauses);
}

TEST_CASE("what is kept of broadcasts is lost with its session, and told", "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_pending_bytes = 1000;
  options.slow_reader = messi::SlowReader::kKeepLatest;
  Pair pair(options);
  pair.peer.cut();
  for (int i = 1; i <= 5; ++i) pair.server.broadcast(message(std::string(300, 'x')));
  pair.loop.run_until_idle();
  CHECK(pair.server.log.back() == "1 behind");
  SECTION("the client comes back") {
    pair.peer.connect();
    pair.peer.introduce();
    CHECK(pair.peer.rx == 2);
    pair.peer.ack();
    CHECK(pair.peer.take_texts().size() == 1);
    CHECK(pair.server.log.back() == "1 writable");
    CHECK(pair.client().dropped_broadcasts() == 2);
  }
  SECTION("the server drains") {
    pair.server.drain(10s);
    pair.loop.run_until_idle();
    CHECK(pair.server.has("1 lost: The session was closed. 1-3"));
    CHECK(pair.server.log.back() == "1 disconnected: Draining.");
  }
}

TEST_CASE("broadcasts are kept for those that are away", "[server][sessions]") {
  Pair pair;
  Peer second(pair.loop);
  second.attach();
  Peer plain(pair.loop);
  plain.connect();
  plain.say(from_client(message("I am old")));
  Peer asking(pair.loop);
  asking.connect();
  second.cut();
  pair.server.broadcast(message("one"), pair.client());
  pair.server.broadcast(message("two"));
  pair.loop.run_until_idle();
  CHECK(pair.peer.take_texts() == Texts{"two"});
  CHECK(plain.take_texts() == Texts{"one", "two"});
  CHECK(asking.take_texts().empty());
  second.connect();
  const std::vector<RawFrame> frames = second.introduce();
  CHECK(frames.size() == 3);
  CHECK(second.rx == 2);
}

TEST_CASE("a server may be destroyed with sessions of all kinds", "[server][sessions]") {
  messi::testing::ManualLoop loop;
  Peer away(loop);
  Peer there(loop);
  Peer closing(loop);
  {
    messi::test::SessionServer server(loop, with_sessions());
    for (Peer* const peer : {&away, &there, &closing}) peer->attach();
    server.broadcast(message("kept"));
    loop.run_until_idle();
    away.cut();
    closing.cut();
    server.find_client(3)->disconnect();
    there.send("owed");
  }
  loop.run_until_idle();
  CHECK(there.link().ended());
}

TEST_CASE("a session that is refused a message since too much waits for all hears of room",
          "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.max_total_pending_bytes = 1'000;
  SessionWorld world(options);
  Peer peers[] = {Peer(world.loop), Peer(world.loop)};
  for (Peer& peer : peers) peer.attach();
  const auto try_send = [&](std::uint64_t id) {
    return world.server.find_client(id)->try_send(message(std::string(100, 'x')));
  };
  while (try_send(1) == messi::SendResult::kOk) {
  }
  CHECK(try_send(2) == messi::SendResult::kFull);
  const bool away = GENERATE(true, false);
  if (away) peers[1].cut();
  world.loop.run_until_idle();
  CHECK(world.server.count("2 writable") == 0);
  peers[0].take();
  peers[0].ack();
  CHECK(world.server.count("1 writable") == 1);
  CHECK(world.server.count("2 writable") == 1);
  CHECK(try_send(2) == messi::SendResult::kOk);
}

TEST_CASE(
    "a session that broadcasts leave out since too much waits for all is told when they "
    "come again",
    "[server][sessions]") {
  ServerOptions options = with_sessions();
  options.slow_reader = messi::SlowReader::kDropNewest;
  options.max_total_pending_bytes = 2'000;
  SessionWorld world(options);
  Peer peers[] = {Peer(world.loop), Peer(world.loop)};
  for (Peer& peer : peers) peer.attach();
  world.loop.network().faults.capacity = 10;
  world.server.find_client(1)->send(message(std::string(1'600, 'x')));
  world.server.find_client(2)->send(message(std::string(100, 'x')));
  world.loop.network().faults.stalled = true;
  world.loop.advance(100ms);
  world.server.broadcast(message("left out"));
  world.loop.advance(100ms);
  CHECK(world.server.count("2 behind") == 1);
  CHECK(world.server.count("2 writable") == 0);
  world.loop.network().faults = {};
  world.loop.run_until_idle();
  for (Peer& peer : peers) {
    peer.take();
    peer.ack();
  }
  CHECK(world.server.count("2 behind") == 1);
  CHECK(world.server.count("2 writable") == 1);
  world.server.broadcast(message("comes"));
  world.loop.run_until_idle();
  CHECK(peers[1].take_texts() == std::vector<std::string>{"comes"});
}
