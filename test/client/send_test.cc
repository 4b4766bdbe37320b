#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::DisconnectReason;
using messi::test::Client;
using messi::test::from_client;
using messi::test::kPing;
using messi::test::Log;
using messi::test::message;
using messi::test::message_of;
using messi::test::types_of;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

/// A connected client and the server's end of its connection.
struct Pair {
  explicit Pair(const messi::ClientOptions& options = {})
      : server(loop, "tcp://:6000"), client(loop, "tcp://localhost:6000", options) {
    client.start();
    loop.run_until_idle();
    client.log.clear();
    server.last().take_received();
  }

  ManualLoop loop;
  RawServer server;
  Client client;
};

}  // namespace

TEST_CASE("what is sent arrives in order", "[client]") {
  Pair pair;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    pair.client.send(message(std::to_string(i)));
    expected += from_client(message(std::to_string(i)));
  }
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == expected);
}

TEST_CASE("short writes, of any length, change nothing", "[client]") {
  std::string expected;
  for (std::size_t size = 0; size < 40; size += 3) expected += from_client(message_of(size));
  for (std::size_t capacity = 1; capacity <= expected.size(); ++capacity) {
    Pair pair;
    pair.loop.network().faults.capacity = capacity;
    for (std::size_t size = 0; size < 40; size += 3) pair.client.send(message_of(size));
    pair.loop.run_until_idle();
    CHECK(pair.server.last().received() == expected);
    CHECK(pair.client.pending_bytes() == 0);
  }
}

TEST_CASE("large messages arrive whole and in order, however short the writes", "[client]") {
  const std::vector<std::size_t> sizes = {3, 40'000, 5, 0, 100'000, 33'000, 33'000, 7};
  std::string expected;
  for (const std::size_t size : sizes) expected += from_client(message_of(size));
  for (const std::size_t capacity : {7u, 1'000u, 32'768u, 40'003u, 40'017u, 65'536u, 300'000u}) {
    Pair pair;
    pair.loop.network().faults.capacity = capacity;
    for (const std::size_t size : sizes) pair.client.send(message_of(size));
    pair.loop.run_until_idle();
    CHECK((pair.server.last().received() == expected));
    CHECK(pair.client.pending_bytes() == 0);
  }
}

