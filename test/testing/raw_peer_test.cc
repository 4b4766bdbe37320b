#include "messi/testing/raw_peer.h"

#include <string>

#include "messi/testing/manual_loop.h"
#include "test/catch.h"

using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawServer;

TEST_CASE("raw peers see each other's bytes", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  RawClient client(loop, "tcp://:6000");
  CHECK(client.peer() == nullptr);
  loop.run_until_idle();
  REQUIRE(client.peer() != nullptr);
  client->send("one ");
  client->send("two");
  loop.run_until_idle();
  CHECK(server.last().received() == "one two");
  CHECK(server.last().take_received() == "one two");
  CHECK(server.last().received().empty());
}

TEST_CASE("a raw peer that has closed sends nothing more", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  RawClient client(loop, "tcp://:6000");
  loop.run_until_idle();
  client->close();
  client->send("too late");
  client->close();
  loop.run_until_idle();
  CHECK(server.last().ended());
  CHECK(server.last().received().empty());
  CHECK_FALSE(client->ended());
}

TEST_CASE("a raw server keeps its peers in the order in which they came", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  RawClient first(loop, "tcp://:6000");
  RawClient second(loop, "tcp://:6000");
  loop.run_until_idle();
  first->send("first");
  second->send("second");
  loop.run_until_idle();
  REQUIRE(server.peers().size() == 2);
  CHECK(server.peers()[0]->received() == "first");
  CHECK(server.peers()[1]->received() == "second");
}
