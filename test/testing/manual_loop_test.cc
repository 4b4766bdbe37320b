#include "messi/testing/manual_loop.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "test/catch.h"

using messi::Task;
using messi::TimePoint;
using messi::Timer;
using messi::testing::ManualLoop;
using namespace std::chrono_literals;

TEST_CASE("time passes only when told to", "[testing]") {
  ManualLoop loop;
  const TimePoint began = loop.now();
  loop.run_until_idle();
  CHECK(loop.now() == began);
  loop.advance(3s);
  CHECK(loop.now() == began + 3s);
  loop.advance(0s);
  CHECK(loop.now() == began + 3s);
}

TEST_CASE("timers fire in order, each at its moment", "[testing]") {
  ManualLoop loop;
  const TimePoint began = loop.now();
  std::vector<std::string> fired;
  const auto at = [&](const char* name, messi::Duration when) {
    return [&fired, &loop, began, name, when] {
      CHECK(loop.now() == began + when);
      fired.emplace_back(name);
    };
  };
  Timer third(loop, at("third", 3s));
  Timer first(loop, at("first", 1s));
  Timer second(loop, at("second", 2s));
  Timer late(loop, at("late", 10s));
  third.set(began + 3s);
  first.set(began + 1s);
  second.set(began + 2s);
  late.set(began + 10s);
  loop.advance(3s);
  CHECK(fired == std::vector<std::string>{"first", "second", "third"});
  CHECK(late.pending());
  CHECK_FALSE(third.pending());
  loop.advance(7s);
  CHECK(fired.size() == 4);
}

TEST_CASE("a timer may be set anew, cancelled and destroyed, by anybody", "[testing]") {
  ManualLoop loop;
  const TimePoint began = loop.now();
  int fired = 0;
  Timer timer(loop, [&] { ++fired; });
  timer.set(began + 1s);
  timer.set(began + 5s);
  loop.advance(4s);
  CHECK(fired == 0);
  timer.set(began + 4500ms);
  loop.advance(500ms);
  CHECK(fired == 1);
  timer.set(began + 6s);
  timer.cancel();
  timer.cancel();
  loop.advance(10s);
  CHECK(fired == 1);

  auto victim = std::make_unique<Timer>(loop, [&] { ++fired; });
  Timer killer(loop, [&] { victim.reset(); });
  killer.set(loop.now() + 1s);
  victim->set(loop.now() + 1s);
  loop.advance(1s);
  loop.advance(1s);
  CHECK(fired <= 2);
  std::unique_ptr<Timer> suicidal;
  suicidal = std::make_unique<Timer>(loop, [&] { suicidal.reset(); });
  suicidal->set(loop.now());
  loop.advance(1s);
  CHECK(suicidal == nullptr);
}

TEST_CASE("a timer for a moment that has passed fires at once", "[testing]") {
  ManualLoop loop;
  int fired = 0;
  Timer timer(loop, [&] { ++fired; });
  timer.set(loop.now() - 10s);
  loop.run_until_idle();
  CHECK(fired == 1);
  timer.set(TimePoint());
  loop.run_until_idle();
  CHECK(fired == 2);
}

