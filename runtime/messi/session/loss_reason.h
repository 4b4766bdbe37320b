#ifndef MESSI_SESSION_LOSS_REASON_H_
#define MESSI_SESSION_LOSS_REASON_H_

#include <cstdint>
#include <iosfwd>
#include <string_view>

namespace messi {

/// Why a session could not keep its promise.
enum class SessionLossReason : std::uint8_t {
  kUnknown = 1,      ///< The server does not know the session: it was started again, for example.
  kExpired = 2,      ///< The client was away for longer than the server's `session_timeout`.
  kOverflow = 3,     ///< More than `max_pending_bytes` was not acknowledged.
  kEvicted = 4,      ///< The server was full, and this session's client away for longest.
  kClosed = 5,       ///< One side ended the session before everything was acknowledged.
  kProtocol = 10,    ///< The peer has broken the protocol.
  kDecode = 11,      ///< A message is not what the schema says.
  kLimit = 12,       ///< A message is larger than the peer accepts, or another limit was exceeded.
  kDowngraded = 13,  ///< The server that was reached has no sessions.
};

/// The reason as a sentence. The text has static storage.
constexpr std::string_view to_string(SessionLossReason reason) {
  switch (reason) {
    case SessionLossReason::kUnknown:
      return "The server does not know the session.";
    case SessionLossReason::kExpired:
      return "The session has expired.";
    case SessionLossReason::kOverflow:
      return "Too much was not acknowledged.";
    case SessionLossReason::kEvicted:
      return "The server needed the session's place.";
    case SessionLossReason::kClosed:
      return "The session was closed.";
    case SessionLossReason::kProtocol:
      return "The protocol was broken.";
    case SessionLossReason::kDecode:
      return "A message could not be decoded.";
    case SessionLossReason::kLimit:
      return "A limit was exceeded.";
    case SessionLossReason::kDowngraded:
      return "The server has no sessions.";
  }
  return "Unknown reason.";
}

template <typename Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             SessionLossReason reason) {
  return out << to_string(reason);
}

}  // namespace messi

#endif  // MESSI_SESSION_LOSS_REASON_H_
