// Messages that lack a required field; structs cannot have one.

#include <chrono>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "strict.messi.h"
#include "test/catch.h"
#include "test/support/bytes.h"

using messi::DisconnectReason;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

class StrictClient : public strict::StrictClient {
 public:
  using strict::StrictClient::StrictClient;
  std::vector<DisconnectReason> reasons;
  void on_disconnected(DisconnectReason reason) override { reasons.push_back(reason); }
};

}  // namespace

TEST_CASE("a message that lacks a required field ends the connection", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  StrictClient client(loop, "tcp://localhost:6000");
  strict::Order order;
  client.send(order);  // not connected: nobody to disconnect
  client.start();
  loop.run_until_idle();
  CHECK(client.reasons.empty());

  order.set_article("apples");
  client.send(order);
  order.clear_article();
  client.send(order);
  CHECK_FALSE(client.connected());
  order.set_article("too late");
  client.send(order);
  loop.run_until_idle();
  CHECK(client.reasons == std::vector<DisconnectReason>{DisconnectReason::kMessageEncodeError});
  CHECK(server.last().ended());
  loop.advance(1s);
  CHECK(client.connected());
}
