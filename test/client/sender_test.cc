// What other threads send through a client. Everything here happens on one thread: a sender does
// not care on which it is. test/io/senders_test.cc has the threads.

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/chat.h"

using messi::SendResult;
using messi::test::Client;
using messi::test::from_client;
using messi::test::message;
using messi::test::message_of;
using messi::test::Server;
using messi::test::text_in;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

/// A connected client with a sender, and the server's end of its connection.
struct Pair {
  explicit Pair(const messi::ClientOptions& options = {},
                std::size_t max_pending_bytes = Client::Sender::kMaxPendingBytes)
      : server(loop, "tcp://:6000"), client(loop, "tcp://localhost:6000", options) {
    client.start();
    loop.run_until_idle();
    server.last().take_received();
    sender.emplace(client, max_pending_bytes);
  }

  ManualLoop loop;
  RawServer server;
  Client client;
  std::optional<Client::Sender> sender;
};

}  // namespace

TEST_CASE("what a sender sends arrives in order, when the loop takes its turn", "[client]") {
  Pair pair;
  std::string expected;
  for (int i = 0; i < 5'000; ++i) {
    CHECK(pair.sender->send(message(std::to_string(i))) == SendResult::kOk);
    expected += from_client(message(std::to_string(i)));
  }
  CHECK(pair.sender->send_connect_req(messi::test::connect_req()) == SendResult::kOk);
  expected += from_client(messi::test::connect_req());
  CHECK(pair.sender->pending_bytes() == expected.size());
  CHECK(pair.server.last().received().empty());
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == expected);
  CHECK(pair.sender->pending_bytes() == 0);
}

