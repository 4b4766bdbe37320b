#ifndef MESSI_CONNECTION_BACKOFF_H_
#define MESSI_CONNECTION_BACKOFF_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "messi/base/time.h"

namespace messi {

struct BackoffSettings {
  Duration initial = std::chrono::seconds(1);  ///< The first delay, before jitter.
  double factor = 1.6;                         ///< How much longer each further delay is.
  Duration max = std::chrono::seconds(30);     ///< The longest delay, before jitter.
  /// After a connection that was up for `settled`, the first delay is at most `quick` instead.
  Duration quick = std::chrono::milliseconds(200);
  Duration settled = std::chrono::seconds(10);
};

namespace connection {

/// The delay before the next attempt to connect: exponential, with jitter, so that not all clients
/// of a restarted server reconnect at the same time.
class Backoff {
 public:
  explicit Backoff(const BackoffSettings& settings)
      : settings_(settings), base_(settings.initial) {}

  /// The connection has proved itself: the server answered.
  void reset() { base_ = settings_.initial; }

  /// A proved connection that was up for `uptime` has ended; called after `reset`.
  void handle_lost(Duration uptime) { quick_ = uptime >= settings_.settled; }

  /// The next delay: uniform in [base / 2, base], where base grows from call to call.
  /// `random` is any uniformly distributed number.
  Duration next(std::uint64_t random) {
    const double unit = static_cast<double>(random >> 11) * 0x1p-53;
    if (quick_) {
      quick_ = false;
      return scaled(settings_.quick, unit);
    }
    const Duration base = std::min(base_, settings_.max);
    base_ = std::min(scaled(base, settings_.factor), settings_.max);
    return scaled(base, 0.5 + unit / 2);
  }

 private:
  static Duration scaled(Duration duration, double factor) {
    return Duration(static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor));
  }

  BackoffSettings settings_;
  Duration base_;
  bool quick_ = false;
};

}  // namespace connection

}  // namespace messi

#endif  // MESSI_CONNECTION_BACKOFF_H_
