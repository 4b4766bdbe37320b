#include "messi/calls/open_calls.h"

#include <chrono>
#include <cstdint>
#include <vector>

#include "messi/base/time.h"
#include "messi/calls/call_handler.h"
#include "test/catch.h"

using messi::CallHandler;
using messi::CallOutcome;
using messi::StatusCode;
using messi::TimePoint;
using messi::calls::OpenCall;
using messi::calls::OpenCalls;
using namespace std::chrono_literals;

namespace {

CallHandler nothing() {
  return CallHandler([](const CallOutcome& /*outcome*/) {});
}

std::uint64_t add(OpenCalls& calls, std::uint64_t number, std::uint32_t reply,
                  TimePoint deadline = TimePoint::max()) {
  REQUIRE(calls.prepare());
  return calls.add(number, reply, TimePoint(), deadline, nothing());
}

const auto kIgnored = [](const OpenCall& /*call*/) {};

}  // namespace

TEST_CASE("a call is found by id, by number, and in its order", "[calls]") {
  OpenCalls calls(3);
  const auto first = add(calls, 5, 1);
  const auto second = add(calls, 7, 1);
  add(calls, 9, 2);
  CHECK(calls.find_number(7)->id == second);
  CHECK(calls.find_number(6) == nullptr);
  CHECK(calls.find(first)->number == 5);
  CHECK(calls.find_first(1)->id == first);
  CHECK(calls.find_first(2)->number == 9);
  CHECK(calls.find_first(3) == nullptr);
  CHECK(calls.full());
  calls.finish(*calls.find(first));
  CHECK(calls.find(first) == nullptr);
  CHECK(calls.find_first(1)->id == second);
  CHECK_FALSE(calls.full());
}

TEST_CASE("the turns of pairs are apart, and go on after there was nobody", "[calls]") {
  OpenCalls calls(100);
  const auto waiting = add(calls, 0, 1);
  for (int round = 0; round < 40; ++round) {
    const auto first = add(calls, 0, 2);
    const auto second = add(calls, 0, 2);
    CHECK(calls.find_first(2)->id == first);
    calls.finish(*calls.find(second));
    CHECK(calls.find_first(2)->id == first);
    calls.finish(*calls.find_first(2));
    CHECK(calls.find_first(2) == nullptr);
    CHECK(calls.find_first(1)->id == waiting);
  }
  calls.end_all(StatusCode::kUnavailable, "over");
  CHECK(calls.find_first(1) == nullptr);
  const auto next = add(calls, 0, 1);
  CHECK(calls.find_first(1)->id == next);
}

TEST_CASE("a call that was given up keeps its turn, and counts for the bound without numbers",
          "[calls]") {
  OpenCalls calls(2);
  add(calls, 0, 1);
  add(calls, 0, 1);
  CHECK(calls.full());
  calls.give_up(*calls.find_first(1), StatusCode::kCancelled, "cancelled");
  CHECK(calls.full());
  CHECK(calls.has_over());
  CHECK_FALSE(calls.finish(*calls.find_first(1)));
  CHECK(calls.late_count() == 1);
  CHECK_FALSE(calls.full());
  CHECK(calls.finish(*calls.find_first(1)));
  CHECK(calls.find_first(1) == nullptr);
}

TEST_CASE("with numbers only so many that were given up are remembered", "[calls]") {
  OpenCalls calls(1);
  calls.set_numbered(true);
  for (std::uint64_t number = 1; number <= 3000; ++number) {
    add(calls, number, 1);
    calls.give_up(*calls.find_number(number), StatusCode::kCancelled, "cancelled");
  }
  CHECK(calls.find_number(1) == nullptr);
  CHECK(calls.find_number(3000 - 2048) == nullptr);
  CHECK(calls.find_number(3000 - 1023) != nullptr);
}

TEST_CASE("calls expire at their own times", "[calls]") {
  const TimePoint start{1h};
  OpenCalls calls(10);
  add(calls, 1, 1, start + 3s);
  add(calls, 2, 1, start + 1s);
  add(calls, 3, 1, start + 2s);
  CHECK(calls.next_deadline() == start + 1s);
  calls.expire(start + 1s, kIgnored);
  CHECK(calls.has_over());
  CHECK(calls.next_deadline() == start + 2s);
  std::vector<std::uint64_t> given_up;
  calls.expire(start + 10s, [&](const OpenCall& call) { given_up.push_back(call.number); });
  CHECK(given_up == std::vector<std::uint64_t>{1, 3});
  CHECK(calls.next_deadline() == TimePoint::max());
}

TEST_CASE("a call that stays open does not keep those that are over", "[calls]") {
  OpenCalls calls(10);
  const auto first = add(calls, 1, 1);
  for (std::uint64_t number = 2; number < 10'000; ++number) {
    add(calls, number, 2);
    calls.finish(*calls.find_number(number));
    CHECK(calls.find_first(2) == nullptr);
  }
  CHECK(calls.find(first)->number == 1);
  calls.end_all(StatusCode::kUnavailable, "over");
  CHECK(calls.find(first) == nullptr);
  CHECK(calls.has_over());
}
