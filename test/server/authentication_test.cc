// Who may become a client: on_authenticate, accept and refuse.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"

using messi::test::Client;
using messi::test::close_frame;
using messi::test::connect_req;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

constexpr int kAuth = 9;

/// A server that does in `on_authenticate` as it is told: nothing, at first.
class Guarded final : public Server {
 public:
  explicit Guarded(messi::EventLoop& loop, messi::ServerOptions options = {})
      : Server(loop, "tcp://:6000", std::move(options)) {
    REQUIRE(start().ok());
  }

  std::function<void(Client& client)> authenticate = [](Client& /*client*/) {};

  void on_authenticate(Client& client) override {
    CHECK_FALSE(client.connected());
    CHECK(find_client(client.id()) == nullptr);
    CHECK(find_arriving(client.id()) == &client);
    log.push_back("who is " + std::to_string(client.id()));
    authenticate(client);
  }
};

struct World {
  explicit World(messi::ServerOptions options = {}) : server(loop, std::move(options)) {}

  RawClient& arrive() {
    clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    loop.run_until_idle();
    return *clients.back();
  }
  void say(RawClient& client, const std::string& bytes) {
    client->send(bytes);
    loop.run_until_idle();
  }

  ManualLoop loop;
  Guarded server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

}  // namespace

TEST_CASE("nothing happens before the answer, and all of it after", "[server]") {
  for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    CAPTURE(most);
    World world;
    world.loop.network().faults.most_per_read = most;
    RawClient& client = world.arrive();
    world.say(client, kPing + from_client(message("one")) + from_client(message("two")) + kPing);
    CHECK(world.server.log == Log{"who is 1"});
    CHECK(client->take_received() == kPong);
    CHECK(world.server.client_count() == 0);
    CHECK(world.server.ids().empty());
    CHECK(world.server.find_client(1) == nullptr);
    world.server.broadcast(message("not for you"));
    world.server.find_arriving(1)->send(message("nor this"));
    world.loop.run_until_idle();
    CHECK(client->take_received().empty());

    Server::Client* const handle = world.server.find_arriving(1);
    handle->accept();
    CHECK(world.server.log == Log{"who is 1"});  // hooks come from the loop
    CHECK(handle->connected());
    CHECK(world.server.find_client(1) == handle);
    CHECK(world.server.find_arriving(1) == nullptr);
    CHECK(world.server.client_count() == 1);
    handle->send(message("welcome"));
    world.loop.run_until_idle();
    CHECK(world.server.log == Log{"who is 1", "1 connected", "1 message one", "1 message two"});
    std::vector<int> types = messi::test::types_of(client->received());
    std::sort(types.begin(), types.end());
    CHECK(types == std::vector<int>{2, 4});
    world.say(client, from_client(message("three")));
    CHECK(world.server.log.back() == "1 message three");
  }
}

TEST_CASE("a client may be accepted in the hook", "[server]") {
  World world;
  world.server.authenticate = [](Server::Client& client) {
    client.accept();
    CHECK(client.connected());
    client.send(message("welcome"));
    client.accept();
    client.refuse("too late");
  };
  RawClient& client = world.arrive();
  world.say(client, from_client(message("one")));
  CHECK(world.server.log == Log{"who is 1", "1 connected", "1 message one"});
  CHECK(client->received() == from_server(message("welcome")));
}

TEST_CASE("a client that is refused hears why, and never was a client", "[server]") {
  for (const bool in_hook : {true, false}) {
    World world;
    Client client(world.loop);
    if (in_hook) {
      world.server.authenticate = [](Server::Client& who) { who.refuse("The account is closed."); };
    }
    client.start();
    world.loop.run_until_idle();
    if (!in_hook) {
      client.send(message("dropped"));
      world.loop.run_until_idle();
      world.server.find_arriving(1)->refuse("The account is closed.");
      CHECK(world.server.find_arriving(1) == nullptr);
      world.loop.run_until_idle();
    }
    CHECK(world.server.log == Log{"who is 1", "refused memory:client-1: Not authenticated."});
    CHECK(client.log == Log{"connected", "disconnected: Not authenticated."});
    CHECK(client.disconnect_hint() == "The account is closed.");
    CHECK(world.server.client_count() == 0);
  }
}

TEST_CASE("a long refusal is cut, and one without words has the usual ones", "[server]") {
  World world;
  world.server.authenticate = [](Server::Client& client) {
    client.refuse(client.id() == 1 ? std::string(1000, 'x') : "");
  };
  CHECK(world.arrive()->received() == close_frame(kAuth, std::string(96, 'x')));
  CHECK(world.arrive()->received() == close_frame(kAuth, "Not authenticated."));
}

