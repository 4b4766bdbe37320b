#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::connect_req;
using messi::test::from_client;
using messi::test::kPing;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

using Ids = std::vector<std::uint64_t>;

/// A server, and as many clients as wanted.
struct Crowd {
  explicit Crowd(int count, const messi::ServerOptions& options = {})
      : server(loop, "tcp://:6000", options) {
    REQUIRE(server.start().ok());
    for (int i = 0; i < count; ++i) add();
  }
  Client& add() {
    clients.push_back(std::make_unique<Client>(loop));
    clients.back()->start();
    loop.run_until_idle();
    return *clients.back();
  }

  ManualLoop loop;
  Server server;
  std::vector<std::unique_ptr<Client>> clients;
};

}  // namespace

TEST_CASE("clients connect and disconnect", "[server]") {
  Crowd crowd(3);
  CHECK(crowd.server.client_count() == 3);
  crowd.clients[1]->stop();
  crowd.loop.run_until_idle();
  CHECK(crowd.server.client_count() == 2);
  crowd.clients.clear();
  crowd.loop.run_until_idle();
  CHECK(crowd.server.client_count() == 0);
  CHECK(crowd.server.log ==
        Log{"1 connected", "2 connected", "3 connected", "2 disconnected: Connection closed.",
            "1 disconnected: Connection closed.", "3 disconnected: Connection closed."});
}

TEST_CASE("messages that come in parts from several clients arrive whole", "[server]") {
  const std::string first = from_client(connect_req("erik")) + from_client(message("hello"));
  const std::string second = from_client(message("from the second")) + kPing;
  for (std::size_t a = 1; a < first.size(); a += 3) {
    for (std::size_t b = 1; b < second.size(); b += 3) {
      ManualLoop loop;
      Server server(loop);
      REQUIRE(server.start().ok());
      RawClient one(loop, "tcp://localhost:6000");
      RawClient two(loop, "tcp://localhost:6000");
      loop.run_until_idle();
      server.log.clear();
      one->send(first.substr(0, a));
      loop.run_until_idle();
      two->send(second.substr(0, b));
      loop.run_until_idle();
      one->send(first.substr(a));
      loop.run_until_idle();
      two->send(second.substr(b));
      loop.run_until_idle();
      CHECK(messi::test::count(server.log, "1 connect_req erik") == 1);
      CHECK(messi::test::count(server.log, "1 message hello") == 1);
      CHECK(messi::test::count(server.log, "2 message from the second") == 1);
      CHECK(server.log.size() == 3);
      CHECK(two->received() == messi::test::kPong);
    }
  }
}

TEST_CASE("ids are never given twice", "[server]") {
  Crowd crowd(0);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 20; ++i) {
    crowd.add();
    const Ids ids = crowd.server.ids();
    REQUIRE(ids.size() == 1);
    CHECK(seen.insert(ids[0]).second);
    if (i % 5 == 4) {
      crowd.server.stop();
      REQUIRE(crowd.server.start().ok());
    }
    crowd.clients.clear();
    crowd.loop.run_until_idle();
  }
}

TEST_CASE("a client is found by its id while it is connected", "[server]") {
  Crowd crowd(3);
  CHECK(crowd.server.find_client(0) == nullptr);
  CHECK(crowd.server.find_client(4) == nullptr);
  for (Server::Client& client : crowd.server.clients()) {
    CHECK(crowd.server.find_client(client.id()) == &client);
  }
  crowd.server.find_client(2)->disconnect();
  CHECK(crowd.server.find_client(2) == nullptr);
  crowd.loop.run_until_idle();
  CHECK(crowd.server.find_client(2) == nullptr);
  CHECK(crowd.server.find_client(1) != nullptr);
  CHECK(crowd.server.find_client(3) != nullptr);
}

