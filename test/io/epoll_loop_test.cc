#include "messi/io/epoll_loop.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "test/catch.h"
#include "test/io/live.h"
#include "test/support/chat.h"

using messi::EpollLoop;
using messi::Task;
using messi::Timer;
using messi::test::run_until;
using namespace std::chrono_literals;

namespace {

bool readable(const EpollLoop& loop, std::chrono::milliseconds patience) {
  pollfd descriptor{loop.fd(), POLLIN, 0};
  return ::poll(&descriptor, 1, static_cast<int>(patience.count())) == 1;
}

}  // namespace

TEST_CASE("timers fire in the order of their deadlines, and not before", "[io]") {
  EpollLoop loop;
  std::vector<int> fired;
  const auto began = loop.now();
  Timer third(loop, [&] { fired.push_back(3); });
  Timer first(loop, [&] {
    fired.push_back(1);
    CHECK(loop.now() >= began + 5ms);
  });
  Timer second(loop, [&] { fired.push_back(2); });
  third.set(began + 15ms);
  first.set(began + 5ms);
  second.set(began + 10ms);
  run_until(loop, [&] { return fired.size() == 3; });
  CHECK(fired == std::vector<int>{1, 2, 3});
  CHECK(loop.now() >= began + 15ms);
}

TEST_CASE("a timer can be moved and cancelled, also by another one that fires", "[io]") {
  EpollLoop loop;
  int fired = 0;
  bool done = false;
  Timer moved(loop, [&] { ++fired; });
  Timer cancelled(loop, [&] { FAIL("a cancelled timer fired"); });
  Timer canceller(loop, [&] {
    cancelled.cancel();
    moved.set(loop.now() + 1ms);
  });
  Timer last(loop, [&] { done = true; });
  const auto now = loop.now();
  moved.set(now + 1h);
  canceller.set(now + 1ms);
  cancelled.set(now + 2ms);
  cancelled.set(now + 1ms);
  last.set(now + 10ms);
  run_until(loop, [&] { return done; });
  CHECK(fired == 1);
  CHECK_FALSE(moved.pending());
}

TEST_CASE("a timer that always sets itself to now does not keep the loop from anything else", "[io]") {
  EpollLoop loop;
  Timer greedy(loop, [&] { greedy.set(loop.now()); });
  greedy.set(loop.now());
  bool posted = false;
  loop.post([&] { posted = true; });
  run_until(loop, [&] { return posted; });
}

TEST_CASE("a task that always schedules itself does not keep the loop from anything else", "[io]") {
  EpollLoop loop;
  Task greedy(loop, [&] { greedy.schedule(); });
  greedy.schedule();
  bool fired = false;
  Timer timer(loop, [&] { fired = true; });
  timer.set(loop.now() + 5ms);
  run_until(loop, [&] { return fired; });
}

TEST_CASE("calls that other threads post come in order, on the loop's thread", "[io]") {
  constexpr int kThreads = 4;
  constexpr int kPosts = 1000;
  EpollLoop loop;
  const auto loop_thread = std::this_thread::get_id();
  std::vector<std::vector<int>> came(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int post = 0; post < kPosts; ++post) {
        loop.post([&, i, post] {
          CHECK(std::this_thread::get_id() == loop_thread);
          came[i].push_back(post);
        });
      }
    });
  }
  run_until(loop, [&] {
    for (const auto& each : came) {
      if (each.size() < kPosts) return false;
    }
    return true;
  });
  for (std::thread& thread : threads) thread.join();
  for (const auto& each : came) CHECK(std::is_sorted(each.begin(), each.end()));
}

TEST_CASE("a post wakes a loop that waits, and stop ends its run", "[io]") {
  EpollLoop loop;
  std::thread other([&] { loop.post([&] { loop.stop(); }); });
  loop.run();
  other.join();
}

TEST_CASE("the loop's descriptor is readable exactly when poll has something to do", "[io]") {
  EpollLoop loop;
  CHECK_FALSE(readable(loop, 0ms));

  loop.post([] {});
  CHECK(readable(loop, 0ms));
  loop.poll();
  CHECK_FALSE(readable(loop, 0ms));

  Task task(loop, [] {});
  task.schedule();
  CHECK(readable(loop, 0ms));
  loop.poll();
  CHECK_FALSE(readable(loop, 0ms));

  bool fired = false;
  Timer timer(loop, [&] { fired = true; });
  timer.set(loop.now() + 1h);
  CHECK_FALSE(readable(loop, 0ms));
  timer.set(loop.now() + 1ms);
  CHECK(readable(loop, 30s));
  loop.poll();
  CHECK(fired);
  CHECK_FALSE(readable(loop, 0ms));
}

TEST_CASE("a foreign loop that only waits for the descriptor runs a client and a server", "[io]") {
  EpollLoop loop;
  messi::test::Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  server.on = [](const std::string& event, messi::test::Server::Client* client) {
    if (event == "connect_req erik") client->send(chat::ConnectRsp());
  };
  messi::test::Client client(loop, server.uri());
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(messi::test::connect_req());
  };
  client.start();
  for (int turns = 0; turns < 1000 && !client.has("connect_rsp"); ++turns) {
    REQUIRE(readable(loop, 30s));
    loop.poll();
  }
  CHECK(client.has("connect_rsp"));
}

TEST_CASE("a signal does not disturb the loop", "[io]") {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  EpollLoop loop;
  const pthread_t loop_thread = ::pthread_self();
  bool fired = false;
  Timer timer(loop, [&] { fired = true; });
  timer.set(loop.now() + 20ms);
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) ::pthread_kill(loop_thread, SIGUSR1);
  });
  run_until(loop, [&] { return fired; });
  other.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("a loop that polls busily does the same", "[io]") {
  messi::EpollLoopOptions options;
  options.busy_poll = 200us;
  EpollLoop loop(options);
  messi::test::Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  messi::test::Client client(loop, server.uri());
  client.start();
  run_until(loop, [&] { return client.connected(); });
  client.send(messi::test::message("hello"));
  run_until(loop, [&] { return server.has("1 message hello"); });
  bool fired = false;
  Timer timer(loop, [&] { fired = true; });
  timer.set(loop.now() + 5ms);
  run_until(loop, [&] { return fired; });
}
