#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"

using messi::test::Client;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::header;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::live_bytes;
using messi::test::Log;
using messi::test::message;
using messi::test::message_of;
using messi::test::pattern;
using messi::test::Server;
using messi::test::types_of;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

TEST_CASE("a client that is silent for too long is disconnected", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  loop.advance(1s);
  client->send(kPing);
  loop.advance(3s - 1ns);
  CHECK(server.log == Log{"1 connected"});
  loop.advance(1ns);
  CHECK(server.log == Log{"1 connected", "1 disconnected: Keep alive timeout."});
  CHECK(client->ended());
}

TEST_CASE("a client that never says anything is disconnected", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.client_timeout = 700ms;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.advance(699ms);
  CHECK(server.log == Log{"1 connected"});
  loop.advance(1ms);
  CHECK(server.log == Log{"1 connected", "1 disconnected: Keep alive timeout."});
}

TEST_CASE("the longest time-out means never", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.client_timeout = messi::Duration::max();
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  const RawClient client(loop, "tcp://localhost:6000");
  loop.advance(24h);
  CHECK(server.log == Log{"1 connected"});
}

TEST_CASE("any byte of a client's is life", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.frame_timeout = messi::Duration::max();
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  const std::string slow = from_client(message("slow"));
  for (const char byte : slow) {
    client->send({&byte, 1});
    loop.advance(2900ms);
  }
  CHECK(server.log == Log{"1 connected", "1 message slow"});
}

TEST_CASE("each client times out on its own", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    loop.advance(100ms);
  }
  // All speak once more, last first; then they time out in that order.
  for (int i = 9; i >= 0; --i) {
    (*clients[static_cast<std::size_t>(i)])->send(kPing);
    loop.advance(100ms);
  }
  server.log.clear();
  loop.advance(1950ms);
  Log expected;
  for (int i = 9; i >= 0; --i) {
    CHECK(server.log == expected);
    expected.push_back(std::to_string(i + 1) + " disconnected: Keep alive timeout.");
    loop.advance(100ms);
  }
  CHECK(server.log == expected);
}

TEST_CASE("a pong goes ahead of the messages that are queued", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  // Of the first message a part is written before the ping comes.
  loop.network().faults.capacity = 50;
  for (int i = 0; i < 5; ++i) server.find_client(1)->send(message_of(80'000));
  client->send(kPing);
  loop.run_until_idle();
  const std::vector<int> types = types_of(client->received());
  CHECK(types == std::vector<int>{2, 4, 2, 2, 2, 2});
}

TEST_CASE("a client that does not read cannot make the queue grow without bound", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.max_pending_bytes = 1'000'000;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  loop.network().faults.capacity = 10'000;
  loop.network().faults.stalled = true;
  const std::size_t before = live_bytes();
  std::size_t most_pending = 0;
  std::size_t most_memory = 0;
  while (Server::Client* const handle = server.find_client(1)) {
    handle->send(message_of(5'000));
    most_pending = std::max(most_pending, handle->pending_bytes());
    loop.run_until_idle();  // it may be gone then
    most_memory = std::max(most_memory, live_bytes() - before);
  }
  CHECK(most_pending <= 1'000'000);
  CHECK(most_memory < 1'300'000);
  loop.run_until_idle();
  CHECK(server.log == Log{"1 connected", "1 disconnected: Slow reader."});
  CHECK(live_bytes() - before < 1'300'000);  // some of it waits in the pool
}

TEST_CASE("a slow reader does not slow the others", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.max_pending_bytes = 300'000;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  RawClient slow(loop, "tcp://localhost:6000");
  Client quick(loop);
  quick.start();
  loop.run_until_idle();
  loop.network().faults.capacity = 1'000;
  server.find_client(1)->send(message_of(299'000));
  int echoes = 0;
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event == "message hello") from->send(message("echo"));
  };
  quick.then = [&](const std::string& line) {
    if (line == "message echo" && ++echoes < 100) quick.send(message("hello"));
  };
  quick.send(message("hello"));
  // One turn moves one kilobyte of the slow one's, or one echo.
  loop.run_until_idle();
  CHECK(echoes == 100);
  CHECK(server.client_count() == 2);
}

TEST_CASE("on_client_writable comes once when there is room again", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.max_pending_bytes = 100'000;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  loop.network().faults.capacity = 1'000;
  loop.network().faults.stalled = true;
  server.find_client(1)->send(message_of(60'000));
  loop.run_until_idle();
  CHECK(server.log == Log{"1 connected"});
  server.on = [](const std::string& event, Server::Client* handle) {
    if (event == "writable") CHECK(handle->pending_bytes() <= 50'000);
  };
  loop.network().faults.stalled = false;
  loop.run_until_idle();
  CHECK(server.log == Log{"1 connected", "1 writable"});
}

TEST_CASE("a stream of any length goes out with on_client_writable", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.max_pending_bytes = 100'000;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  loop.network().faults.capacity = 7'000;
  int left = 1'000;
  const auto send_some = [&](Server::Client* client) {
    while (left > 0 && client->pending_bytes() <= 50'000) {
      client->send(message_of(9'000));
      --left;
    }
  };
  server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "connected" || event == "writable") send_some(client);
  };
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  CHECK(left == 0);
  CHECK(client->received().size() == 1'000 * from_server(message_of(9'000)).size());
}

TEST_CASE("a message that is too big is refused at its header", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.max_payload_size = 100;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  client->send(from_client(message_of(90)));
  client->send(header(1, 101));
  loop.run_until_idle();
  CHECK(server.log ==
        Log{"1 connected", "1 message of 90 bytes", "1 disconnected: Message too big."});
  CHECK(client->ended());
}

TEST_CASE("headers that promise much take little memory", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.max_payload_size = 0xffffff;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
  }
  loop.run_until_idle();
  const std::size_t before = live_bytes();
  for (const auto& client : clients) (*client)->send(header(1, 0xffffff) + "begun");
  loop.run_until_idle();
  CHECK(live_bytes() - before < 100 * 8'000);
}

TEST_CASE("an idle client costs little memory", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  server.on = [](const std::string& event, Server::Client* from) {
    if (event == "message hello") from->send(message("echo"));
  };
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 1'000; ++i) {
    clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
  }
  loop.run_until_idle();
  for (const auto& client : clients) (*client)->send(from_client(message("hello")));
  loop.run_until_idle();
  for (const auto& client : clients) (*client)->close();
  const std::size_t with_clients = live_bytes();
  loop.run_until_idle();
  CHECK(server.client_count() == 0);
  server.log = {};
  // The memory network's own end of a connection, and the log, are in this too.
  CHECK((with_clients - live_bytes()) / 1'000 < 1'024);
}
