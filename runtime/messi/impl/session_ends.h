#ifndef MESSI_IMPL_SESSION_ENDS_H_
#define MESSI_IMPL_SESSION_ENDS_H_

#include "messi/connection/disconnect_reason.h"
#include "messi/connection/session_ends.h"
#include "messi/wire/outbox.h"

namespace messi::session_ends {

/// Why a session ends that does not accept a message.
constexpr DisconnectReason reason_of(wire::Accepted refused) {
  if (refused == wire::Accepted::kTooBig) return DisconnectReason::kMessageTooBig;
  if (refused == wire::Accepted::kInvalid) return DisconnectReason::kMessageEncodeError;
  return DisconnectReason::kSlowReader;
}

}  // namespace messi::session_ends

#endif  // MESSI_IMPL_SESSION_ENDS_H_
