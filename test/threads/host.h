#ifndef MESSI_TEST_THREADS_HOST_H_
#define MESSI_TEST_THREADS_HOST_H_

// Where the server of a round is: on one loop, or on several.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "messi/server.h"
#include "messi/sharded.h"
#include "test/threads/actors.h"
#include "test/threads/runner.h"

namespace messi::random_use {

class Host {
 public:
  virtual ~Host() = default;
  virtual absl::Status start() = 0;
  virtual std::string uri() = 0;
  /// Calls it with the server of some loop, on that loop. If it does not wait for the end of the
  /// call, it may be called with the server of each.
  virtual void on_any(std::uint64_t which, bool waits, std::function<void(Server&)> what) = 0;
  /// Calls it with the server of each loop, and waits.
  virtual void on_each(const std::function<void(Server&)>& what) = 0;
  /// Whether it has come true of all; false if it does not in a minute.
  virtual bool wait_until(const std::function<bool(Server&)>& is) = 0;
  /// Ends somehow, and starts again. False if it does not start.
  virtual bool restart(std::uint64_t seed) = 0;
  /// Nobody runs the loops any more.
  virtual void stop_loops() = 0;
};

class OnOneLoop final : public Host {
 public:
  using Make = std::function<std::unique_ptr<Server>(EventLoop& loop)>;

  OnOneLoop(std::unique_ptr<Runner> runner, Make make)
      : runner_(std::move(runner)), make_(std::move(make)) {
    runner_->call([this] { server_ = make_(runner_->loop()); });
  }
  ~OnOneLoop() override {
    runner_->call([this] { server_.reset(); });
  }
  absl::Status start() override {
    absl::Status status;
    runner_->call([&] { status = server_->start(); });
    return status;
  }
  std::string uri() override {
    std::string uri;
    runner_->call([&] { uri = server_->uri(); });
    return uri;
  }
  void on_any(std::uint64_t /*which*/, bool waits, std::function<void(Server&)> what) override {
    const auto call = [this, what = std::move(what)] { what(*server_); };
    waits ? runner_->call(call) : runner_->loop().post(call);
  }
  void on_each(const std::function<void(Server&)>& what) override {
    runner_->call([&] { what(*server_); });
  }
  bool wait_until(const std::function<bool(Server&)>& is) override {
    return runner_->wait_until([&] { return is(*server_); });
  }
  bool restart(std::uint64_t seed) override {
    bool good = true;
    runner_->call([&] {
      if (seed % 4 == 0) {
        server_.reset();
        server_ = make_(runner_->loop());
      } else if (seed % 4 == 1) {
        server_->drain(std::chrono::milliseconds(seed % 50));
      } else {
        server_->stop_now();
      }
      good = !server_->stopped() || server_->start().ok();
    });
    return good;
  }
  void stop_loops() override { runner_->stop(); }

 private:
  std::unique_ptr<Runner> runner_;
  const Make make_;
  std::unique_ptr<Server> server_;
};

class OnAllLoops final : public Host {
 public:
  template <typename... Args>
  OnAllLoops(const std::string& uri, const ServerOptions& options, std::size_t loops,
             Args&&... args)
      : sharded_(uri, options, ShardedOptions{loops, {}}, std::forward<Args>(args)...) {}

  absl::Status start() override { return sharded_.start(); }
  std::string uri() override { return sharded_.uri(); }
  void on_any(std::uint64_t which, bool waits, std::function<void(Server&)> what) override {
    if (!waits) return sharded_.post(std::move(what));
    std::size_t left = which % sharded_.size();
    sharded_.for_each([&](Server& server) {
      if (left-- == 0) what(server);
    });
  }
  void on_each(const std::function<void(Server&)>& what) override { sharded_.for_each(what); }
  bool wait_until(const std::function<bool(Server&)>& is) override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    bool all = false;
    while (!all && std::chrono::steady_clock::now() < end) {
      all = true;
      sharded_.for_each([&](Server& server) { all = is(server) && all; });
      std::this_thread::yield();
    }
    return all;
  }
  /// Servers that are still ending are started by the next one.
  bool restart(std::uint64_t seed) override {
    if (seed % 2 == 0) {
      sharded_.drain(std::chrono::milliseconds(seed % 50));
    } else {
      sharded_.stop_now();
    }
    return sharded_.start().ok();
  }
  void stop_loops() override {
    for (std::size_t i = 0; i < sharded_.size(); ++i) sharded_.thread(i).stop();
  }

 private:
  Sharded<Server> sharded_;
};

}  // namespace messi::random_use

#endif  // MESSI_TEST_THREADS_HOST_H_
