// Clients and a server with sessions, and a network that breaks.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "test/catch.h"
#include "test/server/session_world.h"
#include "test/support/chat.h"

using messi::ClientOptions;
using messi::DisconnectReason;
using messi::ServerOptions;
using messi::SessionMode;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::test::SessionServer;
using messi::test::text_of;
using messi::test::with_sessions;
using messi::testing::ManualLoop;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;

/// What has arrived, and what has happened besides.
class Client final : public chat::ChatClient {
 public:
  explicit Client(messi::EventLoop& loop, messi::SessionMode session = SessionMode::kRequired)
      : ChatClient(loop, "tcp://localhost:6000", options_with(session)) {}

  Texts received;
  Log log;

  void on_connected() override { log.push_back("connected"); }
  void on_disconnected(DisconnectReason reason) override {
    log.push_back("disconnected: " + std::string(to_string(reason)));
  }
  void on_detached(DisconnectReason /*reason*/) override { log.push_back("detached"); }
  void on_resumed(std::uint64_t /*replayed*/) override { log.push_back("resumed"); }
  void on_session_lost(const messi::SessionLoss& loss) override {
    std::ostringstream text;
    text << "lost: " << loss.reason << ' ' << loss.first_unacked << '-' << loss.last_accepted;
    log.push_back(text.str());
  }
  void on_message_ind(const chat::MessageInd& message) override {
    received.push_back(text_of(message));
  }

 private:
  static ClientOptions options_with(messi::SessionMode session) {
    ClientOptions options;
    options.session = session;
    options.backoff.initial = 10ms;
    options.backoff.max = 100ms;
    return options;
  }
};

/// The texts of the messages that the server got from a client.
Texts texts_from(const SessionServer& server, std::uint64_t id) {
  const std::string beginning = std::to_string(id) + " message ";
  Texts texts;
  for (const std::string& line : server.log) {
    if (line.find(beginning) == 0) texts.push_back(line.substr(beginning.size()));
  }
  return texts;
}

}  // namespace

TEST_CASE("a session goes on in another connection, on both sides", "[server][sessions]") {
  ManualLoop loop;
  SessionServer server(loop, with_sessions());
  Client client(loop);
  client.send(message("dropped, since it was not started"));
  client.start();
  client.send(message("one"));
  loop.run_until_idle();
  CHECK(server.log == Log{"1 connected", "1 message one"});
  loop.network().cut_all();
  client.send(message("two"));
  server.find_client(1)->send(message("a"));
  loop.run_until_idle();
  CHECK(client.detached());
  CHECK(server.find_client(1)->detached());
  client.send(message("three"));
  server.broadcast(message("b"));
  loop.advance(1s);
  CHECK(client.received == Texts{"a", "b"});
  CHECK(server.log == Log{"1 connected", "1 message one", "1 detached: Connection closed.",
                          "1 resumed 0", "1 message two", "1 message three"});
  CHECK(client.unacknowledged() == 0);
  CHECK(server.find_client(1)->unacknowledged() == 0);
  client.stop();
  loop.advance(1s);
  CHECK(client.stopped());
  CHECK(client.log == Log{"connected", "detached", "resumed", "disconnected: Stopped."});
  CHECK(server.log.back() == "1 disconnected: Connection closed.");
}

