#ifndef MESSI_TEST_SIMULATION_JOURNAL_H_
#define MESSI_TEST_SIMULATION_JOURNAL_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/session/session_loss.h"
#include "test/simulation/messages.h"

namespace messi::simulation {

/// One direction of one connection, or of a session and all its connections: what was accepted for
/// sending, and how much of it has been delivered.
struct Journal {
  std::uint64_t number = 0;
  std::size_t link = 0;  ///< The number of its connection in the network; 0: unknown.
  std::vector<std::uint64_t> accepted;  ///< A hash of each message that must arrive.
  std::size_t delivered = 0;
  std::optional<std::uint64_t> perhaps;  ///< One more message, after which the sender gave it up.
  bool claimed = false;                  ///< The receiver knows that it is this one.
  bool session = false;                  ///< It goes on when its connection breaks.
  bool too_big = false;      ///< It has messages that may be too big for one of both sides.
  bool harmed = false;       ///< The network may have broken it.
  bool stood_still = false;  ///< The process did, while it lived.
  bool hurried = false;      ///< The sender has not waited for the receiver.
  bool asked = false;        ///< The sender has asked for an end, in order or not.
  bool refused = false;      ///< A message was not accepted, which ends it.
  bool says_later = false;   ///< Something about a call, for which there may be no room.
  bool gone = false;         ///< The sender was destroyed.
  std::optional<TimePoint> ended_at;  ///< When the sender asked for an orderly end.
  std::optional<DisconnectReason> sender_end;
  std::optional<DisconnectReason> receiver_end;
  std::optional<SessionLossReason> lost;      ///< As the sender was told.
  std::optional<std::uint64_t> peer_handled;  ///< The same.

  /// Broadcasts that a slow reader need not get. They are in order among those of their form.
  struct Offers {
    std::vector<std::uint64_t> made;
    std::size_t passed = 0;  ///< Those up to the last one that was delivered.
  };
  std::array<Offers, 4> offers;
  /// Frames about calls that may have been sent. No hook hears them, or a callback does.
  std::size_t said = 0;
  std::size_t offers_made = 0;
  std::size_t offers_delivered = 0;
  bool keeps_latest = false;

  /// What may have been accepted was.
  void settle_doubt() { accepted.push_back(*std::exchange(perhaps, std::nullopt)); }
  bool deliver(Form form, std::uint64_t hash) {
    if (delivered == accepted.size() && perhaps == hash) settle_doubt();
    if (delivered < accepted.size() && accepted[delivered] == hash) {
      ++delivered;
      return true;
    }
    Offers& its = offers[static_cast<std::size_t>(form)];
    const auto from = its.made.begin() + static_cast<std::ptrdiff_t>(its.passed);
    const auto found = std::find(from, its.made.end(), hash);
    if (found == its.made.end()) return false;
    its.passed = static_cast<std::size_t>(found - its.made.begin()) + 1;
    ++offers_delivered;
    return true;
  }

  bool complete() const {
    const bool latest = std::all_of(offers.begin(), offers.end(), [](const Offers& each) {
      return each.passed == each.made.size();
    });
    return delivered == accepted.size() && (latest || !keeps_latest);
  }
  std::size_t all_delivered() const { return delivered + offers_delivered; }
  /// Whether it ended so that all of it must have arrived.
  bool ended_in_order() const {
    if (harmed || hurried || too_big) return false;
    const bool drained =
        sender_end == DisconnectReason::kDraining && receiver_end == DisconnectReason::kDraining;
    return drained ||
           (ended_at && sender_end && receiver_end == DisconnectReason::kConnectionClosed);
  }
};

/// What one side of a connection, or of a session, knows.
struct Side {
  Journal* out = nullptr;
  Journal* in = nullptr;  ///< Known from the first message on.
  bool up = false;
  bool threw = false;     ///< A hook for one of its messages.
  bool detached = false;  ///< Its session has no connection,
  TimePoint detached_at;  ///< since then.
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_JOURNAL_H_
