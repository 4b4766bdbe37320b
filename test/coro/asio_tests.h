// messi's coroutines, awaited by Asio's. Included for each of the two Asios, with ON_ASIO as the
// beginning of the sentences.

#include "messi/coro_asio.h"

#ifdef MESSI_BOOST_ASIO
#include <boost/asio/co_spawn.hpp>
#if MESSI_ASIO_CANCELS
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#endif
#else
#include <asio/co_spawn.hpp>
#if MESSI_ASIO_CANCELS
#include <asio/bind_cancellation_slot.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#endif
#endif

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/coro.h"
#include "test/catch.h"
#include "test/support/chat.h"

using messi::AsioLoop;
using messi::coro::as_asio;
using messi::coro::sleep;
using messi::coro::Task;
using messi::test::connect_req;
using messi::test::message;
using namespace std::chrono_literals;
namespace net = messi::io::net;

namespace {

using Client = messi::coro::Client<chat::ChatClient>;
using Server = messi::coro::Server<chat::ChatServer>;
using Log = std::vector<std::string>;
using Aborted = messi::io::errors::system_error;

std::string code(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

// Logs its end.
class Guard {
 public:
  Guard(Log& log, std::string line) : log_(log), line_(std::move(line)) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() { log_.push_back(line_); }

 private:
  Log& log_;
  const std::string line_;
};

/// Runs the context until `condition()`; false if that takes far too long.
template <typename Condition>
bool run_until(net::io_context& context, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    context.restart();
    if (context.run_one_until(end) == 0) return condition();
  }
  return true;
}

/// How a coroutine of Asio's has ended.
struct End {
  bool ended = false;
  std::exception_ptr error;

  std::string what() const {
    if (!ended) return "not yet";
    if (error == nullptr) return "returned";
    try {
      std::rethrow_exception(error);
    } catch (const Aborted& aborted) {
      return aborted.code() == net::error::operation_aborted ? "aborted" : aborted.what();
    } catch (const std::exception& thrown) {
      return thrown.what();
    }
  }
};

template <typename Executor>
void spawn_asio(Executor&& on, net::awaitable<void> coroutine, End& end) {
  net::co_spawn(on, std::move(coroutine), [&end](std::exception_ptr error) {
    end.ended = true;
    end.error = std::move(error);
  });
}

/// Runs a coroutine of Asio's until it has ended.
std::string run(net::io_context& context, net::awaitable<void> coroutine) {
  End end;
  spawn_asio(context, std::move(coroutine), end);
  CHECK(run_until(context, [&] { return end.ended; }));
  return end.what();
}

// An echo, which answers calls.
Task<> echo(Server::Peer& peer) {
  auto request = co_await peer.next<chat::ConnectReq>();
  if (!request.ok()) co_return;
  request->reply(chat::ConnectRsp());
  for (;;) {
    const auto said = co_await peer.next<chat::MessageInd>();
    if (!said.ok()) co_return;
    peer.send(*said);
  }
}

struct World {
  explicit World(bool on_strand = false) {
    on_strand ? loop.emplace(strand) : loop.emplace(context);
    server.emplace(*loop, "tcp://127.0.0.1:0", echo);
    REQUIRE(server->start().ok());
    client.emplace(*loop, server->uri());
    client->start();
  }

  net::io_context context;
  const AsioLoop::Strand strand = net::make_strand(context);
  std::optional<AsioLoop> loop;
  std::optional<Server> server;
  std::optional<Client> client;
};

Task<std::string> talk(Client& client) {
  const absl::Status connected = co_await client.connected();
  if (!connected.ok()) co_return code(connected);
  const auto welcome = co_await client.call(connect_req(), 10s);
  if (!welcome.ok()) co_return code(welcome.status());
  client.send(message("hello"));
  const auto heard = co_await client.next<chat::MessageInd>(10s);
  co_return heard.ok() ? heard->text() : code(heard.status());
}

Task<> wait_for_ever(Log& log) {
  const Guard guard(log, "destroyed");
  log.push_back("waits");
  co_await sleep(1h);
}

net::awaitable<void> await_for_ever(AsioLoop& loop, Log& log) {
  co_await as_asio(loop, wait_for_ever(log));
  log.push_back("went on");
}

}  // namespace

