#ifndef MESSI_IMPL_TOMBSTONES_H_
#define MESSI_IMPL_TOMBSTONES_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "messi/base/time.h"
#include "messi/session/session_loss.h"
#include "messi/wire/session_frames.h"

namespace messi {

/// What a server remembers of sessions that are over, so that a client that comes back can be told
/// how far its session got.
class Tombstones {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr Duration kKeptFor = std::chrono::minutes(10);

  struct Stone {
    wire::Token secret;
    std::string principal;
    SessionLossReason reason;
    std::uint64_t rx;  ///< How many of the client's messages were dispatched.
  };

  void add(const wire::Token& id, Stone stone, TimePoint now) {
    forget_old(now);
    if (stones_.size() == kMost) forget_first();
    order_.emplace_back(now, id);
    stones_.emplace(id, std::move(stone));
  }

  /// Null if there is none, or none any more.
  const Stone* find(const wire::Token& id, TimePoint now) {
    forget_old(now);
    const auto stone = stones_.find(id);
    return stone != stones_.end() ? &stone->second : nullptr;
  }

  std::size_t size() const { return stones_.size(); }

 private:
  void forget_old(TimePoint now) {
    while (!order_.empty() && order_.front().first + kKeptFor <= now) forget_first();
  }
  void forget_first() {
    stones_.erase(order_.front().second);
    order_.pop_front();
  }

  std::deque<std::pair<TimePoint, wire::Token>> order_;
  std::map<wire::Token, Stone> stones_;
};

}  // namespace messi

#endif  // MESSI_IMPL_TOMBSTONES_H_
