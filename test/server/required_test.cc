// Messages that lack a required field; structs cannot have one.

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "strict.messi.h"
#include "test/catch.h"
#include "test/support/bytes.h"

using messi::DisconnectReason;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

class StrictServer : public strict::StrictServer {
 public:
  using strict::StrictServer::StrictServer;
  std::vector<DisconnectReason> reasons;
  int orders = 0;
  void on_client_disconnected(Client& /*client*/, DisconnectReason reason) override {
    reasons.push_back(reason);
  }
  void on_order(Client& /*client*/, const strict::Order& /*message*/) override {
    ++orders;
    reply(strict::Order());
  }
};

}  // namespace

TEST_CASE("a message to a client that lacks a required field ends its connection", "[server]") {
  ManualLoop loop;
  StrictServer server(loop, "tcp://:6000");
  REQUIRE(server.start().ok());
  RawClient first(loop, "tcp://localhost:6000");
  RawClient second(loop, "tcp://localhost:6000");
  RawClient third(loop, "tcp://localhost:6000");
  loop.run_until_idle();

  server.find_client(1)->send(strict::Order());
  loop.run_until_idle();
  CHECK(server.reasons == std::vector<DisconnectReason>{DisconnectReason::kMessageEncodeError});
  CHECK(first->ended());

  // As a reply.
  strict::ClientToServer request;
  request.mutable_order()->set_article("apples");
  second->send(messi::test::frame(1, request.SerializeAsString()));
  loop.run_until_idle();
  CHECK(server.orders == 1);
  CHECK(server.reasons.size() == 2);
  CHECK(second->ended());

  // A broadcast that cannot be sent goes to nobody, and ends nothing.
  CHECK_FALSE(server.broadcast(strict::Order()));
  CHECK_FALSE(server.broadcast(strict::Order(), *server.find_client(3)));
  CHECK(server.broadcast(request.order()));
  loop.run_until_idle();
  CHECK(server.reasons == std::vector<DisconnectReason>(2, DisconnectReason::kMessageEncodeError));
  CHECK_FALSE(third->ended());
}

TEST_CASE("a message from a client that lacks a required field ends its connection", "[server]") {
  ManualLoop loop;
  StrictServer server(loop, "tcp://:6000");
  REQUIRE(server.start().ok());
  strict::ClientToServer request;
  request.mutable_order()->set_count(3);
  // As a plain member, and in the general form.
  for (const std::string& tail : {std::string(), std::string("\x18\x01", 2)}) {
    RawClient client(loop, "tcp://localhost:6000");
    loop.run_until_idle();
    client->send(messi::test::frame(1, request.SerializePartialAsString() + tail));
    loop.run_until_idle();
    CHECK(client->ended());
  }
  CHECK(server.orders == 0);
  CHECK(server.reasons == std::vector<DisconnectReason>(2, DisconnectReason::kMessageDecodeError));
}
