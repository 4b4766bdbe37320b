#ifndef MESSI_SESSION_OWED_ACK_H_
#define MESSI_SESSION_OWED_ACK_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "messi/base/time.h"
#include "messi/wire/frame.h"

namespace messi::session {

/// When to tell the peer what was handled of its messages: when they cost so much that the peer may
/// soon have no room, or some time after the first of them. It comes earlier if something is
/// written anyway.
class OwedAck {
 public:
  /// It is due so long after the first message, at the latest.
  static constexpr Duration kPatience = std::chrono::milliseconds(200);

  /// `retain`: how much the peer keeps, in bytes.
  void set_peer_retain(std::size_t retain) {
    limit_ = static_cast<std::uint32_t>(std::min(retain / 4, kMostLimit));
  }

  /// A message was handled.
  void add(std::size_t payload_size) { cost_ += kCost + payload_size; }
  /// At the end of a turn.
  void begin_wait(TimePoint now) {
    if (owed() && since_ == TimePoint::max()) since_ = now;
  }

  bool owed() const { return cost_ > 0; }
  bool due(TimePoint now, bool something_is_written) const {
    if (!owed()) return false;
    if (!something_is_written) return cost_ >= limit_ || now >= deadline();
    return cost_ >= limit_ / 4 || now >= deadline_after(since_, kPatience / 4);
  }
  /// When it is due at the latest.
  TimePoint deadline() const { return deadline_after(since_, kPatience); }

  /// It is said now.
  void clear() {
    cost_ = 0;
    since_ = TimePoint::max();
  }

 private:
  static constexpr std::size_t kCost = 64 + wire::kHeaderSize;
  static constexpr std::size_t kMostLimit = 256 * 1024;

  std::size_t cost_ = 0;
  std::uint32_t limit_ = kMostLimit;
  TimePoint since_ = TimePoint::max();
};

}  // namespace messi::session

#endif  // MESSI_SESSION_OWED_ACK_H_
