#ifndef MESSI_WIRE_CLOSE_FRAME_H_
#define MESSI_WIRE_CLOSE_FRAME_H_

// The frame with which a server says why it closes a connection. Its payload is
//
//     0 code   1 flags   2-3 reserved   4-7 retry after, ms   8-15 and 16-23 for sessions   24 text

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "messi/wire/frame.h"

namespace messi::wire {

enum class CloseCode : std::uint8_t {
  kBusy = 7,       ///< The server takes no more clients now.
  kAuth = 9,       ///< The server does not accept who the client is.
  kProtocol = 10,  ///< The client has broken the protocol.
  kDecode = 11,    ///< The client has sent a message that is not what the schema says.
  kLimit = 12,     ///< The client has exceeded a limit.
  kDrain = 14,     ///< The server lets its clients go. What was sent before still arrives.
  kRefused = 15,   ///< The server does not want this client.
};

struct CloseFrame {
  CloseCode code;  ///< As on the wire; it need not be one of the enumerators.
  std::uint32_t retry_after_ms = 0;
  std::string_view text = {};  ///< From the network: it may be anything.
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
  std::memset(out, 0, kCloseFixedSize);
  out[0] = static_cast<std::uint8_t>(frame.code);
  for (int i = 0; i < 4; ++i) {
    out[4 + i] = static_cast<std::uint8_t>(frame.retry_after_ms >> (24 - 8 * i));
  }
  std::copy(frame.text.begin(), frame.text.end(), out + kCloseFixedSize);
}

/// Nothing if the payload is too short. What exceeds the longest text is ignored.
inline std::optional<CloseFrame> read_close(std::string_view payload) {
  if (payload.size() < kCloseFixedSize) return std::nullopt;
  const auto byte = [payload](std::size_t i) { return static_cast<std::uint8_t>(payload[i]); };
  CloseFrame frame{static_cast<CloseCode>(byte(0))};
  for (std::size_t i = 4; i < 8; ++i) frame.retry_after_ms = frame.retry_after_ms << 8 | byte(i);
  frame.text = payload.substr(kCloseFixedSize, kMostCloseText);
  return frame;
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_CLOSE_FRAME_H_
