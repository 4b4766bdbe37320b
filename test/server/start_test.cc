#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a server starts and stops", "[server]") {
  ManualLoop loop;
  Server server(loop);
  server.stop();
  CHECK(server.start().ok());
  CHECK(server.start().ok());  // it has already
  server.stop();
  server.stop();
  CHECK(server.start().ok());
  loop.run_until_idle();
  CHECK(server.log.empty());
}

TEST_CASE("the defaults are those of the protocol", "[server]") {
  ManualLoop loop;
  const Server server(loop);
  CHECK(server.options().client_timeout == 3s);
}

TEST_CASE("a server can be asked where it listens", "[server]") {
  ManualLoop loop;
  Server server(loop, "tcp://:0");
  CHECK(server.uri() == "tcp://:0");
  CHECK(server.port() == 0);
  REQUIRE(server.start().ok());
  CHECK(server.port() != 0);
  CHECK(server.uri() == "tcp://:" + std::to_string(server.port()));
  Client client(loop, server.uri());
  client.start();
  loop.run_until_idle();
  CHECK(client.connected());
  server.stop();
  CHECK(server.uri() == "tcp://:0");
  CHECK(server.port() == 0);
}

TEST_CASE("a server that cannot listen says why, and can be started later", "[server]") {
  ManualLoop loop;
  auto first = std::make_unique<Server>(loop);
  REQUIRE(first->start().ok());
  Server second(loop);
  const absl::Status status = second.start();
  CHECK(status.code() == absl::StatusCode::kAlreadyExists);
  CHECK_THAT(std::string(status.message()),
             ContainsSubstring("tcp://:6000") && ContainsSubstring("already in use"));
  first.reset();
  CHECK(second.start().ok());
}

TEST_CASE("a server refuses a URI of the wrong form", "[server]") {
  ManualLoop loop;
  for (const char* const uri : {"", ":6000", "tcp://localhost", "tcp://:port", "tcp://:96537",
                                "http://localhost:80", "unix://"}) {
    Server server(loop, uri);
    const absl::Status status = server.start();
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK_THAT(std::string(status.message()),
               ContainsSubstring("\"" + std::string(uri) + "\"") &&
                   ContainsSubstring("expected tcp://<host>:<port>"));
  }
}

TEST_CASE("stopping disconnects all clients, after what was sent", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client first(loop);
  Client second(loop);
  first.start();
  second.start();
  loop.run_until_idle();
  server.broadcast(message("good bye"));
  server.stop();
  server.broadcast(message("too late"));
  CHECK(server.log.size() == 2);  // hooks come from the loop, never from within a call
  loop.run_until_idle();
  CHECK(server.log ==
        Log{"1 connected", "2 connected", "1 disconnected: Stopped.", "2 disconnected: Stopped."});
  CHECK(server.client_count() == 0);
  for (const Client* const client : {&first, &second}) {
    CHECK(client->log == Log{"connected", "message good bye", "disconnected: Connection closed."});
  }
}

TEST_CASE("a server may be stopped and started with clients connected", "[server]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  client.start();
  loop.run_until_idle();
  server.stop();
  REQUIRE(server.start().ok());
  loop.advance(1s);
  CHECK(server.log == Log{"1 connected", "1 disconnected: Stopped.", "2 connected"});
  CHECK(client.log == Log{"connected", "disconnected: Connection closed.", "connected"});
  for (int i = 0; i < 10; ++i) {
    server.stop();
    REQUIRE(server.start().ok());
  }
  loop.advance(2s);
  CHECK(server.log.size() == 5);
  CHECK(server.client_count() == 1);
}

TEST_CASE("a server may be destroyed in any state", "[server]") {
  ManualLoop loop;
  Client client(loop);
  client.start();
  { Server never_started(loop); }
  {
    Server just_started(loop);
    CHECK(just_started.start().ok());
  }
  {
    Server with_client(loop);
    CHECK(with_client.start().ok());
    loop.advance(1min);
    CHECK(with_client.client_count() == 1);
    with_client.broadcast(message("unsent"));
  }
  loop.advance(1ms);
  CHECK(client.log.back() == "disconnected: Connection closed.");
  {
    Server stopped(loop);
    CHECK(stopped.start().ok());
    loop.advance(1min);
    CHECK(stopped.client_count() == 1);
    stopped.stop();
  }
  loop.advance(1min);
}
