#ifndef MESSI_TEST_SIMULATION_JOURNAL_H_
#define MESSI_TEST_SIMULATION_JOURNAL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"

namespace messi::simulation {

/// One direction of one connection: what was accepted for sending, and how much of it has been
/// delivered.
struct Journal {
  std::uint64_t number = 0;
  std::size_t link = 0;  ///< The number of its connection in the network; 0: unknown.
  std::vector<std::uint64_t> accepted;  ///< A hash of each message.
  std::size_t delivered = 0;
  bool claimed = false;               ///< The receiver knows that it is this one.
  bool harmed = false;                ///< The network may have broken it.
  bool hurried = false;               ///< The sender has not waited for the receiver.
  std::optional<TimePoint> ended_at;  ///< When the sender asked for an orderly end.
  std::optional<DisconnectReason> sender_end;
  std::optional<DisconnectReason> receiver_end;

  bool complete() const { return delivered == accepted.size(); }
  /// Whether it ended so that all of it must have arrived.
  bool ended_in_order() const {
    return !harmed && !hurried && ended_at && sender_end &&
           receiver_end == DisconnectReason::kConnectionClosed;
  }
};

/// What one side of a connection knows.
struct Side {
  Journal* out = nullptr;
  Journal* in = nullptr;  ///< Known from the first message on.
  bool up = false;
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_JOURNAL_H_
