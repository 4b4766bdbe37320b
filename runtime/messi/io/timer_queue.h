#ifndef MESSI_IO_TIMER_QUEUE_H_
#define MESSI_IO_TIMER_QUEUE_H_

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "messi/base/make_room.h"
#include "messi/base/time.h"
#include "messi/io/event_loop.h"

namespace messi {

/// The timers of a loop, soonest first: a binary heap in which each timer has its position.
class TimerQueue {
 public:
  /// There is one more timer that may be set, or one less.
  void add() {
    make_room(heap_, timers_ + 1);
    ++timers_;
  }
  void remove() { --timers_; }

  void set(Timer& timer, TimePoint deadline) {
    if (!timer.pending()) {
      timer.position_ = heap_.size();
      heap_.push_back(&timer);
    }
    timer.deadline_ = deadline;
    sift_down(sift_up(timer.position_));
  }

  void cancel(Timer& timer) {
    const std::size_t hole = timer.position_;
    timer.position_ = Timer::kNowhere;
    Timer* const last = heap_.back();
    heap_.pop_back();
    if (last == &timer) return;
    place(*last, hole);
    sift_down(sift_up(hole));
  }

  std::size_t size() const { return heap_.size(); }

  std::optional<TimePoint> next_deadline() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front()->deadline_;
  }

  /// Fires the soonest timer if it is due; false if none is. A timer that sets itself to a moment
  /// in the past fires again.
  bool fire_one(TimePoint now) {
    if (heap_.empty() || heap_.front()->deadline_ > now) return false;
    Timer& due = *heap_.front();
    cancel(due);
    due.call_();
    return true;
  }

 private:
  bool sooner(std::size_t a, std::size_t b) const {
    return heap_[a]->deadline_ < heap_[b]->deadline_;
  }
  void place(Timer& timer, std::size_t position) {
    heap_[position] = &timer;
    timer.position_ = position;
  }
  void swap(std::size_t a, std::size_t b) {
    Timer* const moved = heap_[a];
    place(*heap_[b], a);
    place(*moved, b);
  }
  std::size_t sift_up(std::size_t position) {
    while (position > 0 && sooner(position, (position - 1) / 2)) {
      swap(position, (position - 1) / 2);
      position = (position - 1) / 2;
    }
    return position;
  }
  void sift_down(std::size_t position) {
    for (;;) {
      std::size_t child = 2 * position + 1;
      if (child >= heap_.size()) return;
      if (child + 1 < heap_.size() && sooner(child + 1, child)) ++child;
      if (!sooner(child, position)) return;
      swap(position, child);
      position = child;
    }
  }

  std::size_t timers_ = 0;
  std::vector<Timer*> heap_;
};

}  // namespace messi

#endif  // MESSI_IO_TIMER_QUEUE_H_
