#ifndef MESSI_IO_LOOP_THREAD_H_
#define MESSI_IO_LOOP_THREAD_H_

#include <atomic>
#include <cassert>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "messi/base/time.h"
#include "messi/io/epoll_loop.h"

namespace messi {

struct LoopThreadOptions {
  EpollLoopOptions loop;
  /// What runs the loop on the thread: it calls `run`, which returns after `stop`. An exception
  /// from a hook leaves `run`; if it leaves the guard too, the program ends, as with any
  /// std::thread. A guard that catches it is called again, and the loop goes on.
  std::function<void(const std::function<void()>& run)> guard =
      [](const std::function<void()>& run) { run(); };
};

/// An EpollLoop on a thread of its own.
///
/// Clients and servers of the loop belong to its thread: `make` them, and `call` what is to be done
/// with them. To send to them from other threads, see messi/sender.h.
/// Threads: all calls may come from any thread.
class LoopThread {
 public:
  explicit LoopThread(LoopThreadOptions options = {})
      : loop_(options.loop), guard_(std::move(options.guard)), thread_([this] { run(); }) {}
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  /// Stops the loop, and waits for the end of its thread. Not on that thread.
  ~LoopThread() {
    stop();
    join();
  }

  /// The loop. Only `post` may be called on other threads.
  EpollLoop& loop() { return loop_; }
  /// Whether this is the loop's thread.
  bool is_current() const { return std::this_thread::get_id() == thread_id_; }

  /// Makes a `T(loop, args...)` on the loop's thread. It is destroyed there as well, and before
  /// this object.
  struct Destroy {
    template <typename T>
    void operator()(T* gone) const {
      thread->call([gone] { delete gone; });
    }
    LoopThread* thread;
  };
  template <typename T>
  using Made = std::unique_ptr<T, Destroy>;
  template <typename T, typename... Args>
  Made<T> make(Args&&... args) {
    return Made<T>(call([&] { return new T(loop_, std::forward<Args>(args)...); }), Destroy{this});
  }

  /// Calls `function` on the loop's thread, waits for the end of the call, and returns what it
  /// returns, or throws what it throws. When the loop has stopped, it is called on this thread.
  template <typename Function>
  std::invoke_result_t<Function&> call(Function&& function) {
    if (is_current()) return function();
    // Shared: it may still be returning when its result is there.
    using Packaged = std::packaged_task<std::invoke_result_t<Function&>()>;
    const auto task = std::make_shared<Packaged>(std::ref(function));
    if (!post([task] { (*task)(); })) {
      join();
      const std::lock_guard<std::mutex> one_at_a_time(after_);
      thread_id_ = std::this_thread::get_id();  // for what it calls and destroys in its turn
      (*task)();                                // keeps an exception for get()
      thread_id_ = std::thread::id();
    }
    return task->get_future().get();
  }

  /// Waits until `done()` is true; the loop's thread asks before each turn. False if the loop has
  /// stopped before. Not on the loop's thread. `done` must not throw.
  bool wait_until(std::function<bool()> done) {
    assert(!is_current() && "the loop's thread must not wait for itself");
    const auto answer = std::make_shared<std::promise<bool>>();
    const bool posted = post([&] { waits_.push_back({std::move(done), answer}); });
    return posted && answer->get_future().get();
  }

  /// Ends the loop after its turn; what was posted until then is called. Does not wait.
  void stop() {
    loop_.post([this] { loop_.stop(); });
  }
  /// Waits for the end of the thread. Not on that thread.
  void join() {
    const std::lock_guard<std::mutex> one_at_a_time(after_);
    if (!thread_.joinable()) return;
    if (loop_.in_child()) return thread_.detach();  // a fork has no threads
    thread_.join();
  }

 private:
  struct Wait {
    std::function<bool()> done;
    std::shared_ptr<std::promise<bool>> answer;
  };

  /// False if the loop makes no more calls.
  bool post(std::function<void()> call) {
    const std::lock_guard<std::mutex> lock(ended_mutex_);
    if (ended_ || loop_.in_child()) return false;
    loop_.post(std::move(call));
    return true;
  }

  /// On the loop's thread.
  void end() {
    const std::lock_guard<std::mutex> lock(ended_mutex_);
    ended_ = true;
  }

  void run() noexcept {
    thread_id_ = std::this_thread::get_id();
    bool stopped = false;
    const std::function<void()> turns = [&] {
      if (!ended_) loop_.run_until([this] { return answer(); });
      end();
      loop_.poll();  // what was posted until then
      stopped = true;
    };
    while (!stopped) guard_(turns);
    for (const Wait& wait : waits_) wait.answer->set_value(wait.done());
    thread_id_ = std::thread::id();
  }

  /// Answers those who wait. The loop goes on.
  bool answer() {
    for (std::size_t i = 0; i < waits_.size();) {
      if (!waits_[i].done()) {
        ++i;
        continue;
      }
      const std::shared_ptr<std::promise<bool>> answer = waits_[i].answer;
      waits_.erase(waits_.begin() + static_cast<std::ptrdiff_t>(i));
      answer->set_value(true);
    }
    return false;
  }

  EpollLoop loop_;
  const std::function<void(const std::function<void()>&)> guard_;
  std::vector<Wait> waits_;  // on the loop's thread
  std::mutex ended_mutex_;
  bool ended_ = false;  // written by the loop's thread
  std::mutex after_;
  std::atomic<std::thread::id> thread_id_{};
  std::thread thread_;
};

}  // namespace messi

#endif  // MESSI_IO_LOOP_THREAD_H_
