#ifndef MESSI_CONNECTION_DISCONNECT_REASON_H_
#define MESSI_CONNECTION_DISCONNECT_REASON_H_

#include <cstdint>
#include <iosfwd>
#include <string_view>

namespace messi {

/// Why a connection ended. The first six are those of the original Messi.
enum class DisconnectReason : std::uint8_t {
  kMessageEncodeError,  ///< A message given to `send` lacks a required field, or has text that is
                        ///< not UTF-8.
  kMessageDecodeError,  ///< A message from the peer is not what the schema says.
  kConnectionClosed,    ///< The peer, or the network, closed the connection.
  kKeepAliveTimeout,    ///< Nothing arrived from the peer for too long.
  kGeneralError,        ///< The system refused something the connection needs, or a hook threw.
  kMessageTooBig,       ///< A message, sent or received, is larger than `max_payload_size`.
  kSlowReader,       ///< The peer reads more slowly than we send: `max_pending_bytes` is reached.
  kProtocolError,    ///< The peer does not speak this protocol.
  kTooManyClients,   ///< The server is full.
  kStopped,          ///< `stop()` was called on this side.
  kDisconnected,     ///< `disconnect()` was called on this side.
  kTooMuchAtOnce,    ///< `max_pending_bytes` was reached before the peer could read anything.
  kRefused,          ///< `on_client_arriving` returned false.
  kUnauthenticated,  ///< The server's `on_authenticate` refused the client, or did not answer in
                     ///< time.
  kDraining,         ///< The server is draining: it lets its clients go.
  kFrameTooSlow,     ///< The rest of a frame took too long to arrive: `frame_timeout`.
  kTooManyPings,     ///< The client sends more than `max_pings_per_second`.
  kTooMuchQueued,    ///< The server's `max_total_pending_bytes` was reached, and most of it waited
                     ///< for this client.
  kTooManyFromAddress,  ///< Only in `on_client_refused`: `max_clients_per_address` is reached.
  kTooManyAtOnce,       ///< Only in `on_client_refused`: more arrive than `max_accepts_per_second`.
  kSessionLost,         ///< The session cannot go on: see `on_session_lost`.
  kSchemaMismatch,      ///< Only in `on_client_refused`, and in a device's `on_connect_failure`:
                        ///< `on_schema_mismatch` returned false.
  kReplaced,            ///< The server took it for a client without a session; then it asked for
                        ///< one, and is another client now. Or its session goes on in another
                        ///< connection.
};

/// The reason as a sentence, such as "Keep alive timeout.". The text has static storage.
constexpr std::string_view to_string(DisconnectReason reason) {
  switch (reason) {
    case DisconnectReason::kMessageEncodeError:
      return "Message encode error.";
    case DisconnectReason::kMessageDecodeError:
      return "Message decode error.";
    case DisconnectReason::kConnectionClosed:
      return "Connection closed.";
    case DisconnectReason::kKeepAliveTimeout:
      return "Keep alive timeout.";
    case DisconnectReason::kGeneralError:
      return "General error.";
    case DisconnectReason::kMessageTooBig:
      return "Message too big.";
    case DisconnectReason::kSlowReader:
      return "Slow reader.";
    case DisconnectReason::kProtocolError:
      return "Protocol error.";
    case DisconnectReason::kTooManyClients:
      return "Too many clients.";
    case DisconnectReason::kStopped:
      return "Stopped.";
    case DisconnectReason::kDisconnected:
      return "Disconnected.";
    case DisconnectReason::kTooMuchAtOnce:
      return "Too much sent at once.";
    case DisconnectReason::kRefused:
      return "Refused.";
    case DisconnectReason::kUnauthenticated:
      return "Not authenticated.";
    case DisconnectReason::kDraining:
      return "Draining.";
    case DisconnectReason::kFrameTooSlow:
      return "Frame too slow.";
    case DisconnectReason::kTooManyPings:
      return "Too many pings.";
    case DisconnectReason::kTooMuchQueued:
      return "Too much queued.";
    case DisconnectReason::kTooManyFromAddress:
      return "Too many clients from this address.";
    case DisconnectReason::kTooManyAtOnce:
      return "Too many connections at once.";
    case DisconnectReason::kSessionLost:
      return "Session lost.";
    case DisconnectReason::kSchemaMismatch:
      return "Schema mismatch.";
    case DisconnectReason::kReplaced:
      return "Replaced.";
  }
  return "Unknown reason.";
}

// A template, so that <iosfwd> is enough here and <ostream> is the user's to include.
template <typename Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             DisconnectReason reason) {
  return out << to_string(reason);
}

}  // namespace messi

#endif  // MESSI_CONNECTION_DISCONNECT_REASON_H_
