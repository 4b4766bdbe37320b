#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::Duration;
using messi::test::Client;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a client connects and disconnects", "[client]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  CHECK_FALSE(client.connected());

  client.start();
  CHECK(client.log.empty());  // hooks come from the loop, never from within a call
  loop.run_until_idle();
  CHECK(client.connected());
  CHECK(client.log == Log{"connected"});
  CHECK(server.log == Log{"1 connected"});

  client.stop();
  CHECK_FALSE(client.connected());
  CHECK(client.log == Log{"connected"});
  loop.run_until_idle();
  CHECK(client.log == Log{"connected", "disconnected: Stopped."});
  CHECK(server.log == Log{"1 connected", "1 disconnected: Connection closed."});

  loop.advance(1h);
  CHECK(client.log.size() == 2);
}

TEST_CASE("messages go both ways", "[client]") {
  ManualLoop loop;
  Server server(loop);
  server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "connect_req erik") client->send(chat::ConnectRsp());
    if (event == "message hello") client->send(message("good bye"));
  };
  REQUIRE(server.start().ok());
  Client client(loop);
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(messi::test::connect_req());
    if (line == "connect_rsp") client.send(message("hello"));
  };
  client.start();
  loop.run_until_idle();
  CHECK(server.log == Log{"1 connected", "1 connect_req erik", "1 message hello"});
  CHECK(client.log == Log{"connected", "connect_rsp", "message good bye"});
}

TEST_CASE("a client knows what it was made with", "[client]") {
  ManualLoop loop;
  messi::ClientOptions options;
  options.ping_interval = 7s;
  Client client(loop, "tcp://somewhere:1234", options);
  CHECK(client.uri() == "tcp://somewhere:1234");
  CHECK(client.options().ping_interval == 7s);
  CHECK(&client.loop() == &loop);
  CHECK(client.pending_bytes() == 0);
}

TEST_CASE("the defaults are those of the protocol", "[client]") {
  const messi::ClientOptions options;
  CHECK(options.ping_interval == 2s);
  CHECK(options.pong_timeout == 4s);
  CHECK(options.connect_timeout == 5s);
}

TEST_CASE("starting twice is starting once, and so is stopping", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.stop();
  client.start();
  client.start();
  loop.run_until_idle();
  client.start();
  loop.advance(1s);
  CHECK(server.peers().size() == 1);
  client.stop();
  client.stop();
  loop.run_until_idle();
  client.stop();
  loop.run_until_idle();
  CHECK(client.log == Log{"connected", "disconnected: Stopped."});
}

TEST_CASE("a client that is stopped before it is connected never is", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.start();
  client.stop();
  loop.advance(1h);
  CHECK(client.log.empty());
  CHECK(server.peers().empty());
}

TEST_CASE("a client that is stopped while it connects never is connected", "[client]") {
  ManualLoop loop;
  loop.network().faults.ignore_connects = true;
  Client client(loop);
  client.start();
  loop.advance(1s);
  client.stop();
  loop.network().faults.ignore_connects = false;
  loop.advance(1h);
  CHECK(client.log.empty());
}

TEST_CASE("a client can be started again", "[client]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  for (int i = 0; i < 3; ++i) {
    client.start();
    loop.run_until_idle();
    CHECK(client.connected());
    client.stop();
    loop.run_until_idle();
  }
  CHECK(client.log == Log{"connected", "disconnected: Stopped.", "connected",
                          "disconnected: Stopped.", "connected", "disconnected: Stopped."});
}

TEST_CASE("stopping and starting in one go makes a new connection at once", "[client]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  client.start();
  loop.run_until_idle();
  client.stop();
  client.start();
  loop.run_until_idle();
  CHECK(client.log == Log{"connected", "disconnected: Stopped.", "connected"});
  CHECK(server.client_count() == 1);
}

TEST_CASE("the second attempt to connect is successful", "[client]") {
  ManualLoop loop;
  Client client(loop);
  client.start();
  loop.run_until_idle();
  CHECK(client.count("failed: ") == 1);
  CHECK(client.last_failure.code() == absl::StatusCode::kUnavailable);

  Server server(loop);
  REQUIRE(server.start().ok());
  CHECK_FALSE(client.connected());
  loop.advance(1s);
  CHECK(client.connected());
  CHECK(client.log.back() == "connected");
  CHECK(client.log.size() == 2);
}

