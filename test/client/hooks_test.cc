// Anything is legal in a hook. Every action in every hook of a client: the recording client checks
// on the way that the hooks still make sense, and at the end everything must still work.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::connect_req;
using messi::test::frame;
using messi::test::from_server;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

messi::ClientOptions small_queue() {
  messi::ClientOptions options;
  options.max_pending_bytes = 10'000;
  options.max_payload_size = 5'000;
  return options;
}

struct World {
  ManualLoop loop;
  RawServer peer{loop, "tcp://:6000"};
  Client client{loop, "tcp://localhost:6000", small_queue()};
  Server server{loop, "tcp://:6001"};
  std::unique_ptr<Client> other = std::make_unique<Client>(loop, "tcp://localhost:6001");
  std::unique_ptr<Client> waiting = std::make_unique<Client>(loop, "tcp://localhost:6002");

  World() {
    CHECK(server.start().ok());
    other->start();
    waiting->start();
    loop.run_until_idle();
    CHECK(other->connected());
  }

  /// Makes every hook of the client happen, if no action prevents it.
  void make_everything_happen() {
    loop.network().faults.refuse_connects = true;
    client.start();
    loop.advance(100ms);
    loop.network().faults.refuse_connects = false;
    loop.advance(2s);
    from_peer(from_server(chat::ConnectRsp()) + from_server(message("one")) +
              from_server(message("two")) + frame(2, "\x1a\x00"s) + from_server(message("three")));
    loop.network().faults.capacity = 100;
    loop.network().faults.stalled = true;
    while (client.connected() && client.pending_bytes() <= 5'000) {
      client.send(message(std::string(500, 'x')));
    }
    loop.run_until_idle();
    loop.network().faults = {};
    loop.run_until_idle();
    if (client.connected()) peer.last().close();
    loop.advance(2s);
  }

  void from_peer(const std::string& bytes) {
    if (!client.connected()) return;
    peer.last().send(bytes);
    loop.run_until_idle();
  }
};

using Action = std::pair<std::string, std::function<void(World&)>>;

