#ifndef MESSI_BASE_COUNT_H_
#define MESSI_BASE_COUNT_H_

#include <atomic>
#include <cstdint>

namespace messi {

/// A number that one thread changes and any thread may read. Changing it costs what a plain one
/// does, since nobody else changes it.
class Count {
 public:
  Count() = default;
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;

  Count& operator+=(std::uint64_t more) {
    value_.store(*this + more, std::memory_order_relaxed);
    return *this;
  }
  Count& operator-=(std::uint64_t less) { return *this += 0 - less; }
  Count& operator++() { return *this += 1; }
  Count& operator--() { return *this -= 1; }

  operator std::uint64_t() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

}  // namespace messi

#endif  // MESSI_BASE_COUNT_H_