TEST_CASE("a large message is written at once, and what is not taken of it waits", "[client]") {
  Pair pair;
  pair.loop.network().faults.capacity = 60'000;
  pair.client.send(message_of(50'000));
  CHECK(pair.client.pending_bytes() == 0);
  pair.client.send(message_of(50'000));
  CHECK(pair.client.pending_bytes() == 2 * from_client(message_of(50'000)).size() - 60'000);
  pair.loop.run_until_idle();
  CHECK(pair.client.pending_bytes() == 0);
  CHECK(pair.client.log.empty());
}

TEST_CASE("a ping goes out after the large message that is partly written", "[client]") {
  Pair pair;
  pair.loop.network().faults.capacity = 1'000;
  pair.loop.network().faults.stalled = true;
  pair.client.send(message_of(50'000));
  pair.client.send(message_of(40'000));
  pair.loop.advance(2s);
  pair.loop.network().faults.stalled = false;
  pair.loop.run_until_idle();
  const std::string expected =
      from_client(message_of(50'000)) + kPing + from_client(message_of(40'000));
  CHECK((pair.server.last().received() == expected));
}

TEST_CASE("large messages keep to the limits", "[client]") {
  messi::ClientOptions options;
  SECTION("of a message") {
    options.max_payload_size = 50'000;
    Pair pair(options);
    pair.client.send(message_of(40'000));
    pair.client.send(message_of(50'000));
    pair.loop.run_until_idle();
    CHECK(pair.client.log == Log{"disconnected: Message too big."});
    CHECK((pair.server.last().received() == from_client(message_of(40'000))));
  }
  SECTION("of what waits") {
    options.max_pending_bytes = 100'000;
    Pair pair(options);
    pair.loop.network().faults.capacity = 10'000;
    pair.client.send(message_of(200'000));  // alone it may be as large as it likes
    CHECK(pair.client.connected());
    SECTION("in one go") {
      pair.client.send(message_of(40'000));
      pair.loop.run_until_idle();
      CHECK(pair.client.log == Log{"disconnected: Too much sent at once."});
    }
    SECTION("since an earlier turn") {
      pair.loop.network().faults.stalled = true;
      pair.loop.run_until_idle();
      pair.client.send(message_of(40'000));
      pair.loop.run_until_idle();
      CHECK(pair.client.log == Log{"disconnected: Slow reader."});
    }
  }
}

TEST_CASE("what is sent without a connection is dropped", "[client]") {
  ManualLoop loop;
  Client client(loop);
  client.send(message("not started"));
  client.send(message_of(100'000));
  client.start();
  client.send(message("not connected"));
  loop.run_until_idle();
  client.send(message("waiting to connect"));
  CHECK(client.pending_bytes() == 0);
  RawServer server(loop, "tcp://:6000");
  loop.advance(1s);
  REQUIRE(client.connected());
  CHECK(server.last().received() == kPing);
  client.stop();
  client.send(message("stopped"));
  loop.advance(1s);
  CHECK(server.last().received() == kPing);
}

TEST_CASE("what is sent before a stop is written first", "[client]") {
  Pair pair;
  pair.client.send(message("good bye"));
  pair.client.stop();
  pair.client.send(message("too late"));
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == from_client(message("good bye")));
  CHECK(pair.server.last().ended());
}

TEST_CASE("another message may be sent after the first has failed", "[client]") {
  Pair pair;
  pair.loop.network().cut_all();
  pair.client.send(message("first"));
  pair.client.send(message("second"));
  pair.loop.run_until_idle();
  pair.client.send(message("third"));
  pair.loop.run_until_idle();
  CHECK(pair.client.log == Log{"disconnected: Connection closed."});
  pair.loop.advance(1s);
  pair.client.send(message("fourth"));
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == kPing + from_client(message("fourth")));
}

TEST_CASE("a message over the limit ends the connection", "[client]") {
  messi::ClientOptions options;
  options.max_payload_size = 100;
  Pair pair(options);
  const std::size_t overhead = from_client(message_of(50)).size() - 4 - 50;
  pair.client.send(message_of(100 - overhead));
  CHECK(pair.client.connected());
  pair.client.send(message_of(100 - overhead + 1));
  CHECK_FALSE(pair.client.connected());
  pair.loop.run_until_idle();
  CHECK(pair.client.log == Log{"disconnected: Message too big."});
}

TEST_CASE("sizes are never cut down to 24 bits", "[client]") {
  messi::ClientOptions options;
  options.max_payload_size = std::size_t{1} << 30;
  options.max_pending_bytes = std::size_t{1} << 30;
  Pair pair(options);
  pair.loop.network().faults.capacity = std::size_t{1} << 30;
  const std::string largest(0xffffff - 10, 'x');
  pair.client.send(message(largest));
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received().size() == 0xffffff + 4);
  CHECK(pair.server.last().take_received() == from_client(message(largest)));

  pair.client.send(message(largest + "x"));
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received().empty());
  CHECK(pair.client.log == Log{"disconnected: Message too big."});
}

TEST_CASE("pending_bytes tells what the network has not taken", "[client]") {
  Pair pair;
  pair.loop.network().faults.capacity = 10;
  pair.loop.network().faults.stalled = true;
  const std::size_t size = from_client(message_of(100)).size();
  pair.client.send(message_of(100));
  CHECK(pair.client.pending_bytes() == size);
  pair.loop.run_until_idle();
  CHECK(pair.client.pending_bytes() == size - 10);
  pair.loop.network().faults.stalled = false;
  pair.loop.run_until_idle();
  CHECK(pair.client.pending_bytes() == 0);
}

TEST_CASE("a server that does not read ends the connection when the queue is full", "[client]") {
  messi::ClientOptions options;
  options.max_pending_bytes = 1'000'000;
  Pair pair(options);
  pair.loop.network().faults.stalled = true;
  std::size_t most = 0;
  for (int i = 0; i < 2'000 && pair.client.connected(); ++i) {
    pair.client.send(message_of(1000));
    most = std::max(most, pair.client.pending_bytes());
    if (i % 100 == 0) pair.loop.run_until_idle();
  }
  CHECK_FALSE(pair.client.connected());
  CHECK(most <= 1'000'000);
  CHECK(most > 990'000);
  pair.loop.run_until_idle();
  CHECK(pair.client.log == Log{"disconnected: Slow reader."});
}

TEST_CASE("much may be sent in one turn if the network takes it", "[client]") {
  for (const std::size_t max_pending : {1'000u, 30'000u, 100'000u, 1'000'000u}) {
    messi::ClientOptions options;
    options.max_pending_bytes = max_pending;
    Pair pair(options);
    pair.loop.network().faults.capacity = 100'000'000;
    for (int i = 0; i < 5'000; ++i) pair.client.send(message_of(600));
    CHECK(pair.client.connected());
    pair.loop.run_until_idle();
    CHECK(pair.server.last().received().size() == 5'000 * from_client(message_of(600)).size());
  }
}

TEST_CASE("a message that is larger than the queue may be goes when nothing else waits",
          "[client]") {
  messi::ClientOptions options;
  options.max_pending_bytes = 1'000;
  Pair pair(options);
  pair.client.send(message_of(50'000));
  CHECK(pair.client.connected());
  pair.loop.run_until_idle();
  pair.client.send(message_of(50'000));
  pair.loop.run_until_idle();
  CHECK(types_of(pair.server.last().received()) == std::vector<int>{1, 1});

  // In the first turn of a connection too, when its ping has not gone yet.
  pair.client.then = [&](const std::string& line) {
    if (line == "connected") pair.client.send(message_of(50'000));
  };
  pair.client.stop();
  pair.client.start();
  pair.loop.run_until_idle();
  CHECK(pair.client.connected());
  CHECK(types_of(pair.server.last().received()) == std::vector<int>{3, 1});
}

TEST_CASE("on_writable comes once when there is room again", "[client]") {
  messi::ClientOptions options;
  options.max_pending_bytes = 100'000;
  Pair pair(options);
  pair.loop.network().faults.capacity = 1'000;
  pair.loop.network().faults.stalled = true;
  while (pair.client.pending_bytes() <= 60'000) pair.client.send(message_of(1'000));
  pair.loop.advance(1s);
  CHECK(pair.client.log.empty());
  pair.client.then = [&](const std::string& /*line*/) {
    CHECK(pair.client.pending_bytes() <= 50'000);
  };
  pair.loop.network().faults.stalled = false;
  pair.loop.run_until_idle();
  CHECK(pair.client.log == Log{"writable"});
  pair.loop.advance(1s);
  CHECK(pair.client.log == Log{"writable"});
}

TEST_CASE("on_writable does not come when little has waited", "[client]") {
  messi::ClientOptions options;
  options.max_pending_bytes = 100'000;
  Pair pair(options);
  pair.loop.network().faults.capacity = 1'000;
  while (pair.client.pending_bytes() < 48'000) pair.client.send(message_of(1'000));
  pair.loop.run_until_idle();
  CHECK(pair.client.pending_bytes() == 0);
  CHECK(pair.client.log.empty());
}

TEST_CASE("who sends until half is full, and goes on in on_writable, never stalls", "[client]") {
  for (const std::size_t size : {1'000u, 40'000u, 400'000u}) {
    for (const std::size_t capacity : {10'000u, 1'000'000u}) {
      messi::ClientOptions options;
      options.max_pending_bytes = 1'000'000;
      Pair pair(options);
      pair.loop.network().faults.capacity = capacity;
      int left = 200;
      const auto send_some = [&] {
        while (left > 0 && pair.client.pending_bytes() <= 500'000) {
          pair.client.send(message_of(size));
          --left;
        }
      };
      pair.client.then = [&](const std::string& line) {
        if (line == "writable") send_some();
      };
      send_some();
      pair.loop.run_until_idle();
      CHECK(left == 0);
      CHECK(pair.server.last().received().size() == 200 * from_client(message_of(size)).size());
      CHECK(pair.client.connected());
    }
  }
}