TEST_CASE("a sender sends messages of any size", "[client]") {
  Pair pair;
  std::string expected;
  for (int round = 0; round < 3; ++round) {
    for (const std::size_t size : {0u, 4'000u, 5'000u, 33'000u, 1u, 70'000u, 300'000u, 2u}) {
      CHECK(pair.sender->send(message_of(size)) == SendResult::kOk);
      expected += from_client(message_of(size));
    }
    pair.loop.run_until_idle();
  }
  CHECK(pair.server.last().received() == expected);
}

TEST_CASE("a sender says what it does not accept", "[client]") {
  messi::ClientOptions options;
  options.max_payload_size = 1'000;
  Pair pair(options, 500);
  CHECK(pair.sender->send(message_of(1'000)) == SendResult::kTooBig);
  CHECK(pair.sender->send(message("caf\xe9")) == SendResult::kInvalid);
  CHECK(pair.sender->send(message_of(900)) == SendResult::kOk);  // nothing waits before it
  CHECK(pair.sender->send(message("more")) == SendResult::kFull);
  CHECK_FALSE(pair.sender->wait_for_room(0s));
  pair.loop.run_until_idle();
  CHECK(pair.sender->wait_for_room(messi::Duration::max()));
  CHECK(pair.sender->send(message("more")) == SendResult::kOk);
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() ==
        from_client(message_of(900)) + from_client(message("more")));
  CHECK(pair.client.connected());
}

TEST_CASE("a sender needs a connection", "[client]") {
  ManualLoop loop;
  Client client(loop);
  const Client::Sender sender(client);
  CHECK(sender.send(message("not started")) == SendResult::kNotConnected);
  CHECK(sender.wait_for_room(messi::Duration::max()));
  client.start();
  CHECK(sender.send(message("not connected")) == SendResult::kNotConnected);
  SendResult in_hook = SendResult::kNotConnected;
  client.then = [&](const std::string& line) {
    if (line == "connected") in_hook = sender.send(message("hello"));
    if (line != "connected") CHECK(sender.send(message("gone")) == SendResult::kNotConnected);
  };
  RawServer server(loop, "tcp://:6000");
  loop.run_until_idle();
  CHECK(in_hook == SendResult::kOk);
  CHECK(server.last().received().find(from_client(message("hello"))) != std::string::npos);
  client.stop();
  CHECK(sender.send(message("stopped")) == SendResult::kNotConnected);
  loop.run_until_idle();
}

TEST_CASE("a sender waits for a server that does not read, and the loop does not spin",
          "[client]") {
  messi::ClientOptions options;
  options.max_pending_bytes = 10'000;
  options.pong_timeout = messi::Duration::max();
  Pair pair(options, 2'000);
  pair.loop.network().faults.capacity = 100;
  pair.server.last().want_input(false);
  std::string expected;
  int full = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string text = std::to_string(i) + std::string(100, 'x');
    const chat::MessageInd each = message(text);
    if (pair.sender->send(each) == SendResult::kOk) {
      expected += from_client(each);
    } else {
      ++full;
    }
    pair.loop.run_until_idle();
    // The other half is for what the loop itself sends.
    REQUIRE(pair.client.pending_bytes() <= 5'100);
  }
  CHECK(full > 100);
  const std::uint64_t turns = pair.loop.turns();
  pair.loop.run_until_idle();
  CHECK(pair.loop.turns() - turns < 3);
  pair.client.send(message("of the loop"));
  CHECK(pair.client.connected());
  pair.server.last().want_input(true);
  pair.loop.run_until_idle();
  CHECK(pair.sender->pending_bytes() == 0);
  const std::string received = pair.server.last().received();
  const std::string own = from_client(message("of the loop"));
  const std::size_t at = received.find(own);
  REQUIRE(at != std::string::npos);
  CHECK(received.substr(0, at) + received.substr(at + own.size()) == expected);
}

TEST_CASE("many small messages of a sender keep to a small bound of the client", "[client]") {
  messi::ClientOptions options;
  options.max_pending_bytes = 1'000;
  Pair pair(options);
  pair.loop.network().faults.capacity = 10;
  pair.server.last().want_input(false);
  std::string expected;
  for (int i = 0; i < 1'000; ++i) {
    CHECK(pair.sender->send(message(std::to_string(i))) == SendResult::kOk);
    expected += from_client(message(std::to_string(i)));
  }
  pair.loop.run_until_idle();
  CHECK(pair.client.pending_bytes() <= 500);
  pair.server.last().want_input(true);
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == expected);
}

TEST_CASE("copies of a sender wait apart, and each keeps its order", "[client]") {
  Pair pair({}, 300);
  const Client::Sender copy = *pair.sender;
  Client::Sender assigned = copy;
  assigned = *pair.sender;
  CHECK(pair.sender->send(message_of(400)) == SendResult::kOk);
  CHECK(pair.sender->send(message("no room")) == SendResult::kFull);
  CHECK(copy.send(message("1")) == SendResult::kOk);
  CHECK(assigned.send(message("a")) == SendResult::kOk);
  CHECK(copy.send(message("2")) == SendResult::kOk);
  pair.loop.run_until_idle();
  const std::string received = pair.server.last().received();
  CHECK(received.find(from_client(message("1")) + from_client(message("2"))) != std::string::npos);
  CHECK(received.find(from_client(message("a"))) != std::string::npos);
  CHECK(received.size() == (from_client(message_of(400)) + from_client(message("1")) +
                            from_client(message("2")) + from_client(message("a")))
                               .size());
}

TEST_CASE("what a sender has sent is sent without it", "[client]") {
  Pair pair;
  CHECK(pair.sender->send(message("last words")) == SendResult::kOk);
  pair.sender.reset();
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == from_client(message("last words")));
}

TEST_CASE("stop delivers what was sent before, whatever the bounds are", "[client]") {
  messi::ClientOptions options;
  options.max_pending_bytes = 2'000;
  Pair pair(options);
  pair.loop.network().faults.capacity = 100;
  pair.server.last().want_input(false);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    CHECK(pair.sender->send(message_of(100)) == SendResult::kOk);
    expected += from_client(message_of(100));
    if (i % 10 == 0) pair.loop.run_until_idle();
  }
  pair.client.stop();
  CHECK(pair.sender->send(message("too late")) == SendResult::kNotConnected);
  pair.server.last().want_input(true);
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == expected);
  CHECK(pair.client.stopped());
  CHECK(pair.sender->pending_bytes() == 0);
}

TEST_CASE("nothing that was sent on one connection is sent on the next", "[client]") {
  messi::ClientOptions options;
  options.max_pending_bytes = 1'000;
  Pair pair(options);
  pair.loop.network().faults.capacity = 100;
  pair.server.last().want_input(false);
  for (int i = 0; i < 100; ++i) {
    CHECK(pair.sender->send(message("old")) == SendResult::kOk);
    if (i == 50) pair.loop.run_until_idle();
  }
  CHECK(pair.sender->pending_bytes() > 0);
  pair.server.last().close();
  pair.client.then = [&](const std::string& line) {
    if (line != "connected") return;
    CHECK(pair.sender->send(message("new")) == SendResult::kOk);
  };
  pair.loop.advance(3s);
  REQUIRE(pair.client.count("connected") == 2);
  const std::string received = pair.server.last().received();
  CHECK(received.find("old") == std::string::npos);
  CHECK(received.find("new") != std::string::npos);
  CHECK(pair.sender->pending_bytes() == 0);
}

