#include "messi/connection/attempts.h"

#include <chrono>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "test/catch.h"

using messi::BackoffSettings;
using messi::Duration;
using messi::connection::Attempts;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kMost = ~std::uint64_t{0};  // the longest delay of each

}  // namespace

TEST_CASE("URIs are tried in turn, and only then comes a delay", "[connection]") {
  Attempts attempts("a", {"b", "c"}, BackoffSettings{});
  for (int round = 0; round < 2; ++round) {
    for (const char* const uri : {"a", "b", "c"}) {
      CHECK(attempts.uri() == uri);
      attempts.handle_failed();
      const Duration delay = attempts.delay_after_failure(kMost);
      CHECK((delay > 0s) == (attempts.uri() == "a"));
    }
  }
}

TEST_CASE("the delays grow until a connection has proved itself", "[connection]") {
  Attempts attempts("a", {}, BackoffSettings{});
  const auto fail = [&] {
    attempts.handle_failed();
    return attempts.delay_after_failure(kMost);
  };
  const Duration first = fail();
  CHECK(fail() > first);
  attempts.handle_proved();
  CHECK(fail() == first);
}

TEST_CASE("what has proved itself is tried first when it is lost, after a delay", "[connection]") {
  Attempts attempts("a", {"b", "c"}, BackoffSettings{});
  attempts.handle_failed();
  attempts.handle_proved();
  CHECK(attempts.delay_after_loss(1s, kMost) > 500ms);
  CHECK(attempts.uri() == "b");
  // A whole round is before it again.
  attempts.handle_failed();
  attempts.handle_failed();
  CHECK(attempts.delay_after_failure(kMost) == 0s);
  CHECK(attempts.uri() == "a");
}

TEST_CASE("after a long connection the delay is short, once", "[connection]") {
  Attempts attempts("a", {}, BackoffSettings{});
  attempts.handle_proved();
  CHECK(attempts.delay_after_loss(10s, kMost) <= 200ms);
  attempts.handle_failed();
  CHECK(attempts.delay_after_failure(kMost) > 500ms);
}

TEST_CASE("a client that is started again has a whole round before it", "[connection]") {
  Attempts attempts("a", {"b"}, BackoffSettings{});
  attempts.handle_failed();
  attempts.begin_round();
  attempts.handle_failed();
  CHECK(attempts.delay_after_failure(kMost) == 0s);
}

TEST_CASE("URIs are shuffled when a round begins, and not within it", "[connection]") {
  std::set<std::string> first;
  std::minstd_rand random;
  for (int i = 0; i < 50; ++i) {
    Attempts attempts("a", {"b", "c"}, BackoffSettings{});
    attempts.shuffle(random);
    first.insert(attempts.uri());
    attempts.handle_failed();
    const std::string second = attempts.uri();
    attempts.shuffle(random);
    CHECK(attempts.uri() == second);
  }
  CHECK(first == std::set<std::string>{"a", "b", "c"});
}
