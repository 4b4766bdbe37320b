#ifndef MESSI_IO_DISTRIBUTION_H_
#define MESSI_IO_DISTRIBUTION_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "messi/io/event_loop.h"
#include "messi/io/stream.h"

namespace messi {

/// Several loops accept from the same sockets, each with a listener of its own. What one of them
/// accepts goes to the loops in turn, but not to one that has many more clients than another. A
/// loop that a hook blocks does not keep the others from accepting.
class Distribution : public std::enable_shared_from_this<Distribution> {
 public:
  /// A listener, which gets streams on its loop's thread.
  class Taker {
   public:
    virtual void take(std::unique_ptr<MovingStream> stream) = 0;

   protected:
    ~Taker() = default;
  };

  /// A seat for each loop. They must outlive the listeners.
  explicit Distribution(const std::vector<EventLoop*>& loops) {
    for (EventLoop* const loop : loops) seats_.emplace_back(*loop);
  }

  /// On the thread of the seat's loop: who gets its streams; null is nobody, and closes them.
  void sit(std::size_t seat, Taker* taker) {
    seats_[seat].taker = taker;
    seats_[seat].open.store(taker != nullptr, std::memory_order_relaxed);
  }
  /// Whether there is somebody. Any thread.
  bool is_open(std::size_t seat) const { return seats_[seat].open.load(std::memory_order_relaxed); }

  /// How many clients the loop has now. Any thread.
  void set_clients(std::size_t seat, std::size_t count) {
    seats_[seat].clients.store(count, std::memory_order_relaxed);
  }

  /// The seat whose turn it is. Any thread; from `own`, which is open.
  std::size_t next(std::size_t own) {
    std::size_t fewest = own;
    for (std::size_t i = 0; i < seats_.size(); ++i) {
      if (is_open(i) && seats_[i].load() < seats_[fewest].load()) fewest = i;
    }
    const std::size_t least = seats_[fewest].load();
    const std::size_t turn = turns_.fetch_add(1, std::memory_order_relaxed) % seats_.size();
    const bool fits = is_open(turn) && seats_[turn].load() <= least + std::max(least / 8, kSlack);
    return fits ? turn : fewest;
  }

  /// Passes a stream on to another loop. Any thread.
  void pass(std::size_t seat, std::unique_ptr<MovingStream> stream) {
    Seat& its = seats_[seat];
    its.coming.fetch_add(1, std::memory_order_relaxed);
    // A function has to be copyable.
    const auto parcel = std::make_shared<std::unique_ptr<MovingStream>>(std::move(stream));
    its.loop.post([self = shared_from_this(), &its, parcel] {
      its.coming.fetch_sub(1, std::memory_order_relaxed);
      if (its.taker != nullptr) its.taker->take(std::move(*parcel));
    });
  }

  /// The sockets: those of the listeners that there are, else what `open()` returns, a
  /// Result<std::shared_ptr<Sockets>>.
  template <typename Sockets, typename Open>
  auto sockets(Open&& open) -> decltype(open()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const auto known = std::static_pointer_cast<Sockets>(sockets_.lock())) return known;
    auto opened = open();
    if (opened.ok()) sockets_ = *opened;
    return opened;
  }
  /// A listener has no use for them any more. Nobody opens them while they close.
  template <typename Sockets>
  void let_go(std::shared_ptr<Sockets> sockets) {
    const std::lock_guard<std::mutex> lock(mutex_);
    sockets.reset();
  }

 private:
  static constexpr std::size_t kSlack = 4;

  struct Seat {
    explicit Seat(EventLoop& its_loop) : loop(its_loop) {}
    std::size_t load() const {
      return clients.load(std::memory_order_relaxed) + coming.load(std::memory_order_relaxed);
    }

    EventLoop& loop;
    std::atomic<std::size_t> clients{0};
    std::atomic<std::size_t> coming{0};
    std::atomic<bool> open{false};
    Taker* taker = nullptr;
  };

  std::deque<Seat> seats_;  // they stay where they are
  std::atomic<std::size_t> turns_{0};
  std::mutex mutex_;
  std::weak_ptr<void> sockets_;
};

}  // namespace messi

#endif  // MESSI_IO_DISTRIBUTION_H_
