// A client that is given anything at all never crashes, and reports one disconnect per connection
// (the recording client checks that on the way).

#include <chrono>
#include <string>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/nonsense.h"

using messi::test::Client;
using messi::test::from_server;
using messi::test::message;
using messi::test::Nonsense;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

TEST_CASE("a client survives any server", "[client]") {
  std::size_t connections = 0;
  std::size_t messages = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Nonsense nonsense(Nonsense::From::kServer, seed);
    ManualLoop loop(seed);
    RawServer server(loop, "tcp://:6000");
    messi::ClientOptions options;
    options.backoff.max = 1s;
    Client client(loop, "tcp://localhost:6000", options);
    client.start();
    for (int step = 0; step < 60; ++step) {
      loop.network().faults.most_per_read = 1 + nonsense.below(500);
      loop.run_until_idle();
      if (client.connected()) {
        server.last().send(nonsense.stream());
        if (nonsense.below(3) == 0) client.send(message("hello, server"));
        if (nonsense.below(10) == 0) {
          loop.run_until_idle();
          server.last().close();
        }
      }
      loop.advance(std::chrono::milliseconds(nonsense.below(1'500)));
    }
    client.stop();
    loop.run_until_idle();
    CHECK(client.count("connected") == server.peers().size());
    CHECK(client.count("disconnected") == server.peers().size());
    connections += server.peers().size();
    messages += client.count("message");
  }
  // It has not been too hostile to test anything.
  CHECK(connections > 500);
  CHECK(messages > 300);
}

TEST_CASE("a client survives nothing but noise", "[client]") {
  Nonsense nonsense(Nonsense::From::kServer, 99);
  for (int round = 0; round < 500; ++round) {
    ManualLoop loop;
    RawServer server(loop, "tcp://:6000");
    Client client(loop);
    client.start();
    loop.run_until_idle();
    server.last().send(nonsense.bytes(200));
    loop.run_until_idle();
    server.last().close();
    loop.run_until_idle();
    CHECK(client.count("disconnected") == 1);
  }
}

TEST_CASE("a client survives a message with any one byte changed", "[client]") {
  const std::string original = from_server(message("hello"));
  for (std::size_t at = 0; at < original.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = original;
      changed[at] = static_cast<char>(value);
      ManualLoop loop;
      RawServer server(loop, "tcp://:6000");
      Client client(loop);
      client.start();
      loop.run_until_idle();
      server.last().send(changed);
      loop.run_until_idle();
      server.last().close();
      loop.run_until_idle();
      if (client.count("disconnected") != 1) FAIL(at << " is " << value);
    }
  }
  SUCCEED();
}
