#include "messi/coro/client.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/coro/job.h"
#include "messi/coro/sleep.h"
#include "messi/coro/task.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"

using messi::coro::Job;
using messi::coro::sleep;
using messi::coro::spawn;
using messi::coro::Task;
using messi::test::connect_req;
using messi::test::from_server;
using messi::test::message;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

using Client = messi::coro::Client<chat::ChatClient>;
using Log = std::vector<std::string>;

// What a status is for: "OK", or the code.
std::string code(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

std::string line(const messi::coro::Result<chat::MessageInd>& result) {
  return result.ok() ? result->text() : code(result.status());
}
std::string line(const messi::coro::Result<chat::ConnectRsp>& result) {
  return result.ok() ? "welcome" : code(result.status());
}
std::string line(
    const messi::coro::Result<std::variant<chat::ConnectRsp, chat::MessageInd>>& result) {
  if (!result.ok()) return code(result.status());
  const auto* const said = std::get_if<chat::MessageInd>(&*result);
  return said != nullptr ? said->text() : "welcome";
}

// Reads until it has got so many lines.
template <typename T>
Task<> read(Client& client, Log& log, std::size_t most = 1'000'000, messi::Duration timeout = 1h) {
  while (log.size() < most) log.push_back(line(co_await client.next<T>(timeout)));
}
Task<> read_all(Client& client, Log& log) {
  for (;;) log.push_back(line(co_await client.next()));
}
Task<> wait_connected(Client& client, Log& log, messi::Duration timeout = 1h) {
  log.push_back(code(co_await client.connected(timeout)));
}

struct World {
  World() : server(loop, "tcp://:6000") {
    messi::ClientOptions options;  // the server answers no pings
    options.ping_interval = 0s;
    options.pong_timeout = messi::Duration::max();
    client.emplace(loop, "tcp://localhost:6000", options);
  }
  void connect() {
    client->start();
    loop.run_until_idle();
  }
  void receive(const std::string& bytes) {
    server.last().send(bytes);
    loop.run_until_idle();
  }
  // As a server that closes its end, until the client has come back.
  void cut() {
    loop.network().cut_all();
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

TEST_CASE("a coroutine waits for the connection, and for messages of a kind", "[coro]") {
  World world;
  Log log;
  const auto talk = [](Client& client, Log& to) -> Task<> {
    to.push_back(code(co_await client.connected()));
    client.send(connect_req());
    to.push_back(line(co_await client.next<chat::ConnectRsp>()));
    to.push_back(line(co_await client.next<chat::MessageInd>()));
  };
  const Job job = spawn(world.loop, talk(*world.client, log));
  CHECK_FALSE(world.client->connected());
  world.loop.network().faults.connect_latency = 1s;
  world.connect();
  CHECK(log.empty());
  world.loop.advance(1s);
  CHECK(log == Log{"OK"});
  CHECK(world.client->connected());
  world.receive(from_server(message("before")) + from_server(chat::ConnectRsp()));
  CHECK(log == Log{"OK", "welcome", "before"});
  CHECK(job.done());
}

TEST_CASE("messages of all kinds come in order", "[coro]") {
  World world;
  world.connect();
  Log log;
  const Job job = world.run(read_all(*world.client, log));
  world.receive(from_server(message("1")) + from_server(chat::ConnectRsp()) +
                from_server(message("2")));
  CHECK(log == Log{"1", "welcome", "2"});
}

TEST_CASE("what arrives before anybody asks waits", "[coro]") {
  World world;
  world.connect();
  world.receive(from_server(message("1")) + from_server(message("2")));
  Log log;
  const Job job = world.run(read<chat::MessageInd>(*world.client, log));
  CHECK(log == Log{"1", "2"});
}

TEST_CASE("several coroutines get what they wait for, in the order in which they came", "[coro]") {
  World world;
  world.connect();
  Log first, second, other, all;
  const Job one = world.run(read<chat::MessageInd>(*world.client, first, 1));
  const Job two = world.run(read<chat::MessageInd>(*world.client, second, 2));
  const Job three = world.run(read<chat::ConnectRsp>(*world.client, other, 1));
  const Job four = world.run(read_all(*world.client, all));
  world.receive(from_server(message("1")));
  CHECK(first == Log{"1"});
  CHECK(second.empty());
  world.receive(from_server(message("2")) + from_server(chat::ConnectRsp()) +
                from_server(chat::ConnectRsp()) + from_server(message("3")));
  CHECK(second == Log{"2", "3"});
  CHECK(other == Log{"welcome"});
  CHECK(all == Log{"welcome"});
}

TEST_CASE("what a reader has not taken when it is destroyed is for the next one", "[coro]") {
  World world;
  world.connect();
  std::optional<Job> first;
  Log gone, log;
  const auto destroy = [](Client& client, std::optional<Job>& victim) -> Task<> {
    static_cast<void>(co_await client.next<chat::ConnectRsp>());
    victim.reset();
  };
  const Job killer = world.run(destroy(*world.client, first));
  first = world.run(read<chat::MessageInd>(*world.client, gone));
  const Job second = world.run(read<chat::MessageInd>(*world.client, log));
  // Both are woken, and the first one to run destroys the other.
  world.receive(from_server(chat::ConnectRsp()) + from_server(message("1")));
  CHECK(gone.empty());
  CHECK(log == Log{"1"});
}

TEST_CASE("nobody is passed by a reader that always asks again", "[coro]") {
  World world;
  world.connect();
  Log often, once;
  const Job one = world.run(read<chat::MessageInd>(*world.client, often));
  const Job two = world.run(read<chat::MessageInd>(*world.client, once, 1));
  world.receive(from_server(message("1")) + from_server(message("2")) + from_server(message("3")));
  CHECK(once == Log{"2"});
  CHECK(often == Log{"1", "3"});
}

TEST_CASE("time-outs: what comes in time is got, and what comes late is for who asks then",
          "[coro]") {
  World world;
  Log log;
  Job job = world.run(wait_connected(*world.client, log, 1s));
  // Not started: there is nothing to wait for.
  CHECK(log == Log{"CANCELLED"});
  log.clear();
  world.loop.network().faults.ignore_connects = true;
  world.client->start();
  job = world.run(wait_connected(*world.client, log, 1s));
  world.loop.advance(999ms);
  CHECK(log.empty());
  world.loop.advance(1ms);
  CHECK(log == Log{"DEADLINE_EXCEEDED"});

  world.loop.network().faults.ignore_connects = false;
  world.loop.advance(1min);
  log.clear();
  job = world.run(read<chat::MessageInd>(*world.client, log, 3, 1s));
  world.loop.advance(1500ms);
  CHECK(log == Log{"DEADLINE_EXCEEDED"});
  world.receive(from_server(message("1")));
  world.loop.advance(1s);
  CHECK(log == Log{"DEADLINE_EXCEEDED", "1", "DEADLINE_EXCEEDED"});
  CHECK(job.done());
  world.receive(from_server(message("2")));
  job = world.run(read<chat::MessageInd>(*world.client, log, 4, 0s));
  CHECK(log.back() == "2");
}

TEST_CASE("a time-out of no time takes what is there", "[coro]") {
  World world;
  world.connect();
  Log log;
  Job job = world.run(read<chat::MessageInd>(*world.client, log, 1, 0s));
  CHECK(log == Log{"DEADLINE_EXCEEDED"});
}

TEST_CASE("who waits is told that the connection is over, after all that has arrived", "[coro]") {
  World world;
  world.connect();
  Log log, any, rsp;
  const Job one = world.run(read<chat::MessageInd>(*world.client, log));
  const Job two = world.run(read<chat::ConnectRsp>(*world.client, rsp));
  world.server.last().send(from_server(message("1")) + from_server(message("2")));
  world.server.last().finish();
  world.loop.run_until_idle();
  CHECK(log == Log{"1", "2", "UNAVAILABLE"});
  CHECK(rsp == Log{"UNAVAILABLE"});
  world.loop.advance(10s);  // it reconnects
  world.receive(from_server(message("3")));
  CHECK(log == Log{"1", "2", "UNAVAILABLE", "3"});
}

TEST_CASE("two who wait for the same kind are both told", "[coro]") {
  World world;
  world.connect();
  Log one, two, any;
  const Job jobs[] = {world.run(read<chat::MessageInd>(*world.client, one)),
                      world.run(read<chat::MessageInd>(*world.client, two)),
                      world.run(read_all(*world.client, any))};
  world.cut();
  CHECK(one == Log{"UNAVAILABLE"});
  CHECK(two == Log{"UNAVAILABLE"});
  CHECK(any == Log{"UNAVAILABLE"});
}

TEST_CASE("who is busy when the connection ends is told at that place", "[coro]") {
  World world;
  world.connect();
  world.receive(from_server(message("1")) + from_server(chat::ConnectRsp()));
  world.cut();
  world.loop.advance(10s);
  world.receive(from_server(message("2")));
  world.cut();
  world.cut();
  world.loop.advance(10s);
  world.receive(from_server(message("3")));
  Log log, any;
  {
    const Job job = world.run(read<chat::MessageInd>(*world.client, log));
    CHECK(log == Log{"1", "UNAVAILABLE", "2", "UNAVAILABLE", "3"});
  }
  const Job job = world.run(read_all(*world.client, any));
  CHECK(any == Log{"welcome", "UNAVAILABLE"});
}

TEST_CASE("who has awaited the next connection is not told again of the last one", "[coro]") {
  World world;
  world.connect();
  Log log;
  const auto talk = [](Client& client, Log& to) -> Task<> {
    while ((co_await client.connected()).ok()) {
      to.push_back("connected");
      client.send(connect_req());
      messi::coro::Result<chat::ConnectRsp> welcome = co_await client.next<chat::ConnectRsp>();
      to.push_back(line(welcome));
      for (;;) {
        messi::coro::Result<chat::MessageInd> said = co_await client.next<chat::MessageInd>();
        to.push_back(line(said));
        if (!said.ok()) break;
      }
    }
  };
  const Job job = world.run(talk(*world.client, log));
  for (int i = 0; i < 3; ++i) {
    world.receive(from_server(chat::ConnectRsp()) + from_server(message("1")));
    CHECK(log == Log{"connected", "welcome", "1"});
    world.cut();
    CHECK(log == Log{"connected", "welcome", "1", "UNAVAILABLE"});
    log.clear();
    world.loop.advance(10s);
  }
}

TEST_CASE("a client that is stopped says so to all who wait", "[coro]") {
  World world;
  Log log, connected, never;
  const Job one = world.run(read<chat::MessageInd>(*world.client, log, 2));
  CHECK(log == Log{"CANCELLED", "CANCELLED"});  // it was not started yet
  log.clear();
  world.connect();
  const Job two = world.run(read<chat::MessageInd>(*world.client, log, 2));
  world.client->stop();
  world.loop.advance(10s);
  CHECK(log == Log{"UNAVAILABLE", "CANCELLED"});

  world.loop.network().faults.ignore_connects = true;
  world.client->start();
  const Job three = world.run(wait_connected(*world.client, connected));
  const Job four = world.run(read<chat::MessageInd>(*world.client, never, 1));
  CHECK(connected.empty());
  world.client->stop_now();
  world.loop.run_until_idle();
  CHECK(connected == Log{"CANCELLED"});
  CHECK(never == Log{"CANCELLED"});
}

TEST_CASE("a coroutine that never looks at results does not keep the loop", "[coro]") {
  World world;
  Log log;
  std::size_t turns = 0;
  const Job job = spawn(world.loop, read<chat::MessageInd>(*world.client, log));
  const std::function<void()> later = [&] {
    if (++turns == 10) return world.loop.stop();
    world.loop.post(later);
  };
  later();
  world.loop.run_until_idle();
  CHECK(log.size() > 1);
  CHECK(log.size() <= 10);
}

TEST_CASE("why a client gives up comes to those who wait for its connection", "[coro]") {
  ManualLoop loop;
  Client client(loop, "nonsense");
  client.start();
  absl::Status status;
  const auto wait = [](Client& on, absl::Status& to) -> Task<> { to = co_await on.connected(); };
  const Job job = spawn(loop, wait(client, status));
  loop.run_until_idle();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("what a client has once given up for is not said of a later stop", "[coro]") {
  ManualLoop loop;
  Client client(loop, "nonsense");
  client.start();
  loop.run_until_idle();
  Log log;
  Job job = spawn(loop, wait_connected(client, log));
  loop.run_until_idle();
  CHECK(log == Log{"INVALID_ARGUMENT"});
  client.start();
  client.stop_now();
  job = spawn(loop, wait_connected(client, log));
  loop.run_until_idle();
  CHECK(log == Log{"INVALID_ARGUMENT", "CANCELLED"});
}

TEST_CASE("who waits is told when stop has waited in vain for a session to be handled", "[coro]") {
  ManualLoop loop;  // nobody listens
  messi::ClientOptions options;
  options.session = GENERATE(messi::SessionMode::kPrefer, messi::SessionMode::kRequired);
  options.linger = 5s;
  Client client(loop, "tcp://localhost:6000", options);
  client.start();
  client.send(message("kept"));
  Log log, messages;
  const Job jobs[] = {
      spawn(loop, wait_connected(client, log, messi::Duration::max())),
      spawn(loop, read<chat::MessageInd>(client, messages, 1, messi::Duration::max()))};
  loop.run_until_idle();
  client.stop();
  loop.advance(4900ms);
  CHECK(log.empty());
  CHECK(messages.empty());
  loop.advance(200ms);
  CHECK(client.stopped());
  CHECK(log == Log{"CANCELLED"});
  CHECK(messages == Log{"CANCELLED"});
}

TEST_CASE("who waits is told when a class of the user has given up", "[coro]") {
  struct Impatient final : Client {
    using Client::Client;
    std::optional<messi::Duration> on_connect_failure(const absl::Status& /*error*/) override {
      return std::nullopt;
    }
  };
  ManualLoop loop;  // nobody listens
  Impatient client(loop, "tcp://localhost:6000");
  client.start();
  Log log;
  const Job job = spawn(loop, wait_connected(client, log, messi::Duration::max()));
  loop.run_until_idle();
  CHECK(log == Log{"CANCELLED"});
}

TEST_CASE("who waits is told that the client is stopped, also if a log has thrown", "[coro]") {
  ManualLoop loop;
  const RawServer server(loop, "tcp://:6000");
  messi::ClientOptions options;
  options.log = [](messi::LogLevel, std::uint64_t, std::string_view text) {
    if (text.find("disconnected") == 0) throw std::runtime_error("log");
  };
  Client client(loop, "tcp://localhost:6000", options);
  client.start();
  loop.run_until_idle();
  client.stop();
  Log log;
  const Job job = spawn(loop, wait_connected(client, log, messi::Duration::max()));
  CHECK_THROWS_WITH(loop.run_until_idle(), "log");
  loop.run_until_idle();
  CHECK(client.stopped());
  CHECK(log == Log{"CANCELLED"});
}

TEST_CASE("who waits for a client that is destroyed is told", "[coro]") {
  World world;
  world.connect();
  Log log, any, connected;
  world.loop.network().faults.refuse_connects = true;
  const Job jobs[] = {world.run(read<chat::MessageInd>(*world.client, log, 1)),
                      world.run(read<chat::MessageInd>(*world.client, log, 2))};
  world.client.reset();
  CHECK(log.empty());  // never from within a call
  world.loop.run_until_idle();
  CHECK(log == Log{"CANCELLED", "CANCELLED"});
}

TEST_CASE("jobs that are destroyed after their client, before they were told", "[coro]") {
  World world;
  world.connect();
  Log log;
  std::vector<Job> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(world.run(read<chat::MessageInd>(*world.client, log)));
  world.client.reset();
  jobs.pop_back();
  jobs.erase(jobs.begin());
  jobs.clear();
  world.loop.run_until_idle();
  CHECK(log.empty());
}

TEST_CASE("a coroutine may destroy the client that it waits for", "[coro]") {
  World world;
  world.connect();
  Log log, others;
  const auto destroy = [](std::optional<Client>& client, Log& to) -> Task<> {
    to.push_back(line(co_await client->next<chat::MessageInd>()));
    client.reset();
    to.push_back("destroyed");
    co_await sleep(1s);
    to.push_back("slept");
  };
  const Job other = world.run(wait_connected(*world.client, others));
  const Job third = world.run(read<chat::ConnectRsp>(*world.client, others, 2));
  const Job job = world.run(destroy(world.client, log));
  world.receive(from_server(message("1")));
  world.loop.advance(1s);
  CHECK(log == Log{"1", "destroyed", "slept"});
  CHECK(others == Log{"OK", "CANCELLED"});
}

TEST_CASE("with an exception only its own coroutine ends", "[coro]") {
  World world;
  world.connect();
  Log log;
  const auto fail = [](Client& client) -> Task<> {
    static_cast<void>(co_await client.next<chat::ConnectRsp>());
    throw std::runtime_error("unexpected");
  };
  const Job failing = world.run(fail(*world.client));
  const Job reading = world.run(read<chat::MessageInd>(*world.client, log));
  world.server.last().send(from_server(chat::ConnectRsp()) + from_server(message("1")));
  CHECK_THROWS_WITH(world.loop.run_until_idle(), "unexpected");
  world.loop.run_until_idle();
  CHECK(world.client->connected());
  CHECK(log == Log{"1"});
}

TEST_CASE("a hook that throws, of a client with coroutines", "[coro]") {
  struct Throwing final : Client {
    using Client::Client;
    void on_unknown_message(std::uint32_t /*number*/) override {
      throw std::runtime_error("unknown");
    }
  };
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Throwing client(loop, "tcp://localhost:6000");
  client.start();
  Log log;
  const auto read_two = [](Throwing& on, Log& to) -> Task<> {
    for (int i = 0; i < 2; ++i) to.push_back(line(co_await on.next<chat::MessageInd>()));
  };
  const Job job = spawn(loop, read_two(client, log));
  loop.run_until_idle();
  server.last().send(from_server(message("1")) + messi::test::frame(2, std::string("\x1a\x00", 2)));
  CHECK_THROWS_WITH(loop.run_until_idle(), "unknown");
  loop.run_until_idle();
  CHECK(log == Log{"1", "UNAVAILABLE"});
}

TEST_CASE("what is not read takes bounded memory, and none of it is lost", "[coro]") {
  World world;
  world.connect();
  const std::string text(static_cast<std::size_t>(GENERATE(0, 100, 10'000, 500'000)), 'x');
  const std::size_t before = messi::test::live_bytes();
  int sent = 0;
  while (!world.client->paused())
    world.receive(from_server(message(std::to_string(sent++) + text)));
  CHECK(messi::test::live_bytes() - before < 1024 * 1024 + 2 * text.size());
  // From now on it is the network that is full.
  world.receive(from_server(message(std::to_string(sent++) + text)));
  CHECK(world.client->paused());

  int expected = 0;
  const auto check = [](Client& client, int& next) -> Task<> {
    while (auto got = co_await client.next<chat::MessageInd>()) {
      REQUIRE(std::stoi(got->text()) == next++);
    }
  };
  const Job job = world.run(check(*world.client, expected));
  CHECK(expected == sent);
  CHECK_FALSE(world.client->paused());
}

TEST_CASE("a full client stays paused in its next connection", "[coro]") {
  World world;
  world.connect();
  const std::string text(1000, 'x');
  int sent = 0;
  while (!world.client->paused()) {
    world.receive(from_server(message(std::to_string(sent++) + text)));
  }
  world.client->stop_now();
  world.connect();
  CHECK(world.client->paused());
  world.receive(from_server(message("in the next")));
  Log log;
  const Job job = world.run(read<chat::MessageInd>(*world.client, log));
  REQUIRE(log.size() == static_cast<std::size_t>(sent) + 2);
  CHECK(log[log.size() - 2] == "UNAVAILABLE");
  CHECK(log.back() == "in the next");
}

TEST_CASE("messages that nobody has ever asked for do not keep a reader waiting for ever",
          "[coro]") {
  World world;
  world.connect();
  Log log;
  const Job job = world.run(read<chat::ConnectRsp>(*world.client, log, 1));
  const std::string text(1000, 'x');
  while (!world.client->paused()) world.receive(from_server(message(text)));
  CHECK(log == Log{"RESOURCE_EXHAUSTED"});
}
