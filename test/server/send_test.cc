#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::DisconnectReason;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::Log;
using messi::test::message;
using messi::test::message_of;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

struct Crowd {
  explicit Crowd(int count, const messi::ServerOptions& options = {})
      : server(loop, "tcp://:6000", options) {
    REQUIRE(server.start().ok());
    for (int i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
      loop.run_until_idle();
    }
  }
  std::string received(std::size_t index) {
    loop.run_until_idle();
    return (*clients[index])->take_received();
  }

  ManualLoop loop;
  Server server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

}  // namespace

TEST_CASE("what is sent to a client arrives at that client, in order", "[server]") {
  Crowd crowd(2);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    crowd.server.find_client(1)->send(message(std::to_string(i)));
    expected += from_server(message(std::to_string(i)));
  }
  CHECK(crowd.received(0) == expected);
  CHECK(crowd.received(1).empty());
}

TEST_CASE("a reply goes to the client whose message is being handled", "[server]") {
  Crowd crowd(3);
  crowd.server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "message hello") {
      CHECK(crowd.server.current_client() == client);
      crowd.server.reply(chat::ConnectRsp());
    }
    if (event == "unknown 3") crowd.server.reply(message("what?"));
  };
  (*crowd.clients[1])->send(from_client(message("hello")));
  CHECK(crowd.received(1) == from_server(chat::ConnectRsp()));
  (*crowd.clients[2])->send(messi::test::frame(1, std::string("\x1a\x00", 2)));
  CHECK(crowd.received(2) == from_server(message("what?")));
  CHECK(crowd.received(0).empty());
}

TEST_CASE("a reply with no current client goes nowhere", "[server]") {
  Crowd crowd(2);
  crowd.server.reply(chat::ConnectRsp());
  CHECK(crowd.server.current_client() == nullptr);
  crowd.server.on = [&](const std::string& event, Server::Client* /*client*/) {
    if (event == "connected" || event.rfind("disconnected", 0) == 0) {
      CHECK(crowd.server.current_client() == nullptr);
      crowd.server.reply(chat::ConnectRsp());
    }
  };
  crowd.clients.push_back(std::make_unique<RawClient>(crowd.loop, "tcp://localhost:6000"));
  crowd.loop.run_until_idle();
  (*crowd.clients[0])->send(from_client(message("hello")));
  crowd.loop.run_until_idle();
  crowd.server.reply(chat::ConnectRsp());
  (*crowd.clients[0])->close();
  for (std::size_t i = 1; i < 3; ++i) CHECK(crowd.received(i).empty());
}

TEST_CASE("a reply after the current client was disconnected goes nowhere", "[server]") {
  Crowd crowd(1);
  crowd.server.on = [&](const std::string& event, Server::Client* client) {
    if (event != "message hello") return;
    client->disconnect();
    crowd.server.reply(chat::ConnectRsp());
  };
  (*crowd.clients[0])->send(from_client(message("hello")));
  CHECK(crowd.received(0).empty());
  CHECK((*crowd.clients[0])->ended());
}

TEST_CASE("a broadcast goes to all clients, or all but one", "[server]") {
  Crowd crowd(3);
  crowd.server.broadcast(message("all"));
  crowd.server.broadcast(message("not two"), *crowd.server.find_client(2));
  crowd.server.broadcast_connect_rsp(chat::ConnectRsp());
  const std::string all = from_server(message("all"));
  const std::string not_two = from_server(message("not two"));
  const std::string rsp = from_server(chat::ConnectRsp());
  CHECK(crowd.received(0) == all + not_two + rsp);
  CHECK(crowd.received(1) == all + rsp);
  CHECK(crowd.received(2) == all + not_two + rsp);
}

TEST_CASE("a broadcast without clients goes nowhere", "[server]") {
  Crowd crowd(0);
  crowd.server.broadcast(message("nobody"));
  crowd.loop.run_until_idle();
  crowd.clients.push_back(std::make_unique<RawClient>(crowd.loop, "tcp://localhost:6000"));
  crowd.loop.run_until_idle();
  CHECK(crowd.received(0).empty());
  crowd.server.broadcast(message("nobody"), *crowd.server.find_client(1));
  CHECK(crowd.received(0).empty());
}

