#ifndef MESSI_TEST_THREADS_RUNNER_H_
#define MESSI_TEST_THREADS_RUNNER_H_

// A loop that other threads run: a LoopThread, or a strand of Asio's with two threads.

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>

#include "messi/io/event_loop.h"
#include "messi/io/loop_thread.h"
#ifdef MESSI_RANDOM_USE_ASIO
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>

#include "messi/io/asio_loop.h"
#endif

namespace messi::random_use {

class Runner {
 public:
  virtual ~Runner() = default;
  virtual EventLoop& loop() = 0;
  /// Calls it on the loop's thread, or when nobody runs the loop any more on this one, and waits.
  virtual void call(const std::function<void()>& function) = 0;
  /// Nobody runs the loop any more.
  virtual void stop() = 0;

  /// False if it does not come true in a minute.
  template <typename Done>
  bool wait_until(Done&& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    bool yes = false;
    while (!yes && std::chrono::steady_clock::now() < end) {
      call([&] { yes = done(); });
      std::this_thread::yield();
    }
    return yes;
  }
};

class OwnThread final : public Runner {
 public:
  EventLoop& loop() override { return thread_.loop(); }
  void call(const std::function<void()>& function) override { thread_.call(function); }
  void stop() override {
    thread_.stop();
    thread_.join();
  }

 private:
  LoopThread thread_;
};

#ifdef MESSI_RANDOM_USE_ASIO
class OnStrand final : public Runner {
 public:
  OnStrand() {
    for (std::thread& each : threads_) each = std::thread([this] { context_.run(); });
  }
  ~OnStrand() override { stop(); }
  EventLoop& loop() override { return loop_; }
  void call(const std::function<void()>& function) override {
    if (!threads_[0].joinable()) return function();
    std::promise<void> called;
    loop_.post([&] {
      function();
      called.set_value();
    });
    called.get_future().get();
  }
  void stop() override {
    if (!threads_[0].joinable()) return;
    loop_.post([this] { loop_.stop(); });
    for (std::thread& each : threads_) each.join();
  }

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> runs_on_{context_.get_executor()};
  AsioLoop loop_{asio::make_strand(context_)};
  std::thread threads_[2];
};
#endif

}  // namespace messi::random_use

#endif  // MESSI_TEST_THREADS_RUNNER_H_
