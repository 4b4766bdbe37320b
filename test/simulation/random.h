#ifndef MESSI_TEST_SIMULATION_RANDOM_H_
#define MESSI_TEST_SIMULATION_RANDOM_H_

#include <cstddef>
#include <cstdint>

namespace messi::simulation {

inline std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

/// SplitMix64. The same seed gives the same numbers everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(mix(seed + 1)) {}

  std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15); }
  /// Less than `limit`, which is not 0.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <typename T, std::size_t N>
  T pick(const T (&values)[N]) {
    return values[below(N)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_RANDOM_H_
