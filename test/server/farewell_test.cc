// What a server says before it closes a connection: CLOSE.

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::close_frame;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;

namespace {

/// What a server sends to a client that sends `bytes`.
std::string answer_to(const std::string& bytes, messi::ServerOptions options = {}) {
  ManualLoop loop;
  Server server(loop, "tcp://:6000", std::move(options));
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  client->send(bytes);
  loop.run_until_idle();
  CHECK(client->ended());
  return client->received();
}

}  // namespace

TEST_CASE("a server says what was wrong with a client", "[server]") {
  messi::ServerOptions small;
  small.max_payload_size = 100;
  CHECK(answer_to(messi::test::header(1, 101), small) == close_frame(12, "Message too big."));
  CHECK(answer_to(messi::test::frame(1, "\xff")) == close_frame(11, "Message decode error."));
  CHECK(answer_to(messi::test::frame(77)) == close_frame(10, "Protocol error."));
}

TEST_CASE("a server says nothing to a peer that speaks another protocol", "[server]") {
  CHECK(answer_to("GET / HTTP/1.1\r\n\r\n").empty());
  CHECK(answer_to("\x16\x03\x01 and so on").empty());
}

TEST_CASE("what a server says is not larger than its largest message", "[server]") {
  messi::ServerOptions small;
  small.max_payload_size = 30;
  CHECK(answer_to(messi::test::frame(77), small) == close_frame(10, "Protoc"));
  small.max_payload_size = 23;
  CHECK(answer_to(messi::test::frame(77), small).empty());
}

TEST_CASE("a server says why behind what it has sent before, if there is room", "[server]") {
  for (const bool fits : {true, false}) {
    ManualLoop loop;
    Server server(loop);
    REQUIRE(server.start().ok());
    RawClient client(loop, "tcp://localhost:6000");
    loop.run_until_idle();
    if (!fits) loop.network().faults.capacity = 50;
    server.find_client(1)->send(message("before"));
    client->send(messi::test::frame(77));
    loop.run_until_idle();
    const std::string all = from_server(message("before")) + close_frame(10, "Protocol error.");
    CHECK(client->received() == (fits ? all : all.substr(0, 50)));
    CHECK(server.log.back() == "1 disconnected: Protocol error.");
  }
}

TEST_CASE("a server says nothing when it ends a connection itself", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    loop.run_until_idle();
  }
  server.find_client(1)->disconnect();
  server.find_client(2)->disconnect_now();
  loop.run_until_idle();
  (*clients[2])->send(messi::test::kPing);
  loop.advance(std::chrono::seconds(3));
  CHECK(server.client_count() == 0);  // silent
  for (const auto& client : clients) {
    CHECK((*client)->ended());
    CHECK(messi::test::types_of((*client)->received()) ==
          (client == clients[2] ? std::vector<int>{4} : std::vector<int>{}));
  }
}

TEST_CASE("a server tells those that it turns away", "[server]") {
  class Picky final : public Server {
   public:
    using Server::Server;
    bool on_client_arriving(const std::string&) override { return false; }
  };
  ManualLoop loop;
  Picky picky(loop);
  REQUIRE(picky.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  CHECK(client->received() == close_frame(15));
  CHECK(client->ended());
  CHECK(picky.has("refused"));
}