TEST_CASE(ON_ASIO "a coroutine of Asio's gets what a task returns", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  struct Tasks {
    static Task<> none(Log& to) {
      co_await sleep(1ms);
      to.push_back("none");
    }
    static Task<std::unique_ptr<int>> moved() { co_return std::make_unique<int>(7); }
    // It has no default constructor.
    static Task<messi::coro::Result<std::string>> result() {
      co_await sleep(1ms);
      co_return absl::NotFoundError("none");
    }
    static net::awaitable<void> await(AsioLoop& on, Log& to) {
      co_await as_asio(on, none(to));
      const std::unique_ptr<int> seven = co_await as_asio(on, moved());
      to.push_back(std::to_string(*seven));
      const messi::coro::Result<std::string> found = co_await as_asio(on, result());
      to.push_back(code(found.status()));
    }
  };
  Log log;
  CHECK(run(context, Tasks::await(loop, log)) == "returned");
  CHECK(log == Log{"none", "7", "NOT_FOUND"});
}

TEST_CASE(ON_ASIO "what a task throws comes out of Asio's co_await, and not of the run", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  struct Tasks {
    static Task<int> fail() {
      co_await sleep(1ms);
      throw std::runtime_error("failed");
    }
    static net::awaitable<void> await(AsioLoop& on) {
      const int never = co_await as_asio(on, fail());
      CHECK(never == 0);
    }
  };
  CHECK(run(context, Tasks::await(loop)) == "failed");
}

TEST_CASE(ON_ASIO "a conversation with calls, awaited on a context and on a strand", "[coro]") {
  struct Coroutines {
    static net::awaitable<void> converse(World& world, Log& to) {
      const std::string heard = co_await as_asio(*world.loop, talk(*world.client));
      to.push_back(heard);
      world.loop->stop();
    }
  };
  Log log;
  SECTION("context") {
    World world;
    CHECK(run(world.context, Coroutines::converse(world, log)) == "returned");
  }
  SECTION("strand") {
    World world(true);
    End end;
    spawn_asio(world.strand, Coroutines::converse(world, log), end);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { world.context.run(); });
    for (std::thread& thread : threads) thread.join();
    CHECK(run_until(world.context, [&] { return end.ended; }));
    CHECK(end.what() == "returned");
  }
  CHECK(log == Log{"hello"});
}

TEST_CASE(ON_ASIO "a task begins when it is awaited", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  Log log;
  { const net::awaitable<void> never = as_asio(loop, wait_for_ever(log)); }
  context.run();
  CHECK(log.empty());
}

TEST_CASE(ON_ASIO "a run goes on while a task is awaited, and ends afterwards", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  struct Tasks {
    // Waits for what Asio does not know of.
    static Task<> wait(Client& client, Log& to) { to.push_back(code(co_await client.connected())); }
    static net::awaitable<void> await(AsioLoop& on, Client& client, Log& to) {
      co_await as_asio(on, wait(client, to));
    }
  };
  // Each attempt is followed by the next one: without the stop this would not end.
  Client client(loop, "tcp://127.0.0.1:1");
  client.start();
  Log log;
  End end;
  spawn_asio(context, Tasks::await(loop, client, log), end);
  loop.post([&] { client.stop_now(); });
  context.run();
  CHECK(end.what() == "returned");
  CHECK(log == Log{"CANCELLED"});
}

TEST_CASE(ON_ASIO "a client that is destroyed while a task waits for it", "[coro]") {
  World world;
  End end;
  Log log;
  struct Tasks {
    static Task<> wait(Client& client, Log& to) {
      static_cast<void>(co_await client.connected());
      static_cast<void>(co_await client.call(connect_req(), 10s));
      to.push_back("welcome");
      to.push_back(code((co_await client.next<chat::MessageInd>()).status()));
    }
  };
  spawn_asio(world.context, as_asio(*world.loop, Tasks::wait(*world.client, log)), end);
  CHECK(run_until(world.context, [&] { return !log.empty(); }));
  world.client.reset();
  CHECK(run_until(world.context, [&] { return end.ended; }));
  CHECK(log == Log{"welcome", "CANCELLED"});
}

TEST_CASE(ON_ASIO "when its loop goes, a task is destroyed, and who awaits it goes on", "[coro]") {
  Log log;
  End end;
  const bool run_on = GENERATE(false, true);
  {
    net::io_context context;
    std::optional<AsioLoop> loop(std::in_place, context);
    spawn_asio(context, await_for_ever(*loop, log), end);
    spawn_asio(context, await_for_ever(*loop, log), end);
    CHECK(run_until(context, [&] { return log == Log{"waits", "waits"}; }));
    loop.reset();
    CHECK(log == Log{"waits", "waits", "destroyed", "destroyed"});
    CHECK_FALSE(end.ended);
    context.restart();
    if (run_on) context.run();
  }
  CHECK(end.what() == (run_on ? "aborted" : "not yet"));
  CHECK(log.size() == 4);
}

