#ifndef MESSI_WIRE_CLOSE_FRAME_H_
#define MESSI_WIRE_CLOSE_FRAME_H_

// The frame with which a server says why it closes a connection, and with which either side of a
// session says that it ends. Its payload is
//
//     0 code   1 flags   2-3 reserved   4-7 retry after, ms   8-15 rx   16-23 tx   24 text

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "messi/wire/big_endian.h"
#include "messi/wire/frame.h"

namespace messi::wire {

/// Those from 1 to 5 say why a session is lost, and 10 to 12 of a session too.
enum class CloseCode : std::uint8_t {
  kUnknown = 1,    ///< The server does not know the session.
  kExpired = 2,    ///< The session has waited too long for its client.
  kOverflow = 3,   ///< Too much was sent and not acknowledged.
  kEvicted = 4,    ///< The server needed the session's place for another.
  kClosed = 5,     ///< The session ends in order.
  kStale = 6,      ///< A later attempt of the client has come before.
  kBusy = 7,       ///< The server takes no more clients now.
  kVersion = 8,    ///< The server does not speak the client's version of sessions.
  kAuth = 9,       ///< The server does not accept who the client is.
  kProtocol = 10,  ///< The client has broken the protocol.
  kDecode = 11,    ///< The client has sent a message that is not what the schema says.
  kLimit = 12,     ///< The client has exceeded a limit.
  kDrain = 14,     ///< The server lets its clients go. What was sent before still arrives.
  kRefused = 15,   ///< The server does not want this client.
  kSchema = 16,    ///< The server does not accept the client's schema.
};

struct CloseFrame {
  CloseCode code;  ///< As on the wire; it need not be one of the enumerators.
  std::uint32_t retry_after_ms = 0;
  std::string_view text = {};  ///< From the network: it may be anything.
  bool reply = false;          ///< It answers a CLOSE of the other side.
  std::uint64_t rx = 0;        ///< As in an ACK; 0 without a session, and so is `tx`.
  std::uint64_t tx = 0;
};

inline constexpr std::size_t kCloseFixedSize = 24;
/// The original's client has a buffer of 128 bytes, into which a whole frame must fit.
inline constexpr std::size_t kMostCloseText = 96;
inline constexpr std::size_t kMostCloseSize = kHeaderSize + kCloseFixedSize + kMostCloseText;

/// The size of a whole frame; `text` has at most `kMostCloseText` bytes.
inline std::size_t close_size(const CloseFrame& frame) {
  return kHeaderSize + kCloseFixedSize + frame.text.size();
}

/// Writes a whole frame, of `close_size` bytes.
inline void write_close(std::uint8_t* out, const CloseFrame& frame) {
  out = write_header(out, FrameType::kClose, kCloseFixedSize + frame.text.size());
  *out++ = static_cast<std::uint8_t>(frame.code);
  *out++ = frame.reply ? 1 : 0;
  out = put_number(out, 0, 2);
  out = put_number(out, frame.retry_after_ms, 4);
  out = put_number(out, frame.rx, 8);
  out = put_number(out, frame.tx, 8);
  std::copy(frame.text.begin(), frame.text.end(), out);
}

/// Nothing if the payload is too short. What exceeds the longest text is ignored.
inline std::optional<CloseFrame> read_close(std::string_view payload) {
  if (payload.size() < kCloseFixedSize) return std::nullopt;
  CloseFrame frame{static_cast<CloseCode>(payload[0])};
  frame.reply = (payload[1] & 1) != 0;
  frame.retry_after_ms = static_cast<std::uint32_t>(get_number(payload, 4, 4));
  frame.rx = get_number(payload, 8, 8);
  frame.tx = get_number(payload, 16, 8);
  frame.text = payload.substr(kCloseFixedSize, kMostCloseText);
  return frame;
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_CLOSE_FRAME_H_
