#ifndef MESSI_CODEC_VARINT_H_
#define MESSI_CODEC_VARINT_H_

// Protobuf's variable-length integers: seven bits per byte, the lowest first.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace messi::codec {

// Each message has a few, most of one byte, and g++ would call it.
[[gnu::always_inline]] constexpr std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

/// Returns the end of the written bytes.
inline std::uint8_t* write_varint(std::uint8_t* out, std::uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<std::uint8_t>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}

template <std::size_t kMost>
bool read_long_varint(std::string_view& bytes, std::uint64_t& value) {
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < bytes.size() && i < kMost; ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    result |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      value = result;
      return true;
    }
  }
  return false;
}

/// Reads a varint of up to `kMost` bytes and removes it from `bytes`; false if there is none.
// Each field has one or two varints, and a function call takes longer than the work.
template <std::size_t kMost>
[[gnu::always_inline]] inline bool read_varint(std::string_view& bytes, std::uint64_t& value) {
  // Nearly all varints have one byte.
  if (bytes.empty() || static_cast<std::uint8_t>(bytes[0]) >= 0x80) {
    return read_long_varint<kMost>(bytes, value);
  }
  value = static_cast<std::uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  return true;
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_VARINT_H_
