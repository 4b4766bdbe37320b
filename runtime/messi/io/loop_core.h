#ifndef MESSI_IO_LOOP_CORE_H_
#define MESSI_IO_LOOP_CORE_H_

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <memory>
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

  void post(std::function<void()> call) override { post(*new OwnCall(std::move(call))); }
  void post(PostedCall& call) override {
    PostedCall* newest = newest_posted_.load(std::memory_order_relaxed);
    do {
      call.next_ = newest;
    } while (!newest_posted_.compare_exchange_weak(newest, &call, std::memory_order_release,
                                                   std::memory_order_relaxed));
    if (newest == nullptr) wake();  // else somebody else has woken the loop, or is about to
  }

 protected:
  explicit LoopCore(std::uint64_t seed) : random_(seed) {}
  ~LoopCore() override {
    assert(tasks_.empty() && !timers_.next_deadline() &&
           "clients and servers go before their loop");
    take_posted();
    while (PostedCall* const call = next_posted()) call->drop();
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
  /// The soonest deadline has come nearer, or there is none any more. Loop's thread.
  virtual void deadline_changed() = 0;

  std::optional<TimePoint> next_deadline() const { return timers_.next_deadline(); }
  bool has_tasks() const { return !tasks_.empty(); }
  bool has_posted() const {
    return posted_ != nullptr || newest_posted_.load(std::memory_order_relaxed) != nullptr;
  }

  /// Fires what is due, at most as many timers as there are now: one that sets itself to a moment
  /// that has come does not keep the turn from ending.
  void fire_timers(TimePoint now) {
    for (std::size_t most = timers_.size(); most > 0 && timers_.fire_one(now); --most) {
    }
  }

  /// What throws is gone; those behind it stay on the list.
  void run_posted() {
    if (!has_posted()) return;
    take_posted();
    while (PostedCall* const call = next_posted()) call->run();
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
  class OwnCall final : public PostedCall {
   public:
    explicit OwnCall(std::function<void()> call) : call_(std::move(call)) {}

   private:
    void run() override {
      const std::unique_ptr<OwnCall> gone_afterwards(this);
      call_();
    }
    void drop() noexcept override { delete this; }

    std::function<void()> call_;
  };

  /// Adds what was posted to the list of those that the loop runs, the oldest first.
  void take_posted() {
    PostedCall* newest = newest_posted_.exchange(nullptr, std::memory_order_acquire);
    PostedCall* oldest = nullptr;
    while (newest != nullptr) {
      PostedCall* const older = newest->next_;
      newest->next_ = oldest;
      oldest = newest;
      newest = older;
    }
    PostedCall** end = &posted_;  // it is empty, unless a call has thrown in the last turn
    while (*end != nullptr) end = &(*end)->next_;
    *end = oldest;
  }
  PostedCall* next_posted() {
    PostedCall* const first = posted_;
    if (first != nullptr) posted_ = first->next_;
    return first;
  }

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
  void cancel(Timer& timer) override {
    timers_.cancel(timer);
    if (timers_.size() == 0) deadline_changed();
  }

  Networks networks_{*this};
  wire::BufferPool buffers_;
  TimerQueue timers_;
  std::size_t task_count_ = 0;
  std::vector<Task*> tasks_;
  std::vector<Task*> running_tasks_;
  bool in_turn_ = false;
  std::uint64_t random_;

  std::atomic<PostedCall*> newest_posted_{nullptr};  // by any thread; each knows the one before
  PostedCall* posted_ = nullptr;                     // for this turn, the oldest first
};

}  // namespace messi

#endif  // MESSI_IO_LOOP_CORE_H_
