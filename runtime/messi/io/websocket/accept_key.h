#ifndef MESSI_IO_WEBSOCKET_ACCEPT_KEY_H_
#define MESSI_IO_WEBSOCKET_ACCEPT_KEY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "messi/io/websocket/sha1.h"

namespace messi::websocket {

inline constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

inline std::string base64(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t at = i; at < i + 3; ++at) {
      group = group << 8 | (at < bytes.size() ? static_cast<std::uint8_t>(bytes[at]) : 0U);
    }
    const std::size_t digits = std::min<std::size_t>(bytes.size() - i, 3) + 1;
    for (std::size_t digit = 0; digit < 4; ++digit) {
      text += digit < digits ? kBase64[group >> (18 - 6 * digit) & 0x3f] : '=';
    }
  }
  return text;
}

/// Whether it may be a client's Sec-WebSocket-Key: 16 bytes in base64.
inline bool is_key(std::string_view text) {
  return text.size() == 24 && text.find_first_not_of(kBase64) == 22 && text.substr(22) == "==";
}

/// The Sec-WebSocket-Accept that belongs to a client's key.
inline std::string accept_key(std::string_view key) {
  const auto digest = sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_ACCEPT_KEY_H_
