#ifndef MESSI_IO_EVENT_LOOP_H_
#define MESSI_IO_EVENT_LOOP_H_

// What clients and servers need: time, random numbers, turns, and networks. On Linux it is
// EpollLoop; in tests it is testing::ManualLoop. A program's own loop can drive EpollLoop, or
// derive from LoopCore, which has everything but the waiting.
//
// Threads: everything belongs to the loop's thread, which makes all callbacks. Other threads may
// only call `post`.

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

/// A call that is posted without memory being taken for it: see EventLoop::post. It is on one list
/// at most, and lives until `run` or `drop`.
class PostedCall {
 public:
  PostedCall() = default;
  PostedCall(const PostedCall&) = delete;
  PostedCall& operator=(const PostedCall&) = delete;

 protected:
  ~PostedCall() = default;

 private:
  friend class LoopCore;

  /// On the loop's thread; it may be posted again from here on.
  virtual void run() = 0;
  /// The loop is destroyed, and has not run it.
  virtual void drop() noexcept = 0;

  PostedCall* next_ = nullptr;
};

class EventLoop {
 public:
  virtual ~EventLoop() = default;

  /// When the current turn of the loop began; outside of turns, the current time.
  virtual TimePoint now() = 0;

  /// All input that had arrived before this moment has been handed out. It lags behind `now` when
  /// the loop was held up, or the process suspended. Then input may wait to be read, and a peer
  /// that seems silent since then must not be given up.
  virtual TimePoint input_until() = 0;

  /// Ends the run of the loop after the current turn, or the next run at once. Loop's thread only;
  /// from another thread, `post` it. Not for signal handlers: let the loop watch a signalfd, or let
  /// a thread wait for the signal and post.
  virtual void stop() = 0;

  /// A uniformly distributed number, for jitter. Not for secrets.
  virtual std::uint64_t random() = 0;

  /// Fills the space with random bytes that nobody can guess: for secrets.
  virtual void fill_secret(Space space) = 0;

  /// Calls `call` on the loop's thread, in the order of the posts. Any thread may post. Calls that
  /// have not run when the loop is destroyed are dropped.
  virtual void post(std::function<void()> call) = 0;
  /// The same, without memory for it. Neither posting nor the loop waits for a lock.
  virtual void post(PostedCall& call) = 0;

  /// The networks for the loop's clients and servers. A program may add its own.
  virtual Networks& networks() = 0;

  /// Memory to read into, for the time of a `handle_readable`. Its size is what one read should
  /// take, so that a flood on one stream does not delay the others. It is for the reader: a stream
  /// under another stream does not use it.
  virtual Space scratch() = 0;

  /// The memory that connections of this loop share.
  virtual wire::BufferPool& buffers() = 0;

 protected:
  friend class Task;
  friend class Timer;

  // A task or a timer is made, so that there is room for it: what follows cannot fail.
  virtual void add_task() = 0;
  virtual void add_timer() = 0;
  virtual void remove_task() = 0;
  virtual void remove_timer() = 0;
  virtual void schedule(Task& task) = 0;
  virtual void cancel(Task& task) = 0;
  virtual void set(Timer& timer, TimePoint deadline) = 0;
  virtual void cancel(Timer& timer) = 0;
};

/// A call at the end of the loop's turn; several `schedule()` in one turn are one call. Destroying
/// it cancels it. The loop must outlive it.
class Task {
 public:
  Task(EventLoop& loop, std::function<void()> call) : loop_(loop), call_(std::move(call)) {
    loop_.add_task();
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    cancel();
    loop_.remove_task();
  }

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

/// A call at a moment; at most one moment at a time. Destroying it cancels it. The loop must
/// outlive it.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> call) : loop_(loop), call_(std::move(call)) {
    loop_.add_timer();
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() {
    cancel();
    loop_.remove_timer();
  }

  /// Replaces the moment set before, if any. For a moment in the past the call comes in the next
  /// turn.
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