TEST_CASE("many timers fire in order", "[testing]") {
  ManualLoop loop;
  const TimePoint began = loop.now();
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<TimePoint> fired;
  for (int i = 0; i < 2'000; ++i) {
    timers.push_back(std::make_unique<Timer>(loop, [&] { fired.push_back(loop.now()); }));
    timers.back()->set(began + std::chrono::milliseconds(loop.random() % 1'000));
  }
  for (std::size_t i = 0; i < timers.size(); i += 3) timers[i]->cancel();
  for (std::size_t i = 1; i < timers.size(); i += 3) {
    timers[i]->set(began + std::chrono::milliseconds(loop.random() % 1'000));
  }
  for (std::size_t i = 0; i < timers.size(); i += 30) timers[i].reset();
  loop.advance(1s);
  CHECK(fired.size() == 1'333);
  CHECK(std::is_sorted(fired.begin(), fired.end()));
}

TEST_CASE("a task runs once, at the end of the turn", "[testing]") {
  ManualLoop loop;
  std::vector<std::string> order;
  Task task(loop, [&] { order.emplace_back("task"); });
  loop.post([&] {
    task.schedule();
    task.schedule();
    order.emplace_back("first");
  });
  loop.post([&] { order.emplace_back("second"); });
  loop.run_until_idle();
  CHECK(order == std::vector<std::string>{"first", "second", "task"});
  task.schedule();
  CHECK(order.size() == 3);  // never from within the call
  loop.run_until_idle();
  CHECK(order.size() == 4);
}

TEST_CASE("a task may be cancelled and destroyed, also by another task", "[testing]") {
  ManualLoop loop;
  int runs = 0;
  Task cancelled(loop, [&] { ++runs; });
  cancelled.schedule();
  cancelled.cancel();
  loop.run_until_idle();
  auto second = std::make_unique<Task>(loop, [&] { ++runs; });
  Task first(loop, [&] { second.reset(); });
  first.schedule();
  second->schedule();
  loop.run_until_idle();
  CHECK(runs == 0);
  std::unique_ptr<Task> suicidal;
  suicidal = std::make_unique<Task>(loop, [&] { suicidal.reset(); });
  suicidal->schedule();
  loop.run_until_idle();
  CHECK(suicidal == nullptr);
}

TEST_CASE("tasks that schedule themselves let the turn end", "[testing]") {
  ManualLoop loop;
  int runs = 0;
  int posted_after = 0;
  Task task(loop, [&] {
    if (++runs < 100) task.schedule();
    if (runs == 1) loop.post([&] { posted_after = runs; });
  });
  task.schedule();
  loop.run_until_idle();
  CHECK(runs == 100);
  CHECK(posted_after < 100);
}

TEST_CASE("posted calls are made in order, also those posted by posted calls", "[testing]") {
  ManualLoop loop;
  std::vector<int> calls;
  loop.post([&] {
    calls.push_back(1);
    loop.post([&] { calls.push_back(3); });
  });
  loop.post([&] { calls.push_back(2); });
  CHECK(calls.empty());
  loop.run_until_idle();
  CHECK(calls == std::vector<int>{1, 2, 3});
}

TEST_CASE("any thread may post", "[testing]") {
  ManualLoop loop;
  int calls = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < 100; ++call) loop.post([&] { ++calls; });
    });
  }
  while (calls < 200) loop.run_until_idle();
  for (std::thread& thread : threads) thread.join();
  loop.run_until_idle();
  CHECK(calls == 400);
}

TEST_CASE("a loop that is held up is late", "[testing]") {
  ManualLoop loop;
  const TimePoint began = loop.now();
  std::vector<messi::Duration> fired;
  Timer first(loop, [&] { fired.push_back(loop.now() - began); });
  Timer second(loop, [&] { fired.push_back(loop.now() - began); });
  first.set(began + 1s);
  second.set(began + 6s);
  const std::uint64_t turns = loop.turns();
  loop.hold_up(5s);
  CHECK(fired.empty());
  CHECK(loop.turns() == turns);
  loop.advance(1s);
  CHECK(fired == std::vector<messi::Duration>{5s, 6s});
  CHECK(loop.turns() > turns);
}

TEST_CASE("the seed decides the random numbers", "[testing]") {
  ManualLoop a(7);
  ManualLoop b(7);
  ManualLoop c(8);
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t number = a.random();
    CHECK(number == b.random());
    CHECK(number != c.random());
    numbers.insert(number);
  }
  CHECK(numbers.size() == 100);
}

TEST_CASE("secrets are the same in every run", "[testing]") {
  std::string secrets[3];
  for (std::string& secret : secrets) {
    ManualLoop loop(&secret == &secrets[2] ? 2 : 1);
    secret.resize(16);
    loop.fill_secret({secret.data(), secret.size()});
  }
  CHECK(secrets[0] == secrets[1]);
  CHECK(secrets[0] != secrets[2]);
}
