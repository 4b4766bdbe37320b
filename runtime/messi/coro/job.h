#ifndef MESSI_CORO_JOB_H_
#define MESSI_CORO_JOB_H_

#include <memory>
#include <utility>

#include "messi/coro/runner.h"
#include "messi/coro/task.h"
#include "messi/io/event_loop.h"

namespace messi::coro {

/// The owner of a coroutine that runs on its own. Destroying it ends the coroutine where it waits:
/// what is in it is destroyed, and nothing else of it happens. A coroutine that destroys its own
/// job goes on until it waits next. The loop must outlive it. Loop's thread only.
class [[nodiscard]] Job {
 public:
  /// There is nothing to run.
  Job() = default;
  Job(EventLoop& loop, Task<void> task) : Job(loop, std::move(task), nullptr) {}
  // Unless it is cancelled, `ending` is told.
  Job(EventLoop& loop, Task<void> task, Ending& ending) : Job(loop, std::move(task), &ending) {}

  /// Whether the coroutine has ended, or was cancelled.
  bool done() const { return runner_ == nullptr || runner_->done(); }

  /// As if the job were destroyed.
  void cancel() { runner_.reset(); }

 private:
  Job(EventLoop& loop, Task<void> task, Ending* ending) {
    const auto coroutine = std::exchange(task.coroutine_, nullptr);
    runner_.reset(new Runner(loop, coroutine, ending));
    coroutine.promise().begin(*runner_, nullptr);
  }

  struct Abandon {
    void operator()(Runner* runner) const { Runner::abandon(runner); }
  };
  std::unique_ptr<Runner, Abandon> runner_;
};

/// Runs a coroutine on the loop: it begins at the end of the loop's turn, and goes on there
/// whenever what it waits for has come; never from within a call of yours. An exception that it
/// throws leaves the loop, as one of a hook does.
inline Job spawn(EventLoop& loop, Task<void> task) { return Job(loop, std::move(task)); }

}  // namespace messi::coro

#endif  // MESSI_CORO_JOB_H_
