#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::kPong;
using messi::test::Log;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

messi::ClientOptions with(std::vector<std::string> more) {
  messi::ClientOptions options;
  options.more_uris = std::move(more);
  return options;
}

}  // namespace

TEST_CASE("the URIs of a client are tried in turn, without delay until all have failed",
          "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://c:3");
  Client client(loop, "tcp://a:1", with({"tcp://b:2", "tcp://c:3"}));
  client.start();
  loop.run_until_idle();
  CHECK(client.count("failed: tcp://a:1") == 1);
  CHECK(client.count("failed: tcp://b:2") == 1);
  CHECK(client.connected());
  CHECK(client.uri() == "tcp://c:3");
}

TEST_CASE("when all URIs have failed the client waits, and begins again with the first",
          "[client]") {
  ManualLoop loop;
  Client client(loop, "tcp://a:1", with({"tcp://b:2"}));
  client.start();
  loop.advance(400ms);
  CHECK(client.log.size() == 2);
  loop.advance(700ms);
  CHECK(client.log.size() == 4);
  CHECK(client.log[2] == client.log[0]);
}

TEST_CASE("after a connection that proved nothing the next URI is tried", "[client]") {
  ManualLoop loop;
  RawServer hung(loop, "tcp://a:1");  // accepts, and says nothing
  RawServer good(loop, "tcp://b:2");
  Client client(loop, "tcp://a:1", with({"tcp://b:2"}));
  client.start();
  loop.advance(4s);
  CHECK(client.log == Log{"connected", "disconnected: Keep alive timeout.", "connected"});
  CHECK(client.uri() == "tcp://b:2");

  // What has proved itself is what is tried first when it is lost.
  good.last().send(kPong);
  loop.run_until_idle();
  good.last().close();
  loop.advance(1s);
  CHECK(client.connected());
  CHECK(good.peers().size() == 2);
}

TEST_CASE("shuffled URIs spread the clients", "[client]") {
  std::set<std::string> first;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    ManualLoop loop(seed);
    messi::ClientOptions options = with({"tcp://b:2", "tcp://c:3"});
    options.shuffle_uris = true;
    RawServer a(loop, "tcp://a:1");
    RawServer b(loop, "tcp://b:2");
    RawServer c(loop, "tcp://c:3");
    Client client(loop, "tcp://a:1", options);
    client.start();
    loop.run_until_idle();
    first.insert(client.uri());
  }
  CHECK(first.size() == 3);
}

TEST_CASE("options that contradict each other are refused, with both sides of the contradiction",
          "[client]") {
  struct Case {
    const char* what;
    void (*change)(messi::ClientOptions&);
  };
  const std::vector<Case> cases = {
      {"ping_interval must be less than pong_timeout",
       [](messi::ClientOptions& options) { options.ping_interval = options.pong_timeout; }},
      {"pong_timeout must be Duration::max()",
       [](messi::ClientOptions& options) { options.ping_interval = 0s; }},
      {"pong_timeout must be more than zero",
       [](messi::ClientOptions& options) { options.pong_timeout = 0s; }},
      {"connect_timeout must be more than zero",
       [](messi::ClientOptions& options) { options.connect_timeout = -1s; }},
      {"max_payload_size must be more than zero",
       [](messi::ClientOptions& options) { options.max_payload_size = 0; }},
      {"max_decode_depth must be more than zero",
       [](messi::ClientOptions& options) { options.max_decode_depth = 0; }},
      {"frame_timeout must be more than zero",
       [](messi::ClientOptions& options) { options.frame_timeout = 0s; }},
      {"linger must not be less than zero",
       [](messi::ClientOptions& options) { options.linger = -1s; }}};
  for (const Case& each : cases) {
    CAPTURE(each.what);
    ManualLoop loop;
    RawServer server(loop, "tcp://:6000");
    messi::ClientOptions options;
    each.change(options);
    Client client(loop, "tcp://localhost:6000", options);
    client.start();
    loop.advance(1min);
    CHECK(client.log.size() == 1);
    CHECK(client.last_failure.code() == absl::StatusCode::kInvalidArgument);
    CHECK(std::string(client.last_failure.message()).find(each.what) != std::string::npos);
    CHECK(client.stopped());
    CHECK(server.peers().empty());
  }
  messi::ClientOptions never;
  never.ping_interval = 0s;
  never.pong_timeout = messi::Duration::max();
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop, "tcp://localhost:6000", never);
  client.start();
  loop.advance(1h);
  CHECK(client.connected());
}