TEST_CASE("a sender may outlive its client and the loop", "[client]") {
  std::optional<Client::Sender> held;
  std::optional<Client::Sender> copy;
  {
    Pair pair({}, 100);
    held.emplace(*pair.sender);
    CHECK(held->send(message_of(100)) == SendResult::kOk);
    CHECK(held->send(message("no room")) == SendResult::kFull);
  }
  copy.emplace(*held);
  CHECK(held->send(message("nobody")) == SendResult::kNotConnected);
  CHECK(copy->send(message("nobody")) == SendResult::kNotConnected);
  CHECK(held->wait_for_room(messi::Duration::max()));
  held.reset();
}

TEST_CASE("a client goes while a sender is held back", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  messi::ClientOptions options;
  options.max_pending_bytes = 1'000;
  auto client = std::make_unique<Client>(loop, "tcp://localhost:6000", options);
  client->start();
  loop.run_until_idle();
  loop.network().faults.capacity = 100;
  server.last().want_input(false);
  const Client::Sender sender(*client);
  for (int i = 0; i < 100; ++i) CHECK(sender.send(message_of(20)) == SendResult::kOk);
  loop.run_until_idle();
  CHECK(sender.pending_bytes() > 0);
  client.reset();
  CHECK(sender.pending_bytes() == 0);
  loop.run_until_idle();
  CHECK(sender.send(message("nobody")) == SendResult::kNotConnected);
}

namespace {

/// A client with a session, and its server.
struct Session {
  explicit Session(std::size_t max_pending_bytes = 16 * 1024 * 1024) {
    messi::ServerOptions server_options;
    server_options.session = messi::SessionMode::kPrefer;
    server = std::make_unique<Server>(loop, "tcp://:6000", server_options);
    REQUIRE(server->start().ok());
    messi::ClientOptions options;
    options.session = messi::SessionMode::kPrefer;
    options.max_pending_bytes = max_pending_bytes;
    client = std::make_unique<LossyClient>(loop, "tcp://localhost:6000", options);
    client->start();
    loop.run_until_idle();
    sender.emplace(*client);
  }

  class LossyClient final : public Client {
   public:
    using Client::Client;
    std::vector<std::string> lost;
    void on_session_lost(const messi::SessionLoss& loss) override {
      for (const auto& each : loss.messages) {
        lost.push_back(text_in(each.payload));
      }
    }
  };

  std::vector<std::string> arrived() const {
    std::vector<std::string> texts;
    for (const std::string& line : server->log) {
      const std::size_t at = line.find("message ");
      if (at != std::string::npos) texts.push_back(line.substr(at + 8));
    }
    return texts;
  }

  ManualLoop loop;
  std::unique_ptr<Server> server;
  std::unique_ptr<LossyClient> client;
  std::optional<Client::Sender> sender;
};

std::vector<std::string> numbers(int count) {
  std::vector<std::string> result;
  for (int i = 0; i < count; ++i) result.push_back(std::to_string(i));
  return result;
}

}  // namespace

TEST_CASE("in a session nothing that a sender has sent is lost with a connection", "[client]") {
  Session session;
  REQUIRE(session.client->connected());
  for (int i = 0; i < 100; ++i) {
    CHECK(session.sender->send(message(std::to_string(i))) == SendResult::kOk);
    if (i == 30) session.loop.run_until_idle();
    if (i == 40) session.loop.network().cut_all();
    if (i == 60) session.loop.advance(10s);
    if (i == 80) session.loop.network().cut_all();
  }
  session.loop.advance(20s);
  CHECK(session.arrived() == numbers(100));
  CHECK(session.client->lost.empty());
}

TEST_CASE("what a sender has sent is lost with its session, and is handed back", "[client]") {
  Session session(500);
  for (int i = 0; i < 100; ++i) {
    if (i == 50) session.loop.run_until_idle();
    if (i == 50) session.loop.network().faults.refuse_connects = true;
    if (i == 50) session.loop.network().cut_all();
    if (i == 50) session.loop.run_until_idle();
    CHECK(session.sender->send(message(std::to_string(i))) == SendResult::kOk);
  }
  session.loop.run_until_idle();
  CHECK(session.sender->pending_bytes() > 0);  // beyond the bound of the session
  session.client->stop_now();
  session.loop.run_until_idle();
  std::vector<std::string> all = session.arrived();
  all.insert(all.end(), session.client->lost.begin(), session.client->lost.end());
  CHECK(all == numbers(100));
  CHECK(session.sender->send(message("stopped")) == SendResult::kNotConnected);
}

TEST_CASE("stop of a client with a session delivers what was sent before", "[client]") {
  Session session(500);
  for (int i = 0; i < 100; ++i) {
    CHECK(session.sender->send(message(std::to_string(i))) == SendResult::kOk);
  }
  session.client->stop();
  session.loop.advance(20s);
  CHECK(session.client->stopped());
  CHECK(session.arrived() == numbers(100));
  CHECK(session.client->lost.empty());
}
