#include "messi/connection/backoff.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "test/catch.h"

using messi::BackoffSettings;
using messi::Duration;
using messi::connection::Backoff;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kLowest = 0;
constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max();

// The bounds are computed with floating point.
bool close_to(Duration a, Duration b) { return std::max(a, b) - std::min(a, b) <= 1us; }

std::vector<Duration> delays(Backoff& backoff, std::uint64_t random, int count) {
  std::vector<Duration> result;
  for (int i = 0; i < count; ++i) result.push_back(backoff.next(random));
  return result;
}

}  // namespace

TEST_CASE("delays grow exponentially up to the longest", "[session]") {
  BackoffSettings settings;
  settings.initial = 1s;
  settings.factor = 2;
  settings.max = 10s;
  Backoff longest(settings);
  Backoff shortest(settings);
  for (const Duration base : {1s, 2s, 4s, 8s, 10s, 10s, 10s}) {
    CHECK(close_to(longest.next(kHighest), base));
    CHECK(close_to(shortest.next(kLowest), base / 2));
  }
}

TEST_CASE("delays have jitter between half and all of their base", "[session]") {
  std::mt19937_64 random(7);
  std::set<Duration> different;
  std::size_t lower_half = 0;
  constexpr std::size_t kCount = 2'000;
  for (std::size_t i = 0; i < kCount; ++i) {
    Backoff backoff{BackoffSettings{}};
    const Duration delay = backoff.next(random());
    CHECK(delay >= 500ms);
    CHECK(delay <= 1s);
    different.insert(delay);
    if (delay < 750ms) ++lower_half;
  }
  CHECK(different.size() > kCount * 9 / 10);
  CHECK(lower_half > kCount * 4 / 10);
  CHECK(lower_half < kCount * 6 / 10);
}

TEST_CASE("a connection that has proved itself brings the first delay back", "[session]") {
  Backoff backoff{BackoffSettings{}};
  const std::vector<Duration> fresh = delays(backoff, kHighest, 5);
  CHECK(fresh.back() > 5s);
  backoff.reset();
  CHECK(delays(backoff, kHighest, 5) == fresh);
}

TEST_CASE("a connection that was up for long is made again quickly, once", "[session]") {
  Backoff backoff{BackoffSettings{}};
  delays(backoff, kHighest, 5);
  backoff.reset();
  backoff.handle_lost(10s);
  CHECK(close_to(backoff.next(kHighest), 200ms));
  CHECK(close_to(backoff.next(kHighest), 1s));

  backoff.reset();
  backoff.handle_lost(10s - 1ns);
  CHECK(close_to(backoff.next(kHighest), 1s));
}

TEST_CASE("a quick delay is anything from nothing to the quickest", "[session]") {
  Backoff backoff{BackoffSettings{}};
  backoff.handle_lost(1h);
  CHECK(backoff.next(kLowest) == 0s);
}

TEST_CASE("the longest delay bounds the first one too", "[session]") {
  BackoffSettings settings;
  settings.initial = 10s;
  settings.max = 2s;
  Backoff backoff(settings);
  for (const Duration delay : delays(backoff, kHighest, 3)) CHECK(close_to(delay, 2s));
}
