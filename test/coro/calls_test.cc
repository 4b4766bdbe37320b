#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "messi/coro.h"
#include "messi/testing/manual_loop.h"
#include "my_protocol.messi.h"
#include "test/catch.h"

using messi::coro::Job;
using messi::coro::sleep;
using messi::coro::spawn;
using messi::coro::Task;
using messi::testing::ManualLoop;
using my_protocol::FieReq;
using my_protocol::FieRsp;
using my_protocol::FooReq;
using my_protocol::FooRsp;
using namespace std::chrono_literals;

namespace {

using Client = messi::coro::Client<my_protocol::MyProtocolClient>;
using Server = messi::coro::Server<my_protocol::MyProtocolServer>;
using Peer = Server::Peer;
using Log = std::vector<std::string>;

std::string code(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

Task<> call(Client& client, Log& log, messi::Duration timeout = 1h) {
  static_cast<void>(co_await client.connected());
  log.push_back(code((co_await client.call(FooReq(), timeout)).status()));
}

// A client and a server that introduce themselves, so that answers name their requests.
struct World {
  explicit World(Server::Handler handler, bool handshake = true) {
    messi::ServerOptions server_options;
    server_options.handshake = handshake;
    server.emplace(loop, "tcp://:6000", std::move(handler), server_options);
    REQUIRE(server->start().ok());
    messi::ClientOptions options;
    options.handshake = handshake;
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
  std::optional<Server> server;
  std::optional<Client> client;
};

Task<> answer(Peer& peer) {
  while (auto request = co_await peer.next<FooReq>()) request->reply(FooRsp());
}
Task<> wait(Peer& peer) {
  auto request = co_await peer.next<FooReq>();
  co_await sleep(1h);
}

}  // namespace

TEST_CASE("a call is awaited, and answered by a coroutine", "[coro]") {
  World world(answer, GENERATE(false, true));
  Log log;
  const auto call_often = [](Client& client, Log& to) -> Task<> {
    for (int i = 0; i < 100; ++i) to.push_back(code((co_await client.call(FooReq(), 1s)).status()));
  };
  const Job jobs[] = {world.run(call_often(*world.client, log)),
                      world.run(call_often(*world.client, log))};
  CHECK(log == Log(200, "OK"));
}

TEST_CASE("a call with a callback, beside those that are awaited", "[coro]") {
  World world(answer);
  bool ok = false;
  world.client->call(FooReq(), 1s,
                     [&](const messi::CallResult<FooRsp>& result) { ok = result.ok(); });
  world.loop.run_until_idle();
  CHECK(ok);
}

TEST_CASE("a server calls its client", "[coro]") {
  Log log;
  World world([&log](Peer& peer) -> Task<> {
    log.push_back(code((co_await peer.call(FieReq(), 1s)).status()));
    peer.client()->disconnect();
    co_await sleep(1min);
    log.push_back(code((co_await peer.call(FieReq(), 1s)).status()));
  });
  const auto answer_one = [](Client& client) -> Task<> {
    auto request = co_await client.next();
    auto* const fie = std::get_if<messi::coro::Request<FieReq, FieRsp>>(&*request);
    REQUIRE(fie != nullptr);
    fie->reply(FieRsp());
  };
  const Job job = world.run(answer_one(*world.client));
  CHECK(log == Log{"OK"});
  world.client->stop();
  world.loop.advance(1min);
  CHECK(log == Log{"OK", "UNAVAILABLE"});
}

TEST_CASE("answers in another order, refusals, and none at all", "[coro]") {
  World world([](Peer& peer) -> Task<> {
    auto first = co_await peer.next<FooReq>();
    auto second = co_await peer.next<FooReq>();
    {
      const auto third = co_await peer.next<FooReq>();  // dropped
    }
    second->fail(absl::NotFoundError("no foo"));
    co_await sleep(1s);
    first->reply(FooRsp());
    co_await sleep(1min);
  });
  Log logs[3];
  const Job jobs[] = {world.run(call(*world.client, logs[0])),
                      world.run(call(*world.client, logs[1])),
                      world.run(call(*world.client, logs[2]))};
  CHECK(logs[0].empty());
  CHECK(logs[1] == Log{"NOT_FOUND"});
  CHECK(logs[2] == Log{"INTERNAL"});
  world.loop.advance(1s);
  CHECK(logs[0] == Log{"OK"});
}

TEST_CASE("calls that are not answered end by time-out, disconnect or stop", "[coro]") {
  World world(wait);
  Log late, lost;
  const Job one = world.run(call(*world.client, late, 1s));
  const Job two = world.run(call(*world.client, lost));
  world.loop.advance(1s);
  CHECK(late == Log{"DEADLINE_EXCEEDED"});
  CHECK(lost.empty());
  const bool stops = GENERATE(false, true);
  if (stops) {
    world.client->stop();
  } else {
    world.loop.network().cut_all();
  }
  world.loop.advance(10s);
  CHECK(lost == Log{stops ? "CANCELLED" : "UNAVAILABLE"});
}

TEST_CASE("with the coroutine its call is cancelled, and the callee knows", "[coro]") {
  bool cancelled = false;
  World world([&cancelled](Peer& peer) -> Task<> {
    auto request = co_await peer.next<FooReq>();
    co_await sleep(2s);
    cancelled = request->cancelled();
    request->reply(FooRsp());
  });
  Log log;
  {
    const Job job = world.run(call(*world.client, log));
    world.loop.advance(1s);
  }
  world.loop.advance(5s);
  CHECK(cancelled);
  CHECK(log.empty());
}

TEST_CASE("a coroutine that is destroyed when its answer has come, before it runs", "[coro]") {
  World world(answer);
  std::optional<Job> victim;
  Log log;
  const auto destroy = [](Client& client, std::optional<Job>& other) -> Task<> {
    static_cast<void>(co_await client.call(FooReq(), 1s));
    other.reset();
  };
  const Job killer = spawn(world.loop, destroy(*world.client, victim));
  victim = spawn(world.loop, call(*world.client, log));
  world.loop.run_until_idle();
  CHECK(log.empty());
}

TEST_CASE("who awaits a call of a client that is destroyed is told", "[coro]") {
  World world(wait);
  Log log;
  const Job job = world.run(call(*world.client, log));
  world.client.reset();
  world.loop.run_until_idle();
  CHECK(log == Log{"CANCELLED"});
}