TEST_CASE("broadcasts and other messages keep their order", "[server]") {
  Crowd crowd(2);
  std::vector<std::string> expected(2);
  for (int i = 0; i < 300; ++i) {
    const std::string text = std::to_string(i) + std::string(1000, '.');
    const chat::MessageInd each = message(text);
    if (i % 3 == 0) {
      crowd.server.broadcast(each);
      for (std::string& bytes : expected) bytes += from_server(each);
    } else {
      crowd.server.find_client(static_cast<std::uint64_t>(i % 3))->send(each);
      expected[static_cast<std::size_t>(i % 3 - 1)] += from_server(each);
    }
  }
  CHECK(crowd.received(0) == expected[0]);
  CHECK(crowd.received(1) == expected[1]);
}

TEST_CASE("broadcasts of any size go to all", "[server]") {
  messi::ServerOptions options;
  options.max_payload_size = 10'000'000;
  options.max_pending_bytes = 100'000'000;
  Crowd crowd(2, options);
  std::string expected;
  for (const std::size_t size : {10u, 70'000u, 1u, 65'000u, 5'000'000u, 0u, 100'000u}) {
    crowd.server.broadcast(message_of(size));
    expected += from_server(message_of(size));
  }
  CHECK(crowd.received(0) == expected);
  CHECK(crowd.received(1) == expected);
}

TEST_CASE("a broadcast reaches the others when one client has failed", "[server]") {
  Crowd crowd(3);
  (*crowd.clients[1])->close();
  crowd.server.broadcast(message("hello"));
  CHECK(crowd.received(0) == from_server(message("hello")));
  CHECK(crowd.received(2) == from_server(message("hello")));
  CHECK(crowd.server.count("2 disconnected: Connection closed.") == 1);
  CHECK(crowd.server.client_count() == 2);
}

TEST_CASE("a broadcast to a slow reader reaches the others", "[server]") {
  messi::ServerOptions options;
  options.max_pending_bytes = 50'000;
  Crowd crowd(3, options);
  // More waits for the second client than for the others.
  crowd.loop.network().faults.capacity = 0;
  crowd.server.find_client(2)->send(message_of(40'000));
  for (int i = 0; i < 3; ++i) crowd.server.broadcast(message_of(10'000));
  CHECK(crowd.server.ids() == std::vector<std::uint64_t>{1, 3});
  crowd.loop.network().faults.capacity = 1'000;
  CHECK(crowd.received(0).size() == 3 * from_server(message_of(10'000)).size());
  CHECK(crowd.received(2).size() == 3 * from_server(message_of(10'000)).size());
  CHECK(crowd.server.count("2 disconnected: Too much sent at once.") == 1);
  CHECK(crowd.server.client_count() == 2);
}

TEST_CASE("a message over the limit ends the connection it was for", "[server]") {
  messi::ServerOptions options;
  options.max_payload_size = 1'000;
  Crowd crowd(2, options);
  crowd.server.find_client(1)->send(message_of(1'000));
  crowd.loop.run_until_idle();
  CHECK(crowd.server.count("1 disconnected: Message too big.") == 1);
  CHECK(crowd.server.ids() == std::vector<std::uint64_t>{2});
}

TEST_CASE("a broadcast over the limit goes to nobody, and says so", "[server]") {
  messi::ServerOptions options;
  options.max_payload_size = 1'000;
  Crowd crowd(3, options);
  CHECK(crowd.server.broadcast(message("before")));
  CHECK_FALSE(crowd.server.broadcast(message_of(1'000)));
  CHECK_FALSE(crowd.server.broadcast(message_of(1'000), *crowd.server.find_client(3)));
  CHECK(crowd.server.broadcast(message("after")));
  crowd.loop.run_until_idle();
  CHECK(crowd.server.ids() == std::vector<std::uint64_t>{1, 2, 3});
  const std::string all = from_server(message("before")) + from_server(message("after"));
  for (const std::size_t client : {0u, 1u, 2u}) CHECK(crowd.received(client) == all);
}

TEST_CASE("what is broadcast in a hook is sent too", "[server]") {
  Crowd crowd(2);
  crowd.server.on = [&](const std::string& event, Server::Client* client) {
    if (event.rfind("message", 0) == 0) crowd.server.broadcast(message("all"), *client);
    if (event.rfind("disconnected", 0) == 0) crowd.server.broadcast(message("gone"), *client);
  };
  (*crowd.clients[0])->send(from_client(message("hello")));
  CHECK(crowd.received(1) == from_server(message("all")));
  (*crowd.clients[0])->close();
  CHECK(crowd.received(1) == from_server(message("gone")));
}