TEST_CASE("nothing is lost, doubled or in another order, whatever the network does",
          "[server][sessions]") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return random() % n; };
    ManualLoop loop(seed);
    SessionServer server(loop, with_sessions());
    Client client(loop);
    client.start();
    loop.run_until_idle();
    Texts to_server;
    Texts to_client;
    const auto send_up = [&] {
      to_server.push_back(std::to_string(to_server.size()) + std::string(below(40), 'x'));
      client.send(message(to_server.back().substr(0, 40)));
      to_server.back().resize(std::min<std::size_t>(to_server.back().size(), 40));
    };
    const auto send_down = [&] {
      to_client.push_back(std::to_string(to_client.size()) + std::string(below(20'000), 'y'));
      if (below(2) == 0) {
        server.broadcast(message(to_client.back()));
      } else {
        REQUIRE(server.find_client(1) != nullptr);
        server.find_client(1)->send(message(to_client.back()));
      }
    };
    for (int step = 0; step < 300; ++step) {
      switch (below(12)) {
        case 0:
        case 1:
        case 2:
          send_up();
          break;
        case 3:
        case 4:
          send_down();
          break;
        case 5:
          loop.network().cut_all();
          break;
        case 6:
          loop.network().faults.most_per_read = below(2) == 0 ? 1 + below(100) : SIZE_MAX;
          break;
        case 7:
          loop.network().faults.capacity = below(2) == 0 ? 1'000 + below(5'000) : 256 * 1024;
          break;
        case 8:
          // A connection that only one side can use, or none, until the next one.
          if (messi::testing::LinkFaults* const link =
                  loop.network().link(loop.network().connections_made())) {
            link->to_server.stalled = below(2) == 0;
            link->to_client.stalled = below(2) == 0;
            link->to_client.cut_after = below(30'000);
          }
          break;
        default:
          loop.advance(std::chrono::milliseconds(below(500)));
          break;
      }
      if (below(3) == 0) loop.run_until_idle();
    }
    loop.network().faults = {};
    loop.network().cut_all();
    loop.advance(10s);
    CHECK(texts_from(server, 1) == to_server);
    CHECK(client.received == to_client);
    CHECK(client.unacknowledged() == 0);
    CHECK(server.find_client(1)->unacknowledged() == 0);
    CHECK(server.find_client(1)->pending_bytes() == 0);
    CHECK(client.log.front() == "connected");
    for (std::size_t i = 1; i < client.log.size(); ++i) {
      CHECK(client.log[i] == (i % 2 == 1 ? "detached" : "resumed"));
    }
    const Log before = server.log;
    client.send(message("last"));
    client.stop();
    loop.advance(10s);
    CHECK(client.stopped());
    CHECK(texts_from(server, 1).back() == "last");
    CHECK(server.client_count() == 0);
    CHECK(server.count("1 lost") == 0);
    CHECK(client.log.back() == "disconnected: Stopped.");
  }
}

TEST_CASE("a server that drains lets a session go without loss", "[server][sessions]") {
  ManualLoop loop;
  SessionServer server(loop, with_sessions());
  Client client(loop);
  client.start();
  loop.run_until_idle();
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event.find("message ") == 0) from->send(message("answer to " + event.substr(8)));
  };
  client.send(message("one"));
  server.find_client(1)->send(message("hello"));
  server.drain(10s);
  client.send(message("two"));
  loop.advance(1s);
  CHECK(server.stopped());
  CHECK(texts_from(server, 1) == Texts{"one", "two"});
  CHECK(client.received == Texts{"hello", "answer to one", "answer to two"});
  CHECK(client.log == Log{"connected", "disconnected: Draining."});
  CHECK(server.log.back() == "1 disconnected: Draining.");
  CHECK(server.count("1 lost") == 0);
}

TEST_CASE("a server that was started again does not know the session", "[server][sessions]") {
  ManualLoop loop;
  auto server = std::make_unique<SessionServer>(loop, with_sessions());
  Client client(loop);
  client.start();
  loop.run_until_idle();
  loop.network().faults.stalled = true;
  client.send(message("one"));
  loop.run_until_idle();
  server.reset();
  loop.network().faults.stalled = false;
  loop.network().cut_all();
  server = std::make_unique<SessionServer>(loop, with_sessions());
  loop.advance(1s);
  REQUIRE(client.log.size() == 5);
  CHECK(client.log[2] == "lost: The server does not know the session. 1-1");
  CHECK(client.log[3] == "disconnected: Session lost.");
  CHECK(client.log[4] == "connected");
  CHECK(server->log == Log{"1 connected"});
}

TEST_CASE("a server may end a session whose client is away", "[server][sessions]") {
  ManualLoop loop;
  SessionServer server(loop, with_sessions());
  Client client(loop);
  client.start();
  loop.run_until_idle();
  loop.network().faults.refuse_connects = true;
  loop.network().cut_all();
  loop.run_until_idle();
  server.find_client(1)->send(message("last"));
  server.find_client(1)->disconnect();
  loop.advance(1s);
  CHECK(server.count("1 disconnected") == 0);
  loop.network().faults.refuse_connects = false;
  loop.advance(1s);
  CHECK(client.received == Texts{"last"});
  CHECK(server.count("1 disconnected: Disconnected.") == 1);
  CHECK(server.count("1 lost") == 0);
}

TEST_CASE("clients with and without sessions, and servers", "[server][sessions]") {
  const auto of_client = GENERATE(SessionMode::kOff, SessionMode::kPrefer, SessionMode::kRequired);
  const auto of_server = GENERATE(SessionMode::kOff, SessionMode::kPrefer, SessionMode::kRequired);
  ManualLoop loop;
  ServerOptions options;
  options.session = of_server;
  SessionServer server(loop, options);
  Client client(loop, of_client);
  client.start();
  if (of_client != SessionMode::kOff) client.send(message("one"));
  loop.advance(3s);
  const bool off = of_client == SessionMode::kOff || of_server == SessionMode::kOff;
  const bool required = of_client == SessionMode::kRequired || of_server == SessionMode::kRequired;
  if (off && required) {
    CHECK(server.count("1 message") == 0);
    return;
  }
  client.send(message("two"));
  loop.run_until_idle();
  CHECK(texts_from(server, 1) ==
        (of_client != SessionMode::kOff ? Texts{"one", "two"} : Texts{"two"}));
  loop.network().cut_all();
  loop.run_until_idle();
  CHECK(server.has("1 detached") == !off);
  CHECK(server.has("1 disconnected") == off);
}