TEST_CASE("a refused client asks how long to wait", "[client]") {
  ManualLoop loop;
  Client client(loop);
  client.retry = [](const absl::Status& /*error*/) { return 7s; };
  client.start();
  loop.run_until_idle();
  CHECK(client.log.size() == 1);
  loop.advance(7s - 1ns);
  CHECK(client.log.size() == 1);
  loop.advance(1ns);
  CHECK(client.log.size() == 2);
  loop.advance(70s);
  CHECK(client.log.size() == 12);
}

TEST_CASE("a refused client may be told never to try again", "[client]") {
  ManualLoop loop;
  Client client(loop);
  client.retry = [](const absl::Status& /*error*/) { return std::nullopt; };
  client.start();
  loop.advance(1h);
  CHECK(client.count("failed: ") == 1);

  // It is stopped then, so that it can be started.
  client.start();
  loop.advance(1h);
  CHECK(client.count("failed: ") == 2);
  Server server(loop);
  REQUIRE(server.start().ok());
  client.start();
  loop.run_until_idle();
  CHECK(client.connected());
}

TEST_CASE("an attempt to connect that is not answered times out", "[client]") {
  ManualLoop loop;
  loop.network().faults.ignore_connects = true;
  messi::ClientOptions options;
  options.connect_timeout = 3s;
  Client client(loop, "tcp://localhost:6000", options);
  client.retry = [](const absl::Status& /*error*/) { return 1s; };
  client.start();
  loop.advance(3s - 1ns);
  CHECK(client.log.empty());
  loop.advance(1ns);
  CHECK(client.log.size() == 1);
  CHECK(client.last_failure.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK_THAT(std::string(client.last_failure.message()),
             ContainsSubstring("tcp://localhost:6000") && ContainsSubstring("no answer"));
  loop.advance(4s);
  CHECK(client.log.size() == 2);

  Server server(loop);
  REQUIRE(server.start().ok());
  loop.network().faults.ignore_connects = false;
  loop.advance(4s);
  CHECK(client.connected());
}

TEST_CASE("after a time-out a client may be told never to try again", "[client]") {
  ManualLoop loop;
  loop.network().faults.ignore_connects = true;
  Client client(loop);
  client.retry = [](const absl::Status& /*error*/) { return std::nullopt; };
  client.start();
  loop.advance(1h);
  CHECK(client.log.size() == 1);
}

TEST_CASE("a URI that can never work is said so once", "[client]") {
  ManualLoop loop;
  for (const char* const uri : {"localhost:6000", "tcp://localhost", "tcp://localhost:96537", ""}) {
    Client client(loop, uri);
    client.retry = [](const absl::Status& error) -> std::optional<Duration> {
      if (error.code() == absl::StatusCode::kInvalidArgument) return std::nullopt;
      return 1s;
    };
    client.start();
    CHECK(client.log.empty());
    loop.advance(1h);
    CHECK(client.log.size() == 1);
    CHECK_THAT(std::string(client.last_failure.message()),
               ContainsSubstring("\"" + std::string(uri) + "\"") &&
                   ContainsSubstring("expected tcp://<host>:<port>"));
  }
}

TEST_CASE("by default a client gives a URI that can never work up", "[client]") {
  ManualLoop loop;
  Client client(loop, "udp://localhost:6000");
  client.start();
  loop.advance(1h);
  CHECK(client.log.size() == 1);
}

TEST_CASE("a client may be destroyed in any state", "[client]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  { Client never_started(loop); }
  {
    Client just_started(loop);
    just_started.start();
  }
  {
    Client connected(loop);
    connected.start();
    loop.run_until_idle();
    connected.send(message("unsent"));
  }
  {
    Client stopped(loop);
    stopped.start();
    loop.run_until_idle();
    stopped.stop();
  }
  {
    Client waiting(loop, "tcp://localhost:6001");
    waiting.start();
    loop.run_until_idle();
    CHECK(waiting.has("failed"));
  }
  loop.network().faults.ignore_connects = true;
  {
    Client connecting(loop);
    connecting.start();
    loop.advance(1s);
  }
  loop.advance(1h);
  CHECK(server.client_count() == 0);
}
