#ifndef MESSI_IO_WEBSOCKET_FRAME_H_
#define MESSI_IO_WEBSOCKET_FRAME_H_

// Frames of WebSocket, as RFC 6455 has them in section 5.2.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace messi::websocket {

enum class Side : std::uint8_t { kClient, kServer };

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

/// Close, ping and pong, which may come between the frames of a message.
inline bool is_control(Opcode opcode) { return opcode >= Opcode::kClose; }

/// Why a side closes, where ours does, or where it means an end in order.
enum class CloseCode : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kUnsupportedData = 1003,
  kNone = 1005,  ///< None was given; never sent.
  kInvalidText = 1007,
  kPolicy = 1008,
};

/// What a frame of a client is masked with; new for each, so that nobody can choose what is sent.
using MaskKey = std::array<char, 4>;

inline constexpr std::size_t kMostHeader = 14;
/// The most that a control frame carries.
inline constexpr std::size_t kMostControl = 125;

/// Copies bytes, masked or unmasked. `at` is where they are in their frame. `out` may be before
/// `in`, also if they overlap.
inline void copy_masked(char* out, const char* in, std::size_t size, MaskKey key,
                        std::uint64_t at) {
  char turned[8];
  for (std::size_t i = 0; i < sizeof(turned); ++i) turned[i] = key[(at + i) % key.size()];
  std::uint64_t mask = 0;
  std::memcpy(&mask, turned, sizeof(mask));
  std::size_t done = 0;
  for (; size - done >= sizeof(mask); done += sizeof(mask)) {
    std::uint64_t word = 0;
    std::memcpy(&word, in + done, sizeof(word));
    word ^= mask;
    std::memcpy(out + done, &word, sizeof(word));
  }
  for (; done < size; ++done) out[done] = static_cast<char>(in[done] ^ turned[done % 8]);
}

/// Writes the header of a whole message, or of a control frame, for a payload of `size` bytes. A
/// client gives a key. Returns the header's size, at most kMostHeader.
inline std::size_t write_header(char* out, Opcode opcode, std::uint64_t size, const MaskKey* key) {
  constexpr int kFinal = 0x80;
  constexpr int kMasked = 0x80;
  constexpr std::uint64_t kTwoBytes = 126;
  constexpr std::uint64_t kEightBytes = 127;
  char* end = out;
  *end++ = static_cast<char>(kFinal | static_cast<int>(opcode));
  std::uint64_t code = size;
  int size_bits = 0;
  if (size >= kTwoBytes) {
    code = size <= 0xffff ? kTwoBytes : kEightBytes;
    size_bits = size <= 0xffff ? 16 : 64;
  }
  *end++ = static_cast<char>((key != nullptr ? kMasked : 0) | static_cast<int>(code));
  while (size_bits > 0) {
    size_bits -= 8;
    *end++ = static_cast<char>(size >> size_bits & 0xff);
  }
  if (key != nullptr) {
    std::memcpy(end, key->data(), key->size());
    end += key->size();
  }
  return static_cast<std::size_t>(end - out);
}

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_FRAME_H_
