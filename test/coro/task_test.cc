#include "messi/coro/task.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "messi/coro/job.h"
#include "messi/coro/sleep.h"
#include "messi/testing/manual_loop.h"
#include "test/catch.h"
#include "test/support/live_bytes.h"

using messi::coro::Job;
using messi::coro::sleep;
using messi::coro::spawn;
using messi::coro::Task;
using messi::testing::ManualLoop;
using namespace std::chrono_literals;

namespace {

using Log = std::vector<std::string>;

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

Task<> sleep_twice(Log& log) {
  const Guard guard(log, "destroyed");
  log.push_back("began");
  co_await sleep(1s);
  log.push_back("once");
  co_await sleep(1s);
  log.push_back("twice");
}

Task<int> add(int a, int b) { co_return a + b; }

Task<int> add_slowly(int a, int b) {
  co_await sleep(1s);
  co_return co_await add(a, b);
}

Task<std::unique_ptr<std::string>> text(std::string text) {
  co_return std::make_unique<std::string>(std::move(text));
}

Task<int> fail() {
  co_await sleep(1s);
  throw std::runtime_error("failed");
}

}  // namespace

TEST_CASE("a coroutine runs from the loop, and never from within a call", "[coro]") {
  ManualLoop loop;
  Log log;
  const Job job = spawn(loop, sleep_twice(log));
  CHECK(log.empty());
  loop.run_until_idle();
  CHECK(log == Log{"began"});
  loop.advance(999ms);
  CHECK(log == Log{"began"});
  loop.advance(1ms);
  CHECK(log == Log{"began", "once"});
  CHECK_FALSE(job.done());
  loop.advance(1s);
  CHECK(log == Log{"began", "once", "twice", "destroyed"});
  CHECK(job.done());
}

TEST_CASE("coroutines await each other, and get what these return", "[coro]") {
  ManualLoop loop;
  int sum = 0;
  std::string said;
  const auto run = [](int& to, std::string& into) -> Task<> {
    to = co_await add(1, 2) + co_await add_slowly(3, 4);
    std::unique_ptr<std::string> moved = co_await text("moved");
    into = *moved;
  };
  const Job job = spawn(loop, run(sum, said));
  loop.advance(1s);
  CHECK(job.done());
  CHECK(sum == 10);
  CHECK(said == "moved");
}

TEST_CASE("what is not awaited never begins", "[coro]") {
  Log log;
  { const Task<> task = sleep_twice(log); }
  CHECK(log.empty());
}

TEST_CASE("destroying or cancelling a job destroys what is in its coroutine, where it waits",
          "[coro]") {
  ManualLoop loop;
  Log log;
  const bool begun = GENERATE(false, true);
  {
    Job job = spawn(loop, sleep_twice(log));
    if (begun) loop.run_until_idle();
    if (GENERATE(false, true)) job.cancel();
  }
  CHECK(log == (begun ? Log{"began", "destroyed"} : Log{}));
  loop.advance(10s);
  CHECK(log.size() == (begun ? 2 : 0));
}

TEST_CASE("with a coroutine all go that it awaits, the innermost first", "[coro]") {
  ManualLoop loop;
  Log log;
  const auto inner = [](Log& to) -> Task<> {
    const Guard guard(to, "inner");
    co_await sleep(1h);
  };
  const auto outer = [&inner](Log& to) -> Task<> {
    const Guard guard(to, "outer");
    co_await inner(to);
  };
  {
    const Job job = spawn(loop, outer(log));
    loop.run_until_idle();
  }
  CHECK(log == Log{"inner", "outer"});
}

TEST_CASE("a coroutine that destroys its own job goes on until it waits next", "[coro]") {
  ManualLoop loop;
  Log log;
  std::optional<Job> job;
  const bool waits = GENERATE(false, true);
  const auto run = [](Log& to, std::optional<Job>& own, bool wait) -> Task<> {
    const Guard guard(to, "destroyed");
    own.reset();
    to.push_back("went on");
    if (wait) co_await sleep(1s);
    if (wait) to.push_back("and on");
  };
  job = spawn(loop, run(log, job, waits));
  loop.advance(2s);
  CHECK(log == Log{"went on", "destroyed"});
}