TEST_CASE(ON_ASIO "when the loop goes with its clients, and nobody runs the context any more",
          "[coro]") {
  Log log;
  End end;
  struct Tasks {
    static Task<> talk(Client& client, Log& to) {
      const Guard guard(to, "destroyed");
      static_cast<void>(co_await client.connected());
      to.push_back("connected");
      // It is open when its client goes.
      static_cast<void>(co_await client.call(connect_req(), 1h));
      static_cast<void>(co_await client.next<chat::MessageInd>());
    }
  };
  {
    World world;
    spawn_asio(world.context, as_asio(*world.loop, Tasks::talk(*world.client, log)), end);
    CHECK(run_until(world.context, [&] { return !log.empty(); }));
  }
  CHECK(log == Log{"connected", "destroyed"});
  CHECK_FALSE(end.ended);
}

TEST_CASE(ON_ASIO "who has awaited a task may destroy client, server and loop", "[coro]") {
  World world;
  struct Coroutines {
    static net::awaitable<void> destroy(World& all) {
      co_await as_asio(*all.loop, talk(*all.client));
      all.client.reset();
      all.server.reset();
      all.loop.reset();
    }
  };
  CHECK(run(world.context, Coroutines::destroy(world)) == "returned");
}

TEST_CASE(ON_ASIO "many tasks at once, one after the other in each", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  struct Coroutines {
    static Task<int> add(int a, int b) {
      if (a % 3 == 0) co_await sleep(0s);
      co_return a + b;
    }
    static net::awaitable<void> sum(AsioLoop& on, int& to) {
      for (int i = 0; i < 100; ++i) {
        const int next = co_await as_asio(on, add(to, 1));
        to = next;
      }
    }
  };
  std::vector<int> sums(100);
  std::vector<End> ends(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    spawn_asio(context, Coroutines::sum(loop, sums[i]), ends[i]);
  }
  context.run();
  CHECK(sums == std::vector<int>(100, 100));
  for (const End& end : ends) CHECK(end.what() == "returned");
}

#if MESSI_ASIO_CANCELS

namespace {

template <typename Executor>
void spawn_asio(Executor&& on, net::awaitable<void> coroutine, End& end,
                net::cancellation_signal& signal) {
  const auto ended = [&end](std::exception_ptr error) {
    end.ended = true;
    end.error = std::move(error);
  };
  net::co_spawn(on, std::move(coroutine), net::bind_cancellation_slot(signal.slot(), ended));
}

}  // namespace

TEST_CASE(ON_ASIO "Asio cancels a task, which is destroyed where it waits", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  Log log;
  End end;
  net::cancellation_signal signal;
  spawn_asio(context, await_for_ever(loop, log), end, signal);
  CHECK(run_until(context, [&] { return !log.empty(); }));
  signal.emit(net::cancellation_type::terminal);
  signal.emit(net::cancellation_type::terminal);
  context.restart();
  context.run();
  CHECK(end.what() == "aborted");
  signal.emit(net::cancellation_type::terminal);
  CHECK(log == Log{"waits", "destroyed"});
}

TEST_CASE(ON_ASIO "a cancellation that comes at any moment, also with the loop's end", "[coro]") {
  const bool loop_too = GENERATE(false, true);
  for (int steps = 0; steps < 8; ++steps) {
    CAPTURE(steps);
    Log log;
    End end;
    net::cancellation_signal signal;
    net::io_context context;
    std::optional<AsioLoop> loop(std::in_place, context);
    spawn_asio(context, await_for_ever(*loop, log), end, signal);
    for (int i = 0; i < steps; ++i) context.poll_one();
    signal.emit(net::cancellation_type::all);
    if (loop_too) {
      // What has not begun by now would begin on a loop that is gone.
      if (log.empty()) continue;
      loop.reset();
    }
    context.restart();
    context.run();
    CHECK(end.what() == "aborted");
    CHECK((log.empty() || log == Log{"waits", "destroyed"}));
  }
}

