// Another loop runs the thread, and calls poll() whenever fd() is readable.

#include <poll.h>

#include <chrono>
#include <string>
#include <thread>

#include "messi/io/epoll_loop.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/sockets.h"

using messi::EpollLoop;
using messi::Task;
using messi::Timer;
using messi::test::Client;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using namespace std::chrono_literals;

namespace {

/// Waits as a foreign loop does; false if there is nothing to do in this time.
bool readable(EpollLoop& loop, std::chrono::milliseconds patience = 0ms) {
  pollfd descriptor{loop.fd(), POLLIN, 0};
  return ::poll(&descriptor, 1, static_cast<int>(patience.count())) == 1;
}

template <typename Condition>
bool run_until(EpollLoop& loop, Condition condition) {
  while (!condition()) {
    if (!readable(loop, 10s)) return false;
    loop.poll();
  }
  return true;
}

/// Takes turns for as long as there is something to do at this moment.
void settle(EpollLoop& loop) {
  for (int i = 0; i < 1'000 && readable(loop); ++i) loop.poll();
}

}  // namespace

TEST_CASE("a loop without anything to do is not readable", "[io]") {
  EpollLoop loop;
  CHECK_FALSE(readable(loop));
  loop.poll();
  CHECK_FALSE(readable(loop));
}

TEST_CASE("a post makes the loop readable", "[io]") {
  EpollLoop loop;
  bool called = false;
  loop.post([&] { called = true; });
  CHECK(readable(loop));
  loop.poll();
  CHECK(called);
  settle(loop);
  CHECK_FALSE(readable(loop));

  std::thread thread([&] { loop.post([&] { called = false; }); });
  CHECK(readable(loop, 10s));
  loop.poll();
  thread.join();
  CHECK_FALSE(called);
}

TEST_CASE("a task that is scheduled outside of a turn makes the loop readable", "[io]") {
  EpollLoop loop;
  int runs = 0;
  Task task(loop, [&] { ++runs; });
  for (int i = 1; i <= 3; ++i) {
    task.schedule();
    CHECK(readable(loop));
    loop.poll();
    CHECK(runs == i);
  }
  Task endless(loop, [&] {
    if (++runs < 1'000) endless.schedule();
  });
  endless.schedule();
  CHECK(run_until(loop, [&] { return runs == 1'000; }));
}

TEST_CASE("a timer makes the loop readable when it is due", "[io]") {
  EpollLoop loop;
  int fired = 0;
  Timer later(loop, [&] { ++fired; });
  Timer timer(loop, [&] { ++fired; });
  later.set(loop.now() + 1h);
  CHECK_FALSE(readable(loop));
  timer.set(loop.now() + 5ms);
  CHECK(run_until(loop, [&] { return fired == 1; }));
  CHECK_FALSE(readable(loop));
  later.set(loop.now() + 5ms);
  CHECK(run_until(loop, [&] { return fired == 2; }));
  timer.set(messi::TimePoint());
  CHECK(readable(loop, 1s));
  loop.poll();
  CHECK(fired == 3);
  // In a turn, too.
  loop.post([&] { timer.set(loop.now() + 1ms); });
  CHECK(run_until(loop, [&] { return fired == 4; }));
}

TEST_CASE("clients and servers work on a loop that another loop drives", "[io]") {
  EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  server.on = [](const std::string& event, Server::Client* from) {
    if (event == "message hello") from->send(message("echo"));
  };
  messi::ClientOptions options;
  options.ping_interval = 5ms;
  Client client(loop, server.uri(), options);
  client.start();
  CHECK(run_until(loop, [&] { return client.connected(); }));
  client.send(message("hello"));
  CHECK(run_until(loop, [&] { return client.has("message echo"); }));
  // Pings are timers and sockets at once.
  const auto end = std::chrono::steady_clock::now() + 30ms;
  CHECK(run_until(loop, [&] { return std::chrono::steady_clock::now() > end; }));
  CHECK(client.connected());
  client.stop();
  CHECK(run_until(loop, [&] { return client.stopped() && server.count("1 disconnected") == 1; }));
  CHECK(client.log == Log{"connected", "message echo", "disconnected: Stopped."});
}
