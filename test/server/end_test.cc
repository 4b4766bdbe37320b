// How the connections of a server end: in good order, at once, or by an exception; and what a hook
// that never ends does to the others.

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

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

struct World {
  explicit World(int count, const messi::ServerOptions& options = {})
      : server(loop, "tcp://:6000", options) {
    REQUIRE(server.start().ok());
    for (int i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
      loop.run_until_idle();
    }
    server.log.clear();
  }
  Server::Client& handle(std::uint64_t id) { return *server.find_client(id); }
  messi::testing::RawPeer& peer(std::size_t index) { return *(*clients[index]).operator->(); }

  /// Runs the loop until nothing is left to do; returns how many exceptions came out of it.
  int run() {
    for (int thrown = 0;; ++thrown) {
      try {
        loop.run_until_idle();
        return thrown;
      } catch (const std::runtime_error&) {
      }
    }
  }

  ManualLoop loop;
  Server server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

std::string text_of(std::size_t size) { return std::string(size, 'x'); }

}  // namespace

TEST_CASE("what was sent before disconnect arrives, however slowly it is read", "[server]") {
  World world(2);
  world.loop.network().faults.capacity = 1'000;
  std::string expected;
  for (int i = 0; i < 5; ++i) {
    world.handle(1).send(message(text_of(10'000)));
    expected += from_server(message(text_of(10'000)));
  }
  Server::Client& handle = world.handle(1);
  handle.disconnect();
  CHECK_FALSE(handle.connected());
  CHECK(world.server.client_count() == 1);
  CHECK(world.server.ids() == std::vector<std::uint64_t>{2});
  handle.send(message("too late"));
  world.peer(0).send(from_client(message("too late")));
  world.loop.run_until_idle();
  CHECK(world.peer(0).received() == expected);
  CHECK(world.server.log == Log{"1 disconnected: Disconnected."});
}

TEST_CASE("a server that is writing its last still answers pings, and drops messages", "[server]") {
  for (const std::size_t most : {std::size_t{1}, std::size_t{100'000}}) {
    CAPTURE(most);
    World world(1);
    world.loop.network().faults.most_per_read = most;
    world.server.on = [](const std::string& event, Server::Client* client) {
      if (event != "message bye") return;
      client->send(message(text_of(300'000)));
      client->pause();
      client->disconnect();
    };
    world.peer(0).want_input(false);
    world.peer(0).send(from_client(message("bye")) + kPing + from_client(message("late")));
    world.loop.run_until_idle();
    world.peer(0).send(from_client(message(text_of(100))) + kPing);
    world.loop.run_until_idle();
    world.peer(0).want_input(true);
    world.loop.run_until_idle();
    const std::string received = world.peer(0).received();
    CHECK(received == from_server(message(text_of(300'000))) + kPong);
    CHECK(world.server.log == Log{"1 message bye", "1 disconnected: Disconnected."});
  }
}

TEST_CASE("what was sent before a server stops arrives at all clients", "[server]") {
  World world(3);
  world.loop.network().faults.capacity = 1'000;
  world.server.broadcast(message(text_of(20'000)));
  world.server.stop();
  CHECK_FALSE(world.server.stopped());
  CHECK(world.server.port() == 0);
  world.loop.run_until_idle();
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(world.peer(i).received() == from_server(message(text_of(20'000))));
    CHECK(world.peer(i).ended());
  }
  CHECK(world.server.count("") == 3);
  CHECK(world.server.has("2 disconnected: Stopped."));
  CHECK(world.server.stopped());
}

TEST_CASE("a server may be stopped at once in the turn in which a client's end is complete",
          "[server]") {
  World world(2);
  world.peer(0).stay_open();
  world.handle(1).disconnect();
  world.loop.run_until_idle();
  CHECK(world.server.log.empty());
  world.server.on = [&](const std::string& event, Server::Client*) {
    if (event == "message stop") world.server.stop_now();
  };
  world.peer(0).close();
  world.peer(1).send(from_client(message("stop")));
  world.loop.run_until_idle();
  CHECK(world.server.log ==
        Log{"2 message stop", "1 disconnected: Disconnected.", "2 disconnected: Stopped."});
}

TEST_CASE("clients that are ending do not count, however their end is cut short", "[server]") {
  World world(3);
  world.handle(1).disconnect();
  CHECK(world.server.client_count() == 2);
  Server::Client& second = world.handle(2);
  second.disconnect();
  second.disconnect_now();
  CHECK(world.server.client_count() == 1);
  world.loop.run_until_idle();
  CHECK(world.server.client_count() == 1);
  CHECK(world.server.count("") == 2);
}

TEST_CASE("a server waits for clients that do not read, each for so long", "[server]") {
  messi::ServerOptions options;
  options.linger = 2s;
  World world(3, options);
  world.loop.network().faults.capacity = 1'000;
  for (auto& client : world.clients) (*client)->want_input(false);
  world.server.broadcast(message(text_of(20'000)));
  world.handle(1).disconnect();
  world.loop.advance(1s);
  world.handle(2).disconnect();
  world.loop.advance(900ms);
  CHECK(world.server.log.empty());
  world.loop.advance(200ms);
  CHECK(world.server.log == Log{"1 disconnected: Disconnected."});
  world.loop.advance(1s);
  CHECK(world.server.has("2 disconnected: Disconnected."));
}

TEST_CASE("a server that is started again while clients are leaving serves new ones", "[server]") {
  World world(1);
  world.peer(0).stay_open();
  world.server.stop();
  REQUIRE(world.server.start().ok());
  RawClient another(world.loop, "tcp://localhost:6000");
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"2 connected"});
  CHECK(world.server.client_count() == 1);
  world.loop.advance(2s);
  another->send(kPing);
  world.loop.advance(3'500ms);
  CHECK(world.server.has("1 disconnected: Stopped."));
}

TEST_CASE("disconnect_now and stop_now wait for nobody", "[server]") {
  World world(3);
  for (auto& client : world.clients) (*client)->stay_open();
  world.handle(1).disconnect();
  world.loop.run_until_idle();
  CHECK(world.server.log.empty());
  world.handle(2).disconnect_now();
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"2 disconnected: Disconnected."});
  world.server.stop_now();
  world.loop.run_until_idle();
  CHECK(world.server.stopped());
  CHECK(world.server.has("1 disconnected: Disconnected."));
  CHECK(world.server.has("3 disconnected: Stopped."));
}

TEST_CASE("a hook of a server that throws ends the connection that it was called for, no other",
          "[server]") {
  for (const std::string hook :
       {"connected", "message one", "unknown", "writable", "connect_req"}) {
    CAPTURE(hook);
    messi::ServerOptions options;
    options.max_pending_bytes = 10'000;
    World world(1, options);
    int left = 1;
    world.server.on = [&](const std::string& event, Server::Client* client) {
      if (event.rfind(hook, 0) == 0 && client->id() == 2 && left-- == 1) {
        throw std::runtime_error("a hook failed");
      }
    };
    world.clients.push_back(std::make_unique<RawClient>(world.loop, "tcp://localhost:6000"));
    int thrown = world.run();
    const std::string input = messi::test::frame(1, "\x1a\x01?") +
                              from_client(messi::test::connect_req()) + from_client(message("one"));
    for (auto& client : world.clients) (*client)->send(input);
    world.loop.network().faults.capacity = 0;
    if (auto* const client = world.server.find_client(2)) client->send(message(text_of(9'000)));
    world.server.broadcast(message("to all"));
    thrown += world.run();
    world.loop.network().faults.capacity = 100'000;
    thrown += world.run();
    CHECK(thrown == 1);
    CHECK(world.server.count("2 disconnected: General error.") == 1);
    CHECK(world.server.count("1 message one") == 1);
    CHECK(world.peer(0).received() == from_server(message("to all")));
    CHECK(world.server.current_client() == nullptr);
    world.server.reply(message("nobody asked"));
    CHECK(world.server.ids() == std::vector<std::uint64_t>{1});
  }
}

TEST_CASE("other hooks that throw leave everything else as it was", "[server]") {
  messi::ServerOptions options;
  options.max_clients = 2;
  World world(2, options);
  world.server.on = [&](const std::string& event, Server::Client*) {
    if (event == "refused" || event.rfind("disconnected", 0) == 0) {
      throw std::runtime_error("a hook failed");
    }
  };
  RawClient third(world.loop, "tcp://localhost:6000");
  CHECK(world.run() == 1);
  CHECK(third->ended());
  for (auto& client : world.clients) (*client)->close();
  CHECK(world.run() == 2);
  CHECK(world.server.client_count() == 0);
  RawClient fourth(world.loop, "tcp://localhost:6000");
  CHECK(world.run() == 0);
  CHECK(world.server.ids() == std::vector<std::uint64_t>{3});
}

TEST_CASE("posted calls and timers that throw are done once, and the others too", "[server]") {
  ManualLoop loop;
  std::string order;
  for (const char letter : std::string("abcde")) {
    loop.post([&order, letter] {
      order += letter;
      if (letter == 'b' || letter == 'c') throw std::runtime_error("a call failed");
    });
  }
  messi::Timer timer(loop, [&] {
    order += 't';
    throw std::runtime_error("a timer failed");
  });
  timer.set(loop.now());
  for (int thrown = 0; thrown < 3; ++thrown) {
    CHECK_THROWS_AS(loop.run_until_idle(), std::runtime_error);
  }
  loop.run_until_idle();
  CHECK(order == "tabcde");
}

TEST_CASE("a hook that always sends more does not keep the others waiting", "[server]") {
  messi::ServerOptions options;
  options.max_pending_bytes = 1'000;
  World world(2, options);
  int writable = 0;
  const auto fill = [](Server::Client& client) {
    client.send(message(text_of(400)));
    client.send(message(text_of(400)));
  };
  bool answered = false;
  world.server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "writable" && !answered) {
      ++writable;
      fill(*client);
    }
    if (event == "message hello") answered = true;
  };
  fill(world.handle(1));
  world.peer(1).send(from_client(message("hello")));
  world.loop.run_until_idle();
  CHECK(answered);
  CHECK(writable < 10);
}

TEST_CASE("a client that is paused is read no further, told that the server lives, and not dropped",
          "[server]") {
  World world(2);
  world.server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "message 1" && client->id() == 1) client->pause();
  };
  for (int i = 0; i < 4; ++i) world.peer(0).send(from_client(message(std::to_string(i))));
  world.loop.run_until_idle();
  for (int i = 0; i < 30; ++i) {
    world.peer(1).send(kPing);
    world.peer(0).send(kPing);
    world.loop.advance(1s);
    CHECK(world.peer(0).take_received() == kPong);
  }
  CHECK(world.server.log == Log{"1 message 0", "1 message 1"});
  CHECK(world.handle(1).paused());

  world.handle(1).resume();
  CHECK_FALSE(world.handle(1).paused());
  CHECK(world.server.log.size() == 2);  // not from within the call
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"1 message 0", "1 message 1", "1 message 2", "1 message 3"});
  world.peer(1).send(kPing);
  world.loop.advance(2'900ms);
  CHECK(world.server.client_count() == 2);
  world.loop.advance(200ms);
  CHECK(world.server.has("1 disconnected: Keep alive timeout."));
}

TEST_CASE("a client may be paused, resumed, disconnected in any order", "[server]") {
  World world(3);
  world.handle(1).pause();
  world.handle(1).resume();
  world.handle(1).pause();
  world.handle(2).pause();
  world.handle(2).disconnect();
  world.handle(3).pause();
  world.handle(3).pause();
  world.handle(3).resume();
  world.handle(3).resume();
  world.peer(0).send(from_client(message("held")));
  world.peer(1).send(from_client(message("dropped")));
  world.peer(2).send(from_client(message("heard")));
  world.loop.run_until_idle();
  CHECK(world.server.count("3 message heard") == 1);
  CHECK(world.server.count("2 disconnected: Disconnected.") == 1);
  CHECK(world.server.log.size() == 2);
  world.peer(0).close();
  world.handle(1).resume();
  world.loop.run_until_idle();
  CHECK(world.server.has("1 message held"));
  CHECK(world.server.has("1 disconnected: Connection closed."));
}

TEST_CASE("what is dropped was not ended by the client, though it has closed behind it",
          "[server]") {
  World world(2);
  for (std::size_t i = 0; i < 2; ++i) {
    world.handle(i + 1).pause();
    world.peer(i).send(from_client(message("dropped")));
    world.peer(i).close();
  }
  world.loop.run_until_idle();
  CHECK(world.server.log.empty());
  world.handle(1).disconnect();
  world.server.stop();
  world.loop.run_until_idle();
  CHECK(world.server.log ==
        std::vector<std::string>{"1 disconnected: Disconnected.", "2 disconnected: Stopped."});
}

TEST_CASE("a message at which a client is paused may be its last, or the next may throw",
          "[server]") {
  World world(2);
  int heard = 0;
  world.server.on = [&](const std::string& event, Server::Client* client) {
    if (event.rfind("message", 0) != 0) return;
    ++heard;
    if (heard == 1) client->pause();
    if (heard == 2) client->disconnect_now();
    if (heard == 3) client->pause();
    if (heard == 4) throw std::runtime_error("a hook failed");
  };
  for (std::size_t i = 0; i < 2; ++i) {
    for (int text = 0; text < 3; ++text) {
      world.peer(i).send(from_client(message(std::to_string(text))));
    }
    world.loop.run_until_idle();
    world.handle(i + 1).resume();
    CHECK(world.run() == (i == 0 ? 0 : 1));
  }
  CHECK(heard == 4);
  CHECK(world.server.client_count() == 0);
}

TEST_CASE("a server may refuse by address, before there is a client", "[server]") {
  struct Picky final : Server {
    using Server::Server;
    std::vector<std::string> asked;
    bool on_client_arriving(const std::string& peer_address) override {
      asked.push_back(peer_address);
      return asked.size() != 1;
    }
  };
  ManualLoop loop;
  Picky server(loop);
  REQUIRE(server.start().ok());
  RawClient first(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  RawClient second(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  CHECK(server.log == Log{"refused memory:client-1: Refused.", "1 connected"});
  CHECK(first->ended());
  CHECK_FALSE(second->ended());
}

TEST_CASE("options of a server that cannot be meant are refused", "[server]") {
  ManualLoop loop;
  for (int which = 0; which < 9; ++which) {
    messi::ServerOptions options;
    if (which == 0) options.client_timeout = 0s;
    if (which == 1) options.max_payload_size = 0;
    if (which == 2) options.linger = -1s;
    if (which == 3) options.frame_timeout = 0s;
    if (which == 4) options.max_pings_per_second = 0;
    if (which == 5) options.max_clients_per_address = 0;
    if (which == 7) options.max_total_pending_bytes = 0;
    if (which == 8) options.max_decode_depth = 0;
    if (which == 6) options.max_accepts_per_second = 0;
    Server server(loop, "tcp://:6000", options);
    const absl::Status status = server.start();
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(status.message().find("must") != absl::string_view::npos);
  }
}
