#ifndef MESSI_BASE_DEADLINE_QUEUE_H_
#define MESSI_BASE_DEADLINE_QUEUE_H_

#include "messi/base/time.h"

namespace messi {

/// The base class of what waits in a DeadlineQueue. An item is in one queue at most, and leaves it
/// when it is destroyed.
class DeadlineHook {
 public:
  DeadlineHook(const DeadlineHook&) = delete;
  DeadlineHook& operator=(const DeadlineHook&) = delete;

  /// Whether it is in some queue.
  bool waits() const { return before_ != nullptr; }

  /// No-op if it is in none.
  void stop_waiting() {
    if (!waits()) return;
    before_->behind_ = behind_;
    behind_->before_ = before_;
    before_ = behind_ = nullptr;
  }

 protected:
  DeadlineHook() = default;
  ~DeadlineHook() { stop_waiting(); }

 private:
  template <typename T>
  friend class DeadlineQueue;

  // A ring, of which the queue is a part.
  DeadlineHook* before_ = nullptr;
  DeadlineHook* behind_ = nullptr;
};

/// Items that all wait for the same duration, in the order in which they began. The first is always
/// the next whose time is up, so one timer serves them all, and nothing is sorted.
///
/// `T` derives from DeadlineHook and has `TimePoint waits_since() const`. That may grow while it
/// waits, if `push_back` follows.
template <typename T>
class DeadlineQueue {
 public:
  explicit DeadlineQueue(Duration delay) : delay_(delay) { ring_.before_ = ring_.behind_ = &ring_; }

  bool empty() const { return ring_.behind_ == &ring_; }

  /// The item whose time is up first; null if the queue is empty.
  T* first() const { return empty() ? nullptr : static_cast<T*>(ring_.behind_); }

  /// When the time of the first is up. It comes nearer only when `push_back` returns true.
  TimePoint deadline() const {
    return empty() ? TimePoint::max() : deadline_after(first()->waits_since(), delay_);
  }

  /// `item` begins to wait now; it leaves the queue in which it waited before. True if it is the
  /// first: a timer that is set for the queue may then be too late.
  bool push_back(T& item) {
    DeadlineHook& hook = item;
    if (ring_.before_ != &hook) {
      hook.stop_waiting();
      hook.before_ = ring_.before_;
      hook.behind_ = &ring_;
      ring_.before_->behind_ = &hook;
      ring_.before_ = &hook;
    }
    return ring_.behind_ == &hook;
  }

 private:
  struct Ring : DeadlineHook {};

  const Duration delay_;
  Ring ring_;  // between the last and the first
};

}  // namespace messi

#endif  // MESSI_BASE_DEADLINE_QUEUE_H_
