// A server that lets its clients go: nothing that was accepted is lost, and it ends in time.

#include <algorithm>
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
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::close_frame;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::kPing;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawPeer;
using namespace std::chrono_literals;

namespace {

const std::string kDrain = close_frame(14);

/// A server and clients that do as they are told.
struct World {
  explicit World(int count, const messi::ServerOptions& options = {})
      : server(loop, "tcp://:6000", options) {
    server.may_leave = true;
    REQUIRE(server.start().ok());
    for (int i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
      loop.run_until_idle();
      peer(static_cast<std::size_t>(i)).stay_open();
    }
    server.log.clear();
  }
  Server::Client& handle(std::uint64_t id) { return *server.find_client(id); }
  RawPeer& peer(std::size_t index) { return *(*clients[index]).operator->(); }
  void say(std::size_t index, const std::string& bytes) {
    peer(index).send(bytes);
    loop.run_until_idle();
  }
  /// Time passes, and all clients ping.
  void advance(messi::Duration duration) {
    for (; duration > 0s; duration -= 1s) {
      for (auto& client : clients) (*client)->send(kPing);
      loop.advance(std::min<messi::Duration>(duration, 1s));
    }
  }

  ManualLoop loop;
  Server server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

std::string text_of(std::size_t size) { return std::string(size, 'x'); }

}  // namespace

TEST_CASE("a drain waits for the client's end, and answers what it had sent", "[server]") {
  World world(1);
  world.server.on = [](const std::string& event, Server::Client* client) {
    if (event == "message question") client->send(message("answer"));
  };
  world.handle(1).send(message("before"));
  world.server.drain(10s);
  CHECK(world.server.port() == 0);
  CHECK(world.handle(1).connected());
  world.handle(1).send(message("behind"));
  world.loop.run_until_idle();
  CHECK(world.peer(0).take_received() ==
        from_server(message("before")) + kDrain + from_server(message("behind")));
  world.say(0, from_client(message("question")));
  CHECK(world.peer(0).take_received() == from_server(message("answer")));
  world.server.broadcast(message("all"));
  world.peer(0).send(from_client(message("question")));
  world.peer(0).finish();
  world.loop.run_until_idle();
  CHECK(world.peer(0).take_received() ==
        from_server(message("all")) + from_server(message("answer")));
  CHECK(world.peer(0).ended());
  CHECK(world.server.log ==
        Log{"1 message question", "1 message question", "1 disconnected: Draining."});
  CHECK(world.server.stopped());
}

TEST_CASE("a drain with our clients loses nothing, however small the pieces are", "[server]") {
  for (const std::size_t most : {std::size_t{1}, std::size_t{500}, std::size_t{100'000}}) {
    for (const std::size_t capacity : {std::size_t{100}, std::size_t{100'000}}) {
      CAPTURE(most, capacity);
      ManualLoop loop;
      loop.network().faults.most_per_read = most;
      loop.network().faults.capacity = capacity;
      Server server(loop);
      server.may_leave = true;
      REQUIRE(server.start().ok());
      Client client(loop);
      client.may_leave = true;
      client.start();
      loop.run_until_idle();
      // Each message is answered.
      server.on = [](const std::string& event, Server::Client* from) {
        if (event.substr(0, 7) == "message") from->send(message("answer"));
      };
      for (int i = 0; i < 20; ++i) {
        client.send(message(text_of(1'000)));
        server.find_client(1)->send(message(text_of(1'000)));
      }
      server.drain(10s);
      loop.run_until_idle();
      CHECK(server.count("1 message") == 20);
      CHECK(client.count("message of 1000 bytes") == 20);
      CHECK(client.count("message answer") == 20);
      CHECK(server.log.back() == "1 disconnected: Draining.");
      CHECK(client.log.back() == "disconnected: Draining.");
      CHECK(server.stopped());
    }
  }
}

TEST_CASE("clients move from a draining server to the next", "[server]") {
  ManualLoop loop;
  Server first(loop);
  REQUIRE(first.start().ok());
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<Client>(loop));
    clients.back()->start();
  }
  loop.advance(3s);
  CHECK(first.client_count() == 50);
  first.drain(10s);
  Server second(loop);
  REQUIRE(second.start().ok());
  loop.advance(201ms);
  CHECK(first.stopped());
  CHECK(second.client_count() == 50);
  for (const auto& client : clients) {
    CHECK(client->log == Log{"connected", "disconnected: Draining.", "connected"});
  }
}

TEST_CASE("a client that does not know a drain sees the end at half of the deadline", "[server]") {
  World world(1);
  world.server.drain(10s);
  world.advance(4s);
  world.handle(1).send(message("still"));
  world.say(0, from_client(message("here")));
  CHECK_FALSE(world.peer(0).ended());
  world.advance(1s);
  CHECK(world.peer(0).ended());
  CHECK(world.server.client_count() == 0);
  world.say(0, from_client(message("and heard")) + kPing);
  CHECK(world.server.log == Log{"1 message here", "1 message and heard"});
  CHECK_FALSE(world.server.stopped());
  world.peer(0).finish();
  world.loop.run_until_idle();
  CHECK(world.server.log.back() == "1 disconnected: Draining.");
  CHECK(world.server.stopped());
}

TEST_CASE("at the deadline all that is left is closed", "[server]") {
  World world(4);
  world.loop.network().faults.capacity = 100;
  world.peer(1).want_input(false);
  world.handle(2).send(message(text_of(1'000)));
  world.handle(3).pause();
  world.handle(4).disconnect();
  world.server.drain(4s);
  world.advance(3s);
  CHECK(world.server.log.empty());
  CHECK(world.server.client_count() == 0);
  world.advance(1s);
  CHECK(world.server.log.size() == 4);
  for (const char* const gone : {"1 disconnected: Draining.", "2 disconnected: Draining.",
                                 "3 disconnected: Draining.", "4 disconnected: Disconnected."}) {
    CHECK(world.server.has(gone));
  }
  CHECK(world.server.stopped());
}

TEST_CASE("a slow reader gets all that it was sent, within the deadline", "[server]") {
  World world(1);
  world.loop.network().faults.capacity = 1'000;
  world.peer(0).want_input(false);
  world.handle(1).send(message(text_of(50'000)));
  world.server.drain(1min);
  world.loop.run_until_idle();
  world.peer(0).finish();
  world.loop.advance(50s);  // silent: it has said all
  CHECK(world.server.log.empty());
  world.peer(0).want_input(true);
  world.loop.run_until_idle();
  CHECK(world.peer(0).received() == from_server(message(text_of(50'000))) + kDrain);
  CHECK(world.server.log == Log{"1 disconnected: Draining."});
}

TEST_CASE("a client that is silent, breaks the protocol or is gone does not delay a drain",
          "[server]") {
  World world(3);
  world.server.drain(1h);
  world.loop.run_until_idle();
  world.say(1, messi::test::frame(77));
  world.peer(2).close();
  world.loop.advance(3s);
  CHECK(world.server.log == Log{"2 disconnected: Protocol error.", "3 disconnected: Draining.",
                                "1 disconnected: Keep alive timeout."});
  CHECK(world.peer(1).received() == kDrain);  // one word is enough
  World old(1);
  old.server.drain(4s);
  old.loop.advance(2s);
  old.loop.advance(1s);
  CHECK(old.server.log == Log{"1 disconnected: Draining."});
}

TEST_CASE("a paused client is heard when it is resumed during a drain", "[server]") {
  World world(1);
  world.handle(1).pause();
  world.say(0, from_client(message("one")));
  world.server.drain(10s);
  world.loop.run_until_idle();
  world.peer(0).finish();
  world.loop.advance(4s);
  CHECK(world.server.log.empty());
  world.handle(1).resume();
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"1 message one", "1 disconnected: Draining."});

  World late(1);
  late.handle(1).pause();
  Server::Client& client = late.handle(1);
  late.say(0, from_client(message("one")));
  late.server.drain(10s);
  late.loop.advance(6s);
  CHECK(late.peer(0).ended());
  client.resume();
  late.loop.run_until_idle();
  CHECK(late.server.log == Log{"1 message one"});
  late.peer(0).close();
  late.loop.run_until_idle();
  CHECK(late.server.log == Log{"1 message one", "1 disconnected: Draining."});
}

TEST_CASE("a drain may be called again, and the new deadline counts", "[server]") {
  for (const bool sooner : {true, false}) {
    World world(1);
    world.server.drain(10s);
    world.advance(2s);
    world.server.drain(sooner ? 4s : 20s);
    world.advance(sooner ? 3s : 19s);
    CHECK(world.server.log.empty());
    CHECK(world.peer(0).ended());
    world.advance(1s);
    CHECK(world.server.log == Log{"1 disconnected: Draining."});
    const std::vector<int> types = messi::test::types_of(world.peer(0).received());
    CHECK(std::count(types.begin(), types.end(), 9) == 1);
  }
}

TEST_CASE("stop ends a drain, in order or at once", "[server]") {
  for (const bool now : {true, false}) {
    // Before the client has said all; after it; and after half of the deadline.
    for (const int when : {0, 1, 2}) {
      CAPTURE(now, when);
      World world(1);
      world.loop.network().faults.capacity = 1'000;
      world.peer(0).want_input(false);
      world.handle(1).send(message(text_of(20'000)));
      world.server.drain(when == 2 ? 2s : 1h);
      world.loop.run_until_idle();
      if (when == 1) world.peer(0).finish();
      world.loop.advance(1s);
      now ? world.server.stop_now() : world.server.stop();
      world.say(0, from_client(message("too late")));
      world.loop.advance(now ? 0s : 4'900ms);
      CHECK(world.server.log.size() == (now ? 1 : 0));
      world.loop.advance(200ms);
      CHECK(world.server.log ==
            Log{when == 0 ? "1 disconnected: Stopped." : "1 disconnected: Draining."});
      CHECK(world.server.stopped());
      CHECK(world.server.client_count() == 0);
    }
  }
}

TEST_CASE("after stop a client that has said all still gets what waits for it", "[server]") {
  World world(1);
  world.loop.network().faults.capacity = 1'000;
  world.peer(0).want_input(false);
  world.handle(1).send(message(text_of(20'000)));
  world.server.stop();
  world.loop.run_until_idle();
  world.peer(0).finish();
  world.loop.run_until_idle();
  CHECK(world.server.log.empty());
  world.peer(0).want_input(true);
  world.loop.run_until_idle();
  CHECK(world.peer(0).received() == from_server(message(text_of(20'000))));
  CHECK(world.server.log == Log{"1 disconnected: Stopped."});
}

TEST_CASE("a server that is started again during a drain keeps its new clients", "[server]") {
  World world(1);
  world.server.drain(4s);
  REQUIRE(world.server.start().ok());
  RawClient fresh(world.loop, "tcp://localhost:6000");
  for (int i = 0; i < 6; ++i) {
    world.loop.run_until_idle();
    fresh->send(kPing);
    world.advance(1s);
  }
  CHECK(world.server.log == Log{"2 connected", "1 disconnected: Draining."});
  CHECK(world.server.ids() == std::vector<std::uint64_t>{2});
  CHECK_FALSE(world.server.stopped());
}

TEST_CASE("a drain may come from any hook", "[server]") {
  for (const std::string when : {"connected", "message now", "disconnected: Connection closed."}) {
    CAPTURE(when);
    ManualLoop loop;
    Server server(loop);
    server.on = [&](const std::string& event, Server::Client*) {
      if (event == when) server.drain(10s);
    };
    REQUIRE(server.start().ok());
    RawClient client(loop, "tcp://localhost:6000");
    loop.run_until_idle();
    client->send(from_client(message("now")));
    client->finish();
    loop.run_until_idle();
    CHECK(server.stopped());
    const bool drained = when != "disconnected: Connection closed.";
    CHECK(server.log ==
          Log{"1 connected", "1 message now",
              drained ? "1 disconnected: Draining." : "1 disconnected: Connection closed."});
  }
}

TEST_CASE("a hook may drain and then destroy, stop or start", "[server]") {
  ManualLoop loop;
  auto server = std::make_unique<Server>(loop);
  REQUIRE(server->start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  server->drain(10s);
  server.reset();
  loop.run_until_idle();
  CHECK(client->ended());

  World world(2);
  world.server.drain(10s);
  world.server.stop();
  world.server.drain(1s);
  world.loop.advance(1s);
  CHECK(world.server.log == Log{"1 disconnected: Stopped.", "2 disconnected: Stopped."});
}

TEST_CASE("a drain without clients, or of a server that does not run, is over at once",
          "[server]") {
  ManualLoop loop;
  Server server(loop);
  server.drain(10s);
  CHECK(server.stopped());
  REQUIRE(server.start().ok());
  server.drain(10s);
  CHECK(server.stopped());
  loop.advance(1min);
  CHECK(server.log.empty());
}

TEST_CASE("no time at all still tells; for ever is for ever", "[server]") {
  for (const messi::Duration deadline : {messi::Duration(0s), messi::Duration(-1s)}) {
    World world(1);
    world.server.drain(deadline);
    world.loop.run_until_idle();
    CHECK(world.peer(0).received() == kDrain);
    CHECK(world.server.log == Log{"1 disconnected: Draining."});
  }
  World world(1);
  world.server.drain(messi::Duration::max());
  for (int i = 0; i < 100; ++i) world.advance(1s);
  CHECK(world.server.log.empty());
  CHECK_FALSE(world.peer(0).ended());
}

TEST_CASE("a drain exceeds the bound for what waits, and does not end the client for it",
          "[server]") {
  messi::ServerOptions options;
  options.max_pending_bytes = 1'000;
  World world(1, options);
  world.loop.network().faults.capacity = 10;
  world.peer(0).want_input(false);
  world.handle(1).send(message(text_of(970)));
  world.server.drain(1min);
  CHECK(world.handle(1).connected());
  world.loop.network().faults.capacity = 10'000;
  world.peer(0).want_input(true);
  world.loop.run_until_idle();
  world.peer(0).finish();
  world.loop.run_until_idle();
  CHECK(world.peer(0).received() == from_server(message(text_of(970))) + kDrain);
  CHECK(world.server.log.back() == "1 disconnected: Draining.");
}

TEST_CASE("a hook that throws, and a message that is wrong, end only their own client",
          "[server]") {
  World world(3);
  world.server.on = [](const std::string& event, Server::Client*) {
    if (event == "message throw") throw std::runtime_error("a hook failed");
  };
  world.server.drain(10s);
  world.loop.run_until_idle();
  world.peer(0).send(from_client(message("throw")));
  CHECK_THROWS_AS(world.loop.run_until_idle(), std::runtime_error);
  world.say(1, messi::test::frame(1, "\xff"));
  CHECK(world.server.log == Log{"1 message throw", "1 disconnected: General error.",
                                "2 disconnected: Message decode error."});
  world.peer(2).finish();
  world.loop.run_until_idle();
  CHECK(world.server.stopped());
}

TEST_CASE("two servers on one loop drain by themselves", "[server]") {
  ManualLoop loop;
  Server first(loop);
  Server second(loop, "tcp://:6001");
  REQUIRE(first.start().ok());
  REQUIRE(second.start().ok());
  Client one(loop);
  Client two(loop, "tcp://localhost:6001");
  one.start();
  two.start();
  loop.advance(3s);
  first.drain(10s);
  loop.advance(100ms);
  CHECK(first.stopped());
  CHECK(second.client_count() == 1);
  CHECK(two.log == Log{"connected"});
}

TEST_CASE("a client that stops while its server drains loses nothing that it has sent",
          "[server]") {
  ManualLoop loop;
  loop.network().faults.capacity = 1'000;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  client.start();
  loop.run_until_idle();
  client.send(message(text_of(20'000)));
  server.drain(10s);
  client.stop();
  loop.run_until_idle();
  CHECK(server.log == Log{"1 connected", "1 message of 20000 bytes", "1 disconnected: Draining."});
  CHECK(client.log == Log{"connected", "disconnected: Stopped."});
}

TEST_CASE("those that are arriving are let go too", "[server]") {
  class Guarded final : public Server {
   public:
    using Server::Server;
    void on_authenticate(Client& client) override { waiting.push_back(client.id()); }
    std::vector<std::uint64_t> waiting;
  };
  ManualLoop loop;
  messi::ServerOptions options;
  options.authentication_timeout = 1min;
  options.max_pending_bytes = 1;  // a farewell is more than half of it
  Guarded server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    loop.run_until_idle();
    (*clients.back())->stay_open();
    if (i > 0) (*clients.back())->send(from_client(message("early")));
  }
  loop.run_until_idle();
  server.drain(10s);
  loop.run_until_idle();
  for (auto& client : clients) {
    CHECK((*client)->received() == kDrain);
    (*client)->finish();
  }
  loop.run_until_idle();
  // Nor was it told to be writable.
  CHECK(server.log == Log{"refused memory:client-1: Draining."});
  loop.advance(6s);
  // What one has sent early is not lost if it is accepted in time.
  server.find_arriving(2)->accept();
  loop.run_until_idle();
  CHECK(server.log.back() == "2 disconnected: Draining.");
  CHECK(server.has("2 message early"));
  loop.advance(4s);
  CHECK(server.log.back() == "refused memory:client-3: Draining.");
  CHECK(server.stopped());
}

TEST_CASE("the word of a drain does not make a client writable that is not accepted yet",
          "[server]") {
  class Guarded final : public Server {
   public:
    using Server::Server;
    void on_authenticate(Client& /*client*/) override {}
  };
  ManualLoop loop;
  messi::ServerOptions options;
  options.max_pending_bytes = kDrain.size();
  Guarded server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  const RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  server.drain(10s);
  loop.run_until_idle();
  CHECK_FALSE(server.has("1 writable"));
}
