#ifndef MESSI_TEST_SUPPORT_BYTES_H_
#define MESSI_TEST_SUPPORT_BYTES_H_

// Frames put together and taken apart by hand, without any code of the runtime.

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace messi::test {

struct RawFrame {
  int type;
  std::string payload;

  friend bool operator==(const RawFrame& a, const RawFrame& b) {
    return a.type == b.type && a.payload == b.payload;
  }
  friend std::ostream& operator<<(std::ostream& out, const RawFrame& frame) {
    return out << "{type " << frame.type << ", " << frame.payload.size() << " bytes}";
  }
};

/// The first four bytes of a frame.
inline std::string header(int type, std::size_t size) {
  return {static_cast<char>(type), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
          static_cast<char>(size)};
}

inline std::string frame(int type, std::string_view payload = {}) {
  return header(type, payload.size()).append(payload);
}

inline const std::string kPing = frame(3);
inline const std::string kPong = frame(4);

/// What a server says before it closes; doc/wire-protocol.md has the codes.
inline std::string close_frame(int code, std::string_view text = {}, unsigned retry_after_ms = 0) {
  std::string payload(24, '\0');
  payload[0] = static_cast<char>(code);
  for (std::size_t i = 0; i < 4; ++i) {
    payload[4 + i] = static_cast<char>(retry_after_ms >> (24 - 8 * i));
  }
  return frame(9, payload.append(text));
}

/// The whole frames in `bytes`; what is left at the end comes as a frame of type -1.
inline std::vector<RawFrame> frames_of(std::string_view bytes) {
  std::vector<RawFrame> frames;
  const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  while (!bytes.empty()) {
    const std::size_t size = bytes.size() < 4
                                 ? bytes.size()
                                 : std::size_t{byte(1)} << 16 | std::size_t{byte(2)} << 8 | byte(3);
    if (bytes.size() < 4 || bytes.size() - 4 < size) {
      frames.push_back({-1, std::string(bytes)});
      break;
    }
    frames.push_back({byte(0), std::string(bytes.substr(4, size))});
    bytes.remove_prefix(4 + size);
  }
  return frames;
}

/// The types of the frames in `bytes`.
inline std::vector<int> types_of(std::string_view bytes) {
  std::vector<int> types;
  for (const RawFrame& each : frames_of(bytes)) types.push_back(each.type);
  return types;
}

/// `size` bytes that differ from place to place, and from seed to seed.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_BYTES_H_
