// How a server finds out what its client is: OFFER, HELLO, or a client that knows neither.

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/server/session_world.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/session_bytes.h"

using messi::ServerOptions;
using messi::SessionMode;
using messi::test::ack_frame;
using messi::test::close_frame;
using messi::test::frame;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::kPing;
using messi::test::Log;
using messi::test::message;
using messi::test::offer_frame;
using messi::test::Peer;
using messi::test::RawHello;
using messi::test::Server;
using messi::test::session_close_frame;
using messi::test::SessionServer;
using messi::test::SessionWorld;
using messi::test::tlv;
using messi::test::with_sessions;
using namespace std::chrono_literals;

namespace {

ServerOptions required() {
  ServerOptions options;
  options.session = SessionMode::kRequired;
  return options;
}

ServerOptions only_handshake() {
  ServerOptions options;
  options.handshake = true;
  return options;
}

}  // namespace

TEST_CASE("an offer is the first frame, and nothing else comes before an answer", "[server]") {
  for (const bool sessions : {true, false}) {
    SessionWorld world(sessions ? with_sessions() : only_handshake());
    Peer peer(world.loop);
    peer.connect();
    CHECK(peer.link().take_received() == offer_frame(sessions));
    peer.say(kPing);  // says nothing about the client
    CHECK(peer.take_types() == std::vector<int>{4});
    CHECK(world.server.log.empty());
    CHECK(world.server.client_count() == 0);
  }
}

TEST_CASE("a server without sessions sends no offer", "[server]") {
  SessionWorld world(ServerOptions{});
  Peer peer(world.loop);
  peer.connect();
  CHECK(peer.link().received().empty());
  CHECK(world.server.log == Log{"1 connected"});
  peer.say(RawHello().frame());
  CHECK(world.server.log.back() == "1 disconnected: Protocol error.");
}

