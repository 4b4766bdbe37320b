// What other threads send to a server's client. Here it is the loop's thread, as in
// test/client/sender_test.cc.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/chat.h"

using messi::SendResult;
using messi::test::Client;
using messi::test::from_server;
using messi::test::message;
using messi::test::message_of;
using messi::test::Server;
using messi::test::text_in;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

/// A server, and clients with senders.
struct Hall {
  explicit Hall(messi::ServerOptions options = {}, std::size_t count = 2) {
    options.client_timeout = messi::Duration::max();
    server = std::make_unique<Server>(loop, "tcp://:6000", options);
    REQUIRE(server->start().ok());
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
      loop.run_until_idle();
      senders.emplace_back(*server->find_client(i + 1));
    }
  }

  ManualLoop loop;
  std::unique_ptr<Server> server;
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<Server::Client::Sender> senders;
};

/// A server that has a sender before it has accepted its client.
class Early final : public Server {
 public:
  using Server::Server;
  std::vector<Client::Sender> senders;

  void on_authenticate(Client& client) override {
    CHECK(senders.emplace_back(client).send(message("early")) == SendResult::kNotConnected);
    client.accept();
  }
};

}  // namespace

TEST_CASE("a sender sends to one client of a server", "[server]") {
  Hall hall;
  CHECK(hall.senders[0].send(message("to the first")) == SendResult::kOk);
  CHECK(hall.senders[1].send_message_ind(message("to the second")) == SendResult::kOk);
  CHECK(hall.senders[1].send(chat::ConnectRsp()) == SendResult::kOk);
  hall.loop.run_until_idle();
  CHECK((*hall.clients[0])->received() == from_server(message("to the first")));
  CHECK((*hall.clients[1])->received() ==
        from_server(message("to the second")) + from_server(chat::ConnectRsp()));
}

TEST_CASE("a sender may be made before its client is accepted", "[server]") {
  ManualLoop loop;
  Early server(loop, "tcp://:6000");
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  CHECK(server.senders.at(0).send(message("hello")) == SendResult::kOk);
  loop.run_until_idle();
  CHECK(client->received() == from_server(message("hello")));
}

TEST_CASE("a sender is told that its client has gone", "[server]") {
  Hall hall;
  (*hall.clients[0])->close();
  CHECK(hall.senders[0].send(message("nobody knows yet")) == SendResult::kOk);
  hall.loop.run_until_idle();
  CHECK(hall.senders[0].send(message("nobody")) == SendResult::kNotConnected);
  CHECK(hall.senders[0].pending_bytes() == 0);
  CHECK(hall.senders[1].send(message("somebody")) == SendResult::kOk);
  hall.server.reset();
  CHECK(hall.senders[1].send(message("nobody")) == SendResult::kNotConnected);
  CHECK(hall.senders[1].wait_for_room(messi::Duration::max()));
  hall.loop.run_until_idle();
}

TEST_CASE("disconnect and stop deliver what senders have sent before", "[server]") {
  Hall hall;
  CHECK(hall.senders[0].send(message("before disconnect")) == SendResult::kOk);
  hall.server->find_client(1)->disconnect();
  CHECK(hall.senders[1].send(message("before stop")) == SendResult::kOk);
  hall.server->stop();
  hall.loop.run_until_idle();
  CHECK((*hall.clients[0])->received() == from_server(message("before disconnect")));
  CHECK((*hall.clients[1])->received() == from_server(message("before stop")));
  CHECK(hall.server->stopped());
}

TEST_CASE("what is sent while a server drains arrives", "[server]") {
  Hall hall({}, 1);
  (*hall.clients[0])->stay_open();
  hall.server->drain(10s);
  hall.loop.run_until_idle();
  CHECK(hall.senders[0].send(message("while it drains")) == SendResult::kOk);
  (*hall.clients[0])->finish();
  hall.loop.run_until_idle();
  CHECK((*hall.clients[0])->received().find(from_server(message("while it drains"))) !=
        std::string::npos);
}

