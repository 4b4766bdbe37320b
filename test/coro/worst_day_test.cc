// What coroutines do to what they wait for, and many of them.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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
using messi::coro::spawn;
using messi::coro::Task;
using messi::test::connect_req;
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

std::string code(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

Task<> wait_for_call(Client& client, Log& log) {
  const auto answer = co_await client.call(connect_req(), 1h);
  log.push_back("call " + code(answer.status()));
}
Task<> wait_for_message(Client& client, Log& log, messi::Duration timeout = 1h) {
  const auto heard = co_await client.next<chat::MessageInd>(timeout);
  log.push_back(heard.ok() ? heard->text() : code(heard.status()));
}

struct World {
  World() : server(loop, "tcp://:6000") {
    messi::ClientOptions options;
    options.ping_interval = 0s;
    options.pong_timeout = messi::Duration::max();
    client.emplace(loop, "tcp://localhost:6000", options);
    client->start();
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

}  // namespace

TEST_CASE("a coroutine stops its client, starts it again, and awaits it, with others waiting",
          "[coro]") {
  World world;
  struct Coroutine {
    static Task<> restart(Client& client, Log& to) {
      const auto heard = co_await client.next<chat::MessageInd>();
      to.push_back(heard->text());
      client.stop_now();
      client.start();
      const absl::Status connected = co_await client.connected();
      to.push_back("again " + code(connected));
      client.stop();
      client.start();
      const auto again = co_await client.next<chat::MessageInd>(1h);
      to.push_back("restarting " + code(again.status()));
    }
  };
  Log log, others;
  const Job job = world.run(Coroutine::restart(*world.client, log));
  const Job jobs[] = {world.run(wait_for_message(*world.client, others)),
                      world.run(wait_for_call(*world.client, others))};
  world.server.last().send(from_server(message("1")));
  world.loop.advance(20s);
  REQUIRE(log.size() == 3);
  CHECK(log[0] == "1");
  CHECK(log[1] == "again OK");
  CHECK(log[2] == "restarting UNAVAILABLE");
  CHECK(messi::test::has(others, "UNAVAILABLE"));
  CHECK(messi::test::has(others, "call "));
  CHECK(others.size() == 2);
  CHECK(world.client->connected());
}

TEST_CASE("a coroutine cancels all jobs, also its own, when its message comes", "[coro]") {
  World world;
  struct Coroutine {
    static Task<> cancel(Client& client, std::vector<Job>& all, Log& to) {
      const auto heard = co_await client.next<chat::MessageInd>();
      for (Job& each : all) each.cancel();
      to.push_back(heard->text());
      static_cast<void>(co_await client.next<chat::MessageInd>());
      to.push_back("never");
    }
  };
  Log log;
  std::vector<Job> jobs;
  jobs.push_back(world.run(wait_for_call(*world.client, log)));
  jobs.push_back(world.run(Coroutine::cancel(*world.client, jobs, log)));
  jobs.push_back(world.run(wait_for_message(*world.client, log)));
  world.server.last().send(from_server(message("1")));
  world.loop.advance(1s);
  CHECK(log == Log{"1"});
  world.server.last().send(from_server(message("2")));
  world.loop.advance(1s);
  const Job next = world.run(wait_for_message(*world.client, log));
  CHECK(log == Log{"1", "2"});
}

TEST_CASE("a message that comes in the turn of the time-out is there", "[coro]") {
  World world;
  Log log;
  const Job job = world.run(wait_for_message(*world.client, log, 1s));
  world.loop.advance(500ms);
  world.server.last().send(from_server(message("just")));
  world.loop.run_until_idle();
  CHECK(log == Log{"just"});
  log.clear();
  const Job next = world.run(wait_for_message(*world.client, log, 1s));
  messi::Timer sends(world.loop, [&] { world.server.last().send(from_server(message("late"))); });
  sends.set(world.loop.now() + 1s);
  world.loop.advance(1s);
  CHECK(log.size() == 1);
  Log rest;
  const Job last = world.run(wait_for_message(*world.client, rest, 0s));
  // Once, here or there.
  CHECK((log[0] == "late") != (rest == Log{"late"}));
}

TEST_CASE("ten thousand clients with a coroutine each", "[coro]") {
  constexpr int kClients = 10'000;
  ManualLoop loop;
  std::size_t ended = 0;
  messi::ServerOptions options;
  options.client_timeout = messi::Duration::max();
  options.max_clients = kClients;
  std::size_t handled = 0;
  Server server(
      loop, "tcp://:6000",
      [&](Server::Peer& peer) -> Task<> {
        std::size_t& count = handled;
        std::size_t& gone = ended;
        while (auto said = co_await peer.next<chat::MessageInd>()) ++count;
        ++gone;
      },
      options);
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<RawClient>> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
  }
  loop.run_until_idle();
  CHECK(server.client_count() == kClients);
  for (const auto& client : clients) (*client)->send(messi::test::from_client(message("1")));
  loop.run_until_idle();
  CHECK(handled == kClients);
  // Another coroutine of the kind, as each client has one: what its frame and its job take.
  const auto like = []() -> Task<> { co_await messi::coro::sleep(1h); };
  std::vector<Job> jobs;
  jobs.reserve(kClients);
  const std::size_t before = messi::test::live_bytes();
  for (int i = 0; i < kClients; ++i) jobs.push_back(spawn(loop, like()));
  loop.run_until_idle();
  const std::size_t each = (messi::test::live_bytes() - before) / kClients;
  CAPTURE(each);
  CHECK(each < 1'000);
  for (const auto& client : clients) (*client)->finish();
  loop.run_until_idle();
  CHECK(ended == kClients);
  CHECK(server.client_count() == 0);
}
