// Anything is legal in a hook. Every action in every hook of a server: the recording server checks
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
using messi::test::from_client;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

messi::ServerOptions small() {
  messi::ServerOptions options;
  options.max_clients = 3;
  options.max_pending_bytes = 10'000;
  options.max_payload_size = 5'000;
  return options;
}

struct World {
  ManualLoop loop;
  Server server{loop, "tcp://:6000", small()};
  std::unique_ptr<Client> first = std::make_unique<Client>(loop);
  std::unique_ptr<RawClient> second;
  std::unique_ptr<Client> third = std::make_unique<Client>(loop);
  Server other_server{loop, "tcp://:6001"};

  World() {
    CHECK(server.start().ok());
    CHECK(other_server.start().ok());
  }

  /// Makes every hook of the server happen, if no action prevents it.
  void make_everything_happen() {
    first->start();
    loop.run_until_idle();
    second = std::make_unique<RawClient>(loop, "tcp://localhost:6000");
    third->start();
    loop.run_until_idle();
    const RawClient refused(loop, "tcp://localhost:6000");
    loop.run_until_idle();
    from_second(from_client(connect_req()) + from_client(message("one")) +
                from_client(message("two")) + frame(1, "\x1a\x00"s) +
                from_client(message("three")));
    if (first != nullptr) first->send(message("four"));
    loop.run_until_idle();
    loop.network().faults.capacity = 100;
    loop.network().faults.stalled = true;
    for (Server::Client& client : server.clients()) {
      while (client.connected() && client.pending_bytes() <= 5'000) {
        client.send(message(std::string(500, 'x')));
      }
    }
    loop.run_until_idle();
    loop.network().faults = {};
    loop.run_until_idle();
    if (second->peer() != nullptr) (*second)->close();
    loop.advance(2s);
  }

  void from_second(const std::string& bytes) {
    if (second->peer() == nullptr) return;
    (*second)->send(bytes);
    loop.run_until_idle();
  }
};

using Action = std::pair<std::string, std::function<void(World&, Server::Client*)>>;

const std::vector<Action>& actions() {
  static const std::vector<Action> all = {
      {"nothing", [](World&, Server::Client*) {}},
      {"disconnect the client",
       [](World&, Server::Client* client) {
         if (client != nullptr) client->disconnect();
       }},
      {"disconnect all clients",
       [](World& world, Server::Client*) {
         for (Server::Client& client : world.server.clients()) client.disconnect();
       }},
      {"disconnect the other clients",
       [](World& world, Server::Client* current) {
         for (Server::Client& client : world.server.clients()) {
           if (&client != current) client.disconnect();
         }
       }},
      {"stop", [](World& world, Server::Client*) { world.server.stop(); }},
      {"start", [](World& world, Server::Client*) { CHECK(world.server.start().ok()); }},
      {"stop and start",
       [](World& world, Server::Client*) {
         world.server.stop();
         CHECK(world.server.start().ok());
       }},
      {"send",
       [](World&, Server::Client* client) {
         if (client != nullptr) client->send(message("in a hook"));
       }},
      {"send and disconnect",
       [](World&, Server::Client* client) {
         if (client == nullptr) return;
         client->send(message("in a hook"));
         client->disconnect();
         client->send(message("too late"));
       }},
      {"send to all",
       [](World& world, Server::Client*) {
         for (Server::Client& client : world.server.clients()) client.send(chat::ConnectRsp());
       }},
      {"send too much",
       [](World& world, Server::Client*) {
         world.loop.network().faults.capacity = 100;
         for (Server::Client& client : world.server.clients()) {
           for (int i = 0; i < 20; ++i) client.send(message(std::string(1'000, 'x')));
         }
         world.loop.network().faults.capacity = 256 * 1024;
       }},
      {"reply", [](World& world, Server::Client*) { world.server.reply(message("a reply")); }},
      {"broadcast",
       [](World& world, Server::Client*) { world.server.broadcast(message("in a hook")); }},
      {"broadcast to all but one",
       [](World& world, Server::Client* client) {
         if (client != nullptr) world.server.broadcast(message("in a hook"), *client);
       }},
      {"broadcast a message that is too big",
       [](World& world, Server::Client*) {
         world.server.broadcast(message(std::string(10'000, 'x')));
       }},
      {"broadcast and stop",
       [](World& world, Server::Client*) {
         world.server.broadcast(message("in a hook"));
         world.server.stop();
         world.server.broadcast(message("too late"));
       }},
      {"destroy a client of this process",
       [](World& world, Server::Client*) { world.first.reset(); }},
      {"stop a client of this process", [](World& world, Server::Client*) { world.third->stop(); }},
      {"stop and start a client of this process",
       [](World& world, Server::Client*) {
         world.third->stop();
         world.third->start();
       }},
      {"stop another server", [](World& world, Server::Client*) { world.other_server.stop(); }},
      {"connect another client",
       [](World& world, Server::Client*) {
         world.first = std::make_unique<Client>(world.loop);
         world.first->start();
       }},
      {"break the network", [](World& world, Server::Client*) { world.loop.network().cut_all(); }},
      {"post a stop",
       [](World& world, Server::Client*) { world.loop.post([&world] { world.server.stop(); }); }},
  };
  return all;
}

constexpr const char* kHooks[] = {"connected", "refused",  "connect_req", "message one",
                                  "unknown 3", "writable", "disconnected"};

}  // namespace

TEST_CASE("every hook of a server happens", "[server]") {
  World world;
  std::vector<std::string> events;
  world.server.on = [&](const std::string& event, Server::Client*) { events.push_back(event); };
  world.make_everything_happen();
  for (const char* const hook : kHooks) {
    CAPTURE(hook);
    CHECK(messi::test::has(events, hook));
  }
}

TEST_CASE("any action is legal in any hook of a server", "[server]") {
  for (const char* const hook : kHooks) {
    for (const auto& [name, action] : actions()) {
      for (const bool every_time : {false, true}) {
        CAPTURE(hook, name, every_time);
        World world;
        bool done = false;
        world.server.on = [&, hook = std::string(hook), act = action](const std::string& event,
                                                                      Server::Client* client) {
          if (event.substr(0, hook.size()) != hook || (done && !every_time)) return;
          done = true;
          // Without time passing, who always starts anew would never be done.
          if (world.server.log.size() < 100) act(world, client);
        };
        world.make_everything_happen();
        CHECK(done);

        // Whatever has happened, a server that is started again serves.
        world.server.on = [](const std::string& event, Server::Client* client) {
          if (event == "message at the end") client->send(message("all is well"));
        };
        world.first.reset();
        world.third.reset();
        world.server.stop();
        REQUIRE(world.server.start().ok());
        world.loop.run_until_idle();
        CHECK(world.server.client_count() == 0);
        Client client(world.loop);
        client.then = [&](const std::string& line) {
          if (line == "connected") client.send(message("at the end"));
        };
        client.start();
        world.loop.run_until_idle();
        CHECK(client.has("message all is well"));
      }
    }
  }
}

TEST_CASE("a server that stops in any hook stays stopped", "[server]") {
  for (const char* const hook : kHooks) {
    CAPTURE(hook);
    World world;
    world.server.on = [&, hook = std::string(hook)](const std::string& event, Server::Client*) {
      if (event.substr(0, hook.size()) == hook) world.server.stop();
    };
    world.make_everything_happen();
    world.server.log.clear();
    world.loop.advance(1min);
    CHECK(world.server.client_count() == 0);
    CHECK(world.server.log.empty());
    CHECK(world.server.port() == 0);
  }
}
