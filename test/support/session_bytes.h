#ifndef MESSI_TEST_SUPPORT_SESSION_BYTES_H_
#define MESSI_TEST_SUPPORT_SESSION_BYTES_H_

// The frames of sessions, put together and taken apart by hand, without any code of the runtime.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "test/support/bytes.h"

namespace messi::test {

/// `value` in `size` bytes.
inline std::string big_endian(std::uint64_t value, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = size; i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value);
  return bytes;
}

/// The number that is `size` bytes long at `at`.
inline std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(at, size)) {
    value = value << 8 | static_cast<unsigned char>(byte);
  }
  return value;
}

inline std::string tlv(int type, std::string_view value) {
  return big_endian(static_cast<std::uint64_t>(type), 2) + big_endian(value.size(), 2) +
         std::string(value);
}

inline std::string offer_frame(bool sessions) {
  return frame(5, big_endian(1, 1) + big_endian(1, 1) + big_endian(sessions ? 1 : 0, 2));
}

struct RawHello {
  int version = 1;
  bool resume = false;
  bool no_session = false;
  unsigned features = 0;
  std::uint32_t attempt = 1;
  std::uint32_t retain = 4 * 1024 * 1024;
  std::uint32_t max_payload = 1024 * 1024;
  std::uint64_t rx = 0;
  std::string id = std::string(16, '\0');
  std::string secret = std::string(16, '\0');
  std::string tlvs = {};

  std::string frame() const {
    const unsigned flags = (resume ? 1u : 0u) | (no_session ? 2u : 0u);
    return test::frame(6, big_endian(static_cast<std::uint64_t>(version), 1) +
                              big_endian(flags, 1) + big_endian(features, 2) +
                              big_endian(attempt, 4) + big_endian(retain, 4) +
                              big_endian(max_payload, 4) + big_endian(rx, 8) + id + secret + tlvs);
  }
};

struct RawWelcome {
  int version;
  int status;
  int reason;
  int flags;
  std::uint64_t window_ms;
  std::uint64_t retain;
  std::uint64_t max_payload;
  std::uint64_t rx;
  std::string id;
  std::string secret;
  std::uint64_t prev_rx;
  std::uint64_t features;
  std::string tlvs;

  bool resumed() const { return status == 1; }
  bool knows_prev_rx() const { return (flags & 1) != 0; }

  static RawWelcome of(const RawFrame& frame) {
    const std::string& payload = frame.payload;
    if (frame.type != 7 || payload.size() < 72) throw std::runtime_error("this is no WELCOME");
    const auto number = [&payload](std::size_t at, std::size_t size) {
      return number_at(payload, at, size);
    };
    return {static_cast<int>(number(0, 1)),
            static_cast<int>(number(1, 1)),
            static_cast<int>(number(2, 1)),
            static_cast<int>(number(3, 1)),
            number(4, 4),
            number(8, 4),
            number(12, 4),
            number(16, 8),
            payload.substr(24, 16),
            payload.substr(40, 16),
            number(56, 8),
            number(68, 2),
            payload.substr(72)};
  }
};

inline std::string ack_frame(std::uint64_t rx, std::uint64_t tx) {
  return frame(8, big_endian(rx, 8) + big_endian(tx, 8));
}

/// A CLOSE on a session connection.
inline std::string session_close_frame(int code, std::uint64_t rx, std::uint64_t tx,
                                       bool reply = false, std::string_view text = {}) {
  return frame(9, big_endian(static_cast<std::uint64_t>(code), 1) + big_endian(reply ? 1 : 0, 1) +
                      big_endian(0, 6) + big_endian(rx, 8) + big_endian(tx, 8) + std::string(text));
}

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_SESSION_BYTES_H_
