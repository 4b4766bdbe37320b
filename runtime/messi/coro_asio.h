#ifndef MESSI_CORO_ASIO_H_
#define MESSI_CORO_ASIO_H_

// messi's coroutines, awaited by those of Asio: of the standalone one, or of Boost's if
// MESSI_BOOST_ASIO is defined before this header is included. doc/asio.md has a program.

#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "messi/coro/job.h"
#include "messi/coro/runner.h"
#include "messi/coro/task.h"
#include "messi/io/asio/awaitable.h"
#include "messi/io/asio/loop_watch.h"
#include "messi/io/asio_loop.h"

namespace messi::coro {
inline namespace MESSI_ASIO_FLAVOUR {

// A coroutine that runs for one of Asio's, which is resumed by `Handler`. It owns itself, until the
// coroutine has ended, is cancelled, or loses its loop.
template <typename Handler>
class AsioJob final : private Ending, private io::LoopWatch {
 public:
  static void begin(AsioLoop& loop, Task<void> task, Handler handler) {
    new AsioJob(loop, std::move(task), std::move(handler));
  }

 private:
  AsioJob(AsioLoop& loop, Task<void> task, Handler handler)
      : LoopWatch(loop),
        work_(io::net::get_associated_executor(handler)),
        handler_(std::move(handler)),
        job_(loop, std::move(task), *this) {
#if MESSI_ASIO_CANCELS
    using Type = io::net::cancellation_type;
    auto slot = io::net::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.assign([this](Type type) {
      if ((type & (Type::terminal | Type::partial)) != Type::none) abort();
    });
#endif
  }
  ~AsioJob() = default;

  // Ending
  void handle_ended(std::exception_ptr error) override { complete(std::move(error)); }
  // io::LoopWatch
  void handle_loop_end() override { abort(); }

  void abort() {
    using Error = io::errors::system_error;
    complete(std::make_exception_ptr(Error(io::net::error::operation_aborted)));
  }

  // What Asio's coroutine does next, it does outside of the loop's turn. So it may destroy
  // everything, also the loop.
  void complete(std::exception_ptr error) {
#if MESSI_ASIO_CANCELS
    // Now, since what is destroyed in the coroutine may cancel it.
    io::net::get_associated_cancellation_slot(handler_).clear();
#endif
    const auto work = std::move(work_);
    Handler handler = std::move(handler_);
    delete this;
    io::net::post(work.get_executor(),
                  [handler = std::move(handler), error = std::move(error)]() mutable {
                    std::move(handler)(std::move(error));
                  });
  }

  io::net::executor_work_guard<io::net::any_io_executor> work_;
  Handler handler_;
  Job job_;
};

template <typename Result>
Task<void> keep(Task<Result> task, std::optional<Result>& result) {
  Result returned = co_await std::move(task);
  result.emplace(std::move(returned));
}

/// Awaits a coroutine of messi in one of Asio, which runs where the loop does: on its context, or
/// on its strand. The task begins when it is awaited. What it throws comes out of the `co_await`.
/// If Asio cancels the `co_await`, or the loop goes, what is in the task is destroyed at once, and
/// a system_error is thrown: operation_aborted.
inline io::net::awaitable<void> as_asio(AsioLoop& loop, Task<void> task) {
  return io::net::async_initiate<const io::net::use_awaitable_t<>, void(std::exception_ptr)>(
      [&loop](auto handler, Task<void> awaited) {
        AsioJob<decltype(handler)>::begin(loop, std::move(awaited), std::move(handler));
      },
      io::net::use_awaitable, std::move(task));
}
template <typename Result>
io::net::awaitable<Result> as_asio(AsioLoop& loop, Task<Result> task) {
  std::optional<Result> result;
  Task<void> kept = keep(std::move(task), result);
  co_await as_asio(loop, std::move(kept));
  co_return *std::move(result);
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::coro

#endif  // MESSI_CORO_ASIO_H_
