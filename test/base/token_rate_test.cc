#include "messi/base/token_rate.h"

#include <chrono>
#include <cstdint>

#include "test/catch.h"

using messi::TimePoint;
using messi::TokenRate;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{1h};

/// How many tokens there are.
int drain(const TokenRate& rate, TimePoint& bucket, TimePoint now) {
  int count = 0;
  while (count < 10'000 && rate.take(bucket, now)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a bucket is full at first, and then gives what comes in", "[base]") {
  constexpr TokenRate kRate = TokenRate::per_second(10, 3s);
  TimePoint bucket = kStart;
  CHECK(drain(kRate, bucket, kStart) == 30);
  CHECK(drain(kRate, bucket, kStart + 99ms) == 0);
  CHECK(drain(kRate, bucket, kStart + 100ms) == 1);
  CHECK(drain(kRate, bucket, kStart + 1s) == 9);
  CHECK(drain(kRate, bucket, kStart + 1h) == 30);
}

TEST_CASE("a bucket gives one second's tokens whatever their number", "[base]") {
  for (const int count : {1, 2, 3, 7, 1'000, 3'333}) {
    CAPTURE(count);
    const TokenRate rate = TokenRate::per_second(static_cast<std::size_t>(count), 1s);
    TimePoint bucket = kStart;
    CHECK(drain(rate, bucket, kStart) == count);
    CHECK(drain(rate, bucket, kStart + 1s) == count);
  }
}

TEST_CASE("without a limit there is always a token", "[base]") {
  for (const TokenRate& rate : {TokenRate{}, TokenRate::per_second(SIZE_MAX, 1s)}) {
    TimePoint bucket = kStart;
    CHECK(drain(rate, bucket, kStart) == 10'000);
  }
}