TEST_CASE("senders fill no more than half of what a client may have waiting", "[server]") {
  messi::ServerOptions options;
  options.max_pending_bytes = 10'000;
  Hall hall(options);
  hall.loop.network().faults.capacity = 100;
  (*hall.clients[0])->want_input(false);
  std::string expected;
  for (int i = 0; i < 1'000; ++i) {
    CHECK(hall.senders[0].send(message(std::to_string(i))) == SendResult::kOk);
    expected += from_server(message(std::to_string(i)));
    if (i % 100 == 0) hall.loop.run_until_idle();
  }
  hall.loop.run_until_idle();
  CHECK(hall.server->find_client(1)->pending_bytes() <= 5'000);
  CHECK(hall.senders[0].pending_bytes() > 0);
  const std::uint64_t turns = hall.loop.turns();
  hall.loop.run_until_idle();
  CHECK(hall.loop.turns() - turns < 3);
  CHECK(hall.senders[1].send(message("not held up")) == SendResult::kOk);
  hall.loop.run_until_idle();
  CHECK((*hall.clients[1])->received() == from_server(message("not held up")));
  (*hall.clients[0])->want_input(true);
  hall.loop.run_until_idle();
  CHECK((*hall.clients[0])->received() == expected);
  CHECK(hall.server->ids() == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("senders do not fill what may wait for all clients together", "[server]") {
  messi::ServerOptions options;
  options.max_total_pending_bytes = 10'000;
  Hall hall(options);
  hall.loop.network().faults.capacity = 100;
  std::string expected;
  for (const auto& client : hall.clients) (*client)->want_input(false);
  for (int i = 0; i < 100; ++i) {
    for (const auto& sender : hall.senders) CHECK(sender.send(message_of(100)) == SendResult::kOk);
    expected += from_server(message_of(100));
    hall.loop.run_until_idle();
  }
  CHECK(hall.server->find_client(1)->pending_bytes() +
            hall.server->find_client(2)->pending_bytes() <=
        5'200);
  for (const auto& client : hall.clients) (*client)->want_input(true);
  hall.loop.run_until_idle();
  for (const auto& client : hall.clients) CHECK((*client)->received() == expected);
}

TEST_CASE("a client goes while its sender is held back, and another one goes on", "[server]") {
  messi::ServerOptions options;
  options.max_pending_bytes = 1'000;
  Hall hall(options);
  hall.loop.network().faults.capacity = 100;
  for (const auto& client : hall.clients) (*client)->want_input(false);
  for (int i = 0; i < 50; ++i) {
    for (const auto& sender : hall.senders) CHECK(sender.send(message_of(50)) == SendResult::kOk);
  }
  hall.loop.run_until_idle();
  hall.server->find_client(1)->disconnect_now();
  (*hall.clients[1])->want_input(true);
  hall.loop.run_until_idle();
  CHECK(hall.senders[0].send(message("nobody")) == SendResult::kNotConnected);
  CHECK((*hall.clients[1])->received().size() == 50 * from_server(message_of(50)).size());
}

TEST_CASE("in a session a sender to a client loses nothing", "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.session = messi::SessionMode::kPrefer;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  messi::ClientOptions client_options;
  client_options.session = messi::SessionMode::kPrefer;
  Client client(loop, "tcp://localhost:6000", client_options);
  client.start();
  loop.run_until_idle();
  const Server::Client::Sender sender(*server.find_client(1));
  std::vector<std::string> expected = {"connected"};
  for (int i = 0; i < 100; ++i) {
    CHECK(sender.send(message(std::to_string(i))) == SendResult::kOk);
    expected.push_back("message " + std::to_string(i));
    if (i % 20 == 5) loop.run_until_idle();
    if (i % 20 == 10) loop.network().cut_all();
    if (i == 70) loop.advance(10s);
  }
  loop.advance(20s);
  CHECK(client.log == expected);
}

namespace {

class HandingBack final : public Server {
 public:
  using Server::Server;
  std::vector<std::string> lost;
  void on_client_session_lost(Client& /*client*/, const messi::SessionLoss& loss) override {
    for (const auto& each : loss.messages) {
      lost.push_back(text_in(each.payload));
    }
  }
};

}  // namespace

TEST_CASE("what a sender has sent to a client is lost with its session, and is handed back",
          "[server]") {
  ManualLoop loop;
  messi::ServerOptions options;
  options.session = messi::SessionMode::kPrefer;
  options.max_pending_bytes = 500;
  HandingBack server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  messi::ClientOptions client_options;
  client_options.session = messi::SessionMode::kPrefer;
  auto client = std::make_unique<Client>(loop, "tcp://localhost:6000", client_options);
  client->start();
  loop.run_until_idle();
  const Server::Client::Sender sender(*server.find_client(1));
  client.reset();
  loop.run_until_idle();
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    CHECK(sender.send(message(std::to_string(i))) == SendResult::kOk);
    expected.push_back(std::to_string(i));
  }
  loop.advance(60s);
  CHECK(server.lost == expected);
  CHECK(sender.send(message("nobody")) == SendResult::kNotConnected);
}
