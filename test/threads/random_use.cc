// Plays rounds for some seconds, each with its seed: clients and servers on loops that other
// threads run, used from many threads at random, while ThreadSanitizer looks.
//
//     messi_random_use [--seconds N] [--seed FIRST]

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "random_use.pb.h"
#include "test/threads/round.h"

namespace {

std::atomic<std::uint64_t> races{0};
char running[60];  // what SIGALRM says

void give_up(int /*signal*/) {
  (void)!write(STDERR_FILENO, running, std::strlen(running));
  abort();
}

}  // namespace

// ThreadSanitizer calls it for each report.
extern "C" void __tsan_on_report(void* /*report*/);
extern "C" void __tsan_on_report(void* /*report*/) { ++races; }

int main(int count, char** arguments) {
  std::chrono::seconds duration(10);
  std::uint64_t seed = 1;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = arguments[i];
    const bool known = i + 1 < count && (name == "--seconds" || name == "--seed");
    if (!known) {
      std::fprintf(stderr, "usage: random_use [--seconds N] [--seed FIRST]\n");
      return 2;
    }
    const unsigned long long value = std::strtoull(arguments[i + 1], nullptr, 10);
    if (name == "--seed") {
      seed = value;
    } else {
      duration = std::chrono::seconds(value);
    }
  }
  // libprotobuf, which ThreadSanitizer does not see, makes something on the first call.
  const random_use::Note first;
  if (!first.GetReflection()->GetUnknownFields(first).empty()) return 1;
  signal(SIGALRM, give_up);
  char folder[] = "/tmp/messi-random-use-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;

  const auto end = std::chrono::steady_clock::now() + duration;
  messi::random_use::Outcome sum;
  std::uint64_t rounds = 0;
  for (; std::chrono::steady_clock::now() < end; ++rounds, ++seed) {
    std::snprintf(running, sizeof(running), "the round with seed %" PRIu64 " does not end\n", seed);
    alarm(300);
    const messi::random_use::Outcome outcome = messi::random_use::play_round(seed, folder);
    sum.messages += outcome.messages;
    sum.calls += outcome.calls;
    sum.lost += outcome.lost;
    if (outcome.lost > 0) {
      std::printf("seed %" PRIu64 ": %" PRIu64 " lost or wrong\n", seed, outcome.lost);
    }
  }
  std::filesystem::remove_all(folder);
  std::printf("%" PRIu64 " calls\n", sum.calls);
  std::printf("%" PRIu64 " rounds, %" PRIu64 " messages, %" PRIu64 " races, %" PRIu64 " lost\n",
              rounds, sum.messages, races.load(), sum.lost);
  return races == 0 && sum.lost == 0 ? 0 : 1;
}
