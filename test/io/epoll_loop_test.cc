#include "messi/io/epoll_loop.h"

#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/sockets.h"

using messi::Duration;
using messi::EpollLoop;
using messi::Poller;
using messi::Task;
using messi::TimePoint;
using messi::Timer;
using messi::io::Fd;
using messi::test::Client;
using messi::test::run_until;
using messi::test::Server;
using namespace std::chrono_literals;

namespace {

class Watcher final : public messi::ReadyHandler {
 public:
  Watcher() : fd(::eventfd(0, EFD_NONBLOCK)) {}
  void make_readable() {
    const std::uint64_t one = 1;
    REQUIRE(::write(fd.get(), &one, sizeof(one)) == sizeof(one));
  }
  Fd fd;
  int readable = 0;
  int writable = 0;
  std::function<void()> then = [] {};

 private:
  void handle_ready(bool is_readable, bool is_writable) override {
    readable += is_readable ? 1 : 0;
    writable += is_writable ? 1 : 0;
    then();
  }
};

}  // namespace

TEST_CASE("timers fire in order, never early", "[io]") {
  EpollLoop loop;
  std::vector<int> fired;
  std::vector<std::unique_ptr<Timer>> timers;
  const TimePoint began = loop.now();
  for (const int milliseconds : {20, 5, 15, 10, 1}) {
    timers.push_back(std::make_unique<Timer>(loop, [&, milliseconds] {
      CHECK(loop.now() - began >= std::chrono::milliseconds(milliseconds));
      fired.push_back(milliseconds);
    }));
    timers.back()->set(began + std::chrono::milliseconds(milliseconds));
  }
  CHECK(run_until(loop, [&] { return fired.size() == 5; }));
  CHECK(fired == std::vector<int>{1, 5, 10, 15, 20});
}

TEST_CASE("a timer for a moment that has passed fires in the next turn", "[io]") {
  EpollLoop loop;
  int fired = 0;
  Timer timer(loop, [&] { ++fired; });
  for (const TimePoint moment : {loop.now(), loop.now() - 1s, TimePoint(1ns), TimePoint(),
                                 TimePoint() - 1ns, TimePoint() - 1h, loop.now() - 24h}) {
    CAPTURE(moment.time_since_epoch().count());
    fired = 0;
    const TimePoint began = loop.now();
    timer.set(moment);
    loop.poll(10s);
    CHECK(fired == 1);
    CHECK(loop.now() - began < 5s);
  }
}

TEST_CASE("a timer for the end of time does not fire", "[io]") {
  EpollLoop loop;
  int fired = 0;
  Timer timer(loop, [&] { ++fired; });
  timer.set(TimePoint::max());
  CHECK(messi::test::run_for(loop, 5ms) < 10);
  CHECK(fired == 0);
}

TEST_CASE("a timer that was moved away fires at its new moment", "[io]") {
  EpollLoop loop;
  int fired = 0;
  Timer timer(loop, [&] { ++fired; });
  const TimePoint began = loop.now();
  timer.set(began + 2ms);
  timer.set(began + 20ms);
  CHECK(run_until(loop, [&] { return fired > 0; }));
  CHECK(loop.now() - began >= 20ms);
  timer.set(loop.now() + 1h);
  timer.set(loop.now() + 1ms);
  CHECK(run_until(loop, [&] { return fired == 2; }));
  timer.set(loop.now() + 1ms);
  timer.cancel();
  messi::test::run_for(loop, 5ms);
  CHECK(fired == 2);
}

TEST_CASE("a timer set in a timer fires too", "[io]") {
  EpollLoop loop;
  int fired = 0;
  Timer timer(loop, [&] {
    if (++fired < 20) timer.set(loop.now() + 100us);
  });
  timer.set(loop.now());
  CHECK(run_until(loop, [&] { return fired == 20; }));
}

TEST_CASE("a turn ends though a timer always sets itself anew", "[io]") {
  EpollLoop loop;
  int fired = 0;
  bool posted = false;
  Timer timer(loop, [&] {
    ++fired;
    timer.set(loop.now());
  });
  timer.set(loop.now());
  loop.post([&] { posted = true; });
  CHECK(run_until(loop, [&] { return posted; }));
  CHECK(fired > 0);
  timer.cancel();
}

