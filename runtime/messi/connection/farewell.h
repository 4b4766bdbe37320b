#ifndef MESSI_CONNECTION_FAREWELL_H_
#define MESSI_CONNECTION_FAREWELL_H_

// What a server's CLOSE means for both sides.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "messi/connection/disconnect_reason.h"
#include "messi/wire/close_frame.h"

namespace messi::connection {

/// The code with which a server tells a client of the reason; nothing if it closes without a word.
constexpr std::optional<wire::CloseCode> code_of(DisconnectReason reason) {
  switch (reason) {
    case DisconnectReason::kTooManyClients:
    case DisconnectReason::kTooManyFromAddress:
    case DisconnectReason::kTooManyAtOnce:
      return wire::CloseCode::kBusy;
    case DisconnectReason::kUnauthenticated:
      return wire::CloseCode::kAuth;
    case DisconnectReason::kProtocolError:
      return wire::CloseCode::kProtocol;
    case DisconnectReason::kMessageDecodeError:
      return wire::CloseCode::kDecode;
    case DisconnectReason::kMessageTooBig:
    case DisconnectReason::kFrameTooSlow:
    case DisconnectReason::kTooManyPings:
      return wire::CloseCode::kLimit;
    case DisconnectReason::kDraining:
      return wire::CloseCode::kDrain;
    case DisconnectReason::kRefused:
      return wire::CloseCode::kRefused;
    case DisconnectReason::kSchemaMismatch:
      return wire::CloseCode::kSchema;
    default:
      return std::nullopt;
  }
}

/// Why the connection of a client ends that gets the code.
constexpr DisconnectReason reason_of(wire::CloseCode code) {
  switch (code) {
    case wire::CloseCode::kBusy:
      return DisconnectReason::kTooManyClients;
    case wire::CloseCode::kAuth:
      return DisconnectReason::kUnauthenticated;
    case wire::CloseCode::kDrain:
      return DisconnectReason::kDraining;
    case wire::CloseCode::kRefused:
      return DisconnectReason::kRefused;
    case wire::CloseCode::kSchema:
      return DisconnectReason::kSchemaMismatch;
    default:
      return DisconnectReason::kConnectionClosed;
  }
}

/// The longest beginning of `text` that has at most `most` bytes and ends with a whole character.
inline std::string_view cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return {text.data(), most};
}

/// What a server says about a reason, if it has no words of its own. Some codes say it all.
constexpr std::string_view usual_text(DisconnectReason reason) {
  const bool clear = reason == DisconnectReason::kRefused || reason == DisconnectReason::kDraining;
  return clear ? "" : to_string(reason);
}

/// What a server tells a client. Nothing if it closes without a word, or the frame would be larger
/// than both sides' `max_payload_size`.
inline std::optional<wire::CloseFrame> farewell(DisconnectReason reason, std::string_view text,
                                                std::size_t max_payload_size) {
  const std::optional<wire::CloseCode> code = code_of(reason);
  if (!code || max_payload_size < wire::kCloseFixedSize) return std::nullopt;
  const std::size_t room = max_payload_size - wire::kCloseFixedSize;
  return wire::CloseFrame{*code, 0, cut_text(text, std::min(room, wire::kMostCloseText))};
}

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_FAREWELL_H_
