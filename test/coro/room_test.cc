// Coroutines that send more than a connection takes.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/coro.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"

using messi::coro::Job;
using messi::coro::sleep;
using messi::coro::spawn;
using messi::coro::Task;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::message;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

using Client = messi::coro::Client<chat::ChatClient>;
using Server = messi::coro::Server<chat::ChatServer>;
using Log = std::vector<std::string>;

constexpr std::size_t kMost = 100'000;

std::string code(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

std::string text(int number, std::size_t size = 1'000) {
  std::string result = std::to_string(number);
  result.resize(size, ' ');
  return result;
}

// A client whose connection takes nothing while it is stalled.
struct World {
  World() : server(loop, "tcp://:6000") {
    messi::ClientOptions options;
    options.ping_interval = 0s;
    options.pong_timeout = messi::Duration::max();
    options.max_pending_bytes = kMost;
    client.emplace(loop, "tcp://localhost:6000", options);
    client->start();
    loop.run_until_idle();
    loop.network().faults.capacity = 1'000;
    stall(true);
  }
  void stall(bool stalled) {
    loop.network().faults.stalled = stalled;
    loop.run_until_idle();
  }
  void fill(std::size_t least = 60'000) {
    for (int i = 0; client->pending_bytes() < least; ++i) client->send(message(text(i)));
    loop.run_until_idle();
  }
  Job run(Task<> task) {
    Job job = spawn(loop, std::move(task));
    loop.run_until_idle();
    return job;
  }

  ManualLoop loop;
  RawServer server;
  std::optional<Client> client;
};

template <typename Sender>
Task<> send_many(Sender& client, int most, Log& log) {
  for (int i = 0; i < most; ++i) {
    const absl::Status sent = co_await client.sent(message(text(i)));
    if (sent.ok()) continue;
    log.push_back(code(sent));
    co_return;
  }
  log.push_back("all");
}
Task<> send_one(Client& client, Log& log, std::string what, messi::Duration timeout = 1h) {
  const chat::MessageInd sending = message(what);
  const absl::Status sent = co_await client.sent(sending, timeout);
  log.push_back(what.substr(0, what.find(' ')) + " " + code(sent));
}
Task<> wait_writable(Client& client, Log& log, messi::Duration timeout = 1h) {
  const absl::Status writable = co_await client.writable(timeout);
  log.push_back(code(writable));
}

}  // namespace

