#ifndef MESSI_IMPL_SHARDS_H_
#define MESSI_IMPL_SHARDS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/finally.h"
#include "messi/group_key.h"
#include "messi/impl/admission.h"
#include "messi/io/distribution.h"
#include "messi/io/event_loop.h"

namespace messi {

class ServerBase;

/// A message for all clients, or for a group, from a server on another loop.
struct Announcement {
  std::uint32_t field;
  std::shared_ptr<const std::string> payload;
  std::optional<GroupKey> group;  // nothing: for all
};

/// What the servers of several loops share. Any thread, unless something else is said.
class Shards : public std::enable_shared_from_this<Shards> {
 public:
  /// What other loops have for a server, until its loop takes it.
  class Inbox final : public PostedCall {
   public:
    Inbox(EventLoop& loop, std::size_t most_bytes) : loop_(loop), most_bytes_(most_bytes) {}

    /// If the loop is so far behind that it does not fit, it is told that something is missing.
    void add(const Announcement& announcement) {
      const std::lock_guard<std::mutex> lock(mutex_);
      bool kept = false;
      const Finally after([&] {  // also if memory has run out
        if (!kept) missing_ = true;
        if (!std::exchange(posted_, true)) loop_.post(*this);
      });
      const std::size_t size = cost(announcement);
      if (missing_ || bytes_ + size > most_bytes_) return;
      waiting_.push_back(announcement);
      bytes_ += size;
      kept = true;
    }

    /// Tells the loop that something is missing.
    void miss() {
      const std::lock_guard<std::mutex> lock(mutex_);
      missing_ = true;
      if (!std::exchange(posted_, true)) loop_.post(*this);
    }

    /// The server is gone, or there is one. On the loop's thread.
    void set_server(ServerBase* server) { server_ = server; }
    ServerBase* server() const { return server_; }

   private:
    static std::size_t cost(const Announcement& announcement) {
      return announcement.payload->size() + sizeof(Announcement) + sizeof(std::string);
    }

    // Defined here: see AcceptedLink.
    void run() override { deliver(); }
    void drop() noexcept override {}

    void deliver();

    EventLoop& loop_;
    const std::size_t most_bytes_;
    ServerBase* server_ = nullptr;
    std::mutex mutex_;
    std::deque<Announcement> waiting_;
    std::size_t bytes_ = 0;
    bool missing_ = false;  // something did not fit, behind all that is waiting
    bool posted_ = false;
  };

  /// `most_bytes` is what may wait for a loop. The loops must outlive this.
  Shards(const std::vector<EventLoop*>& loops, std::size_t most_bytes,
         std::shared_ptr<Admission> admission)
      : admission_(std::move(admission)), distribution_(std::make_shared<Distribution>(loops)) {
    for (EventLoop* const loop : loops) rows_.emplace_back(*loop, most_bytes);
  }

  std::size_t size() const { return rows_.size(); }
  const std::shared_ptr<Admission>& admission() const { return admission_; }
  const std::shared_ptr<Distribution>& distribution() const { return distribution_; }

  /// What a server tells of itself: how many clients it has, how many connections with those that
  /// are no clients, and how many clients may be given up for others.
  void publish(std::size_t index, std::size_t clients, std::size_t connections,
               std::size_t replaceable) {
    Row& row = rows_[index];
    row.clients.store(clients, std::memory_order_relaxed);
    row.replaceable.store(replaceable, std::memory_order_relaxed);
    distribution_->set_clients(index, connections);
  }
  std::size_t client_count() const {
    std::size_t count = 0;
    for (const Row& row : rows_) count += row.clients.load(std::memory_order_relaxed);
    return count;
  }
  /// One that has a client which may be given up, if there is one besides `index`.
  std::optional<std::size_t> find_replaceable(std::size_t index) const {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i != index && rows_[i].replaceable.load(std::memory_order_relaxed) > 0) return i;
    }
    return std::nullopt;
  }

  /// Whether another server than that of `index` has clients.
  bool has_others(std::size_t index) const {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i != index && rows_[i].clients.load(std::memory_order_relaxed) > 0) return true;
    }
    return false;
  }
  /// For the servers of all loops but `index` that have clients.
  void announce(std::size_t index, const Announcement& announcement) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i != index && rows_[i].clients.load(std::memory_order_relaxed) > 0) {
        rows_[i].inbox.add(announcement);
      }
    }
  }

  /// Calls `call(server)` on the loop of a server, if that is there then.
  void post(std::size_t index, std::function<void(ServerBase&)> call) {
    Row& row = rows_[index];
    row.loop.post([self = shared_from_this(), &row, call = std::move(call)] {
      if (row.inbox.server() != nullptr) call(*row.inbox.server());
    });
  }

  /// On the thread of the loop.
  void set_server(std::size_t index, ServerBase* server) { rows_[index].inbox.set_server(server); }

 private:
  struct Row {
    Row(EventLoop& its_loop, std::size_t most_bytes)
        : loop(its_loop), inbox(its_loop, most_bytes) {}

    EventLoop& loop;
    std::atomic<std::size_t> clients{0};
    std::atomic<std::size_t> replaceable{0};
    Inbox inbox;
  };

  std::deque<Row> rows_;  // they stay where they are
  const std::shared_ptr<Admission> admission_;
  const std::shared_ptr<Distribution> distribution_;
};

/// The place of a server among them.
struct Shard {
  std::shared_ptr<Shards> all;
  std::size_t index;
};

}  // namespace messi

#endif  // MESSI_IMPL_SHARDS_H_