TEST_CASE("a job that gets another coroutine ends the first one", "[coro]") {
  ManualLoop loop;
  Log log;
  Job job = spawn(loop, sleep_twice(log));
  loop.run_until_idle();
  job = spawn(loop, sleep_twice(log));
  loop.run_until_idle();
  CHECK(log == Log{"began", "destroyed", "began"});
  const Job moved = std::move(job);
  CHECK(job.done());  // NOLINT: nothing is in it
  loop.advance(2s);
  CHECK(moved.done());
}

TEST_CASE("an exception comes out of co_await, and of the loop in the end", "[coro]") {
  ManualLoop loop;
  Log log;
  const auto run = [](Log& to, bool catches) -> Task<> {
    const Guard guard(to, "destroyed");
    if (!catches) co_await fail();
    try {
      co_await fail();
    } catch (const std::runtime_error& error) {
      to.push_back(error.what());
    }
    co_await sleep(1s);
  };
  const Job patient = spawn(loop, run(log, true));
  loop.advance(1s);
  CHECK(log == Log{"failed"});
  loop.advance(1s);
  CHECK(patient.done());

  const Job failing = spawn(loop, run(log, false));
  Log others;
  const Job other = spawn(loop, sleep_twice(others));
  CHECK_THROWS_WITH(loop.advance(1s), "failed");
  CHECK(failing.done());
  CHECK(log == Log{"failed", "destroyed", "destroyed"});
  loop.advance(2s);
  CHECK(other.done());
}

TEST_CASE("an exception of a coroutine without an owner is not lost either", "[coro]") {
  ManualLoop loop;
  std::optional<Job> job;
  const auto run = [](std::optional<Job>& own) -> Task<> {
    own.reset();
    throw std::runtime_error("alone");
    co_return;
  };
  job = spawn(loop, run(job));
  CHECK_THROWS_WITH(loop.run_until_idle(), "alone");
  loop.run_until_idle();
}

TEST_CASE("coroutines that await others in a loop take no stack", "[coro]") {
  ManualLoop loop;
  int sum = 0;
  const auto run = [](int& to) -> Task<> {
    for (int i = 0; i < 300'000; ++i) to += co_await add(1, 0);
  };
  const Job job = spawn(loop, run(sum));
  loop.run_until_idle();
  CHECK(sum == 300'000);
}

TEST_CASE("thousands of coroutines", "[coro]") {
  ManualLoop loop;
  std::size_t ended = 0;
  const auto run = [](std::size_t& count, int i) -> Task<> {
    co_await sleep(std::chrono::milliseconds(i % 7));
    for (int each = 0; each < 10; ++each) co_await sleep(std::chrono::milliseconds(i % 10));
    ++count;
  };
  std::vector<Job> jobs;
  for (int i = 0; i < 10'000; ++i) jobs.push_back(spawn(loop, run(ended, i)));
  loop.advance(50ms);
  CHECK(ended > 0);
  CHECK(ended < 10'000);
  for (std::size_t i = 0; i < jobs.size(); i += 3) jobs[i].cancel();
  loop.advance(1s);
  CHECK(ended >= 6'666);
}

TEST_CASE("sleeping allocates nothing", "[coro]") {
  ManualLoop loop;
  const auto run = []() -> Task<> {
    for (;;) co_await sleep(1ms);
  };
  const Job job = spawn(loop, run());
  loop.advance(10ms);
  const std::size_t before = messi::test::allocations();
  loop.advance(1s);
  CHECK(messi::test::allocations() == before);
}

TEST_CASE("a sleep of no time lets the loop take a turn", "[coro]") {
  ManualLoop loop;
  const auto run = []() -> Task<> {
    for (int i = 0; i < 5; ++i) co_await sleep(0s);
  };
  const Job job = spawn(loop, run());
  const std::uint64_t before = loop.turns();
  loop.run_until_idle();
  CHECK(job.done());
  CHECK(loop.turns() - before > 5);
}
