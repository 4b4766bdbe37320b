#ifndef MESSI_CORO_TASK_H_
#define MESSI_CORO_TASK_H_

#include <cassert>
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "messi/coro/runner.h"

namespace messi::coro {

class Awaiter;
template <typename Result>
class Task;

// What a Task may await.
template <typename Awaited>
inline constexpr bool is_awaitable = std::is_base_of_v<Awaiter, Awaited>;
template <typename Result>
inline constexpr bool is_awaitable<Task<Result>> = true;

// What is awaited, where it is. g++ would copy what `await_transform` returns a reference to.
template <typename Awaited>
class Awaiting {
 public:
  explicit Awaiting(Awaited& awaited) : awaited_(awaited) {}
  bool await_ready() { return awaited_.await_ready(); }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    awaited_.await_suspend(waiting);
  }
  decltype(auto) await_resume() { return awaited_.await_resume(); }

 private:
  Awaited& awaited_;
};

/// The promise of a Task, whatever its result is.
class PromiseBase {
 public:
  std::suspend_always initial_suspend() noexcept { return {}; }

  struct Final {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      ended.promise().hand_back();
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }

  void unhandled_exception() noexcept { error_ = std::current_exception(); }

  template <typename Awaited>
  Awaiting<Awaited> await_transform(Awaited&& awaited) {
    static_assert(is_awaitable<Awaited>,
                  "a coroutine of messi awaits temporary tasks, and what messi offers");
    return Awaiting<Awaited>(awaited);
  }

  Runner& runner() const { return *runner_; }

  /// Runs it, and then `awaiting`; null: it was spawned.
  void begin(Runner& runner, std::coroutine_handle<> awaiting) {
    runner_ = &runner;
    awaiting_ = awaiting;
  }
  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  void hand_back() noexcept {
    if (awaiting_ != nullptr) return runner_->transfer(awaiting_);
    runner_->finish(std::move(error_));
  }

  Runner* runner_ = nullptr;
  std::coroutine_handle<> awaiting_;
  std::exception_ptr error_;
};

template <typename Result>
class Promise : public PromiseBase {
 public:
  inline Task<Result> get_return_object();
  template <typename Value>
  void return_value(Value&& value) {
    result_.emplace(std::forward<Value>(value));
  }
  Result take() { return *std::move(result_); }

 private:
  std::optional<Result> result_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  inline Task<void> get_return_object();
  void return_void() {}
  void take() {}
};

/// A coroutine that has not begun. It runs when another one awaits it, or when it is spawned: see
/// messi/coro/job.h. What it throws comes out of the `co_await`. Destroying a Task destroys what is
/// in the coroutine.
template <typename Result = void>
class [[nodiscard]] Task {
 public:
  using promise_type = Promise<Result>;

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task taken(std::move(other));
    std::swap(coroutine_, taken.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_ != nullptr) coroutine_.destroy();
  }

  // co_await
  bool await_ready() const noexcept {
    assert(coroutine_ != nullptr && "a task runs once");
    return false;
  }
  template <typename Awaiting>
  void await_suspend(std::coroutine_handle<Awaiting> awaiting) {
    Runner& runner = awaiting.promise().runner();
    coroutine_.promise().begin(runner, awaiting);
    runner.transfer(coroutine_);
  }
  Result await_resume() {
    coroutine_.promise().rethrow();
    return coroutine_.promise().take();
  }

 private:
  friend class Job;
  friend class Promise<Result>;

  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

template <typename Result>
Task<Result> Promise<Result>::get_return_object() {
  return Task<Result>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace messi::coro

#endif  // MESSI_CORO_TASK_H_
