#ifndef MESSI_CORO_RUNNER_H_
#define MESSI_CORO_RUNNER_H_

#ifndef __cpp_impl_coroutine
#error "messi's coroutines need C++20: -std=c++20"
#endif

#include <coroutine>
#include <exception>
#include <utility>

#include "messi/io/event_loop.h"

namespace messi::coro {

/// What a coroutine waits for.
class Condition {
 public:
  virtual bool holds() = 0;

 protected:
  ~Condition() = default;
};

/// Is told that a coroutine has ended, and of what it has thrown, which else leaves the loop. It
/// may destroy the owner.
class Ending {
 public:
  virtual void handle_ended(std::exception_ptr error) = 0;

 protected:
  ~Ending() = default;
};

/// Runs a coroutine, and all coroutines that it awaits, from the loop.
// Coroutines that await each other are resumed by `step`, one after the other. If they resumed each
// other, each would take stack for as long as the others run, unless the compiler optimises.
class Runner {
 public:
  /// Takes the coroutine, which begins at the end of the loop's turn. `ending` may be null.
  Runner(EventLoop& loop, std::coroutine_handle<> coroutine, Ending* ending)
      : loop_(loop),
        step_(loop, [this] { step(); }),
        root_(coroutine),
        next_(coroutine),
        ending_(ending) {
    wake();
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Its owner has gone: what is in the coroutine is destroyed where it waits. If it is running,
  /// when it waits next.
  static void abandon(Runner* runner) {
    if (runner->running_) {
      runner->abandoned_ = true;
      runner->ending_ = nullptr;
    } else {
      delete runner;
    }
  }

  EventLoop& loop() { return loop_; }
  bool done() const { return root_ == nullptr; }

  /// A coroutine is suspended, and `next` goes on.
  void transfer(std::coroutine_handle<> next) { next_ = next; }
  /// A coroutine is suspended until `condition` holds. It is looked at after each `wake`.
  void wait(Condition& condition, std::coroutine_handle<> waiting) {
    condition_ = &condition;
    next_ = waiting;
  }
  void wake() { step_.schedule(); }
  /// The coroutine has ended, with an exception or without.
  void finish(std::exception_ptr error) { error_ = std::move(error); }

 private:
  ~Runner() {
    if (root_ != nullptr) root_.destroy();
  }

  void step() {
    if (condition_ != nullptr && !condition_->holds()) return;
    condition_ = nullptr;
    running_ = true;
    while (condition_ == nullptr && next_ != nullptr) std::exchange(next_, nullptr).resume();
    if (condition_ == nullptr) std::exchange(root_, nullptr).destroy();
    running_ = false;
    std::exception_ptr error = std::exchange(error_, nullptr);
    if (done() && ending_ != nullptr) return ending_->handle_ended(std::move(error));
    if (abandoned_) delete this;
    if (error != nullptr) std::rethrow_exception(error);
  }

  EventLoop& loop_;
  messi::Task step_;
  std::coroutine_handle<> root_;
  std::coroutine_handle<> next_;  // to be resumed
  Condition* condition_ = nullptr;
  Ending* ending_;
  std::exception_ptr error_;
  bool running_ = false;
  bool abandoned_ = false;
};

}  // namespace messi::coro

#endif  // MESSI_CORO_RUNNER_H_