TEST_CASE("a client that gets no answer is refused in time, whatever it does", "[server]") {
  World world;
  RawClient& silent = world.arrive();
  RawClient& busy = world.arrive();
  RawClient& early = world.arrive();
  world.say(early, from_client(message("early")));
  for (int i = 0; i < 49; ++i) {
    world.say(busy, kPing);
    world.loop.advance(100ms);
  }
  CHECK(world.server.log == Log{"who is 1", "who is 2", "who is 3"});
  world.loop.advance(100ms);
  CHECK(silent->received() == close_frame(kAuth, "Not authenticated."));
  CHECK(busy->ended());
  world.loop.advance(1s);
  CHECK(early->ended());
  CHECK(world.server.count("refused") == 3);
  CHECK(world.server.count("1 ") == 0);
}

TEST_CASE("the time for the answer is an option", "[server]") {
  messi::ServerOptions options;
  options.authentication_timeout = messi::Duration::max();
  World world(options);
  RawClient& client = world.arrive();
  world.loop.advance(24h);
  CHECK_FALSE(client->ended());
  options.authentication_timeout = 0s;
  Server wrong(world.loop, "tcp://:6001", options);
  CHECK(wrong.start().message() == "tcp://:6001: authentication_timeout must be more than zero");
}

TEST_CASE("a client whose first message waits is told that the server lives", "[server]") {
  messi::ServerOptions options;
  options.authentication_timeout = 1min;
  World world(options);
  Client client(world.loop);
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(message("early"));
  };
  client.start();
  world.loop.advance(30s);
  CHECK(client.log == Log{"connected"});
  world.server.find_arriving(1)->accept();
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"who is 1", "1 connected", "1 message early"});
}

