// Exceptions of hooks leave the loop, which goes on as if nothing had happened to anybody else.

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::test::Client;
using messi::test::message;
using messi::test::Server;
using messi::test::SocketLoop;
using namespace std::chrono_literals;

namespace {

/// Runs the loop until `condition()`; returns how many exceptions came out of it.
template <typename Condition>
int run_through(SocketLoop& loop, Condition condition) {
  for (int thrown = 0;; ++thrown) {
    try {
      const bool in_time = messi::test::run_until(loop, condition);
      CHECK(in_time);
      return thrown;
    } catch (const std::runtime_error&) {
    }
  }
}

}  // namespace

TEST_CASE("messages, timers and posts outlive an exception in the same turn", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  Client bad(loop, server.uri());
  Client good(loop, server.uri());
  bad.start();
  good.start();
  CHECK(run_through(loop, [&] { return server.client_count() == 2; }) == 0);
  server.on = [](const std::string& event, Server::Client*) {
    if (event == "message bad") throw std::runtime_error("a hook failed");
  };
  for (int round = 0; round < 20; ++round) {
    if (!bad.connected()) bad.stop_now();
    bad.start();
    CHECK(run_through(loop, [&] { return bad.connected() && server.client_count() == 2; }) == 0);
    std::string order;
    messi::Timer timer(loop, [&] { order += 't'; });
    timer.set(loop.now());
    for (const char letter : std::string("abc")) {
      loop.post([&order, letter] {
        order += letter;
        if (letter == 'b') throw std::runtime_error("a call failed");
      });
    }
    const std::size_t before = server.count("2 message") + server.count("1 message good");
    for (int i = 0; i < 3; ++i) good.send(message("good"));
    bad.send(message("bad"));
    for (int i = 0; i < 3; ++i) good.send(message("good"));
    const int thrown = run_through(loop, [&] {
      const std::size_t now = server.count("2 message") + server.count("1 message good");
      return now == before + 6 && order.size() == 4 && !bad.connected();
    });
    CHECK(thrown == 2);
    CHECK(order.find("abc") != std::string::npos);
  }
  CHECK(good.connected());
  CHECK(server.count("") > 0);
}

TEST_CASE("a server whose hook threw when a client came accepts others, stops and goes",
          "[io][loops]") {
  SocketLoop loop;
  auto server = std::make_unique<Server>(loop, "tcp://127.0.0.1:0");
  REQUIRE(server->start().ok());
  server->on = [](const std::string& event, Server::Client* client) {
    if (event == "connected" && client->id() == 1) throw std::runtime_error("a hook failed");
  };
  Client client(loop, server->uri());
  client.start();
  CHECK(run_through(loop, [&] { return client.has("disconnected"); }) == 1);
  CHECK(server->has("1 disconnected: General error."));
  CHECK(run_through(loop, [&] { return server->has("2 connected"); }) == 0);
  server->stop();
  CHECK(run_through(loop, [&] { return server->stopped(); }) == 0);
  server.reset();
}

TEST_CASE("an exception leaves run, which may be called again", "[io][loops]") {
  SocketLoop loop;
  loop.post([] { throw std::runtime_error("a call failed"); });
  loop.post([&] { loop.stop(); });
  CHECK_THROWS_AS(loop.run(), std::runtime_error);
  loop.run();
}