const std::vector<Action>& actions() {
  static const std::vector<Action> all = {
      {"nothing", [](World&) {}},
      {"stop", [](World& world) { world.client.stop(); }},
      {"start", [](World& world) { world.client.start(); }},
      {"stop and start",
       [](World& world) {
         world.client.stop();
         world.client.start();
       }},
      {"start and stop",
       [](World& world) {
         world.client.start();
         world.client.stop();
       }},
      {"stop, start, stop, start",
       [](World& world) {
         for (int i = 0; i < 2; ++i) {
           world.client.stop();
           world.client.start();
         }
       }},
      {"send", [](World& world) { world.client.send(message("in a hook")); }},
      {"send and stop",
       [](World& world) {
         world.client.send(connect_req());
         world.client.stop();
       }},
      {"send too much",
       [](World& world) {
         world.loop.network().faults.capacity = 100;
         for (int i = 0; i < 20; ++i) world.client.send(message(std::string(1'000, 'x')));
         world.loop.network().faults.capacity = 256 * 1024;
       }},
      {"send a message that is too big",
       [](World& world) { world.client.send(message(std::string(10'000, 'x'))); }},
      {"destroy another client", [](World& world) { world.other.reset(); }},
      {"destroy a client that waits", [](World& world) { world.waiting.reset(); }},
      {"destroy a client that connects",
       [](World& world) {
         Client connecting(world.loop, "tcp://localhost:6001");
         connecting.start();
       }},
      {"make another client",
       [](World& world) {
         world.other = std::make_unique<Client>(world.loop, "tcp://localhost:6001");
         world.other->start();
       }},
      {"stop a server", [](World& world) { world.server.stop(); }},
      {"stop and start a server",
       [](World& world) {
         world.server.stop();
         CHECK(world.server.start().ok());
       }},
      {"broadcast", [](World& world) { world.server.broadcast(message("in a hook")); }},
      {"disconnect the clients of a server",
       [](World& world) {
         for (Server::Client& client : world.server.clients()) client.disconnect();
       }},
      {"the peer closes",
       [](World& world) {
         if (!world.peer.peers().empty()) world.peer.last().close();
       }},
      {"the network breaks", [](World& world) { world.loop.network().cut_all(); }},
      {"post a stop", [](World& world) { world.loop.post([&world] { world.client.stop(); }); }},
  };
  return all;
}

}  // namespace

TEST_CASE("every hook of a client happens", "[client]") {
  World world;
  world.make_everything_happen();
  for (const char* const hook : {"failed", "connected", "connect_rsp", "message one", "unknown 3",
                                 "message three", "writable", "disconnected"}) {
    CAPTURE(hook);
    CHECK(world.client.has(hook));
  }
}

TEST_CASE("any action is legal in any hook of a client", "[client]") {
  for (const char* const hook : {"failed", "connected", "connect_rsp", "message one", "unknown 3",
                                 "writable", "disconnected"}) {
    for (const auto& [name, action] : actions()) {
      for (const bool every_time : {false, true}) {
        CAPTURE(hook, name, every_time);
        World world;
        bool done = false;
        world.client.then = [&, hook = std::string(hook), act = action](const std::string& line) {
          if (line.substr(0, hook.size()) != hook || (done && !every_time)) return;
          done = true;
          // Without time passing, who always starts anew would never be done.
          if (world.client.log.size() < 100) act(world);
        };
        world.make_everything_happen();
        CHECK(done);

        // Whatever has happened, a client that is started again finds its server.
        world.client.then = [](const std::string& /*line*/) {};
        world.client.stop();
        world.client.start();
        for (int i = 0; i < 600 && !world.client.connected(); ++i) world.loop.advance(100ms);
        REQUIRE(world.client.connected());
        world.from_peer(from_server(message("at the end")));
        world.client.stop();
        world.loop.run_until_idle();
        CHECK(world.client.log.back() == "disconnected: Stopped.");
        CHECK(world.client.count("connected") == world.client.count("disconnected"));
      }
    }
  }
}

TEST_CASE("a client that stops in any hook stays stopped", "[client]") {
  for (const char* const hook : {"failed", "connected", "connect_rsp", "message one", "unknown 3",
                                 "writable", "disconnected"}) {
    CAPTURE(hook);
    World world;
    world.client.then = [&, hook = std::string(hook)](const std::string& line) {
      if (line.substr(0, hook.size()) == hook) world.client.stop();
    };
    world.make_everything_happen();
    const std::size_t connections = world.loop.network().connections_made();
    const std::size_t hooks = world.client.log.size();
    world.other->stop();
    world.loop.advance(1h);
    CHECK_FALSE(world.client.connected());
    CHECK(world.client.log.size() == hooks);
    CHECK(world.loop.network().connections_made() == connections);
  }
}

TEST_CASE("two clients may stop and destroy each other", "[client]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  auto first = std::make_unique<Client>(loop);
  auto second = std::make_unique<Client>(loop);
  first->then = [&](const std::string& line) {
    if (line == "message now") second.reset();
  };
  second->then = [&](const std::string& line) {
    if (line == "message now") first.reset();
  };
  first->start();
  second->start();
  loop.run_until_idle();
  server.broadcast(message("now"));
  server.broadcast(message("later"));
  loop.run_until_idle();
  CHECK((first == nullptr) != (second == nullptr));
  CHECK((first != nullptr ? first : second)->log ==
        Log{"connected", "message now", "message later"});
  CHECK(server.client_count() == 1);
}

TEST_CASE("a hook may stop the server's side of its own connection", "[client]") {
  ManualLoop loop;
  auto server = std::make_unique<Server>(loop);
  REQUIRE(server->start().ok());
  Client client(loop);
  client.then = [&](const std::string& line) {
    if (line == "message now") server.reset();
  };
  client.start();
  loop.run_until_idle();
  server->broadcast(message("now"));
  server->broadcast(message("later"));
  loop.run_until_idle();
  CHECK(client.log ==
        Log{"connected", "message now", "message later", "disconnected: Connection closed."});
}

TEST_CASE("a client may be destroyed by the server's hook that meets it", "[client]") {
  for (const bool stop_only : {false, true}) {
    ManualLoop loop;
    Server server(loop);
    REQUIRE(server.start().ok());
    auto client = std::make_unique<Client>(loop);
    server.on = [&](const std::string& event, Server::Client* /*from*/) {
      if (event != "connected") return;
      if (stop_only) {
        client->stop();
      } else {
        client.reset();
      }
    };
    client->start();
    loop.advance(1s);
    CHECK(server.log == Log{"1 connected", "1 disconnected: Connection closed."});
    if (stop_only) CHECK_FALSE(client->connected());
  }
}
