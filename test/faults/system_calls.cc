// usage: messi_faults_system_calls [--every N] [part of a scenario's name]
//
// Each scenario with each kind of system call failing in its turn, with each error, once and five
// times in a row; with --every N, once, and behind the first calls only every N-th. Nothing may
// leak, crash or hang; what passes must not be noticed; and when nothing fails any more, clients
// are connected again and what they hear is in order.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "test/faults/calls.h"
#include "test/faults/sanitizer.h"
#include "test/faults/scenarios.h"
#include "test/support/sockets.h"

namespace messi::test {
namespace {

/// Errors that are over at once; the program must not notice.
bool passes(const Fault& fault) {
  switch (fault.call) {
    case Call::kRecv:
    case Call::kAccept:
      return fault.error == EINTR || fault.error == EAGAIN || fault.error == kShort;
    case Call::kSend:
      return fault.error != EPIPE && fault.error != ECONNRESET && fault.error != ETIMEDOUT;
    case Call::kWait:
    case Call::kSetOption:
    case Call::kRandom:
      return true;
    default:
      return false;
  }
}

/// Without descriptors there is no loop, which is said on stderr.
bool ends_program(const Fault& fault) {
  constexpr std::size_t kWatchedByLoop = 2;
  return fault.call == Call::kMakeEpoll || fault.call == Call::kMakeEvent ||
         fault.call == Call::kMakeTimer ||
         (fault.call == Call::kWatch && fault.first < kWatchedByLoop);
}

std::string current;  // for a crash

void say_where(int signal) {
  const std::string text = "crashed in: " + current + "\n";
  [[maybe_unused]] const ssize_t ignored = ::write(2, text.data(), text.size());
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

struct Run {
  Counted counted;
  std::vector<std::string> outcome;
  std::string wrong;
};

Run run(const Scenario& scenario, const Fault& fault) {
  Run result;
  const std::vector<int> before = open_descriptors();
  begin_faults(fault);
  try {
    World world(result.outcome);
    scenario.run(world);
  } catch (const std::exception& error) {
    result.wrong = error.what();
  }
  result.counted = end_faults();
  std::sort(result.outcome.begin(), result.outcome.end());
  if (result.wrong.empty() && open_descriptors() != before) result.wrong = "a descriptor is left";
  return result;
}

/// What the process that has no loop says.
bool aborts(const Scenario& scenario, const Fault& fault) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    std::freopen("/dev/null", "w", stderr);
    run(scenario, fault);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

struct Totals {
  std::size_t runs = 0;
  std::size_t injected = 0;
  std::size_t failed = 0;
};

std::string describe(const Faulty& faulty, const Fault& fault) {
  return std::string(faulty.name) + " number " + std::to_string(fault.first + 1) +
         (fault.times > 1 ? " and those after it: " : ": ") +
         (fault.error == kShort ? "one byte" : std::strerror(fault.error));
}

void report(const Scenario& scenario, const std::string& where, const Run& result) {
  std::printf("    FAILED: %s; %s: %s\n", scenario.name.c_str(), where.c_str(),
              result.wrong.c_str());
  for (const std::string& line : result.outcome) std::printf("        %s\n", line.c_str());
}

void try_all(const Scenario& scenario, const Faulty& faulty, std::size_t every,
             const std::vector<std::string>& usual, Totals& totals) {
  for (const int error : faulty.errors) {
    for (const std::size_t times : {1u, 5u}) {
      if (times > 1 && every > 1) continue;
      for (std::size_t first = 0;; first = after(first, every)) {
        const Fault fault{faulty.call, first, times, error};
        current = scenario.name + ": " + describe(faulty, fault);
        if (ends_program(fault)) {
          const Run calls = run(scenario, {faulty.call, ~std::size_t{0}, 0, 0});
          if (first >= calls.counted.calls) break;
          ++totals.runs;
          ++totals.injected;
          if (aborts(scenario, fault)) continue;
          ++totals.failed;
          report(scenario, describe(faulty, fault), {{}, {}, "the process goes on without a loop"});
          continue;
        }
        Run result = run(scenario, fault);
        if (result.counted.failed == 0) break;
        ++totals.runs;
        totals.injected += result.counted.failed;
        if (result.wrong.empty() && times == 1 && scenario.steady && passes(fault) &&
            result.outcome != usual) {
          result.wrong = "it should have gone unnoticed";
        }
        if (result.wrong.empty()) continue;
        ++totals.failed;
        report(scenario, describe(faulty, fault), result);
      }
    }
  }
}

int run_all(std::size_t every, const std::string& part) {
  std::size_t scenarios = 0;
  std::size_t failed = 0;
  Totals all;
  for (const Scenario& scenario : all_scenarios()) {
    if (scenario.name.find(part) == std::string::npos) continue;
    ++scenarios;
    Totals totals;
    current = scenario.name;
    const Run usual = run(scenario, {Call::kSocket, ~std::size_t{0}, 0, 0});
    if (!usual.wrong.empty()) {
      ++totals.failed;
      report(scenario, "without a fault", usual);
    } else {
      for (const Faulty& faulty : all_faulty()) {
        try_all(scenario, faulty, every, usual.outcome, totals);
      }
    }
    if (leaks()) {  // looking for them takes long
      ++totals.failed;
      report(scenario, "after one of these", {{}, {}, "memory is left"});
    }
    std::printf("%-60s %6zu runs, %6zu calls failed%s\n", scenario.name.c_str(), totals.runs,
                totals.injected, totals.failed == 0 ? "" : "  FAILED");
    std::fflush(stdout);
    all.runs += totals.runs;
    all.injected += totals.injected;
    failed += totals.failed != 0 ? 1 : 0;
  }
  std::printf("%zu runs, %zu calls failed\n", all.runs, all.injected);
  std::printf("%zu scenarios, %zu failed\n", scenarios, failed);
  return failed == 0 && scenarios > 0 ? 0 : 1;
}

}  // namespace
}  // namespace messi::test

int main(int argc, char** argv) {
  std::size_t every = 1;
  std::string part;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--every" && i + 1 < argc) {
      every = std::strtoul(argv[++i], nullptr, 10);
    } else {
      part = argv[i];
    }
  }
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS}) std::signal(signal, messi::test::say_where);
  ::dup2(2, messi::test::kFirstOfSystemd);
  messi::test::use_name_servers_of_our_own();
  return messi::test::run_all(every, part);
}
