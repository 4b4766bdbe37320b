#ifndef MESSI_IO_WEBSOCKET_SHA1_H_
#define MESSI_IO_WEBSOCKET_SHA1_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace messi::websocket {

/// SHA-1, which the upgrade asks for: it shows that the server has read the request. No secret
/// depends on it.
inline std::array<std::uint8_t, 20> sha1(std::string_view text) {
  const auto rotate = [](std::uint32_t word, int bits) {
    return word << bits | word >> (32 - bits);
  };
  // The text, a one bit, zeros, and the size in bits, which fill whole blocks.
  constexpr std::size_t kBlock = 64;
  std::string padded(text);
  padded += '\x80';
  while (padded.size() % kBlock != kBlock - 8) padded += '\0';
  const std::uint64_t bits = std::uint64_t{text.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>(bits >> shift & 0xff);

  std::array<std::uint32_t, 5> state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (std::size_t block = 0; block < padded.size(); block += kBlock) {
    std::array<std::uint32_t, 80> words{};
    for (std::size_t i = 0; i < kBlock; ++i) {
      words[i / 4] = words[i / 4] << 8 | static_cast<std::uint8_t>(padded[block + i]);
    }
    for (std::size_t i = 16; i < words.size(); ++i) {
      words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    auto [a, b, c, d, e] = state;
    for (std::size_t i = 0; i < words.size(); ++i) {
      std::uint32_t mixed = 0;
      if (i < 20) {
        mixed = ((b & c) | (~b & d)) + 0x5a827999;
      } else if (i < 40) {
        mixed = (b ^ c ^ d) + 0x6ed9eba1;
      } else if (i < 60) {
        mixed = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
      } else {
        mixed = (b ^ c ^ d) + 0xca62c1d6;
      }
      const std::uint32_t next = rotate(a, 5) + mixed + e + words[i];
      e = d;
      d = c;
      c = rotate(b, 30);
      b = a;
      a = next;
    }
    state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
  }

  std::array<std::uint8_t, 20> result{};
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return result;
}

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_SHA1_H_