TEST_CASE("a coroutine that sends much waits for room, and all of it arrives", "[coro]") {
  World world;
  Log log;
  const Job job = world.run(send_many(*world.client, 1'000, log));
  CHECK(world.client->pending_bytes() > kMost / 2 - 1'000);
  CHECK(world.client->pending_bytes() < kMost / 2 + 2'000);
  CHECK(log.empty());
  world.stall(false);
  world.loop.advance(1s);
  CHECK(log == Log{"all"});
  std::string expected;
  for (int i = 0; i < 1'000; ++i) expected += from_client(message(text(i)));
  CHECK(world.server.last().received() == expected);
  CHECK(world.client->connected());
}

TEST_CASE("who looks after each message whether there is room never loses a connection", "[coro]") {
  World world;
  struct Coroutine {
    static Task<> send(Client& client, Log& to) {
      for (int i = 0; i < 1'000; ++i) {
        client.send(message(text(i)));
        const absl::Status writable = co_await client.writable();
        if (!writable.ok()) to.push_back(code(writable));
      }
      to.push_back("all");
    }
  };
  Log log;
  const Job job = world.run(Coroutine::send(*world.client, log));
  CHECK(world.client->pending_bytes() < kMost / 2 + 2'000);
  world.stall(false);
  world.loop.advance(1s);
  CHECK(log == Log{"all"});
}

TEST_CASE("room that does not come in time, or not at all", "[coro]") {
  World world;
  world.fill();
  Log log;
  Job jobs[] = {world.run(wait_writable(*world.client, log, 1s)),
                world.run(send_one(*world.client, log, "x", 1s))};
  world.loop.advance(999ms);
  CHECK(log.empty());
  world.loop.advance(1ms);
  CHECK(log == Log{"DEADLINE_EXCEEDED", "x DEADLINE_EXCEEDED"});
  log.clear();
  for (Job& job : jobs) CHECK(job.done());

  jobs[0] = world.run(wait_writable(*world.client, log));
  jobs[1] = world.run(send_one(*world.client, log, "x"));
  SECTION("the connection is lost, and another one follows") {
    world.loop.network().cut_all();
    world.stall(false);
    world.loop.advance(10s);
    CHECK(log == Log{"UNAVAILABLE", "x UNAVAILABLE"});
    CHECK(world.client->connected());
    log.clear();
    jobs[0] = world.run(wait_writable(*world.client, log));
    CHECK(log == Log{"OK"});
  }
  SECTION("the client is stopped, and started again") {
    world.client->stop_now();
    world.client->start();
    world.loop.advance(10s);
    CHECK(log == Log{"UNAVAILABLE", "x UNAVAILABLE"});
  }
  SECTION("the client is destroyed") {
    world.client.reset();
    CHECK(log.empty());
    world.loop.run_until_idle();
    CHECK(log == Log{"CANCELLED", "x CANCELLED"});
  }
  SECTION("the coroutines are destroyed, before their client and after it") {
    jobs[0].cancel();
    world.client.reset();
    jobs[1].cancel();
    world.loop.run_until_idle();
    CHECK(log.empty());
  }
}

TEST_CASE("there is no room without a connection, which is not said at once", "[coro]") {
  World world;
  world.client->stop_now();
  world.loop.run_until_idle();
  Log log;
  Job jobs[] = {world.run(wait_writable(*world.client, log)),
                world.run(send_one(*world.client, log, "x"))};
  CHECK(log == Log{"CANCELLED", "x CANCELLED"});
  log.clear();
  world.loop.network().faults.ignore_connects = true;
  world.client->start();
  jobs[0] = world.run(wait_writable(*world.client, log));
  jobs[1] = world.run(send_one(*world.client, log, "x"));
  CHECK(log == Log{"UNAVAILABLE", "x UNAVAILABLE"});
}

TEST_CASE("several coroutines send in the order in which they came", "[coro]") {
  World world;
  world.fill();
  Log log;
  std::vector<Job> jobs;
  for (const char* const name : {"1", "2", "3", "4"}) {
    jobs.push_back(world.run(send_one(*world.client, log, std::string(name) + text(0, 20'000))));
  }
  jobs.erase(jobs.begin() + 1);
  CHECK(log.empty());
  world.server.last().take_received();
  world.stall(false);
  world.loop.advance(1s);
  REQUIRE(log.size() == 3);
  CHECK(log[0][0] == '1');
  CHECK(log[1][0] == '3');
  CHECK(log[2][0] == '4');
}

TEST_CASE("the first in the line is cancelled when there is room already", "[coro]") {
  World world;
  world.fill();
  Log log;
  struct Coroutine {
    static Task<> cancel(Client& client, std::optional<Job>& first) {
      static_cast<void>(co_await client.writable());
      first.reset();
    }
  };
  std::optional<Job> first;
  const Job canceller = world.run(Coroutine::cancel(*world.client, first));
  first = world.run(send_one(*world.client, log, "first"));
  const Job second = world.run(send_one(*world.client, log, "second"));
  world.stall(false);
  world.loop.advance(1s);
  CHECK(log == Log{"second OK"});
}

TEST_CASE("a message that fits only when nothing else waits, and one that never does", "[coro]") {
  World world;
  world.fill(30'000);
  Log log;
  const Job large = world.run(send_one(*world.client, log, text(7, 90'000)));
  const Job behind = world.run(send_one(*world.client, log, "behind"));
  const std::uint64_t turns = world.loop.turns();
  world.loop.advance(1s);
  CHECK(world.loop.turns() - turns < 10);  // it does not try all the time
  CHECK(log.empty());
  world.stall(false);
  world.loop.advance(1s);
  CHECK(log == Log{"7 OK", "behind OK"});
  const Job too_large = world.run(send_one(*world.client, log, text(8, 2'000'000)));
  CHECK(log.back() == "8 INVALID_ARGUMENT");
  CHECK(world.client->connected());
}

TEST_CASE("a coroutine that has room destroys its client, with others waiting", "[coro]") {
  World world;
  world.fill();
  Log log;
  struct Coroutine {
    static Task<> destroy(std::optional<Client>& client, Log& to) {
      const absl::Status writable = co_await client->writable();
      to.push_back("first " + code(writable));
      client.reset();
    }
  };
  const Job destroyer = world.run(Coroutine::destroy(world.client, log));
  const Job jobs[] = {world.run(wait_writable(*world.client, log)),
                      world.run(send_one(*world.client, log, "x")),
                      world.run(send_one(*world.client, log, "y"))};
  world.stall(false);
  world.loop.advance(1s);
  CHECK(log == Log{"first OK", "CANCELLED", "x CANCELLED", "y CANCELLED"});
}

TEST_CASE("to wait for room allocates nothing", "[coro]") {
  World world;
  world.fill();
  struct Coroutine {
    static Task<> wait(Client& client, const chat::MessageInd& sending, bool sends) {
      co_await sleep(1s);
      absl::Status status;
      if (sends) status = co_await client.sent(sending, 1h);
      if (!sends) status = co_await client.writable(1h);
      co_await sleep(1h);
    }
  };
  const chat::MessageInd sending = message("x");
  const bool sends = GENERATE(false, true);
  const Job job = world.run(Coroutine::wait(*world.client, sending, sends));
  const std::size_t before = messi::test::allocations();
  world.loop.advance(1s);
  CHECK(messi::test::allocations() == before);
}

TEST_CASE("a server's coroutines wait for room, for their client and for all together", "[coro]") {
  ManualLoop loop;
  Log log;
  messi::ServerOptions options;
  options.max_pending_bytes = kMost;
  options.max_total_pending_bytes = GENERATE(kMost, 10 * kMost);
  options.client_timeout = messi::Duration::max();
  Server server(
      loop, "tcp://:6000",
      [&log](Server::Peer& peer) -> Task<> {
        co_await sleep(1s);
        co_await send_many(peer, 1'000, log);
        co_await sleep(1h);
      },
      options);
  REQUIRE(server.start().ok());
  RawClient clients[] = {RawClient(loop, "tcp://localhost:6000"),
                         RawClient(loop, "tcp://localhost:6000")};
  loop.run_until_idle();
  loop.network().faults.capacity = 1'000;
  loop.network().faults.stalled = true;
  loop.advance(1s);
  REQUIRE(server.client_count() == 2);
  for (const Server::Client& client : server.clients()) {
    CHECK(client.pending_bytes() < kMost / 2 + 2'000);
  }
  CHECK(log.empty());
  loop.network().faults.stalled = false;
  loop.advance(1s);
  CHECK(log == Log{"all", "all"});
  std::string expected;
  for (int i = 0; i < 1'000; ++i) expected += from_server(message(text(i)));
  for (RawClient& client : clients) CHECK(client->received() == expected);
}

TEST_CASE("a server's client that goes while its coroutine waits for room", "[coro]") {
  ManualLoop loop;
  Log log;
  messi::ServerOptions options;
  options.max_pending_bytes = kMost;
  std::optional<Server> server;
  server.emplace(
      loop, "tcp://:6000",
      [&log](Server::Peer& peer) -> Task<> {
        Log& to = log;
        co_await sleep(1s);
        co_await send_many(peer, 1'000, to);
        const absl::Status writable = co_await peer.writable();
        to.push_back(code(writable));
        co_await send_many(peer, 1, to);
      },
      options);
  REQUIRE(server->start().ok());
  const RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  loop.network().faults.capacity = 1'000;
  loop.network().faults.stalled = true;
  loop.advance(1s);
  CHECK(log.empty());
  SECTION("it goes") {
    loop.network().cut_all();
    loop.network().faults.stalled = false;
    loop.run_until_idle();
    CHECK(log == Log{"UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"});
  }
  SECTION("it is disconnected") {
    (*server->clients().begin()).disconnect_now();
    loop.run_until_idle();
    CHECK(log == Log{"UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"});
  }
  SECTION("the server is destroyed") {
    server.reset();
    loop.run_until_idle();
    CHECK(log.empty());
  }
}
