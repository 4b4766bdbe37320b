// Runs scenarios, each from a seed, on all cores. A scenario that fails is shrunk and shown.
//
//     messi_simulation --seeds N [--sessions] [--calls] [--seed FIRST] [--jobs J] [--twice]
//     [--as-found]
//     [--keep LIST] [--trace]

#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "test/simulation/memory.h"
#include "test/simulation/scenario.h"
#include "test/simulation/world.h"

namespace messi::simulation {
namespace {

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  unsigned jobs = 1;
  std::optional<std::vector<std::size_t>> keep;  // the items of the scenario that are left
  bool sessions = false;                         // also for odd seeds
  bool calls = false;                            // not only for every third
  bool trace = false;
  bool twice = false;
  bool as_found = false;  // a scenario that fails is not shrunk
};

Scenario scenario_of(std::uint64_t seed, const Arguments& arguments) {
  return generate(seed, arguments.sessions || seed % 2 == 0, arguments.calls || seed % 3 == 0);
}

/// Whatever is made once and stays.
bool warm_up(Sessions sessions) {
  Scenario scenario;
  const auto add = [&](Act act, Form form) {
    Item& item = scenario.items.emplace_back();
    item.at = std::chrono::seconds(act > Act::kClient ? 1 : 0);
    item.act = act;
    item.recipe = {form, 100};
    item.amount = 1;
  };
  add(Act::kTls, Form::kEmpty);
  for (const Act act : {Act::kServerSession, Act::kClientSession}) {
    add(act, Form::kEmpty);
    scenario.items.back().amount = static_cast<std::size_t>(sessions);
  }
  add(Act::kClient, Form::kEmpty);
  for (const Form form : {Form::kEmpty, Form::kFlat, Form::kText, Form::kNested}) {
    for (const Act act : {Act::kSend, Act::kPeerSend, Act::kBroadcast}) add(act, form);
  }
  add(Act::kSendBad, Form::kText);
  for (const Act act : {Act::kCall, Act::kPeerCall}) {
    add(act, Form::kEmpty);
    scenario.items.back().span = std::chrono::seconds(1);
  }
  return run(scenario, false).violation.empty();
}

/// A run, and what it did with memory.
Outcome run_and_measure(const Scenario& scenario, bool verbose) {
  [[maybe_unused]] static const bool warm = warm_up(Sessions::kOff) && warm_up(Sessions::kRequired);
  const std::size_t before = live_bytes();
  forget_peak();
  Outcome outcome = run(scenario, verbose);
  if (!outcome.violation.empty()) return outcome;
  if (live_bytes() != before) outcome.violation = "memory is left behind";
  if (peak_bytes() > before + outcome.most_memory) outcome.violation = "too much memory is used";
  return outcome;
}

Scenario part_of(const Scenario& whole, const std::vector<std::size_t>& keep) {
  Scenario part = whole;
  part.items.clear();
  for (const std::size_t i : keep) {
    if (i < whole.items.size()) part.items.push_back(whole.items[i]);
  }
  return part;
}

std::vector<std::size_t> everything(const Scenario& scenario) {
  std::vector<std::size_t> all(scenario.items.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

// What fails is run again, and then says all that it has to say.
void be_quiet() {
  if (std::freopen("/dev/null", "w", stderr) == nullptr) std::abort();
}

/// A run that takes longer hangs. Only this process's time counts: the machine may be busy.
void give_up_after(int seconds) {
  const itimerval timer = {{0, 0}, {seconds, 0}};
  setitimer(ITIMER_PROF, &timer, nullptr);
}

/// What a run says that may crash or hang: the violation, or how it ended; "" if all is well.
std::string run_apart(const Scenario& scenario, bool quiet) {
  int pipes[2];
  if (pipe(pipes) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    close(pipes[0]);
    if (quiet) be_quiet();
    give_up_after(10);
    const std::string violation = run_and_measure(scenario, false).violation;
    [[maybe_unused]] const ssize_t written = write(pipes[1], violation.data(), violation.size());
    _exit(0);
  }
  close(pipes[1]);
  std::string said;
  char bytes[1000];
  for (ssize_t size; (size = read(pipes[0], bytes, sizeof(bytes))) > 0;) {
    said.append(bytes, static_cast<std::size_t>(size));
  }
  close(pipes[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return std::string("it ended with ") + strsignal(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "it ended with an error of a sanitizer";
  return said;
}

/// Leaves out what is not needed for the failure: larger parts first.
std::vector<std::size_t> shrink(const Scenario& whole) {
  std::vector<std::size_t> left = everything(whole);
  for (std::size_t size = std::max<std::size_t>(left.size() / 2, 1);; size /= 2) {
    for (std::size_t begin = 0; begin < left.size();) {
      std::vector<std::size_t> without = left;
      const auto from = without.begin() + static_cast<std::ptrdiff_t>(begin);
      without.erase(from, from + static_cast<std::ptrdiff_t>(std::min(size, left.size() - begin)));
      if (run_apart(part_of(whole, without), true).empty()) {
        begin += size;
      } else {
        left = without;
      }
    }
    if (size <= 1) return left;
  }
}

void report(const Arguments& arguments, std::uint64_t seed) {
  const Scenario whole = scenario_of(seed, arguments);
  const bool shrunk = !arguments.as_found;
  std::printf("\nseed %" PRIu64 ": %s\n", seed, run_apart(whole, !shrunk).c_str());
  if (!shrunk) return;
  std::printf("Shrinking its %zu items.\n", whole.items.size());
  std::fflush(stdout);
  const std::vector<std::size_t> left = shrink(whole);
  const Scenario part = part_of(whole, left);
  std::printf("\n%zu are left, with: %s\n\n", left.size(), run_apart(part, true).c_str());
  std::string keep;
  for (const std::size_t i : left) {
    std::printf("  %s\n", describe(whole.items[i]).c_str());
    keep += (keep.empty() ? "" : ",") + std::to_string(i);
  }
  std::printf("  %s\n\nAgain, with all that happens:\n", describe(whole.ending));
  std::printf(
      "  test/simulation/run%s --seed %" PRIu64 " --keep %s --trace\n\n",
      (std::string(arguments.sessions ? " --sessions" : "") + (arguments.calls ? " --calls" : ""))
          .c_str(),
      seed, keep.empty() ? "none" : keep.c_str());
}

/// What the processes tell the one that started them.
struct Board {
  std::uint64_t seeds[64];  // what each is at
  bool failed[64];
  std::uint64_t messages[64];
  std::uint64_t turns[64];
  std::uint64_t trace[64];
};

void work(const Arguments& arguments, unsigned job, Board& board) {
  be_quiet();
  for (std::uint64_t i = job; i < arguments.count; i += arguments.jobs) {
    const std::uint64_t seed = arguments.first + i;
    board.seeds[job] = seed;
    give_up_after(60);
    const Scenario scenario = scenario_of(seed, arguments);
    const Outcome outcome = run_and_measure(scenario, false);
    board.messages[job] += outcome.messages;
    board.turns[job] += outcome.turns;
    board.trace[job] ^= outcome.trace;
    board.failed[job] = !outcome.violation.empty();
    if (!board.failed[job] && arguments.twice) {
      board.failed[job] = run(scenario, false).trace != outcome.trace;
      if (board.failed[job]) std::printf("seed %" PRIu64 " is not the same twice\n", seed);
    }
    if (board.failed[job]) _exit(1);
  }
  std::exit(0);  // which also looks for leaks, with AddressSanitizer
}

int run_all(const Arguments& arguments) {
  auto* const board = static_cast<Board*>(
      mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (board == MAP_FAILED) std::abort();
  std::vector<pid_t> workers;
  for (unsigned job = 0; job < arguments.jobs; ++job) {
    const pid_t worker = fork();
    if (worker == 0) work(arguments, job, *board);
    workers.push_back(worker);
  }
  std::optional<std::uint64_t> failed;
  for (std::size_t left = workers.size(); left > 0; --left) {
    int status = 0;
    const pid_t ended = wait(&status);
    if (status == 0 || failed) continue;
    const auto job = std::find(workers.begin(), workers.end(), ended) - workers.begin();
    failed = board->seeds[job];
    for (const pid_t other : workers) {
      if (other != ended) kill(other, SIGTERM);
    }
  }
  std::uint64_t messages = 0;
  std::uint64_t turns = 0;
  std::uint64_t trace = 0;
  for (unsigned job = 0; job < arguments.jobs; ++job) {
    messages += board->messages[job];
    turns += board->turns[job];
    trace ^= board->trace[job];
  }
  if (failed) {
    report(arguments, *failed);
    std::printf("%" PRIu64 " seeds, 1 violation\n", arguments.count);
    return 1;
  }
  std::printf("%" PRIu64 " turns of the loop, %" PRIu64 " messages, trace %016" PRIx64 "\n", turns,
              messages, trace);
  std::printf("%" PRIu64 " seeds, 0 violations\n", arguments.count);
  return 0;
}

int run_one(const Arguments& arguments) {
  const Scenario whole = scenario_of(arguments.first, arguments);
  const Scenario part = arguments.keep ? part_of(whole, *arguments.keep) : whole;
  const Outcome outcome = run_and_measure(part, arguments.trace);
  if (outcome.violation.empty()) {
    std::printf("trace %016" PRIx64 "\n1 seeds, 0 violations\n", outcome.trace);
    return 0;
  }
  std::printf("seed %" PRIu64 ": %s\n1 seeds, 1 violation\n", arguments.first,
              outcome.violation.c_str());
  return 1;
}

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: run --seeds N [--sessions] [--calls] [--seed FIRST] [--jobs J] [--twice] "
               "[--as-found]\n"
               "       run --seed S [--sessions] [--calls] [--keep LIST] [--trace]\n");
  std::exit(2);
}

std::uint64_t number(const char* text) {
  char* end = nullptr;
  const std::uint64_t value = text == nullptr ? 0 : std::strtoull(text, &end, 10);
  if (end == text || end == nullptr || *end != '\0') usage();
  return value;
}

std::vector<std::size_t> numbers(std::string_view list) {
  std::vector<std::size_t> all;
  if (list == "none") return all;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    all.push_back(number(std::string(list.substr(0, end)).c_str()));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return all;
}

Arguments parse(char** argument) {
  Arguments arguments;
  arguments.jobs = static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  for (++argument; *argument != nullptr; ++argument) {
    const std::string_view name = *argument;
    if (name == "--trace") {
      arguments.trace = true;
      continue;
    }
    if (name == "--sessions") {
      arguments.sessions = true;
      continue;
    }
    if (name == "--calls") {
      arguments.calls = true;
      continue;
    }
    if (name == "--as-found") {
      arguments.as_found = true;
      continue;
    }
    if (name == "--twice") {
      arguments.twice = true;
      continue;
    }
    const char* const value = *++argument;
    if (value == nullptr) usage();
    if (name == "--seeds") {
      arguments.count = number(value);
    } else if (name == "--seed") {
      arguments.first = number(value);
    } else if (name == "--jobs") {
      arguments.jobs = static_cast<unsigned>(number(value));
    } else if (name == "--keep") {
      arguments.keep = numbers(value);
    } else {
      usage();
    }
  }
  arguments.jobs = std::min(std::max(arguments.jobs, 1u), 64u);
  return arguments;
}

}  // namespace
}  // namespace messi::simulation

int main(int /*count*/, char** argument) {
  using namespace messi::simulation;
  const Arguments arguments = parse(argument);
  if (arguments.keep || arguments.trace) return run_one(arguments);
  return run_all(arguments);
}
