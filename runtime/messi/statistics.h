#ifndef MESSI_STATISTICS_H_
#define MESSI_STATISTICS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>

#include "messi/base/count.h"
#include "messi/calls/call_counts.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/wire/frame.h"

namespace messi {

class EventLoop;

/// A number for each reason for which connections end.
template <typename Number>
class CountsByReason {
 public:
  static constexpr std::size_t kSize = [] {
    std::size_t size = 0;
    while (to_string(DisconnectReason{static_cast<std::uint8_t>(size)}) != "Unknown reason.") {
      ++size;
    }
    return size;
  }();

  Number& operator[](DisconnectReason reason) { return counts_[static_cast<std::size_t>(reason)]; }
  const Number& operator[](DisconnectReason reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }
  /// Calls `call(reason, number)` for each.
  template <typename Call>
  void for_each(Call&& call) const {
    for (std::size_t i = 0; i < kSize; ++i) {
      call(DisconnectReason{static_cast<std::uint8_t>(i)}, counts_[i]);
    }
  }

 private:
  std::array<Number, kSize> counts_{};
};

/// A number for each type of frame. Messages of both directions are one type.
template <typename Number>
class CountsByFrameType {
 public:
  Number& operator[](wire::FrameType type) { return counts_[index_of(type)]; }
  const Number& operator[](wire::FrameType type) const { return counts_[index_of(type)]; }
  /// User messages.
  const Number& messages() const { return (*this)[wire::FrameType::kClientToServer]; }
  /// Calls `call(type, number)` for each; those that messi does not know have type 0.
  template <typename Call>
  void for_each(Call&& call) const {
    for (std::size_t i = 0; i < kSize; ++i) {
      const auto type = wire::FrameType{static_cast<std::uint8_t>(i)};
      if (index_of(type) == i) call(type, counts_[i]);
    }
  }

 private:
  static constexpr std::size_t kSize = static_cast<std::size_t>(wire::FrameType::kCall) + 1;
  static constexpr std::size_t index_of(wire::FrameType type) {
    if (type == wire::FrameType::kServerToClient) type = wire::FrameType::kClientToServer;
    const auto index = static_cast<std::size_t>(type);
    return index < kSize ? index : 0;
  }

  std::array<Number, kSize> counts_{};
};

/// What `Statistics` count. All but the first three only grow.
template <typename Number>
struct BasicCounts : BasicCallCounts<Number> {
  Number connections{};    ///< How many are connected now, with those whose session is detached.
  Number detached{};       ///< How many sessions wait for a connection now.
  Number pending_bytes{};  ///< `pending_bytes` of all at the end of the loop's last turn.

  Number connects{};            ///< `on_connected`, `on_client_connected`.
  Number reconnects{};          ///< Of a client's connects: all but its first.
  Number connect_failures{};    ///< `on_connect_failure`.
  Number detaches{};            ///< `on_detached`, `on_client_detached`.
  Number resumes{};             ///< `on_resumed`, `on_client_resumed`.
  Number sessions_lost{};       ///< `on_session_lost`, `on_client_session_lost`.
  Number handshake_failures{};  ///< `on_handshake_failed`.
  Number slow_clients{};        ///< `on_client_behind`.
  Number dropped_broadcasts{};  ///< Broadcasts that were left out for slow clients.
  /// `on_disconnected`, `on_client_disconnected`.
  CountsByReason<Number> disconnects;
  CountsByReason<Number> refusals;  ///< `on_client_refused`.

  /// What connections have carried, with what sessions send again; bytes without TLS.
  Number sent_bytes{};
  Number received_bytes{};
  CountsByFrameType<Number> sent_frames;
  CountsByFrameType<Number> received_frames;

  template <typename Other>
  void add(const BasicCounts<Other>& other);
};

/// Plain numbers.
using Counts = BasicCounts<std::uint64_t>;

/// Counts what happens to the clients and servers whose options name it, on any number of loops.
/// Whoever holds it may read it, also when they are gone: nothing that was counted is forgotten.
///
///     ServerOptions options;
///     options.statistics = std::make_shared<messi::Statistics>();
// Each loop has counts of its own, so that each number has one writer, who needs no lock.
class Statistics {
 public:
  Statistics() = default;
  Statistics(const Statistics&) = delete;
  Statistics& operator=(const Statistics&) = delete;

  /// The numbers so far, which are read one after the other. Any thread may call it; no loop waits.
  Counts read() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    Counts sum;
    for (const OfLoop& each : loops_) sum.add(each.counts);
    return sum;
  }

 private:
  friend class Observation;

  struct OfLoop {
    const EventLoop* loop = nullptr;
    std::size_t ends = 0;  // clients and servers that are counted here
    BasicCounts<Count> counts;
  };

  OfLoop& attach(const EventLoop& loop) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto find = [this](const EventLoop* wanted) {
      return std::find_if(loops_.begin(), loops_.end(),
                          [&](const OfLoop& each) { return each.loop == wanted; });
    };
    auto found = find(&loop);
    if (found == loops_.end()) found = find(nullptr);
    OfLoop& its = found == loops_.end() ? loops_.emplace_back() : *found;
    its.loop = &loop;
    ++its.ends;
    return its;
  }
  void detach(OfLoop& its) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--its.ends == 0) its.loop = nullptr;
  }

  mutable std::mutex mutex_;  // of the list, not of the numbers
  std::list<OfLoop> loops_;
};

// ---------------------------------------------------------------------------------------------

template <typename Number>
template <typename Other>
void BasicCounts<Number>::add(const BasicCounts<Other>& other) {
  connections += other.connections;
  detached += other.detached;
  pending_bytes += other.pending_bytes;
  connects += other.connects;
  reconnects += other.reconnects;
  connect_failures += other.connect_failures;
  detaches += other.detaches;
  resumes += other.resumes;
  sessions_lost += other.sessions_lost;
  handshake_failures += other.handshake_failures;
  slow_clients += other.slow_clients;
  dropped_broadcasts += other.dropped_broadcasts;
  sent_bytes += other.sent_bytes;
  received_bytes += other.received_bytes;
  const auto add_to = [](auto& ours) {
    return [&ours](auto key, const Other& number) { ours[key] += number; };
  };
  other.disconnects.for_each(add_to(disconnects));
  other.refusals.for_each(add_to(refusals));
  other.sent_frames.for_each(add_to(sent_frames));
  other.received_frames.for_each(add_to(received_frames));
  other.calls.for_each(add_to(this->calls));
  this->call_duration.add(other.call_duration);
  other.served_calls.for_each(add_to(this->served_calls));
}

}  // namespace messi

#endif  // MESSI_STATISTICS_H_
