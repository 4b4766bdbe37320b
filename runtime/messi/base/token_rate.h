#ifndef MESSI_BASE_TOKEN_RATE_H_
#define MESSI_BASE_TOKEN_RATE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "messi/base/time.h"

namespace messi {

/// How often something may happen: a bucket that one token leaves each time, and that tokens fill
/// at a steady rate. All that has to be kept of a bucket is when it will be full, so thousands can
/// share one rate.
struct TokenRate {
  /// Between two tokens that come. Zero: there is no limit.
  Duration interval = Duration::zero();
  /// A full bucket has the tokens of this time.
  Duration capacity = Duration::zero();

  /// With a very large `count` there is no limit.
  static constexpr TokenRate per_second(std::size_t count, Duration capacity) {
    constexpr Duration kSecond = std::chrono::seconds(1);
    const auto most = static_cast<std::size_t>(kSecond.count());
    if (count > most) return {Duration::zero(), capacity};
    return {kSecond / std::max(static_cast<Duration::rep>(count), Duration::rep{1}), capacity};
  }

  /// Takes a token from the bucket that will be full at `full_at`; false if there is none.
  bool take(TimePoint& full_at, TimePoint now) const {
    const TimePoint then = std::max(full_at, now) + interval;
    if (then > now + capacity && interval > Duration::zero()) return false;
    full_at = then;
    return true;
  }
};

}  // namespace messi

#endif  // MESSI_BASE_TOKEN_RATE_H_
