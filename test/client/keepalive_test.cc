#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::test::types_of;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

TEST_CASE("the first thing a client sends is a ping", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(message("hello"));
  };
  client.start();
  loop.run_until_idle();
  CHECK(server.last().received() == kPing + messi::test::from_client(message("hello")));
}

TEST_CASE("a client pings every two seconds and stays while it is answered", "[client]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  client.start();
  loop.advance(1h);
  CHECK(client.log == Log{"connected"});
  CHECK(server.log == Log{"1 connected"});

  RawServer raw(loop, "tcp://:6001");
  Client other(loop, "tcp://localhost:6001");
  other.start();
  loop.run_until_idle();
  for (int i = 0; i < 10; ++i) {
    CHECK(raw.last().take_received() == kPing);
    raw.last().send(kPong);
    loop.advance(2s - 1ns);
    CHECK(raw.last().received().empty());
    loop.advance(1ns);
  }
}

TEST_CASE("interval and patience are the user's to choose", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  messi::ClientOptions options;
  options.ping_interval = 100ms;
  options.pong_timeout = 250ms;
  Client client(loop, "tcp://localhost:6000", options);
  client.start();
  loop.advance(249ms);
  CHECK(server.last().received() == kPing + kPing + kPing);
  CHECK(client.connected());
  loop.advance(1ms);
  CHECK(client.log == Log{"connected", "disconnected: Keep alive timeout."});
}

TEST_CASE("a missing pong ends the connection, and the client reconnects", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.start();
  loop.run_until_idle();
  server.last().send(kPong);
  loop.advance(1s);
  CHECK(client.connected());
  loop.advance(3s - 1ns);
  CHECK(client.connected());
  loop.advance(1ns);
  CHECK(client.log == Log{"connected", "disconnected: Keep alive timeout."});
  CHECK(server.last().ended());
  loop.advance(1s);
  CHECK(client.connected());
  CHECK(server.peers().size() == 2);
}

TEST_CASE("a client that was told never to come back does not, after a missing pong", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.then = [&](const std::string& line) {
    if (line == "disconnected: Keep alive timeout.") client.stop();
  };
  client.start();
  loop.advance(1h);
  CHECK(client.log == Log{"connected", "disconnected: Keep alive timeout."});
}

TEST_CASE("any byte of the server's is life, with its pong late or never", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  messi::ClientOptions options;
  options.frame_timeout = messi::Duration::max();
  Client client(loop, "tcp://localhost:6000", options);
  client.start();
  loop.run_until_idle();
  const std::string slow = messi::test::from_server(message("slow"));
  for (const char byte : slow) {
    loop.advance(3900ms);
    server.last().send({&byte, 1});
  }
  loop.run_until_idle();
  CHECK(client.log == Log{"connected", "message slow"});
}

TEST_CASE("a server whose frame comes byte by byte is given up", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.start();
  loop.run_until_idle();
  server.last().send(messi::test::header(2, 1000));
  for (int i = 0; i < 6; ++i) {
    CHECK(client.log == Log{"connected"});
    loop.advance(1900ms);
    server.last().send("x");
    loop.run_until_idle();
  }
  CHECK(client.log == Log{"connected", "disconnected: Frame too slow."});
}

TEST_CASE("a client pings on time however busy it is", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.start();
  loop.run_until_idle();
  server.last().take_received();
  for (int i = 0; i < 100; ++i) {
    client.send(message(std::string(100, 'x')));
    server.last().send(messi::test::from_server(message("busy")));
    loop.advance(100ms);
  }
  const std::vector<int> types = types_of(server.last().received());
  CHECK(std::count(types.begin(), types.end(), 3) == 5);
}

TEST_CASE("a ping goes ahead of the messages that are queued", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.start();
  loop.run_until_idle();
  server.last().take_received();
  // The network takes a part of the first message, and then nothing for two seconds.
  loop.network().faults.capacity = 50;
  for (int i = 0; i < 3; ++i) client.send(message(std::string(100, 'x')));
  loop.network().faults.stalled = true;
  loop.advance(2s);
  loop.network().faults.stalled = false;
  loop.run_until_idle();
  CHECK(types_of(server.last().received()) == std::vector<int>{1, 3, 1, 1});
}

TEST_CASE("a ping that cannot be written ends in one disconnect", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.start();
  loop.run_until_idle();
  loop.network().faults.capacity = 0;
  loop.advance(1s);
  loop.network().cut_all();
  loop.advance(10s);
  CHECK(client.count("disconnected") >= 1);
  CHECK(client.count("disconnected") + (client.connected() ? 1 : 0) == client.count("connected"));
}

TEST_CASE("the longest durations mean never", "[client]") {
  ManualLoop loop;
  messi::ClientOptions options;
  options.ping_interval = messi::Duration::max();
  options.pong_timeout = messi::Duration::max();
  options.connect_timeout = messi::Duration::max();
  Client client(loop, "tcp://localhost:6000", options);
  loop.network().faults.ignore_connects = true;
  client.start();
  loop.advance(24h);
  CHECK(client.log.empty());
  client.stop();

  loop.network().faults.ignore_connects = false;
  RawServer server(loop, "tcp://:6000");
  client.start();
  loop.advance(24h);
  CHECK(client.log == Log{"connected"});
  CHECK(server.last().received() == kPing);
  client.stop();

  Client patient(loop, "tcp://localhost:6001");
  patient.retry = [](const absl::Status& /*error*/) { return messi::Duration::max(); };
  patient.start();
  loop.advance(24h);
  CHECK(patient.count("failed") == 1);
}
