// A message that try_send does not accept ends no client's connection.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/chat.h"

using messi::SendResult;
using messi::test::from_server;
using messi::test::message;
using messi::test::message_of;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

/// A server, and clients of which the first does not read.
struct Hall {
  explicit Hall(const messi::ServerOptions& options, std::size_t count = 2)
      : server(loop, "tcp://:6000", options) {
    REQUIRE(server.start().ok());
    loop.network().faults.capacity = 100;
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
      loop.run_until_idle();
    }
    (*clients[0])->want_input(false);
  }

  Server::Client& at(std::uint64_t id) { return *server.find_client(id); }

  ManualLoop loop;
  Server server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

}  // namespace

TEST_CASE("a server tries to send to one client", "[server]") {
  messi::ServerOptions options;
  options.max_payload_size = 1'000;
  options.max_pending_bytes = 1'500;
  Hall hall(options);
  CHECK(hall.at(2).try_send(chat::ConnectRsp()) == SendResult::kOk);
  CHECK(hall.at(2).try_send_message_ind(message("hello")) == SendResult::kOk);
  CHECK(hall.at(2).try_send(message_of(1'000)) == SendResult::kTooBig);
  CHECK(hall.at(2).try_send(message("caf\xe9")) == SendResult::kInvalid);
  hall.loop.run_until_idle();
  CHECK((*hall.clients[1])->received() ==
        from_server(chat::ConnectRsp()) + from_server(message("hello")));

  int accepted = 0;
  while (hall.at(1).try_send(message_of(300)) == SendResult::kOk) {
    ++accepted;
    hall.loop.run_until_idle();
  }
  CHECK(accepted >= 4);
  CHECK(hall.at(1).try_send(message_of(300)) == SendResult::kFull);
  CHECK(hall.at(1).pending_bytes() <= 1'500);
  hall.loop.run_until_idle();
  CHECK(hall.server.count("1 disconnected") == 0);
  (*hall.clients[0])->want_input(true);
  hall.loop.run_until_idle();
  CHECK(hall.server.count("1 writable") == 1);
  CHECK(hall.at(1).try_send(message_of(300)) == SendResult::kOk);

  hall.at(1).disconnect();
  for (const messi::test::Server::Client& client : hall.server.clients()) {
    CHECK(client.id() == 2);
  }
}

TEST_CASE("a client that is being disconnected is not connected", "[server]") {
  Hall hall({}, 1);
  Server::Client& client = hall.at(1);
  SendResult at_end = SendResult::kOk;
  hall.server.on = [&](const std::string& event, Server::Client* gone) {
    if (event.rfind("disconnected", 0) == 0) at_end = gone->try_send(message("too late"));
  };
  client.disconnect();
  CHECK(client.try_send(message("too late")) == SendResult::kNotConnected);
  hall.loop.advance(1h);
  CHECK(hall.server.count("1 disconnected") == 1);
  CHECK(at_end == SendResult::kNotConnected);
}

TEST_CASE("nobody is disconnected for a message that is tried, whatever waits for all together",
          "[server]") {
  messi::ServerOptions options;
  options.max_total_pending_bytes = 1'000;
  Hall hall(options);
  int accepted = 0;
  for (int i = 0; i < 100; ++i) {
    const SendResult result = hall.at(1).try_send(message_of(100));
    accepted += result == SendResult::kOk ? 1 : 0;
    if (result != SendResult::kOk) CHECK(result == SendResult::kFull);
    hall.loop.run_until_idle();
  }
  CHECK(accepted >= 8);
  // The other one has nothing waiting, but there is no room for it either.
  CHECK(hall.at(2).try_send(message_of(200)) == SendResult::kFull);
  CHECK(hall.server.client_count() == 2);

  // A message that must be accepted takes what it needs from the one for whom most waits. One that
  // is tried leaves that to others.
  hall.at(2).send(message_of(200));
  hall.loop.run_until_idle();
  hall.at(1).send(message_of(200));
  CHECK(hall.at(2).try_send(message_of(200)) == SendResult::kFull);
  hall.loop.run_until_idle();
  CHECK(hall.server.client_count() == 2);
  hall.at(2).send(message("!"));
  hall.loop.run_until_idle();
  CHECK(hall.server.ids() == std::vector<std::uint64_t>{2});
  CHECK(hall.at(2).try_send(message_of(200)) == SendResult::kOk);
}

TEST_CASE("a large message may be tried where nothing waits", "[server]") {
  messi::ServerOptions options;
  options.max_total_pending_bytes = 1'000;
  Hall hall(options);
  CHECK(hall.at(2).try_send(message_of(50'000)) == SendResult::kOk);
  hall.loop.run_until_idle();
  CHECK(((*hall.clients[1])->received() == from_server(message_of(50'000))));
}

TEST_CASE("who was refused since too much waits for all is told when there is room", "[server]") {
  messi::ServerOptions options;
  options.max_total_pending_bytes = 1'000;
  Hall hall(options, 4);
  while (hall.at(1).try_send(message_of(100)) == SendResult::kOk) {
    hall.loop.run_until_idle();
  }
  CHECK(hall.server.count("1 writable") == 0);
  for (const std::uint64_t id : {2u, 3u}) {
    for (int i = 0; i < 3; ++i) CHECK(hall.at(id).try_send(message_of(100)) == SendResult::kFull);
  }
  hall.loop.run_until_idle();
  CHECK(hall.server.count("2 writable") == 0);
  const std::string how = GENERATE("reads", "goes", "is disconnected");
  CAPTURE(how);
  if (how == "reads") {
    (*hall.clients[0])->want_input(true);
  } else if (how == "goes") {
    (*hall.clients[0])->close();
  } else {
    hall.at(1).disconnect_now();
  }
  hall.loop.run_until_idle();
  if (how == "reads") CHECK(hall.server.count("1 writable") == 1);
  CHECK(hall.server.count("2 writable") == 1);
  CHECK(hall.server.count("3 writable") == 1);
  CHECK(hall.server.count("4 writable") == 0);
  CHECK(hall.at(2).try_send(message_of(100)) == SendResult::kOk);
}

TEST_CASE("who was refused for want of room is told when its own message fits", "[server]") {
  messi::ServerOptions options;
  options.max_total_pending_bytes = 1'000;
  Hall hall(options, 3);
  while (hall.at(1).try_send(message_of(400)) == SendResult::kOk) {
    hall.loop.run_until_idle();
  }
  CHECK(hall.at(2).try_send(message_of(900)) == SendResult::kFull);
  (*hall.clients[1])->want_input(false);
  hall.at(2).send(message_of(350));
  hall.loop.run_until_idle();
  (*hall.clients[0])->close();
  hall.loop.run_until_idle();
  CHECK(hall.at(2).pending_bytes() > 100);
  CHECK(hall.server.count("2 writable") == 0);
  CHECK(hall.at(3).try_send(message_of(900)) == SendResult::kFull);
  (*hall.clients[1])->want_input(true);
  hall.loop.run_until_idle();
  CHECK(hall.server.count("2 writable") == 1);
  CHECK(hall.server.count("3 writable") == 1);
  CHECK(hall.at(3).try_send(message_of(900)) == SendResult::kOk);
}
