#ifndef MESSI_CORO_AWAITER_H_
#define MESSI_CORO_AWAITER_H_

#include <coroutine>
#include <optional>

#include "messi/base/time.h"
#include "messi/coro/runner.h"
#include "messi/io/event_loop.h"

namespace messi::coro {

/// What `co_await` waits for, but no longer than a time-out. It lives in the frame of the
/// coroutine, and takes no other memory.
// Success may be had at once (`await_ready`), failure only in another turn. Otherwise a coroutine
// that does not look at results would keep the loop for ever.
class Awaiter : private Condition {
 public:
  Awaiter(const Awaiter&) = delete;
  Awaiter& operator=(const Awaiter&) = delete;

  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    runner_ = &waiting.promise().runner();
    if (timeout_ != Duration::max()) {
      timer_.emplace(runner_->loop(), [this] { runner_->wake(); });
      timer_->set(deadline_after(runner_->loop().now(), timeout_));
    }
    begin();
    runner_->wait(*this, waiting);
    if (ready()) wake();
  }

  /// It may be ready now. Only while it is waited for.
  void wake() { runner_->wake(); }

 protected:
  /// Duration::max(): no time-out. It counts from the `co_await`.
  explicit Awaiter(Duration timeout) : timeout_(timeout) {}
  ~Awaiter() = default;

  /// Whether it has come.
  virtual bool ready() = 0;
  /// It has not come yet, and will be waited for.
  virtual void begin() {}
  /// Whether the time is over.
  bool expired() const { return timer_ && !timer_->pending(); }

 private:
  bool holds() final { return ready() || expired(); }

  const Duration timeout_;
  Runner* runner_ = nullptr;
  std::optional<Timer> timer_;
};

}  // namespace messi::coro

#endif  // MESSI_CORO_AWAITER_H_
