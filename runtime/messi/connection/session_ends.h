#ifndef MESSI_CONNECTION_SESSION_ENDS_H_
#define MESSI_CONNECTION_SESSION_ENDS_H_

// What the end of a connection means for its session: the same on both sides.

#include <optional>

#include "messi/connection/disconnect_reason.h"
#include "messi/session/loss_reason.h"
#include "messi/wire/close_frame.h"

namespace messi::session_ends {

/// Why a session is lost when a connection ends for this reason; nothing if it goes on.
constexpr std::optional<SessionLossReason> loss_of(DisconnectReason reason) {
  switch (reason) {
    case DisconnectReason::kMessageDecodeError:
      return SessionLossReason::kDecode;
    case DisconnectReason::kMessageTooBig:
      return SessionLossReason::kLimit;
    case DisconnectReason::kProtocolError:
      return SessionLossReason::kProtocol;
    case DisconnectReason::kSlowReader:
    case DisconnectReason::kTooMuchAtOnce:
    case DisconnectReason::kTooMuchQueued:
      return SessionLossReason::kOverflow;
    case DisconnectReason::kMessageEncodeError:
    case DisconnectReason::kStopped:
    case DisconnectReason::kDisconnected:
    case DisconnectReason::kDraining:
    case DisconnectReason::kSessionLost:
      return SessionLossReason::kClosed;
    default:
      return std::nullopt;
  }
}

/// The loss that a peer names; nothing if the code is none.
constexpr std::optional<SessionLossReason> loss_of(wire::CloseCode code) {
  switch (code) {
    case wire::CloseCode::kUnknown:
    case wire::CloseCode::kExpired:
    case wire::CloseCode::kOverflow:
    case wire::CloseCode::kEvicted:
    case wire::CloseCode::kClosed:
    case wire::CloseCode::kProtocol:
    case wire::CloseCode::kDecode:
    case wire::CloseCode::kLimit:
      return static_cast<SessionLossReason>(code);
    default:
      return std::nullopt;
  }
}

constexpr wire::CloseCode code_of(SessionLossReason reason) {
  return static_cast<wire::CloseCode>(reason);
}

}  // namespace messi::session_ends

#endif  // MESSI_CONNECTION_SESSION_ENDS_H_
