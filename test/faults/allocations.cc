// usage: messi_faults_allocations [--every N] [--only N] [part of a scenario's name]
//
// Each scenario with each allocation failing in its turn, of messi, protobuf, Abseil and c-ares.
// Either the exception leaves a call or `poll`, and everything goes on; or it leaves a constructor,
// and there is no object. Nothing ends the program, hangs or leaks, and what arrives is in order.
// With --every N, behind the first allocations only every N-th fails.

#include <ares.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "chat.pb.h"
#include "test/faults/calls.h"
#include "test/faults/sanitizer.h"
#include "test/faults/scenarios.h"
#include "test/support/sockets.h"

namespace {

bool counting = false;
std::size_t allocation = 0;
std::size_t failing = 0;

bool fails() { return counting && allocation++ == failing; }

}  // namespace

void* operator new(std::size_t size) {
  if (fails()) throw std::bad_alloc();
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return fails() ? nullptr : std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return fails() ? nullptr : std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace messi::test {
namespace {

void* malloc_of_cares(std::size_t size) { return fails() ? nullptr : std::malloc(size); }
void* realloc_of_cares(void* memory, std::size_t size) {
  return fails() ? nullptr : std::realloc(memory, size);
}

/// libprotobuf makes the descriptors of a file when they are asked for, and does not survive that
/// memory runs out in `DescriptorBuilder::BuildFile`: the half-made file stays in the pool, and
/// whoever asks again crashes in `AssignMessageDescriptor`. So it is asked before anything fails.
void make_descriptors() { chat::MessageInd::default_instance().GetReflection(); }

/// What a child that runs one allocation after the other leaves behind when it ends.
struct Progress {
  std::size_t next;
  std::size_t went_on;
  std::size_t not_made;
  bool finished;
};

Progress* progress = nullptr;

constexpr int kWrong = 42;

void be_wrong(const Scenario& scenario, const std::string& what,
              const std::vector<std::string>& outcome) {
  std::printf("    FAILED: %s; allocation %zu: %s\n", scenario.name.c_str(), failing + 1,
              what.c_str());
  for (const std::string& line : outcome) std::printf("        %s\n", line.c_str());
  std::fflush(stdout);
  ::_exit(kWrong);
}

/// False if there were fewer allocations.
bool run(const Scenario& scenario, std::size_t number) {
  const std::vector<int> before = open_descriptors();
  std::vector<std::string> outcome;
  outcome.reserve(1'000);
  std::string wrong;
  bool made = true;
  failing = number;
  allocation = 0;
  counting = true;
  try {
    World world(outcome);
    scenario.run(world);
  } catch (const std::bad_alloc&) {
    made = false;
  } catch (const std::exception& error) {
    counting = false;
    wrong = error.what();
  }
  counting = false;
  if (allocation <= number) return false;
  if (!wrong.empty()) be_wrong(scenario, wrong, outcome);
  if (open_descriptors() != before) be_wrong(scenario, "a descriptor is left", outcome);
  ++(made ? progress->went_on : progress->not_made);
  return true;
}

[[noreturn]] void run_from(const Scenario& scenario, std::size_t every) {
  for (; ::alarm(20), run(scenario, progress->next);) {
    progress->next = after(progress->next, every);
  }
  progress->finished = true;
  if (leaks()) be_wrong(scenario, "memory is left, of one of these", {});
  ::_exit(0);
}

/// How many went wrong.
std::size_t try_all(const Scenario& scenario, std::size_t every) {
  std::size_t wrong = 0;
  *progress = {};
  while (!progress->finished) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) run_from(scenario, every);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (progress->finished && status == 0) break;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != kWrong) {
      std::printf("    FAILED: %s; allocation %zu: the process ended with status %d\n",
                  scenario.name.c_str(), progress->next + 1, status);
    }
    ++wrong;
    progress->next = after(progress->next, every);
  }
  return wrong;
}

/// In this process, for a debugger.
int run_only(std::size_t number, const std::string& part) {
  for (const Scenario& scenario : all_scenarios()) {
    if (scenario.name.find(part) != std::string::npos) run(scenario, number - 1);
  }
  std::printf("went on: %zu, not made: %zu\n", progress->went_on, progress->not_made);
  return 0;
}

int run_all(std::size_t every, const std::string& part) {
  std::size_t scenarios = 0;
  std::size_t failed = 0;
  for (const Scenario& scenario : all_scenarios()) {
    if (scenario.name.find(part) == std::string::npos) continue;
    ++scenarios;
    const std::size_t wrong = try_all(scenario, every);
    std::printf("%-60s %5zu failed, %5zu went on, %4zu not made%s\n", scenario.name.c_str(),
                progress->went_on + progress->not_made + wrong, progress->went_on,
                progress->not_made, wrong == 0 ? "" : "  FAILED");
    std::fflush(stdout);
    failed += wrong != 0 ? 1 : 0;
  }
  std::printf("%zu scenarios, %zu failed\n", scenarios, failed);
  return failed == 0 && scenarios > 0 ? 0 : 1;
}

}  // namespace
}  // namespace messi::test

int main(int argc, char** argv) {
  std::size_t every = 1;
  std::size_t only = 0;
  std::string part;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--every" && i + 1 < argc) {
      every = std::strtoul(argv[++i], nullptr, 10);
    } else if (std::string(argv[i]) == "--only" && i + 1 < argc) {
      only = std::strtoul(argv[++i], nullptr, 10);
    } else {
      part = argv[i];
    }
  }
  ::dup2(2, messi::test::kFirstOfSystemd);
  messi::test::use_name_servers_of_our_own();
  ares_library_init_mem(ARES_LIB_INIT_ALL, messi::test::malloc_of_cares, std::free,
                        messi::test::realloc_of_cares);
  messi::test::progress = static_cast<messi::test::Progress*>(
      ::mmap(nullptr, sizeof(messi::test::Progress), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  messi::test::make_descriptors();
  return only != 0 ? messi::test::run_only(only, part) : messi::test::run_all(every, part);
}
