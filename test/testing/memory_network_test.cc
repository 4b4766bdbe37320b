#include "messi/testing/memory_network.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/stream.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

struct Pair {
  explicit Pair(const std::string& uri = "tcp://:6000") : server(loop, uri), client(loop, uri) {
    loop.run_until_idle();
  }
  ManualLoop loop;
  RawServer server;
  RawClient client;
};

/// A client's stream whose callbacks are the test's.
class OneStream final : private messi::ConnectHandler, private messi::StreamHandler {
 public:
  OneStream(ManualLoop& loop, const std::string& uri)
      : connecting_(loop.networks().connect(uri, {}, *this)) {}

  std::unique_ptr<messi::Stream> stream;
  std::function<void()> on_readable = [] {};
  std::function<void()> on_writable = [] {};
  int readable = 0;
  int writable = 0;

 private:
  void handle_stream(std::unique_ptr<messi::Stream> connected) override {
    stream = std::move(connected);
    CHECK(stream->start(*this));
  }
  void handle_no_stream(const messi::Status& why) override { FAIL(why.message()); }
  void handle_readable() override {
    ++readable;
    on_readable();
  }
  void handle_writable() override {
    ++writable;
    on_writable();
  }

  std::unique_ptr<messi::Connecting> connecting_;
};

}  // namespace

TEST_CASE("servers and clients meet at a URI of any kind", "[testing]") {
  for (const char* const uri : {"tcp://:6000", "tcp://127.0.0.1:6000", "tcp://[::1]:6000",
                                "tcp://some.host:6000", "unix:///run/chat", "memory://chat"}) {
    Pair pair(uri);
    REQUIRE(pair.client.peer() != nullptr);
    REQUIRE(pair.server.peers().size() == 1);
    pair.client->send("hello");
    pair.server.last().send("good bye");
    pair.loop.run_until_idle();
    CHECK(pair.server.last().received() == "hello");
    CHECK(pair.client->received() == "good bye");
    CHECK(pair.server.uri() == uri);
  }
}

TEST_CASE("of tcp URIs only the port counts", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  RawClient same(loop, "tcp://example.org:6000");
  RawClient other(loop, "tcp://example.org:6001");
  loop.run_until_idle();
  CHECK(same.peer() != nullptr);
  CHECK(other.peer() == nullptr);
  CHECK(other.error().code() == messi::StatusCode::kUnavailable);
}

TEST_CASE("port 0 becomes a free port", "[testing]") {
  ManualLoop loop;
  RawServer first(loop, "tcp://localhost:0");
  RawServer second(loop, "tcp://localhost:0");
  CHECK(first.uri() != second.uri());
  RawClient client(loop, second.uri());
  loop.run_until_idle();
  CHECK(second.peers().size() == 1);
  CHECK(first.peers().empty());
}

TEST_CASE("reads may be small", "[testing]") {
  Pair pair;
  pair.loop.network().faults.most_per_read = 1;
  pair.client->send("hello");
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == "hello");
}

TEST_CASE("what does not fit waits for its turn", "[testing]") {
  Pair pair;
  pair.loop.network().faults.capacity = 3;
  const std::string much(1'000, 'x');
  pair.client->send(much);
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == much);
}

TEST_CASE("a stalled network delivers when it is well again", "[testing]") {
  Pair pair;
  pair.loop.network().faults.stalled = true;
  pair.client->send("hello");
  pair.loop.advance(1h);
  CHECK(pair.server.last().received().empty());
  pair.client->close();
  pair.loop.advance(1h);
  CHECK_FALSE(pair.server.last().ended());
  pair.loop.network().faults.stalled = false;
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == "hello");
  CHECK(pair.server.last().ended());
}

TEST_CASE("what was written before a close still arrives", "[testing]") {
  Pair pair;
  pair.loop.network().faults.most_per_read = 2;
  pair.client->send("hello");
  pair.client->close();
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == "hello");
  CHECK(pair.server.last().ended());
}

TEST_CASE("who has finished writes no more, and still reads", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  OneStream client(loop, "tcp://:6000");
  loop.run_until_idle();
  char heard[5] = {};
  client.on_readable = [&] {
    const messi::Space space{heard, sizeof heard};
    client.stream->read(&space, 1);
  };
  const messi::Slice slice{"too late", 8};
  client.stream->finish();
  CHECK(client.stream->write(&slice, 1, false).kind == messi::IoResult::Kind::kEnd);
  server.last().send("heard");
  loop.run_until_idle();
  CHECK(server.last().received().empty());
  CHECK(std::string(heard, sizeof heard) == "heard");
}