TEST_CASE("an idle loop waits as long as it is told to, without turning", "[io]") {
  EpollLoop loop;
  const TimePoint began = loop.now();
  loop.poll();
  loop.poll(20ms);
  CHECK(loop.now() - began >= 20ms);
  CHECK(messi::test::run_for(loop, 20ms) < 10);
}

TEST_CASE("now is the beginning of the turn", "[io]") {
  EpollLoop loop;
  TimePoint first;
  loop.post([&] {
    first = loop.now();
    while (std::chrono::steady_clock::now() < first + 2ms) {
    }
    CHECK(loop.now() == first);
  });
  loop.poll();
  CHECK(loop.now() > first);
}

TEST_CASE("run runs until stop, and finishes the turn", "[io]") {
  EpollLoop loop;
  std::vector<std::string> order;
  Task task(loop, [&] { order.emplace_back("task"); });
  loop.post([&] {
    task.schedule();
    loop.stop();
    order.emplace_back("stopped");
  });
  loop.post([&] { order.emplace_back("posted"); });
  loop.run();
  CHECK(order == std::vector<std::string>{"stopped", "posted", "task"});
  loop.post([&] { loop.stop(); });
  loop.run();  // and it may be run again
}

TEST_CASE("a stop before run is not forgotten, and holds once", "[io]") {
  EpollLoop loop;
  loop.stop();
  loop.run();  // returns at once
  int calls = 0;
  loop.post([&] { ++calls; });
  loop.post([&] { loop.stop(); });
  loop.run();
  CHECK(calls == 1);
}

TEST_CASE("what is posted in the stopping turn is called before run returns", "[io]") {
  EpollLoop loop;
  std::string order;
  messi::Task task(loop, [&] {
    order += 't';
    loop.post([&] { order += 'p'; });
  });
  loop.post([&] {
    loop.stop();
    task.schedule();
  });
  loop.run();
  CHECK(order == "tp");
}

TEST_CASE("run_until asks before each turn, and says who ended it", "[io]") {
  EpollLoop loop;
  CHECK(loop.run_until([] { return true; }));
  int turns = 0;
  loop.post([&] { loop.post([] {}); });
  CHECK(loop.run_until([&] { return ++turns == 3; }));
  loop.post([&] { static_cast<messi::EventLoop&>(loop).stop(); });
  CHECK_FALSE(loop.run_until([] { return false; }));
}

TEST_CASE("a hook that runs its own loop, and a child that runs its parent's, end with a line",
          "[io]") {
  for (const bool in_child : {false, true}) {
    CAPTURE(in_child);
    int lines[2];
    REQUIRE(::pipe(lines) == 0);
    EpollLoop parents;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::dup2(lines[1], STDERR_FILENO);
      std::signal(SIGABRT, SIG_DFL);
      EpollLoop own;
      own.post([&] { own.poll(); });
      (in_child ? parents : own).poll();
      ::_exit(0);
    }
    ::close(lines[1]);
    char line[200] = "";
    CHECK(::read(lines[0], line, sizeof(line) - 1) > 0);
    ::close(lines[0]);
    CHECK(std::string(line).rfind("messi: a ", 0) == 0);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
  }
}

TEST_CASE("a post from another thread wakes the loop", "[io]") {
  EpollLoop loop;
  for (int i = 0; i < 50; ++i) {
    std::thread thread([&loop] { loop.post([&loop] { loop.stop(); }); });
    loop.run();
    thread.join();
  }
}

