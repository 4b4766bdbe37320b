#include "messi/calls/call_handler.h"

#include <array>
#include <memory>
#include <utility>

#include "test/catch.h"

using messi::CallHandler;
using messi::CallOutcome;

TEST_CASE("a handler is called with its outcome, wherever it lies", "[calls]") {
  int sum = 0;
  const auto check = [](CallHandler handler) {
    CHECK(handler);
    CallHandler moved = std::move(handler);
    CHECK_FALSE(handler);  // NOLINT(bugprone-use-after-move)
    moved({nullptr, messi::StatusCode::kAborted, "why"});
    CallHandler assigned;
    assigned = std::move(moved);
    assigned({nullptr, messi::StatusCode::kAborted, "why"});
  };
  check(CallHandler(
      [&sum](const CallOutcome& outcome) { sum += static_cast<int>(outcome.text.size()); }));
  std::array<int, 100> large{};
  large[99] = 1;
  check(CallHandler([&sum, large](const CallOutcome& /*outcome*/) { sum += large[99]; }));
  auto only = std::make_unique<int>(10);
  check(CallHandler(
      [&sum, only = std::move(only)](const CallOutcome& /*outcome*/) { sum += *only; }));
  CHECK(sum == 2 * (3 + 1 + 10));
}

TEST_CASE("a handler destroys what it holds, once", "[calls]") {
  const auto small = std::make_shared<int>(1);
  const auto large = std::make_shared<int>(1);
  {
    CallHandler first([small](const CallOutcome& /*outcome*/) {});
    CallHandler second([large, more = std::array<int, 50>()](const CallOutcome& /*outcome*/) {
      static_cast<void>(more);
    });
    CHECK(small.use_count() == 2);
    first = std::move(second);
    CHECK(small.use_count() == 1);
    CHECK(large.use_count() == 2);
  }
  CHECK(large.use_count() == 1);
}
