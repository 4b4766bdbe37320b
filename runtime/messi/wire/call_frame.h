#ifndef MESSI_WIRE_CALL_FRAME_H_
#define MESSI_WIRE_CALL_FRAME_H_

// What is said about a request: its answer, why there is none, or that nobody waits any more. The
// payload is
//
//     0-7 the request's number   8 kind   9- by kind: a message; a code and a text; nothing

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "messi/wire/big_endian.h"
#include "messi/wire/frame.h"

namespace messi::wire {

/// The feature in HELLO and WELCOME of a side that knows these frames.
inline constexpr std::uint16_t kCallsFeature = 1;

enum class CallKind : std::uint8_t {
  kAnswer = 1,
  kFailure = 2,
  kCancel = 3,  ///< From the caller.
};

struct CallFrame {
  std::uint64_t request;  ///< The number of a message of the other side.
  CallKind kind;
  std::string_view message = {};  ///< Of an answer: an encoded ClientToServer or ServerToClient.
  std::uint8_t code = 0;          ///< Of a failure: a StatusCode, but from the network.
  std::string_view text = {};     ///< Of a failure. It may be anything.
};

inline constexpr std::size_t kMostFailureText = 256;

/// Writes the head of a payload, of `kCallHeadSize` bytes; returns the place behind it.
inline std::uint8_t* write_call_head(std::uint8_t* out, std::uint64_t request, CallKind kind) {
  out = put_number(out, request, 8);
  *out++ = static_cast<std::uint8_t>(kind);
  return out;
}

/// Nothing if it is not what it should be.
inline std::optional<CallFrame> read_call(std::string_view payload) {
  if (payload.size() < kCallHeadSize) return std::nullopt;
  std::string_view rest = payload;
  rest.remove_prefix(kCallHeadSize);
  CallFrame frame{get_number(payload, 0, 8), static_cast<CallKind>(payload[8])};
  switch (frame.kind) {
    case CallKind::kAnswer:
      frame.message = rest;
      return frame;
    case CallKind::kFailure:
      if (rest.empty()) return std::nullopt;
      frame.code = static_cast<std::uint8_t>(rest[0]);
      frame.text = {rest.data() + 1, std::min(rest.size() - 1, kMostFailureText)};
      return frame;
    case CallKind::kCancel:
      return frame;
  }
  return std::nullopt;
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_CALL_FRAME_H_
