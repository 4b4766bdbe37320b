#ifndef MESSI_BASE_TIME_H_
#define MESSI_BASE_TIME_H_

// Types for time. Nothing below io/ reads a clock: `now` is always a parameter.

#include <chrono>

namespace messi {

/// A moment on the monotonic clock.
using TimePoint = std::chrono::steady_clock::time_point;

/// A span of time; `std::chrono::seconds(2)` and the like convert to it.
using Duration = std::chrono::steady_clock::duration;

/// `duration` after `now`. With `Duration::max()` it is TimePoint::max(), without overflow.
constexpr TimePoint deadline_after(TimePoint now, Duration duration) {
  return duration > TimePoint::max() - now ? TimePoint::max() : now + duration;
}

}  // namespace messi

#endif  // MESSI_BASE_TIME_H_