TEST_CASE("an accepted client is one like others", "[server]") {
  World world;
  RawClient& client = world.arrive();
  world.loop.advance(4s);
  world.server.find_arriving(1)->accept();
  world.loop.advance(2'900ms);
  CHECK(world.server.log == Log{"who is 1", "1 connected"});
  world.loop.advance(200ms);
  CHECK(world.server.log.back() == "1 disconnected: Keep alive timeout.");
  CHECK(client->ended());
}

TEST_CASE("messages are small before the answer, and reads too", "[server]") {
  const auto frame_of = [](std::size_t payload) {
    return messi::test::frame(1, "\x12" + std::string(payload - 1, 'x'));
  };
  {
    World world;
    RawClient& client = world.arrive();
    world.say(client, messi::test::header(1, 4097));
    CHECK(client->received() == close_frame(12, "Message too big."));
    CHECK(world.server.log == Log{"who is 1", "refused memory:client-1: Message too big."});
  }
  {
    World world;
    RawClient& client = world.arrive();
    world.say(client, frame_of(4096));
    CHECK(world.server.log == Log{"who is 1"});
    CHECK_FALSE(client->ended());
  }
  messi::ServerOptions options;
  options.max_payload_before_accept = 100'000'000;
  options.max_payload_size = 200;
  World world(options);
  RawClient& client = world.arrive();
  world.say(client, messi::test::header(1, 201));
  CHECK(client->received() == close_frame(12, "Message too big."));
}

TEST_CASE("after the answer messages may be as large as they may be", "[server]") {
  World world;
  RawClient& client = world.arrive();
  world.say(client, from_client(message("early")) + from_client(message(std::string(50'000, 'x'))));
  world.server.find_arriving(1)->accept();
  world.loop.run_until_idle();
  CHECK(world.server.log ==
        Log{"who is 1", "1 connected", "1 message early", "1 message of 50000 bytes"});
}

TEST_CASE("clients that say much and get no answer take little memory", "[server]") {
  World world;
  std::string flood;
  for (int i = 0; i < 1'000; ++i) flood += from_client(message(std::string(100, 'x')));
  for (int i = 0; i < 100; ++i) world.arrive()->send(flood);
  world.loop.run_until_idle();
  const std::size_t before = messi::test::live_bytes();
  world.server.stop_now();
  world.loop.run_until_idle();
  CHECK(before - messi::test::live_bytes() < 100 * std::size_t{10'000});
}

TEST_CASE("a client may go before the answer", "[server]") {
  World world;
  world.arrive()->close();
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"who is 1", "refused memory:client-1: Connection closed."});
  CHECK(world.server.find_arriving(1) == nullptr);
  CHECK(world.server.client_count() == 0);

  // With a message that waits, its end is not noticed before.
  RawClient& client = world.arrive();
  world.say(client, from_client(message("last words")));
  client->close();
  world.loop.run_until_idle();
  world.server.log.clear();
  world.server.find_arriving(2)->accept();
  world.loop.run_until_idle();
  CHECK(world.server.log ==
        Log{"2 connected", "2 message last words", "2 disconnected: Connection closed."});
}

TEST_CASE("a client may be lost in the turn in which it is accepted", "[server]") {
  World world;
  RawClient& client = world.arrive();
  client->close();
  world.server.find_arriving(1)->accept();
  world.loop.run_until_idle();
  REQUIRE(world.server.log.size() >= 2);
  CHECK(world.server.client_count() == 0);
  const bool greeted = world.server.has("1 connected");
  CHECK(world.server.has(greeted ? "1 disconnected" : "refused"));
}

TEST_CASE("only the first answer counts", "[server]") {
  World world;
  world.arrive();
  Server::Client* const first = world.server.find_arriving(1);
  first->refuse("No.");
  first->accept();
  first->refuse("Never.");
  CHECK_FALSE(first->connected());
  world.loop.run_until_idle();
  CHECK((*world.clients[0])->received() == close_frame(kAuth, "No."));
  world.arrive();
  Server::Client* const second = world.server.find_arriving(2);
  second->accept();
  second->refuse("No.");
  world.loop.run_until_idle();
  second->accept();
  CHECK(second->connected());
  CHECK(world.server.count("2 connected") == 1);
}

TEST_CASE("what breaks the protocol is refused before the answer too", "[server]") {
  World world;
  RawClient& client = world.arrive();
  world.say(client, messi::test::frame(77));
  CHECK(client->received() == close_frame(10, "Protocol error."));
  CHECK(world.server.log == Log{"who is 1", "refused memory:client-1: Protocol error."});
}

TEST_CASE("a hook that throws lets nobody in", "[server]") {
  World world;
  world.server.authenticate = [](Server::Client& /*client*/) {
    throw std::runtime_error("a hook failed");
  };
  world.clients.push_back(std::make_unique<RawClient>(world.loop, "tcp://localhost:6000"));
  CHECK_THROWS_AS(world.loop.run_until_idle(), std::runtime_error);
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"who is 1", "refused memory:client-1: General error."});
  CHECK((*world.clients[0])->ended());
}

TEST_CASE("a server may be stopped while clients wait, and in the hook", "[server]") {
  for (const bool now : {true, false}) {
    for (const bool in_hook : {true, false}) {
      CAPTURE(now, in_hook);
      World world;
      const auto stop = [&] { now ? world.server.stop_now() : world.server.stop(); };
      if (in_hook) world.server.authenticate = [&](Server::Client&) { stop(); };
      RawClient& client = world.arrive();
      if (!in_hook) {
        world.say(client, from_client(message("early")));
        stop();
        world.server.find_client(1);
        world.loop.run_until_idle();
      }
      CHECK(world.server.log == Log{"who is 1", "refused memory:client-1: Stopped."});
      CHECK(world.server.stopped());
      CHECK(client->ended());
    }
  }
}

TEST_CASE("the hook may disconnect the client, or destroy another server", "[server]") {
  World world;
  world.server.authenticate = [](Server::Client& client) {
    client.pause();  // too early to mean anything
    client.resume();
    client.id() == 1 ? client.disconnect() : client.disconnect_now();
    client.accept();
  };
  world.arrive();
  world.arrive();
  CHECK(world.server.log == Log{"who is 1", "refused memory:client-1: Disconnected.", "who is 2",
                                "refused memory:client-2: Disconnected."});

  auto other = std::make_unique<Server>(world.loop, "tcp://:6001");
  REQUIRE(other->start().ok());
  RawClient its(world.loop, "tcp://localhost:6001");
  world.loop.run_until_idle();
  world.server.authenticate = [&](Server::Client& client) {
    other.reset();
    client.accept();
  };
  world.arrive();
  CHECK(world.server.log.back() == "3 connected");
}

TEST_CASE("a server may be destroyed while clients wait", "[server]") {
  ManualLoop loop;
  auto server = std::make_unique<Guarded>(loop);
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  client->send(from_client(message("early")));
  loop.run_until_idle();
  server.reset();
  loop.run_until_idle();
  CHECK(client->ended());
}

TEST_CASE("clients that wait count for the limit of clients", "[server]") {
  messi::ServerOptions options;
  options.max_clients = 1;
  World world(options);
  world.arrive();
  CHECK(world.arrive()->received() == close_frame(7, "Too many clients."));
  world.server.find_arriving(1)->refuse();
  world.loop.run_until_idle();
  CHECK_FALSE(world.arrive()->ended());
}

TEST_CASE("a client may be paused in on_client_connected, before its first message", "[server]") {
  World world;
  world.server.on = [](const std::string& event, Server::Client* client) {
    if (event == "connected") client->pause();
  };
  RawClient& client = world.arrive();
  world.say(client, from_client(message("early")));
  world.server.find_arriving(1)->accept();
  world.loop.advance(1min);
  CHECK(world.server.log == Log{"who is 1", "1 connected"});
  CHECK(world.server.find_client(1)->paused());
  world.server.find_client(1)->resume();
  world.loop.run_until_idle();
  CHECK(world.server.log.back() == "1 message early");
}
