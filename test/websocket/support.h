#ifndef MESSI_TEST_WEBSOCKET_SUPPORT_H_
#define MESSI_TEST_WEBSOCKET_SUPPORT_H_

// Frames and upgrades by hand.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace messi::test {

/// A frame of a server: `first` is its first byte, such as 0x82 for a whole message in binary.
inline std::string plain_frame(int first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) {
    frame += static_cast<char>(payload.size());
  } else {
    const bool is_short = payload.size() <= 0xffff;
    frame += static_cast<char>(is_short ? 126 : 127);
    for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) {
      frame += static_cast<char>(payload.size() >> shift & 0xff);
    }
  }
  return frame.append(payload);
}

/// The same, of a client.
inline std::string masked_frame(int first, std::string_view payload,
                                std::string_view key = "\x37\xfa\x21\x3d") {
  std::string frame = plain_frame(first, payload);
  frame[1] = static_cast<char>(frame[1] | 0x80);
  const std::size_t header = frame.size() - payload.size();
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame[header + i] = static_cast<char>(frame[header + i] ^ key[i % 4]);
  }
  return frame.insert(header, key);
}

/// The payload of a close frame.
inline std::string closing(int code, std::string_view reason = "") {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)}.append(reason);
}

/// A client's request, as RFC 6455 has it, with further fields.
inline std::string request(const std::string& path = "/", const std::string& more = "") {
  return "GET " + path +
         " HTTP/1.1\r\nHost: localhost:6000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
         more + "\r\n";
}

/// What a server of ours answers to that.
inline constexpr std::string_view kAccepted =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

}  // namespace messi::test

#endif  // MESSI_TEST_WEBSOCKET_SUPPORT_H_
