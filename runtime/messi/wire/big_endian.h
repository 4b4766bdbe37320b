#ifndef MESSI_WIRE_BIG_ENDIAN_H_
#define MESSI_WIRE_BIG_ENDIAN_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace messi::wire {

/// Writes the lowest `size` bytes of `value`; returns the place behind them.
inline std::uint8_t* put_number(std::uint8_t* out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = size; i > 0; --i) *out++ = static_cast<std::uint8_t>(value >> 8 * (i - 1));
  return out;
}

/// The number in the `size` bytes at `at`, which are there.
inline std::uint64_t get_number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (const char byte : std::string_view(bytes.data() + at, size)) {
    value = value << 8 | static_cast<std::uint8_t>(byte);
  }
  return value;
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_BIG_ENDIAN_H_