TEST_CASE("clients are found and iterated over however many come and go", "[server]") {
  Crowd crowd(50);
  std::set<std::uint64_t> expected;
  for (const std::uint64_t id : crowd.server.ids()) expected.insert(id);
  for (int step = 0; step < 200; ++step) {
    if (step % 3 == 0) {
      crowd.add();
      expected.insert(*std::prev(crowd.server.ids().end()));
    }
    const Ids ids = crowd.server.ids();
    const std::uint64_t gone = ids[static_cast<std::size_t>(step * 7) % ids.size()];
    crowd.server.find_client(gone)->disconnect();
    expected.erase(gone);
    CHECK(crowd.server.ids() == Ids(expected.begin(), expected.end()));
    crowd.loop.run_until_idle();
    if (expected.empty()) break;
    CHECK(crowd.server.ids() == Ids(expected.begin(), expected.end()));
    for (const std::uint64_t id : expected) CHECK(crowd.server.find_client(id)->id() == id);
    CHECK(crowd.server.client_count() == expected.size());
  }
}

TEST_CASE("clients may be disconnected while they are iterated over", "[server]") {
  Crowd crowd(6);
  Ids visited;
  for (Server::Client& client : crowd.server.clients()) {
    visited.push_back(client.id());
    client.disconnect();
    if (Server::Client* const next = crowd.server.find_client(client.id() + 1)) next->disconnect();
    client.send(message("dropped"));
  }
  CHECK(visited == Ids{1, 3, 5});
  CHECK(crowd.server.ids().empty());
  crowd.loop.run_until_idle();
  CHECK(crowd.server.client_count() == 0);
  CHECK(crowd.server.count("1 disconnected: Disconnected.") == 1);
  CHECK(crowd.server.count("6 disconnected: Disconnected.") == 1);
}

TEST_CASE("a client that is disconnected gets what was sent before, and no more", "[server]") {
  Crowd crowd(1);
  Server::Client* const client = crowd.server.find_client(1);
  client->send(message("good bye"));
  client->disconnect();
  client->disconnect();
  client->send(message("too late"));
  CHECK_FALSE(client->connected());
  crowd.loop.run_until_idle();
  CHECK(crowd.clients[0]->log ==
        Log{"connected", "message good bye", "disconnected: Connection closed."});
  CHECK(crowd.server.log == Log{"1 connected", "1 disconnected: Disconnected."});
}

TEST_CASE("a server may disconnect the client whose message it handles", "[server]") {
  Crowd crowd(2);
  crowd.server.on = [](const std::string& event, Server::Client* client) {
    if (event == "message one") client->disconnect();
  };
  crowd.clients[0]->send(message("one"));
  crowd.clients[0]->send(message("two"));
  crowd.clients[1]->send(message("three"));
  crowd.loop.run_until_idle();
  CHECK(crowd.server.count("1 message") == 1);  // nothing is delivered afterwards
  CHECK(crowd.server.count("1 disconnected: Disconnected.") == 1);
  CHECK(crowd.server.count("2 message three") == 1);
  CHECK(crowd.server.client_count() == 1);
}

TEST_CASE("nothing comes from a client after its disconnect", "[server]") {
  Crowd crowd(2);
  // Both have sent when the first one's message disconnects the second.
  crowd.server.on = [&](const std::string& event, Server::Client* /*client*/) {
    if (event != "message now") return;
    for (Server::Client& each : crowd.server.clients()) each.disconnect();
  };
  for (const auto& client : crowd.clients) {
    client->send(message("now"));
    client->send(message("later"));
  }
  crowd.loop.run_until_idle();
  CHECK(crowd.server.count("1 message") + crowd.server.count("2 message") == 1);
  CHECK(crowd.server.count("1 disconnected") == 1);
  CHECK(crowd.server.count("2 disconnected") == 1);
}

TEST_CASE("a handle knows its client", "[server]") {
  Crowd crowd(0);
  const messi::TimePoint began = crowd.loop.now();
  crowd.loop.advance(5s);
  crowd.add();
  Server::Client* const client = crowd.server.find_client(1);
  CHECK(client->id() == 1);
  CHECK(client->connected());
  CHECK(client->connected_since() == began + 5s);
  CHECK(client->peer_address() == "memory:client-1");
  CHECK(client->pending_bytes() == 0);
  client->send(message("hello"));
  CHECK(client->pending_bytes() > 0);
  crowd.loop.advance(5s);
  CHECK(client->connected_since() == began + 5s);
  CHECK(client->pending_bytes() == 0);
}