TEST_CASE("posts from many threads are all called, each thread's in order", "[io]") {
  EpollLoop loop;
  constexpr int kThreads = 4;
  constexpr int kPosts = 2'000;
  std::vector<int> last(kThreads, -1);
  int calls = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kPosts; ++i) {
        loop.post([&, thread, i] {
          int& before = last[static_cast<std::size_t>(thread)];
          if (before != i - 1) loop.stop();
          before = i;
          if (++calls == kThreads * kPosts) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(calls == kThreads * kPosts);
}

TEST_CASE("a post from a post is called in a later turn", "[io]") {
  EpollLoop loop;
  int turns = 0;
  bool called = false;
  loop.post([&] { loop.post([&] { called = true; }); });
  for (; !called && turns < 10; ++turns) loop.poll(1s);
  CHECK(called);
  CHECK(turns == 2);
}

TEST_CASE("tasks run at the end of the turn, wherever they were scheduled", "[io]") {
  EpollLoop loop;
  int runs = 0;
  Task task(loop, [&] { ++runs; });
  task.schedule();
  loop.poll(10s);
  CHECK(runs == 1);
  loop.post([&] { task.schedule(); });
  loop.poll(10s);
  CHECK(runs == 2);
  task.schedule();
  task.cancel();
  loop.poll();
  CHECK(runs == 2);
}

TEST_CASE("tasks that schedule themselves do not stop the loop", "[io]") {
  EpollLoop loop;
  int runs = 0;
  Task task(loop, [&] {
    if (++runs < 1'000) task.schedule();
  });
  task.schedule();
  bool timer_fired = false;
  Timer timer(loop, [&] { timer_fired = runs < 1'000; });
  timer.set(loop.now());
  CHECK(run_until(loop, [&] { return runs == 1'000; }));
  CHECK(timer_fired);
}

TEST_CASE("descriptors are watched for what is asked", "[io]") {
  EpollLoop loop;
  Watcher watcher;
  REQUIRE(loop.add(watcher.fd.get(), Poller::Interest::kRead, watcher));
  CHECK_FALSE(loop.add(watcher.fd.get(), Poller::Interest::kRead, watcher));
  loop.poll();
  CHECK(watcher.readable == 0);
  watcher.make_readable();
  loop.poll();
  CHECK(watcher.readable == 1);
  CHECK(watcher.writable == 0);
  loop.change(watcher.fd.get(), Poller::Interest::kReadWrite, watcher);
  loop.poll();
  CHECK(watcher.readable == 2);
  CHECK(watcher.writable == 1);
  loop.change(watcher.fd.get(), Poller::Interest::kWrite, watcher);
  loop.poll();
  CHECK(watcher.readable == 2);
  CHECK(watcher.writable == 2);
  loop.change(watcher.fd.get(), Poller::Interest::kNothing, watcher);
  loop.poll();
  CHECK(watcher.writable == 2);
  loop.remove(watcher.fd.get(), watcher);
}

TEST_CASE("a handler may remove any other, and nothing comes to that in the same turn", "[io]") {
  EpollLoop loop;
  constexpr std::size_t kCount = 20;
  std::vector<std::unique_ptr<Watcher>> watchers;
  int calls = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    watchers.push_back(std::make_unique<Watcher>());
    Watcher& watcher = *watchers.back();
    watcher.make_readable();
    REQUIRE(loop.add(watcher.fd.get(), Poller::Interest::kRead, watcher));
    watcher.then = [&] {
      ++calls;
      // The first that is called destroys all the others, and then itself.
      for (auto& each : watchers) {
        if (each == nullptr || each.get() == &watcher) continue;
        loop.remove(each->fd.get(), *each);
        each.reset();
      }
      loop.remove(watcher.fd.get(), watcher);
      watcher.fd.reset();
    };
  }
  loop.poll(1s);
  loop.poll();
  CHECK(calls == 1);
}

TEST_CASE("a loop that is told to looks again before it sleeps", "[io]") {
  messi::EpollLoopOptions options;
  options.busy_poll = 1ms;
  EpollLoop loop(options);
  int fired = 0;
  Timer timer(loop, [&] {
    if (++fired < 10) timer.set(loop.now() + 100us);
  });
  timer.set(loop.now());
  CHECK(run_until(loop, [&] { return fired == 10; }));
  const TimePoint began = loop.now();
  loop.poll(5ms);
  CHECK(loop.now() - began >= 5ms);
  std::thread thread([&loop] { loop.post([&loop] { loop.stop(); }); });
  loop.run();
  thread.join();

  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  Client client(loop, server.uri());
  client.start();
  CHECK(run_until(loop, [&] { return client.connected(); }));
  client.send(messi::test::message("hello"));
  CHECK(run_until(loop, [&] { return server.has("1 message hello"); }));
}

TEST_CASE("secrets come from the system", "[io]") {
  EpollLoop loop;
  std::vector<std::string> secrets;
  for (const std::size_t size : {16u, 16u, 1000u}) {
    std::string secret(size, '\0');
    loop.fill_secret({secret.data(), secret.size()});
    CHECK(std::count(secret.begin(), secret.end(), '\0') < static_cast<int>(size / 4));
    secrets.push_back(secret);
  }
  CHECK(secrets[0] != secrets[1]);
}
