#ifndef MESSI_WIRE_FRAME_H_
#define MESSI_WIRE_FRAME_H_

// The layout of a frame; doc/wire-protocol.md says the same in prose.
//
//     +--------+------------------+----------------------+
//     | type 1 | size 3, big end. | payload, size bytes  |
//     +--------+------------------+----------------------+

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace messi::wire {

enum class FrameType : std::uint8_t {
  kClientToServer = 1,
  kServerToClient = 2,
  kPing = 3,
  kPong = 4,
  kOffer = 5,
  kHello = 6,
  kWelcome = 7,
  kAck = 8,
  kClose = 9,
  kCall = 10,  ///< An answer to a request, or what else there is to say about one: call_frame.h.
};

/// In small letters, such as "ping"; both kinds of messages are "message".
constexpr std::string_view name_of(FrameType type) {
  switch (type) {
    case FrameType::kClientToServer:
    case FrameType::kServerToClient:
      return "message";
    case FrameType::kPing:
      return "ping";
    case FrameType::kPong:
      return "pong";
    case FrameType::kOffer:
      return "offer";
    case FrameType::kHello:
      return "hello";
    case FrameType::kWelcome:
      return "welcome";
    case FrameType::kAck:
      return "ack";
    case FrameType::kClose:
      return "close";
    case FrameType::kCall:
      return "call";
  }
  return "unknown";
}

inline constexpr std::size_t kHeaderSize = 4;
/// OFFER to CLOSE may have this much, whatever the limit for messages is.
inline constexpr std::size_t kMostServicePayload = 2 * 1024;
inline constexpr bool is_service(FrameType type) {
  return type >= FrameType::kOffer && type <= FrameType::kClose;
}
inline constexpr std::size_t kMaxPayloadSize = (std::size_t{1} << 24) - 1;

/// The messages of a program, and what is said about their requests. Those are numbered.
inline constexpr bool is_numbered(FrameType type) {
  return type <= FrameType::kServerToClient || type == FrameType::kCall;
}
/// What a kCall has before its message. It does not count for the limit of messages.
inline constexpr std::size_t kCallHeadSize = 9;

/// One frame. Its payload points into the input, and is valid only as long as that.
struct Frame {
  FrameType type;  ///< As on the wire; it need not be one of the enumerators.
  std::string_view payload;
};

/// Writes a header of `kHeaderSize` bytes; returns the place of the payload.
inline std::uint8_t* write_header(std::uint8_t* out, FrameType type, std::size_t payload_size) {
  out[0] = static_cast<std::uint8_t>(type);
  out[1] = static_cast<std::uint8_t>(payload_size >> 16);
  out[2] = static_cast<std::uint8_t>(payload_size >> 8);
  out[3] = static_cast<std::uint8_t>(payload_size);
  return out + kHeaderSize;
}

/// The type that the header at `header` (`kHeaderSize` bytes) announces.
inline FrameType read_type(const char* header) {
  return static_cast<FrameType>(static_cast<std::uint8_t>(header[0]));
}

/// The payload size that the header at `header` (`kHeaderSize` bytes) announces.
inline std::size_t read_size(const char* header) {
  const auto byte = [header](int i) {
    return static_cast<std::size_t>(static_cast<std::uint8_t>(header[i]));
  };
  return byte(1) << 16 | byte(2) << 8 | byte(3);
}

/// The size of the whole frame that begins with the header at `header`.
inline std::uint32_t frame_size(const char* header) {
  return static_cast<std::uint32_t>(kHeaderSize + read_size(header));
}

/// How much of the limit for messages the frame takes that begins with the header at `header`.
inline std::size_t message_size(const char* header) {
  const std::size_t size = read_size(header);
  return read_type(header) == FrameType::kCall && size > kCallHeadSize ? size - kCallHeadSize
                                                                       : size;
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_FRAME_H_
