#ifndef MESSI_TEST_SIMULATION_WATCH_H_
#define MESSI_TEST_SIMULATION_WATCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/wire/close_frame.h"
#include "test/simulation/journal.h"
#include "test/simulation/messages.h"
#include "test/simulation/scenario.h"

namespace messi::simulation {

/// Hears of everything that happens to clients and servers, and says what must not have happened.
class Watch {
 public:
  Watch(std::uint64_t seed, bool verbose) : verbose_(verbose), salt_(mix(seed)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  virtual ~Watch() = default;

  /// A hook was called, or something else happened. `what` begins differently for each.
  void happens(const char* what, unsigned who, std::uint64_t detail);
  /// A server drains: from now on a client may get messages though it is no longer connected.
  void drains() { drained_ = true; }
  bool drained() const { return drained_; }
  /// What a hook does, as far as the scenario says so. False if it says no.
  virtual bool in_hook(Hook hook, unsigned of) = 0;

  void require(bool holds, const char* what) {
    if (!holds && violation_.empty()) violation_ = what;
  }
  /// A message may be larger than all that may wait, if nothing else does; a part of a pong too.
  void check_pending(std::size_t pending, std::size_t most, std::size_t largest) {
    require(pending <= std::max(most, largest + 4) + 8 + wire::kMostCloseSize,
            "more is waiting than max_pending_bytes");
  }

  /// A connection begins, for one side. Only servers know the number that it has in the network.
  void open(Side& side, std::size_t link = 0);
  /// Its first message, which says what the receiver must get.
  First first_of(const Side& side) const;
  /// What was made last is about to be sent.
  void tries(const Side& side) { side.out->too_big |= may_be_too_big_; }
  /// It was accepted.
  void sent(const Side& side, std::uint64_t hash) { side.out->accepted.push_back(hash); }
  /// A broadcast that may be left out. If `keeps_latest`, the latest of each form may not.
  void offered(const Side& side, Form form, std::uint64_t hash, bool keeps_latest);
  void handle_first(Side& side, const First& message);
  void received(Side& side, Form form, std::uint64_t hash);
  /// The hook for a message that was received. It may throw, which ends the connection.
  void in_message_hook(Side& side, Hook hook, unsigned of);
  void close(Side& side, DisconnectReason reason, Duration linger);

  /// Calls `use(message)` with a message like no other.
  template <typename Use>
  void make_message(Recipe recipe, Use&& use) {
    may_be_too_big_ = 2 * recipe.size + 256 > smallest_limit_;
    kitchen_.make(recipe, ++salt_, use);
  }
  const Text& bad_text() { return kitchen_.bad_text(); }

 protected:
  /// The network may break this connection, or all.
  void harm(std::size_t link);
  void harm_all();
  /// The process stands still: who waits for the other side may do so in vain.
  void stand_still();
  /// Little fits into the network: a ping may take long behind a message.
  void be_narrow() { narrow_ = true; }
  /// It may also break those to come, until `calm`.
  void harm_more() { harm_stays_ = true; }
  void calm() { harm_stays_ = false; }
  /// Connections take time before their clients know of them.
  void expect_handshakes() { handshakes_ = true; }
  /// Larger messages may be more than a receiver takes.
  void set_smallest_limit(std::size_t size) { smallest_limit_ = size; }
  void check_ended_in_order();
  bool ok() const { return violation_.empty(); }
  const std::string& violation() const { return violation_; }
  std::uint64_t trace() const { return trace_.value(); }
  std::uint64_t messages() const { return messages_; }

 private:
  bool was_harmed(std::size_t link) const;
  virtual TimePoint now() = 0;

  const bool verbose_;
  std::uint64_t salt_;
  std::string violation_;
  Hash trace_{0};
  std::uint64_t messages_ = 0;
  Kitchen kitchen_;
  std::deque<Journal> journals_;
  std::vector<std::size_t> harmed_links_;
  bool handshakes_ = false;
  bool narrow_ = false;
  bool harm_stays_ = false;
  bool drained_ = false;
  bool may_be_too_big_ = false;
  std::size_t smallest_limit_ = 0;
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_WATCH_H_
