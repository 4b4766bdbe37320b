#include "messi/coro/server.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/coro/client.h"
#include "messi/coro/job.h"
#include "messi/coro/sleep.h"
#include "messi/coro/task.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/chat.h"

using messi::coro::Job;
using messi::coro::sleep;
using messi::coro::Task;
using messi::test::connect_req;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::message;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

using Server = messi::coro::Server<chat::ChatServer>;
using Peer = Server::Peer;
using Log = std::vector<std::string>;

std::string code(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

// Greets, and sends back what it gets, until "bye".
Task<> echo(Peer& peer) {
  auto request = co_await peer.next<chat::ConnectReq>(5s);
  if (!request.ok()) co_return;
  request->reply(chat::ConnectRsp());
  for (;;) {
    messi::coro::Result<chat::MessageInd> said = co_await peer.next<chat::MessageInd>();
    if (!said.ok() || said->text() == "bye") co_return;
    peer.send(*said);
  }
}

struct World {
  explicit World(Server::Handler handler) {
    server.emplace(loop, "tcp://:6000", std::move(handler));
    REQUIRE(server->start().ok());
  }
  RawClient& connect() {
    clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    loop.run_until_idle();
    return *clients.back();
  }
  void receive(RawClient& client, const std::string& bytes) {
    client->send(bytes);
    loop.run_until_idle();
  }

  ManualLoop loop;
  std::optional<Server> server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

}  // namespace

TEST_CASE("a server's client is one coroutine, and when that returns, it is disconnected",
          "[coro]") {
  World world(echo);
  RawClient& client = world.connect();
  RawClient& other = world.connect();
  world.receive(client, from_client(connect_req()));
  CHECK(client->take_received() == from_server(chat::ConnectRsp()));
  world.receive(client, from_client(message("1")) + from_client(message("2")));
  CHECK(client->take_received() == from_server(message("1")) + from_server(message("2")));
  CHECK(world.server->client_count() == 2);
  world.receive(client, from_client(message("bye")));
  CHECK(client->ended());
  CHECK(world.server->client_count() == 1);
  world.receive(other, from_client(connect_req()));
  CHECK(other->take_received() == from_server(chat::ConnectRsp()));
}

TEST_CASE("a client that does not introduce itself in time is disconnected", "[coro]") {
  World world(echo);
  RawClient& client = world.connect();
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(client->ended());
    world.receive(client, messi::test::kPing);
    world.loop.advance(1s);
  }
  CHECK(client->ended());
}

TEST_CASE("the coroutine of a client that has gone gets what had arrived, and is told", "[coro]") {
  Log log;
  World world([&log](Peer& peer) -> Task<> {
    co_await sleep(1s);
    CHECK(peer.client() == nullptr);
    for (;;) {
      messi::coro::Result<chat::MessageInd> said = co_await peer.next<chat::MessageInd>();
      log.push_back(said.ok() ? said->text() : code(said.status()));
      if (log.size() == 4) co_return;
      peer.send(message("dropped"));
    }
  });
  RawClient& client = world.connect();
  client->send(from_client(message("1")) + from_client(message("2")));
  client->finish();
  world.loop.run_until_idle();
  CHECK(world.server->client_count() == 0);
  CHECK(log.empty());
  world.loop.advance(1s);
  CHECK(log == Log{"1", "2", "UNAVAILABLE", "UNAVAILABLE"});
}

TEST_CASE("with the server go the coroutines of its clients", "[coro]") {
  int alive = 0;
  struct Counted {
    explicit Counted(int& to) : count(to) { ++count; }
    ~Counted() { --count; }
    int& count;
  };
  World world([&alive](Peer& peer) -> Task<> {
    const Counted counted(alive);
    static_cast<void>(co_await peer.next<chat::MessageInd>());
    co_await sleep(1h);
  });
  world.connect();
  world.receive(world.connect(), from_client(message("1")));
  world.connect()->finish();
  world.loop.run_until_idle();
  CHECK(alive == 3);
  world.server.reset();
  CHECK(alive == 0);
  world.loop.run_until_idle();
}

TEST_CASE("an exception of a client's coroutine leaves the loop, and ends its connection",
          "[coro]") {
  World world([](Peer& peer) -> Task<> {
    static_cast<void>(co_await peer.next<chat::MessageInd>());
    throw std::runtime_error("of a client");
  });
  RawClient& client = world.connect();
  RawClient& other = world.connect();
  client->send(from_client(message("1")));
  CHECK_THROWS_WITH(world.loop.run_until_idle(), "of a client");
  world.loop.run_until_idle();
  CHECK(client->ended());
  CHECK_FALSE(other->ended());
}

TEST_CASE("a coroutine may disconnect its client, all clients, or stop the server", "[coro]") {
  const int what = GENERATE(0, 1, 2);
  Log log;
  World world([&log, what](Peer& peer) -> Task<> {
    static_cast<void>(co_await peer.next<chat::MessageInd>());
    if (what == 0) peer.client()->disconnect_now();
    if (what == 1) {
      for (Server::Client& each : peer.server().clients()) each.disconnect();
    }
    if (what == 2) peer.server().stop_now();
    log.push_back(code((co_await peer.next<chat::MessageInd>()).status()));
  });
  RawClient& client = world.connect();
  world.receive(client, from_client(message("1")));
  world.loop.advance(10s);
  CHECK(log == Log{"UNAVAILABLE"});
  CHECK(client->ended());
}

TEST_CASE("a coroutine may destroy its server", "[coro]") {
  World* place = nullptr;
  Log log;
  World world([&](Peer& peer) -> Task<> {
    World*& found = place;
    Log& to = log;
    static_cast<void>(co_await peer.next<chat::MessageInd>());
    found->server.reset();
    to.push_back("went on");
  });
  place = &world;
  world.receive(world.connect(), from_client(message("1")));
  CHECK(log == Log{"went on"});
}

TEST_CASE("a client that nobody reads is paused, and the server's memory is bounded", "[coro]") {
  World world([](Peer& peer) -> Task<> {
    co_await sleep(1h);
    static_cast<void>(co_await peer.next());
  });
  RawClient& client = world.connect();
  const std::string text(1000, 'x');
  for (int i = 0; i < 1000; ++i) client->send(from_client(message(text)));
  world.loop.advance(1s);
  CHECK((*world.server->clients().begin()).paused());
}

TEST_CASE("messages that nobody has ever asked for, from a client", "[coro]") {
  Log log;
  World world([&log](Peer& peer) -> Task<> {
    log.push_back(code((co_await peer.next<chat::ConnectReq>()).status()));
    int messages = 0;
    while ((co_await peer.next<chat::MessageInd>(0s)).ok()) ++messages;
    log.push_back(messages == 1000 ? "all" : std::to_string(messages));
  });
  RawClient& client = world.connect();
  const std::string text(1000, 'x');
  for (int i = 0; i < 1000; ++i) client->send(from_client(message(text)));
  world.loop.run_until_idle();
  CHECK(log == Log{"RESOURCE_EXHAUSTED", "all"});
}
