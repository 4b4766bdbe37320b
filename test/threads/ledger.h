#ifndef MESSI_TEST_THREADS_LEDGER_H_
#define MESSI_TEST_THREADS_LEDGER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace messi::random_use {

/// What was sent and what has arrived in a round. All its numbers are relaxed: nothing that it does
/// puts two threads in order, so it hides no race.
class Ledger {
 public:
  /// The messages of one thread to one peer.
  struct Lane {
    std::atomic<bool> to_server{false};
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> next{0};  ///< The number that is to come.
    std::atomic<std::uint64_t> arrived{0};
  };

  /// If `exact`, each message arrives, once and in order. Else some are lost, and what is read from
  /// an old connection may come behind what a new one has brought.
  explicit Ledger(bool exact) : exact_(exact) {}

  /// A lane that nobody has used; -1 if there is none left.
  int open_lane(bool to_server) {
    const int lane = lanes_used_.fetch_add(1, std::memory_order_relaxed);
    if (lane >= static_cast<int>(lanes_.size())) return -1;
    lanes_[static_cast<std::size_t>(lane)].to_server.store(to_server, std::memory_order_relaxed);
    return lane;
  }
  void accept(int lane) { add(lanes_[static_cast<std::size_t>(lane)].accepted); }
  void arrive(std::uint32_t number_of_lane, std::uint64_t number, bool at_server) {
    if (number_of_lane >= lanes_.size()) return fail();
    Lane& lane = lanes_[number_of_lane];
    const std::uint64_t next = get(lane.next);
    if (get(lane.to_server) != at_server || (exact_ && number != next)) fail();
    lane.next.store(number + 1, std::memory_order_relaxed);
    add(lane.arrived);
    add(arrived_);
  }
  /// How many have not arrived that went to the server, or came from it.
  std::uint64_t missing(bool to_server) const {
    std::uint64_t sum = 0;
    for (const Lane& lane : lanes_) {
      if (get(lane.to_server) == to_server) sum += get(lane.accepted) - get(lane.arrived);
    }
    return sum;
  }

  /// Goes along with a callback, which must be called or destroyed.
  class Pending {
   public:
    explicit Pending(Ledger& ledger) : ledger_(&ledger) {
      ledger.calls_.fetch_add(1, std::memory_order_relaxed);
    }
    Pending(Pending&& other) noexcept : ledger_(std::exchange(other.ledger_, nullptr)) {}
    Pending& operator=(Pending&&) = delete;
    ~Pending() {
      if (ledger_ != nullptr) ledger_->calls_.fetch_sub(1, std::memory_order_relaxed);
    }
    /// The callback is called. `right`: with what is true.
    void end(bool right) {
      if (ended_ || !right) ledger_->fail();
      ended_ = true;
      add(ledger_->calls_ended_);
    }

   private:
    Ledger* ledger_;
    bool ended_ = false;
  };

  void fail() { add(wrong_); }

  std::uint64_t arrived() const { return get(arrived_); }
  std::uint64_t calls_ended() const { return get(calls_ended_); }
  /// Once nothing is left: what was not as it must be.
  std::uint64_t wrong() const {
    std::uint64_t sum = get(wrong_) + get(calls_);
    for (const Lane& lane : lanes_) sum += get(lane.arrived) > get(lane.accepted) ? 1 : 0;
    return sum;
  }

 private:
  template <typename Number>
  static Number get(const std::atomic<Number>& number) {
    return number.load(std::memory_order_relaxed);
  }
  static void add(std::atomic<std::uint64_t>& number) {
    number.fetch_add(1, std::memory_order_relaxed);
  }

  const bool exact_;
  std::array<Lane, 512> lanes_;
  std::atomic<int> lanes_used_{0};
  std::atomic<std::uint64_t> arrived_{0};
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> calls_ended_{0};
  std::atomic<std::uint64_t> wrong_{0};
};

}  // namespace messi::random_use

#endif  // MESSI_TEST_THREADS_LEDGER_H_
