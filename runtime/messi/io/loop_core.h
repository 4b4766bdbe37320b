#ifndef MESSI_IO_LOOP_CORE_H_
#define MESSI_IO_LOOP_CORE_H_

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "messi/base/finally.h"
#include "messi/base/make_room.h"
#include "messi/io/event_loop.h"
#include "messi/io/networks.h"
#include "messi/io/timer_queue.h"
#include "messi/wire/buffer_pool.h"

namespace messi {

/// What every loop needs, without system calls: timers, tasks, posted calls. A turn is
///
///     { Turn turn(*this); ...deliver input...; fire_timers(now); run_posted(); run_tasks(); }
///
/// Each of these is done once. What they add waits for the next turn, so that each turn ends. What
/// needs a turn while there is none calls `wake()`. An exception from a hook ends the turn early;
/// the next turn does the rest.
class LoopCore : public EventLoop {
 public:
  LoopCore(const LoopCore&) = delete;
  LoopCore& operator=(const LoopCore&) = delete;

  /// SplitMix64: small, and good enough for jitter.
  std::uint64_t random() override {
    std::uint64_t mixed = random_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  /// From the system; without it the program ends.
  void fill_secret(Space space) override {
    std::FILE* const source = std::fopen("/dev/urandom", "rb");
    if (source == nullptr || std::fread(space.data, 1, space.size, source) != space.size) {
      fatal("the system has no random numbers");
    }
    std::fclose(source);
  }
  Networks& networks() override { return networks_; }
  wire::BufferPool& buffers() override { return buffers_; }

  void post(std::function<void()> call) override {
    {
      const std::lock_guard<std::mutex> lock(posted_mutex_);
      posted_.push_back(std::move(call));
      if (posted_.size() > 1) return;  // the first post has woken the loop
    }
    wake();
  }

 protected:
  explicit LoopCore(std::uint64_t seed) : random_(seed) {}
  ~LoopCore() override {
    assert(tasks_.empty() && !timers_.next_deadline() &&
           "clients and servers go before their loop");
  }

  /// Marks a turn. Turns do not nest: a handler that runs its own loop would get later messages
  /// before it has finished its own.
  class Turn {
   public:
    explicit Turn(LoopCore& loop) : loop_(loop) {
      if (loop.in_turn_) fatal("a hook must not run the loop that called it");
      loop.in_turn_ = true;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      loop_.in_turn_ = false;
      if (!complete_ || loop_.has_tasks()) loop_.wake();
    }
    /// If it is not called, something in the turn has thrown.
    void complete() { complete_ = true; }

   private:
    LoopCore& loop_;
    bool complete_ = false;
  };

  [[noreturn]] static void fatal(const char* what) {
    std::fprintf(stderr, "messi: %s\n", what);
    std::abort();
  }
  bool in_turn() const { return in_turn_; }

  /// Makes the loop take a turn soon. Any thread.
  virtual void wake() = 0;
  /// The soonest deadline has come nearer. Loop's thread.
  virtual void deadline_changed() = 0;

  std::optional<TimePoint> next_deadline() const { return timers_.next_deadline(); }
  bool has_tasks() const { return !tasks_.empty(); }
  bool has_posted() {
    const std::lock_guard<std::mutex> lock(posted_mutex_);
    return !posted_.empty();
  }

  /// Fires what is due, at most as many timers as there are now: one that sets itself to a moment
  /// that has come does not keep the turn from ending.
  void fire_timers(TimePoint now) {
    for (std::size_t most = timers_.size(); most > 0 && timers_.fire_one(now); --most) {
    }
  }

  void run_posted() {
    {
      const std::lock_guard<std::mutex> lock(posted_mutex_);
      running_posted_.swap(posted_);
    }
    if (running_posted_.empty()) return;
    std::size_t begun = 0;
    const Finally rest([&] {
      const auto next = running_posted_.begin() + static_cast<std::ptrdiff_t>(begun);
      if (next != running_posted_.end()) {
        const std::lock_guard<std::mutex> lock(posted_mutex_);
        posted_.insert(posted_.begin(), std::make_move_iterator(next),
                       std::make_move_iterator(running_posted_.end()));
      }
      running_posted_.clear();
    });
    while (begun < running_posted_.size()) running_posted_[begun++]();
  }

  /// Runs the tasks that are scheduled now.
  void run_tasks() {
    if (tasks_.empty()) return;
    running_tasks_.swap(tasks_);
    const Finally rest([&] {
      std::copy_if(running_tasks_.begin(), running_tasks_.end(),
                   std::inserter(tasks_, tasks_.begin()),
                   [](const Task* task) { return task != nullptr; });
      running_tasks_.clear();
    });
    for (std::size_t i = 0; i < running_tasks_.size(); ++i) {
      Task* const task = std::exchange(running_tasks_[i], nullptr);
      if (task == nullptr) continue;
      task->scheduled_ = false;
      task->call_();
    }
  }

 private:
  void add_task() override {
    make_room(tasks_, task_count_ + 1);
    make_room(running_tasks_, task_count_ + 1);
    ++task_count_;
  }
  void remove_task() override { --task_count_; }
  void add_timer() override { timers_.add(); }
  void remove_timer() override { timers_.remove(); }

  void schedule(Task& task) override {
    task.scheduled_ = true;
    tasks_.push_back(&task);
    if (!in_turn_ && tasks_.size() == 1) wake();
  }
  void cancel(Task& task) override {
    task.scheduled_ = false;
    tasks_.erase(std::remove(tasks_.begin(), tasks_.end(), &task), tasks_.end());
    std::replace(running_tasks_.begin(), running_tasks_.end(), &task, static_cast<Task*>(nullptr));
  }

  void set(Timer& timer, TimePoint deadline) override {
    const std::optional<TimePoint> before = timers_.next_deadline();
    timers_.set(timer, deadline);
    if (!before || deadline < *before) deadline_changed();
  }
  void cancel(Timer& timer) override { timers_.cancel(timer); }

  Networks networks_{*this};
  wire::BufferPool buffers_;
  TimerQueue timers_;
  std::size_t task_count_ = 0;
  std::vector<Task*> tasks_;
  std::vector<Task*> running_tasks_;
  bool in_turn_ = false;
  std::uint64_t random_;

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  std::vector<std::function<void()>> running_posted_;
};

}  // namespace messi

#endif  // MESSI_IO_LOOP_CORE_H_