TEST_CASE(ON_ASIO "a task that takes too long, next to a timer", "[coro]") {
  using namespace net::experimental::awaitable_operators;
  World world;
  struct Coroutines {
    static Task<std::string> silent(Client& client, Log& to) {
      const Guard guard(to, "destroyed");
      static_cast<void>(co_await client.connected());
      to.push_back("connected");
      const auto never = co_await client.next<chat::MessageInd>();
      co_return never.ok() ? never->text() : code(never.status());
    }
    static net::awaitable<void> race(World& all, Log& to) {
      net::steady_timer timer(all.context, 1h);
      // It is in time.
      const auto first =
          co_await (as_asio(*all.loop, talk(*all.client)) || timer.async_wait(net::use_awaitable));
      to.push_back(std::get<0>(first));
      timer.expires_after(50ms);
      const auto second = co_await (as_asio(*all.loop, silent(*all.client, to)) ||
                                    timer.async_wait(net::use_awaitable));
      to.push_back(second.index() == 1 ? "timer" : std::get<0>(second));
      to.push_back(all.client->connected() ? "still connected" : "not connected");
    }
  };
  Log log;
  CHECK(run(world.context, Coroutines::race(world, log)) == "returned");
  CHECK(log == Log{"hello", "connected", "destroyed", "timer", "still connected"});
}

TEST_CASE(ON_ASIO "two tasks at once", "[coro]") {
  using namespace net::experimental::awaitable_operators;
  World world;
  struct Coroutines {
    static Task<int> five() {
      co_await sleep(1ms);
      co_return 5;
    }
    static net::awaitable<void> both(World& all, Log& to) {
      const auto [heard, number] =
          co_await (as_asio(*all.loop, talk(*all.client)) && as_asio(*all.loop, five()));
      to.push_back(heard + std::to_string(number));
    }
  };
  Log log;
  CHECK(run(world.context, Coroutines::both(world, log)) == "returned");
  CHECK(log == Log{"hello5"});
}

TEST_CASE(ON_ASIO "a task that has itself cancelled goes on until it waits next", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  struct Coroutines {
    static Task<int> cancel(net::cancellation_signal& by, Log& to, bool waits) {
      const Guard guard(to, "destroyed");
      co_await sleep(0s);
      by.emit(net::cancellation_type::terminal);
      to.push_back("went on");
      if (waits) co_await sleep(0s);
      if (waits) to.push_back("and on");
      co_return 1;
    }
    static net::awaitable<void> await(AsioLoop& on, net::cancellation_signal& by, Log& to,
                                      bool waits) {
      const int got = co_await as_asio(on, cancel(by, to, waits));
      to.push_back(std::to_string(got));
    }
  };
  const bool waits = GENERATE(false, true);
  Log log;
  End end;
  net::cancellation_signal signal;
  spawn_asio(context, Coroutines::await(loop, signal, log, waits), end, signal);
  context.run();
  CHECK(end.what() == "aborted");
  CHECK(log == Log{"went on", "destroyed"});
}

TEST_CASE(ON_ASIO "what is destroyed in a task may cancel it once more", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  struct Canceller {
    explicit Canceller(net::cancellation_signal& by) : signal(by) {}
    ~Canceller() { signal.emit(net::cancellation_type::terminal); }
    net::cancellation_signal& signal;
  };
  struct Coroutines {
    static Task<> wait(net::cancellation_signal& by, Log& to) {
      const Canceller canceller(by);
      to.push_back("waits");
      co_await sleep(1h);
    }
  };
  Log log;
  End end;
  net::cancellation_signal signal;
  spawn_asio(context, as_asio(loop, Coroutines::wait(signal, log)), end, signal);
  CHECK(run_until(context, [&] { return !log.empty(); }));
  signal.emit(net::cancellation_type::terminal);
  context.restart();
  context.run();
  CHECK(end.what() == "aborted");
}

TEST_CASE(ON_ASIO "a cancellation that would have no effect on a task has none", "[coro]") {
  net::io_context context;
  AsioLoop loop(context);
  Log log;
  End end;
  net::cancellation_signal signal;
  spawn_asio(context, await_for_ever(loop, log), end, signal);
  CHECK(run_until(context, [&] { return !log.empty(); }));
  signal.emit(net::cancellation_type::total);
  CHECK(log == Log{"waits"});
  signal.emit(net::cancellation_type::terminal);
  context.restart();
  context.run();
  CHECK(end.what() == "aborted");
}

#endif
