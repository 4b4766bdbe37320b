#ifndef MESSI_BENCH_COMMON_MEASURE_H_
#define MESSI_BENCH_COMMON_MEASURE_H_

// Clocks, CPU time, percentiles, and the line of JSON in which a client hands over what it
// measured.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

inline double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// User and system time of all threads of a process, as the scheduler counted it (in nanoseconds,
// not in ticks).
inline double cpu_seconds(int pid) {
  const std::string tasks = "/proc/" + (pid == 0 ? "self" : std::to_string(pid)) + "/task";
  std::error_code error;
  double total = 0;
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    std::uint64_t nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    total += static_cast<double>(nanoseconds) * 1e-9;
  }
  return total;
}

// The system calls of a process, if calls.c counts them.
inline double system_calls(int pid) {
  const char* const folder = std::getenv("BENCH_CALLS");
  if (folder == nullptr) return 0;
  std::uint64_t calls = 0;
  std::ifstream(std::string(folder) + '/' + std::to_string(pid), std::ios::binary)
      .read(reinterpret_cast<char*>(&calls), sizeof(calls));
  return static_cast<double>(calls);
}

class Latencies {
 public:
  explicit Latencies(std::size_t expected) { nanoseconds_.reserve(expected); }

  void add(Clock::duration latency) {
    nanoseconds_.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(latency).count());
  }

  std::size_t count() const { return nanoseconds_.size(); }

  double percentile_us(double percent) {
    if (nanoseconds_.empty()) return 0;
    const auto rank = static_cast<std::size_t>(percent / 100 * static_cast<double>(count() - 1));
    const auto nth = nanoseconds_.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(nanoseconds_.begin(), nth, nanoseconds_.end());
    return static_cast<double>(*nth) / 1000;
  }

 private:
  std::vector<std::int64_t> nanoseconds_;
};

class Report {
 public:
  Report& add(std::string name, double value) {
    values_.emplace_back(std::move(name), value);
    return *this;
  }

  void print() const {
    std::cout.precision(10);
    const char* separator = "{";
    for (const auto& [name, value] : values_) {
      std::cout << separator << '"' << name << "\": " << value;
      separator = ", ";
    }
    std::cout << "}" << std::endl;
  }

 private:
  std::vector<std::pair<std::string, double>> values_;
};

}  // namespace bench

#endif  // MESSI_BENCH_COMMON_MEASURE_H_
