#ifndef MESSI_SHARDED_H_
#define MESSI_SHARDED_H_

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "messi/base/time.h"
#include "messi/impl/shards.h"
#include "messi/impl/to_user.h"
#include "messi/io/loop_thread.h"
#include "messi/server.h"

namespace messi {

struct ShardedOptions {
  /// How many loops there are, at most 256. Zero: as many as the machine has cores.
  std::size_t loops = 0;
  /// Of each of their threads.
  LoopThreadOptions thread;
};

/// The part of Sharded that does not depend on the server's class.
class ShardedBase {
 public:
  ShardedBase(const ShardedBase&) = delete;
  ShardedBase& operator=(const ShardedBase&) = delete;

  /// The number of loops.
  std::size_t size() const { return threads_.size(); }
  /// The thread of a loop, from 0 on.
  LoopThread& thread(std::size_t index) { return *threads_[index]; }
  /// The number of connected clients of all loops, which may be changing meanwhile.
  std::size_t client_count() const { return shards_->client_count(); }

 protected:
  static constexpr std::size_t kMost = 256;  // the first byte of a session's id tells the loop

  ShardedBase(const ServerOptions& options, const ShardedOptions& sharded) {
    const std::size_t cores = std::max(std::thread::hardware_concurrency(), 1U);
    const std::size_t count = std::min(sharded.loops > 0 ? sharded.loops : cores, kMost);
    std::vector<EventLoop*> loops;
    for (std::size_t i = 0; i < count; ++i) {
      threads_.push_back(std::make_unique<LoopThread>(sharded.thread));
      loops.push_back(&threads_.back()->loop());
    }
    options_ = options;
    options_.max_total_pending_bytes =
        std::max<std::size_t>(options.max_total_pending_bytes / count, 1);
    shards_ = std::make_shared<Shards>(loops, options_.max_total_pending_bytes,
                                       ServerBase::make_admission(options));
  }
  ~ShardedBase() = default;

  void add(ServerBase& server, std::size_t index) { server.be_shard(shards_, index); }
  /// What each server gets.
  const ServerOptions& options() const { return options_; }

 private:
  ServerOptions options_;
  std::shared_ptr<Shards> shards_;  // go after the loops, which may still call
  std::vector<std::unique_ptr<LoopThread>> threads_;
};

/// A server on several loops, each with a thread of its own: one `Server` for each, a class derived
/// from a generated one. A client is on one of them, and so are its hooks. Broadcasts and messages
/// to groups reach the clients of all. A client that comes back finds its session, whatever loop
/// it comes to. See doc/cores.md for what the servers share, and what they do not.
///
/// Threads: all calls may come from any thread, but those that wait not from one of the loops.
template <typename Server>
class Sharded final : public ShardedBase {
 public:
  /// Makes a `Server(loop, uri, options, args...)` on each loop. The loops share the limits of
  /// `options`: `max_clients`, `max_clients_per_address` and `max_accepts_per_second` hold for all
  /// together, and each has its part of `max_total_pending_bytes`. Its functions are called on all
  /// threads. `args` are passed to each server: what they refer to is shared. Waits.
  template <typename... Args>
  explicit Sharded(const std::string& uri, const ServerOptions& options = {},
                   const ShardedOptions& sharded = {}, Args&&... args)
      : ShardedBase(options, sharded) {
    for (std::size_t i = 0; i < size(); ++i) {
      servers_.push_back(thread(i).template make<Server>(uri, this->options(), args...));
      thread(i).call([&] { add(*servers_[i], i); });
    }
  }
  /// Ends as `stop_now` does. Waits.
  ~Sharded() { stop_now(); }

  /// Makes a `T(loop, args...)` on each loop, which lives until the servers are gone: a network,
  /// such as that of TLS, before `start`. Waits.
  template <typename T, typename... Args>
  void make_on_each(Args&&... args) {
    for (std::size_t i = 0; i < size(); ++i) {
      made_.push_back(std::shared_ptr<T>(thread(i).template make<T>(args...)));
    }
  }

  /// Starts all servers, which listen at the same place. If one cannot, none does, and the error
  /// says why. No-op if started. Waits.
  UserStatus start() {
    for (std::size_t i = 0; i < size(); ++i) thread(i).call([] {});  // a `stop` may be on its way
    for (std::size_t i = 0; i < size(); ++i) {
      UserStatus status = thread(i).call([&] { return servers_[i]->start(); });
      if (status.ok()) continue;
      stop_now();
      return status;
    }
    return UserStatus();
  }

  /// As those of a server, on each of them. They do not wait.
  void stop() {
    post([](Server& server) { server.stop(); });
  }
  void stop_now() {
    post([](Server& server) { server.stop_now(); });
  }
  void drain(Duration deadline) {
    post([deadline](Server& server) { server.drain(deadline); });
  }

  /// Waits until nothing is left to happen on any loop: all are stopped. False if a loop's thread
  /// has ended before.
  bool wait_until_stopped() {
    bool stopped = true;
    for (std::size_t i = 0; i < size(); ++i) {
      stopped = thread(i).wait_until([this, i] { return servers_[i]->stopped(); }) && stopped;
    }
    return stopped;
  }

  /// As those of a server. They wait.
  std::string uri() {
    return thread(0).call([this] { return servers_[0]->uri(); });
  }
  std::uint16_t port() {
    return thread(0).call([this] { return servers_[0]->port(); });
  }

  /// Calls `call(server)` on the loop of each server, and does not wait. Legal in hooks.
  void post(std::function<void(Server&)> call) {
    for (std::size_t i = 0; i < size(); ++i) {
      thread(i).loop().post([server = servers_[i].get(), call] { call(*server); });
    }
  }
  /// The same, one after the other, and waits for the end of each call.
  template <typename Call>
  void for_each(Call&& call) {
    for (std::size_t i = 0; i < size(); ++i) thread(i).call([&] { call(*servers_[i]); });
  }

 private:
  std::vector<std::shared_ptr<void>> made_;  // go after the servers
  std::vector<LoopThread::Made<Server>> servers_;
};

}  // namespace messi

#endif  // MESSI_SHARDED_H_