TEST_CASE("a client that sends a message first knows no offer", "[server]") {
  for (const std::size_t most : {std::size_t{1}, std::size_t{100'000}}) {
    SessionWorld world;
    world.loop.network().faults.most_per_read = most;
    Peer peer(world.loop);
    peer.connect();
    peer.say(kPing + from_client(message("one")) + from_client(message("two")));
    CHECK(world.server.log == Log{"1 connected", "1 message one", "1 message two"});
    CHECK(world.server.client_count() == 1);
    CHECK_FALSE(world.server.find_client(1)->detached());
    CHECK(world.server.find_client(1)->unacknowledged() == 0);
    world.server.find_client(1)->send(message("hello"));
    world.loop.run_until_idle();
    CHECK(peer.take_types() == std::vector<int>{5, 4, 2});
    SECTION("it does not get a session any more") {
      peer.say(RawHello().frame());
      CHECK(world.server.log.back() == "1 disconnected: Protocol error.");
    }
    SECTION("it has no numbers") {
      peer.say(ack_frame(1, 2));
      CHECK(world.server.log.back() == "1 disconnected: Protocol error.");
    }
    SECTION("its end is the end") {
      peer.cut();
      CHECK(world.server.log.back() == "1 disconnected: Connection closed.");
    }
  }
}

TEST_CASE("the first message of a client that knows no offer must fit into the wait", "[server]") {
  ServerOptions options = with_sessions();
  const bool fits = GENERATE(true, false);
  if (fits) options.max_payload_before_accept = options.max_payload_size;
  SessionWorld world(options);
  Peer peer(world.loop);
  peer.connect();
  peer.say(from_client(message(std::string(5000, 'x'))));
  CHECK(world.server.has("1 connected") == fits);
  CHECK(world.server.count("refused") == (fits ? 0 : 1));
}

TEST_CASE("a silent client is greeted after a while", "[server]") {
  ServerOptions options = with_sessions();
  for (const messi::Duration wait : {0ms, 500ms, 1000ms}) {
    options.offer_wait = wait;
    SessionWorld world(options);
    Peer peer(world.loop);
    peer.connect();
    if (wait > 0ms) {
      world.loop.advance(wait - 1ms);
      CHECK(world.server.log.empty());
      world.loop.advance(1ms);
    }
    CHECK(world.server.log == Log{"1 connected"});
    world.server.find_client(1)->send(message("hello"));
    world.loop.run_until_idle();
    peer.say(from_client(message("one")));
    CHECK(world.server.log.back() == "1 message one");
    CHECK(peer.take_types() == std::vector<int>{5, 2});
  }
}

TEST_CASE("a client that was taken for a silent one may still ask for a session", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.connect();
  world.loop.advance(1s);
  world.server.find_client(1)->send(message("not in the session"));
  world.loop.run_until_idle();
  peer.introduce();
  peer.ack();
  CHECK_FALSE(peer.welcome.resumed());
  CHECK(world.server.log == Log{"1 connected", "1 disconnected: Replaced.", "2 connected"});
  CHECK(world.server.client_count() == 1);
  CHECK(world.server.find_client(1) == nullptr);
  world.server.find_client(2)->send(message("one"));
  peer.send("two");
  CHECK(world.server.log.back() == "2 message two");
  CHECK(peer.take_texts() == std::vector<std::string>{"one"});
  peer.ack();
  CHECK(world.server.find_client(2)->unacknowledged() == 0);
  peer.cut();
  CHECK(world.server.log.back() == "2 detached: Connection closed.");
}

TEST_CASE("a silent client that has said something asks for no session any more", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.connect();
  const bool accepted_late = GENERATE(true, false);
  if (accepted_late) world.server.authenticate = [](Server::Client&) {};
  world.loop.advance(1s);
  const std::string hello = RawHello().frame();
  const int how = GENERATE(0, 1, 2);
  if (how == 2 && !accepted_late) world.server.find_client(1)->pause();
  peer.say(from_client(message("one")) + (how == 0 ? "" : hello));
  if (accepted_late) world.server.find_arriving(1)->accept();
  if (how == 2 && !accepted_late) world.server.find_client(1)->resume();
  world.loop.run_until_idle();
  if (how == 0) peer.say(hello);
  CHECK(world.server.log == Log{"1 connected", "1 message one", "1 disconnected: Protocol error."});
}

TEST_CASE("what a silent client was sent is written before it becomes another one", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.connect();
  world.loop.advance(1s);
  peer.link().want_input(false);
  world.server.find_client(1)->send(message(std::string(400'000, 'x')));
  world.loop.run_until_idle();
  peer.say(RawHello().frame());
  CHECK(world.server.log == Log{"1 connected"});
  peer.link().want_input(true);
  world.loop.run_until_idle();
  CHECK(peer.take_types() == std::vector<int>{5, 2, 7, 8});
  CHECK(world.server.log == Log{"1 connected", "1 disconnected: Replaced.", "2 connected"});
}

TEST_CASE("a client may introduce itself without a session", "[server]") {
  for (const bool offered : {true, false}) {
    SessionWorld world(offered ? with_sessions() : only_handshake());
    Peer peer(world.loop);
    peer.connect();
    RawHello hello;
    hello.no_session = offered;  // a server that offers none gives none
    hello.tlvs = tlv(77, "unknown") + tlv(1, "let me in");
    CHECK(peer.introduce(hello).empty());
    CHECK(peer.welcome.version == 1);
    CHECK_FALSE(peer.welcome.resumed());
    CHECK(peer.welcome.window_ms == 0);
    CHECK(peer.welcome.retain == 0);
    CHECK(peer.welcome.max_payload == 1024 * 1024);
    CHECK(peer.id == std::string(16, '\0'));
    CHECK(peer.secret == std::string(16, '\0'));
    CHECK(world.server.log == Log{"1 token let me in", "1 connected"});
    CHECK(world.server.find_client(1)->auth_token().empty());
    peer.send("one");
    CHECK(world.server.log.back() == "1 message one");
    SECTION("it has no numbers") {
      peer.ack();
      CHECK(world.server.log.back() == "1 disconnected: Protocol error.");
    }
    SECTION("its end is the end") {
      peer.cut();
      CHECK(world.server.log.back() == "1 disconnected: Connection closed.");
    }
    SECTION("it introduces itself once") {
      peer.say(RawHello().frame());
      CHECK(world.server.log.back() == "1 disconnected: Protocol error.");
    }
  }
}

TEST_CASE("a session may be required", "[server]") {
  SessionWorld world(required());
  Peer peer(world.loop);
  peer.connect();
  SECTION("of one that sends a message") { peer.say(from_client(message("one"))); }
  SECTION("of one that is silent") { world.loop.advance(1s); }
  SECTION("of one that wants none") {
    RawHello hello;
    hello.no_session = true;
    peer.say(hello.frame());
  }
  CHECK(peer.link().received() == offer_frame(true) + close_frame(15, "a session is required"));
  CHECK(world.server.log == Log{"refused memory:client-1: Refused."});
  CHECK(world.server.client_count() == 0);
}

TEST_CASE("a server that requires sessions waits for them", "[server]") {
  messi::testing::ManualLoop loop;
  ServerOptions options = required();
  options.offer_wait = 0s;
  Server server(loop, "tcp://:6000", options);
  CHECK_FALSE(server.start().ok());
}

TEST_CASE("a HELLO that comes when the wait is over counts", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.connect();
  peer.take();
  world.loop.advance(999ms);
  peer.link().send(RawHello().frame());
  world.loop.hold_up(1s);
  world.loop.run_until_idle();
  CHECK(peer.take_types() == std::vector<int>{7, 8});
  CHECK(world.server.log == Log{"1 connected"});
}

TEST_CASE("what is no HELLO is refused", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.connect();
  peer.link().take_received();
  const std::string good = RawHello().frame();
  SECTION("another version") {
    RawHello hello;
    hello.version = 2;
    peer.say(hello.frame());
    CHECK(peer.link().received() == close_frame(8));
  }
  SECTION("too short") { peer.say(frame(6, good.substr(4, 55))); }
  SECTION("a TLV that is cut") { peer.say(frame(6, good.substr(4) + tlv(1, "abc").substr(0, 6))); }
  SECTION("a token that is too long") {
    peer.say(frame(6, good.substr(4) + tlv(1, std::string(513, 'x'))));
  }
  SECTION("other frames") { peer.say(ack_frame(0, 0)); }
  SECTION("a message before the answer") {
    world.server.authenticate = [](Server::Client&) {};
    peer.say(good + from_client(message("too early")));
  }
  SECTION("HELLO twice") {
    world.server.authenticate = [](Server::Client&) {};
    peer.say(good + good);
  }
  CHECK(world.server.log == Log{"refused memory:client-1: Protocol error."});
  CHECK(peer.link().ended());
  CHECK(world.server.client_count() == 0);
  CHECK(world.server.clients().begin() == world.server.clients().end());
}

TEST_CASE("a schema that does not fit is for the user to judge", "[server]") {
  class Choosy final : public SessionServer {
   public:
    using SessionServer::SessionServer;
    bool accepts = true;

   private:
    bool on_schema_mismatch(Client& client, const messi::SchemaMismatch& mismatch) override {
      CHECK_FALSE(client.connected());
      log.push_back(std::to_string(client.id()) + " " + mismatch.text());
      return accepts;
    }
  };
  messi::testing::ManualLoop loop;
  Choosy server(loop, with_sessions());
  Peer peer(loop);
  peer.connect();
  RawHello hello;
  hello.tlvs = tlv(2, "\5other" + std::string(32, 'x'));
  SECTION("another protocol") {
    server.accepts = GENERATE(true, false);
    if (server.accepts) {
      peer.introduce(hello);
      CHECK(server.log == Log{R"(1 client speaks "other", not "chat")", "1 connected"});
    } else {
      peer.link().take_received();
      peer.say(hello.frame());
      CHECK(peer.link().received() == close_frame(16, R"(client speaks "other", not "chat")"));
      CHECK(server.log == Log{R"(1 client speaks "other", not "chat")",
                              "refused memory:client-1: Schema mismatch."});
    }
  }
  SECTION("nonsense") {
    hello.tlvs = tlv(2, "\5other" + std::string(31, 'x'));
    peer.say(hello.frame());
    CHECK(server.log == Log{"refused memory:client-1: Protocol error."});
  }
  SECTION("the same, as WELCOME says it") {
    hello.tlvs.clear();
    peer.introduce(hello);
    CHECK(server.log == Log{"1 connected"});
    peer.connect();
    hello.tlvs = peer.welcome.tlvs;
    CHECK(hello.tlvs.substr(4, 5) == "\4chat");
    peer.introduce(hello);
    CHECK(server.log == Log{"1 connected", "1 detached: Connection closed.", "2 connected"});
  }
}

TEST_CASE("a hook of a provisional client may stop the server", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.connect();
  world.loop.advance(1s);
  world.server.on = [&](const std::string& event, Server::Client*) {
    if (event == "disconnected: Replaced.") world.server.stop();
  };
  int asked = 0;
  world.server.authenticate = [&](Server::Client& client) {
    ++asked;
    client.accept();
  };
  peer.say(RawHello().frame());
  world.loop.advance(10s);
  CHECK(asked == 0);
  CHECK(world.server.stopped());
  CHECK(world.server.log ==
        Log{"1 connected", "1 disconnected: Replaced.", "refused memory:client-1: Stopped."});
}

TEST_CASE("the answer to HELLO waits for the user", "[server]") {
  SessionWorld world;
  world.server.authenticate = [](Server::Client&) {};
  Peer peer(world.loop);
  peer.connect();
  peer.link().take_received();
  RawHello hello;
  hello.tlvs = tlv(1, "who");
  peer.say(hello.frame() + kPing);
  CHECK(peer.take_types() == std::vector<int>{4});
  Server::Client* const client = world.server.find_arriving(1);
  REQUIRE(client != nullptr);
  CHECK(client->auth_token() == "who");
  SECTION("accepted") {
    client->accept();
    CHECK(client->connected());
    CHECK(client->auth_token().empty());
    client->send(message("welcome"));
    CHECK(world.server.log == Log{"1 token who"});
    world.loop.run_until_idle();
    CHECK(peer.take_types() == std::vector<int>{7, 8, 2});
    CHECK(world.server.log == Log{"1 token who", "1 connected"});
  }
  SECTION("refused") {
    client->refuse("Nobody knows you.");
    world.loop.run_until_idle();
    CHECK(peer.link().received() == close_frame(9, "Nobody knows you."));
    CHECK(world.server.log == Log{"1 token who", "refused memory:client-1: Not authenticated."});
  }
  SECTION("by a server that lets its clients go") {
    world.server.drain(10s);
    world.loop.run_until_idle();
    CHECK(peer.link().take_received() == close_frame(14));
    client->accept();
    CHECK_FALSE(client->connected());
    world.loop.run_until_idle();
    CHECK(peer.link().received().empty());
    CHECK(peer.link().ended());
    CHECK(world.server.log == Log{"1 token who", "refused memory:client-1: Draining."});
    CHECK(world.server.stopped());
  }
  SECTION("too late") {
    world.loop.advance(5s);
    CHECK(world.server.log == Log{"1 token who", "refused memory:client-1: Not authenticated."});
  }
  SECTION("gone meanwhile") {
    peer.cut();
    CHECK(world.server.log == Log{"1 token who", "refused memory:client-1: Connection closed."});
  }
  CHECK(world.server.client_count() == (world.server.has("1 connected") ? 1 : 0));
}

TEST_CASE("the first message of a client that knows no offer waits for the user", "[server]") {
  SessionWorld world;
  world.server.authenticate = [](Server::Client&) {};
  Peer peer(world.loop);
  peer.connect();
  peer.say(from_client(message("one")));
  world.loop.advance(2s);
  CHECK(peer.take_types() == std::vector<int>{5, 4, 4});  // it is not given up meanwhile
  world.server.find_arriving(1)->accept();
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"1 connected", "1 message one"});
}

TEST_CASE("links that say nothing go with their server", "[server]") {
  for (const char* const how : {"stop", "stop_now", "drain", "destroy"}) {
    CAPTURE(how);
    SessionWorld world;
    Peer silent(world.loop);
    silent.connect();
    Peer provisional(world.loop);
    provisional.connect();
    world.loop.advance(999ms);
    Peer asking(world.loop);
    asking.connect();
    world.server.authenticate = [](Server::Client&) {};
    asking.say(RawHello().frame());
    const std::string what = how;
    if (what == "stop") world.server.stop();
    if (what == "stop_now") world.server.stop_now();
    if (what == "drain") world.server.drain(1s);
    if (what == "destroy") continue;
    world.loop.advance(10s);
    CHECK(world.server.stopped());
    CHECK(world.server.client_count() == 0);
  }
}

TEST_CASE("a hook that throws ends the link that it was called for", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.connect();
  world.server.authenticate = [&](Server::Client& client) {
    client.accept();
    throw std::runtime_error("in on_authenticate");
  };
  const bool silent = GENERATE(true, false);
  if (silent) {
    CHECK_THROWS(world.loop.advance(1s));
  } else {
    CHECK_THROWS(peer.say(RawHello().frame()));
  }
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"refused memory:client-1: General error."});
  world.server.authenticate = [](Server::Client& client) { client.accept(); };
  Peer next(world.loop);
  next.attach();
  CHECK(world.server.log.back() == "2 connected");
}