TEST_CASE("a handle has a place for the user's state", "[server]") {
  struct State {
    ~State() { *destroyed += 1; }
    std::string user;
    int* destroyed = nullptr;
  };
  int destroyed = 0;
  Crowd crowd(0);
  crowd.server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "connected") client->state<State>().destroyed = &destroyed;
    if (event.rfind("connect_req ", 0) == 0) client->state<State>().user = event.substr(12);
    if (event.rfind("disconnected", 0) == 0) {
      CHECK(client->state<State>().user == "user " + std::to_string(client->id()));
      CHECK(destroyed == 0);
    }
  };
  for (int i = 1; i <= 2; ++i) crowd.add().send(connect_req("user " + std::to_string(i)));
  crowd.loop.run_until_idle();
  for (Server::Client& client : crowd.server.clients()) {
    CHECK(client.state<State>().user == "user " + std::to_string(client.id()));
  }
  crowd.clients.pop_back();
  crowd.loop.run_until_idle();
  CHECK(destroyed == 1);
  destroyed = 0;
  crowd.clients.clear();
  crowd.loop.run_until_idle();
  CHECK(destroyed == 1);
}

TEST_CASE("a client over the limit is turned away, and the others stay", "[server]") {
  messi::ServerOptions options;
  options.max_clients = 2;
  Crowd crowd(3, options);
  CHECK(crowd.server.client_count() == 2);
  CHECK(crowd.server.log ==
        Log{"1 connected", "2 connected", "refused memory:client-3: Too many clients."});
  CHECK(crowd.clients[2]->log == Log{"connected", "disconnected: Too many clients."});
  CHECK(crowd.clients[0]->connected());
  crowd.clients[0].reset();
  crowd.loop.advance(2s);
  CHECK(crowd.clients[2]->connected());
  CHECK(crowd.server.client_count() == 2);
}

TEST_CASE("a full server is not met with a connect every second", "[server]") {
  messi::ServerOptions options;
  options.max_clients = 1;
  Crowd crowd(2, options);
  crowd.loop.advance(10min);
  CHECK(crowd.server.count("refused") > 15);
  CHECK(crowd.server.count("refused") < 60);
  CHECK(crowd.clients[0]->log == Log{"connected"});
}

TEST_CASE("a message of another schema is told by its number", "[server]") {
  using namespace std::string_literals;
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  client->send(messi::test::frame(1, "\x1a\x00"s) + messi::test::frame(1, "\xa2\x06\x01x"s) +
               messi::test::frame(1) + from_client(message("after")));
  loop.run_until_idle();
  CHECK(server.log == Log{"1 connected", "1 unknown 3", "1 unknown 100", "1 message after"});
}

TEST_CASE("a client whose message cannot be decoded is disconnected", "[server]") {
  using namespace std::string_literals;
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  RawClient bad(loop, "tcp://localhost:6000");
  Client good(loop);
  good.start();
  loop.run_until_idle();
  bad->send(messi::test::frame(1, "\x12\x05zzz"s) + from_client(message("after")));
  loop.run_until_idle();
  CHECK(server.count("1 disconnected: Message decode error.") == 1);
  CHECK(server.count("1 message") == 0);
  CHECK(bad->ended());
  CHECK(good.connected());
}

TEST_CASE("a client that does not speak the protocol is disconnected", "[server]") {
  for (const int type : {2, 4, 5, 6, 8, 200}) {
    ManualLoop loop;
    Server server(loop);
    REQUIRE(server.start().ok());
    RawClient client(loop, "tcp://localhost:6000");
    loop.run_until_idle();
    client->send(messi::test::frame(type) + from_client(message("after")));
    loop.run_until_idle();
    CHECK(server.log == Log{"1 connected", "1 disconnected: Protocol error."});
    CHECK(client->ended());
  }
}
