#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::Duration;
using messi::TimePoint;
using messi::test::Client;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

/// When the client's hooks came.
class Stopwatch {
 public:
  Stopwatch(ManualLoop& loop, Client& client) {
    client.then = [this, &loop](const std::string& /*line*/) { times_.push_back(loop.now()); };
  }
  std::size_t size() const { return times_.size(); }
  /// How long after the hook before each hook came.
  std::vector<Duration> gaps() const {
    std::vector<Duration> result;
    for (std::size_t i = 1; i < times_.size(); ++i) result.push_back(times_[i] - times_[i - 1]);
    return result;
  }

 private:
  std::vector<TimePoint> times_;
};

}  // namespace

TEST_CASE("a client finds its server again", "[client]") {
  ManualLoop loop;
  Client client(loop);
  client.start();
  for (int i = 0; i < 3; ++i) {
    Server server(loop);
    server.on = [&](const std::string& /*event*/, Server::Client* from) {
      from->send(message("hello"));
    };
    REQUIRE(server.start().ok());
    loop.advance(1min);
    CHECK(client.connected());
    CHECK(client.log.back() == "message hello");
  }
  loop.advance(1ms);
  CHECK_FALSE(client.connected());
  CHECK(client.count("connected") == 3);
  CHECK(client.count("disconnected: Connection closed.") == 3);
}

TEST_CASE("a server that disconnects is connected to again", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.start();
  loop.run_until_idle();
  server.last().close();
  loop.run_until_idle();
  CHECK(client.log == Log{"connected", "disconnected: Connection closed."});
  loop.advance(1s);
  CHECK(client.log == Log{"connected", "disconnected: Connection closed.", "connected"});
  CHECK(server.peers().size() == 2);
}

TEST_CASE("attempts to connect back off exponentially with jitter", "[client]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ManualLoop loop(seed);
    Client client(loop);
    const Stopwatch stopwatch(loop, client);
    client.start();
    loop.advance(10min);
    const std::vector<Duration> gaps = stopwatch.gaps();
    REQUIRE(gaps.size() > 20);
    double base = 1.0;
    for (const Duration gap : gaps) {
      const double seconds = std::chrono::duration<double>(gap).count();
      CHECK(seconds >= base / 2 - 0.001);
      CHECK(seconds <= base + 0.001);
      base = std::min(base * 1.6, 30.0);
    }
  }
}

TEST_CASE("clients that lose one server do not come back all at once", "[client]") {
  ManualLoop loop;
  auto server = std::make_unique<Server>(loop);
  REQUIRE(server->start().ok());
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<Client>(loop));
    clients.back()->start();
  }
  loop.advance(1s);
  server.reset();
  loop.run_until_idle();
  std::vector<TimePoint> failures;
  for (const auto& client : clients) {
    client->then = [&](const std::string& /*line*/) { failures.push_back(loop.now()); };
  }
  loop.advance(1s);
  std::sort(failures.begin(), failures.end());
  REQUIRE(failures.size() >= 100);
  CHECK(failures.front() != failures[50]);
  CHECK(std::unique(failures.begin(), failures.end()) - failures.begin() > 90);
}

TEST_CASE("the backoff begins anew once the server has answered", "[client]") {
  ManualLoop loop;
  Client client(loop);
  client.start();
  loop.advance(10min);
  {
    Server server(loop);
    REQUIRE(server.start().ok());
    loop.advance(31s);
    REQUIRE(client.connected());
    loop.advance(10ms);
  }
  client.log.clear();
  loop.advance(4s);
  // 0.5 to 1 s, then 0.8 to 1.6 s: at least two attempts, where a delay of 15 s would mean none.
  CHECK(client.count("failed") >= 2);
}

TEST_CASE("a connection that never proved itself does not reset the backoff", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  client.then = [&](const std::string& line) {
    if (line == "connected") loop.post([&] { server.last().close(); });
  };
  client.start();
  loop.advance(10min);
  // With delays of a second there would be 600 or more.
  CHECK(client.count("connected") > 15);
  CHECK(client.count("connected") < 60);
  CHECK(client.count("connected") == client.count("disconnected"));
}

TEST_CASE("after a long connection the first attempt comes quickly", "[client]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  client.start();
  loop.advance(11s);
  loop.network().cut_all();
  loop.advance(200ms);
  CHECK(client.log == Log{"connected", "disconnected: Connection closed.", "connected"});
}

TEST_CASE("a dead network is noticed, and its revival too", "[client]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  client.start();
  loop.advance(5s);
  REQUIRE(client.connected());
  loop.network().faults.stalled = true;
  loop.advance(1min);
  CHECK_FALSE(client.connected());
  CHECK(client.count("disconnected: Keep alive timeout.") == 1);
  CHECK(client.count("failed") > 3);
  CHECK(server.log.back() == "1 disconnected: Keep alive timeout.");

  loop.network().faults.stalled = false;
  loop.advance(40s);
  CHECK(client.connected());
  CHECK(server.client_count() == 1);
}

TEST_CASE("a frame that is cut by a disconnect does not spoil the next connection", "[client]") {
  const std::string bytes = messi::test::from_server(message("whole"));
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    ManualLoop loop;
    RawServer server(loop, "tcp://:6000");
    Client client(loop);
    client.start();
    loop.run_until_idle();
    server.last().send(bytes.substr(0, cut));
    loop.run_until_idle();
    server.last().close();
    loop.advance(1s);
    REQUIRE(client.connected());
    server.last().send(bytes);
    loop.run_until_idle();
    CHECK(client.log ==
          Log{"connected", "disconnected: Connection closed.", "connected", "message whole"});
  }
}

TEST_CASE("what was queued for one connection is not sent on the next", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  loop.network().faults.capacity = 10;
  Client client(loop);
  client.start();
  loop.run_until_idle();
  loop.network().faults.capacity = 0;
  client.send(message("a message that stays in the queue"));
  loop.run_until_idle();
  CHECK(client.pending_bytes() > 0);
  server.last().close();
  loop.run_until_idle();
  client.send(message("dropped, since there is no connection"));
  CHECK(client.pending_bytes() == 0);
  loop.network().faults.capacity = 1000;
  loop.advance(1s);
  CHECK(server.last().received() == messi::test::kPing);
}