TEST_CASE("a cut loses what is under way and ends all connections", "[testing]") {
  Pair pair;
  pair.client->send("hello");
  pair.loop.network().cut_all();
  pair.client->send("later");
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received().empty());
  CHECK(pair.server.last().ended());
  CHECK(pair.client->ended());

  RawClient next(pair.loop, "tcp://:6000");
  pair.loop.run_until_idle();
  next->send("hello");
  pair.loop.run_until_idle();
  CHECK(pair.server.last().received() == "hello");
}

TEST_CASE("one connection may be cut", "[testing]") {
  Pair pair;
  RawClient other(pair.loop, "tcp://:6000");
  pair.loop.run_until_idle();
  pair.client->send("hello");
  other->send("hello");
  pair.loop.network().cut(1);
  pair.loop.network().cut(3);  // which does not exist
  pair.loop.run_until_idle();
  CHECK(pair.client->ended());
  CHECK(pair.server.peers()[0]->received().empty());
  CHECK(pair.server.peers()[0]->ended());
  CHECK_FALSE(other->ended());
  CHECK(pair.server.peers()[1]->received() == "hello");
}

TEST_CASE("one direction of a connection may take few bytes at a time", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  OneStream client(loop, "tcp://:6000");
  loop.run_until_idle();
  REQUIRE(client.stream != nullptr);
  loop.network().link(1)->to_server.capacity = 3;
  loop.network().link(1)->to_client.most_per_read = 2;
  const messi::Slice hello{"hello", 5};
  CHECK(client.stream->write(&hello, 1, false).size == 3);
  server.last().send("hello");
  client.on_readable = [&] {
    char bytes[10];
    const messi::Space space{bytes, sizeof(bytes)};
    CHECK(client.stream->read(&space, 1).size <= 2);
  };
  loop.run_until_idle();
  CHECK(server.last().received() == "hel");
  CHECK(client.readable == 3);
  CHECK(client.writable == 1);
}

TEST_CASE("to connect may take its time", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  loop.network().faults.connect_latency = 50ms;
  RawClient client(loop, "tcp://:6000");
  RawClient nowhere(loop, "tcp://:6001");
  loop.advance(49ms);
  CHECK(client.peer() == nullptr);
  CHECK(nowhere.error().ok());
  loop.advance(1ms);
  CHECK(client.peer() != nullptr);
  CHECK_FALSE(nowhere.error().ok());
}

TEST_CASE("attempts to connect may be refused, or get no answer", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  loop.network().faults.refuse_connects = true;
  RawClient refused(loop, "tcp://:6000");
  loop.run_until_idle();
  CHECK_FALSE(refused.error().ok());
  loop.network().faults.refuse_connects = false;
  loop.network().faults.ignore_connects = true;
  RawClient ignored(loop, "tcp://:6000");
  loop.advance(1h);
  CHECK(ignored.error().ok());
  CHECK(ignored.peer() == nullptr);
  CHECK(server.peers().empty());
}

TEST_CASE("a stream in memory may be destroyed in its own callbacks", "[testing]") {
  for (const bool while_reading : {true, false}) {
    for (const bool both : {true, false}) {
      CAPTURE(while_reading, both);
      ManualLoop loop;
      RawServer server(loop, "tcp://:6000");
      OneStream client(loop, "tcp://:6000");
      loop.run_until_idle();
      REQUIRE(client.stream != nullptr);
      (while_reading ? client.on_readable : client.on_writable) = [&] { client.stream.reset(); };
      if (both || while_reading) server.last().send("hello");
      if (both || !while_reading) {
        loop.network().faults.capacity = 0;
        const messi::Slice slice{"x", 1};
        CHECK(client.stream->write(&slice, 1, false).kind == messi::IoResult::Kind::kAgain);
        loop.network().faults.capacity = 10;
      }
      loop.run_until_idle();
      CHECK(client.stream == nullptr);
      CHECK(client.readable == (while_reading ? 1 : 0));
      CHECK(client.writable == (both || !while_reading ? 1 : 0));
      CHECK(server.last().ended());
    }
  }
}

TEST_CASE("who has not been accepted when the server goes is told of the end", "[testing]") {
  ManualLoop loop;
  auto server = std::make_unique<RawServer>(loop, "tcp://:6000");
  Client client(loop, "tcp://:6000");
  client.then = [&](const std::string& line) {
    if (line == "connected") server.reset();
  };
  client.start();
  loop.run_until_idle();
  CHECK(client.log == Log{"connected", "disconnected: Connection closed."});
}

