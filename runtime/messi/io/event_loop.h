#ifndef MESSI_IO_EVENT_LOOP_H_
#define MESSI_IO_EVENT_LOOP_H_

// What clients and servers ask of the world: time, chance, turns, and the networks that streams
// come from. On Linux it is EpollLoop; in tests it is testing::ManualLoop; a program's own loop can
// drive the former, or derive from LoopCore, which has all but the waiting.
//
// Threads: everything belongs to the loop's thread, and all callbacks come on it. `post` is the
// one call that any thread may make.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/time.h"
#include "messi/wire/buffer_pool.h"

namespace messi {

class Networks;
class Task;
class Timer;

class EventLoop {
 public:
  virtual ~EventLoop() = default;

  /// The time at which the current turn of the loop began; outside of turns, the time.
  virtual TimePoint now() = 0;

  /// All input that had come before this moment has been handed out. It lags behind `now` when the
  /// loop was held up, or the process suspended: then much may wait to be read, and nobody who
  /// seems to have been silent since is to be given up.
  virtual TimePoint input_until() = 0;

  /// Ends whatever runs the loop after the current turn, or as soon as it is run. Loop's thread;
  /// from another, `post` it. Not for signal handlers: let the loop watch a signalfd, or a thread
  /// wait for the signal and post.
  virtual void stop() = 0;

  /// A uniformly distributed number, for jitter. Not for secrets.
  virtual std::uint64_t random() = 0;

  /// Has `call` called on the loop's thread, in order of the posts. Any thread may post.
  virtual void post(std::function<void()> call) = 0;

  /// Where the loop's clients connect to and its servers listen at. A program may add its own.
  virtual Networks& networks() = 0;

  /// Memory to read into in a `handle_readable`, for the time of that call: as much as one read
  /// should take, so that a flood on one stream does not keep the others waiting. It is the
  /// reader's: a stream that another one stands behind does not use it.
  virtual Space scratch() = 0;

  /// The memory that connections of this loop share.
  virtual wire::BufferPool& buffers() = 0;

 protected:
  friend class Task;
  friend class Timer;

  virtual void schedule(Task& task) = 0;
  virtual void cancel(Task& task) = 0;
  virtual void set(Timer& timer, TimePoint deadline) = 0;
  virtual void cancel(Timer& timer) = 0;
};

/// Work for the end of the loop's turn: many `schedule()` in one turn are one call.
/// Destroying it cancels; the loop must outlive it.
class Task {
 public:
  Task(EventLoop& loop, std::function<void()> call) : loop_(loop), call_(std::move(call)) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { cancel(); }

  void schedule() {
    if (!scheduled_) loop_.schedule(*this);
  }
  void cancel() {
    if (scheduled_) loop_.cancel(*this);
  }

 private:
  friend class LoopCore;

  EventLoop& loop_;
  std::function<void()> call_;
  bool scheduled_ = false;
};

/// A call at a moment; at most one moment at a time. Destroying it cancels; the loop must outlive
/// it.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> call) : loop_(loop), call_(std::move(call)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  /// Replaces the moment set before, if any. A moment in the past comes in the next turn.
  void set(TimePoint deadline) { loop_.set(*this, deadline); }
  void cancel() {
    if (pending()) loop_.cancel(*this);
  }
  bool pending() const { return position_ != kNowhere; }

 private:
  friend class TimerQueue;
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  EventLoop& loop_;
  std::function<void()> call_;
  TimePoint deadline_;
  std::size_t position_ = kNowhere;  // in the queue's heap
};

}  // namespace messi

#endif  // MESSI_IO_EVENT_LOOP_H_
