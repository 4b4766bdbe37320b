#ifndef MESSI_IO_SCRATCH_H_
#define MESSI_IO_SCRATCH_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>

#include "messi/base/bytes.h"
#include "messi/base/time.h"

namespace messi::io {

/// The memory that a loop's streams read into. A read takes what a turn can handle in about 0.1 ms.
class Scratch {
 public:
  Space space() const { return {memory_.get(), size_}; }

  /// A turn with input has taken this long.
  void adapt(Duration turn) {
    if (turn > kTurnTime) {
      size_ = std::max(size_ / 2, kLeast);
    } else if (turn < kTurnTime / 4) {
      size_ = std::min(size_ * 2, kMost);
    }
  }

 private:
  // kLeast costs at worst a system call every few microseconds. More than kMost would not fit the
  // processor's caches.
  static constexpr Duration kTurnTime = std::chrono::microseconds(100);
  static constexpr std::size_t kLeast = 4 * 1024;
  static constexpr std::size_t kMost = 64 * 1024;

  const std::unique_ptr<char[]> memory_{new char[kMost]};
  std::size_t size_ = kMost;
};

}  // namespace messi::io

#endif  // MESSI_IO_SCRATCH_H_