TEST_CASE("one direction of a connection may stall while the other goes on", "[testing]") {
  Pair pair;
  pair.loop.network().link(1)->to_server.stalled = true;
  pair.client->send("hello");
  pair.server.last().send("hello yourself");
  pair.loop.advance(1h);
  CHECK(pair.server.last().received().empty());
  CHECK(pair.client->received() == "hello yourself");
  const RawClient another(pair.loop, "tcp://:6000");
  pair.loop.network().link(1)->to_server.stalled = false;
  pair.loop.run_until_idle();
  CHECK(pair.server.peers()[0]->received() == "hello");
}

TEST_CASE("nobody is told that the other end of a half-open connection is gone", "[testing]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  OneStream client(loop, "tcp://:6000");
  loop.run_until_idle();
  REQUIRE(client.stream != nullptr);
  messi::testing::LinkFaults& faults = *loop.network().link(1);
  faults.to_server.stalled = faults.to_client.stalled = true;
  faults.to_server.capacity = 3;
  const messi::Slice hello{"hello", 5};
  CHECK(client.stream->write(&hello, 1, false).size == 3);
  server.last().close();
  loop.advance(1h);
  CHECK(client.writable == 0);
  CHECK(client.readable == 0);
  CHECK(client.stream->write(&hello, 1, false).kind == messi::IoResult::Kind::kAgain);
}

TEST_CASE("a server that hears nothing of its client drops it, though it can still talk to it",
          "[testing]") {
  ManualLoop loop;
  Server server(loop);
  REQUIRE(server.start().ok());
  Client client(loop);
  client.start();
  loop.advance(2s);
  loop.network().link(1)->to_server.stalled = true;
  loop.advance(4s);
  CHECK(server.has("1 disconnected: Keep alive timeout."));
  CHECK(client.count("connected") == 2);
}

TEST_CASE("a connection may break after some bytes, which arrive", "[testing]") {
  for (const std::size_t count : std::vector<std::size_t>{1, 3, 5}) {
    CAPTURE(count);
    Pair pair;
    pair.server.last().stay_open();
    pair.loop.network().link(1)->to_server.cut_after = count;
    pair.server.last().send("lost");
    pair.client->send("hello");
    pair.client->send("more");
    pair.loop.run_until_idle();
    CHECK(pair.server.last().received() == std::string("hello").substr(0, count));
    CHECK(pair.server.last().ended());
    CHECK(pair.client->received().empty());
    CHECK(pair.client->ended());
  }
}

TEST_CASE("what is written may take its time, and stays in order", "[testing]") {
  Pair pair;
  pair.loop.network().link(1)->to_server.latency = 50ms;
  pair.client->send("hel");
  pair.loop.advance(20ms);
  pair.client->send("lo");
  pair.loop.advance(29ms);
  CHECK(pair.server.last().received().empty());
  pair.loop.advance(1ms);
  CHECK(pair.server.last().received() == "hel");
  // What leaves later does not overtake, and nor does the end.
  pair.loop.network().link(1)->to_server.latency = 5ms;
  pair.client->send("!");
  pair.client->close();
  pair.loop.advance(19ms);
  CHECK(pair.server.last().received() == "hel");
  pair.loop.advance(1ms);
  CHECK(pair.server.last().received() == "hello!");
  CHECK(pair.server.last().ended());
  CHECK(pair.loop.network().link(1) == nullptr);
}

TEST_CASE("an end takes its time too", "[testing]") {
  ManualLoop loop;
  loop.network().new_links.to_client.latency = 50ms;
  RawServer server(loop, "tcp://:6000");
  RawClient client(loop, "tcp://:6000");
  loop.run_until_idle();
  server.last().finish();
  loop.advance(49ms);
  CHECK_FALSE(client->ended());
  loop.advance(1ms);
  CHECK(client->ended());
}

TEST_CASE("connections are counted", "[testing]") {
  Pair pair;
  CHECK(pair.loop.network().connections_made() == 1);
  const RawClient another(pair.loop, "tcp://:6000");
  pair.loop.run_until_idle();
  CHECK(pair.loop.network().connections_made() == 2);
}

TEST_CASE("the same run twice is the same to the last hook", "[testing]") {
  const auto run = [](std::uint64_t seed) {
    ManualLoop loop(seed);
    Server server(loop);
    CHECK(server.start().ok());
    Client client(loop);
    Log log;
    client.then = [&](const std::string& line) {
      log.push_back(std::to_string(loop.now().time_since_epoch().count()) + " " + line);
      if (line == "connected") client.send(message("hello"));
    };
    client.start();
    for (int i = 0; i < 5; ++i) {
      loop.advance(10s);
      loop.network().cut_all();
      loop.network().faults.refuse_connects = i % 2 == 0;
    }
    return log;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}
