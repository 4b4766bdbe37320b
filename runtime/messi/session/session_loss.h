#ifndef MESSI_SESSION_SESSION_LOSS_H_
#define MESSI_SESSION_SESSION_LOSS_H_

#include <cstdint>
#include <optional>

#include "messi/session/kept_messages.h"
#include "messi/session/loss_reason.h"

namespace messi {

/// What is known of a session that has ended without its promise: messages of this side that the
/// peer may not have handled, or the other way round.
struct SessionLoss {
  SessionLossReason reason;

  /// The messages of this side that are not known to have been handled, by their numbers in the
  /// session; none if the first is more than the last.
  std::uint64_t first_unacked;
  std::uint64_t last_accepted;

  /// How many messages of this side the peer has handled, if it has said so at the end. Then
  /// `first_unacked` is the next one, and none from there on was handled.
  std::optional<std::uint64_t> peer_handled = std::nullopt;

  /// Those messages, encoded. Valid until the hook returns.
  session::KeptMessages messages = {};
};

}  // namespace messi

#endif  // MESSI_SESSION_SESSION_LOSS_H_
