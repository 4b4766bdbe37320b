#ifndef MESSI_FRAME_TAP_H_
#define MESSI_FRAME_TAP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "messi/wire/frame.h"

namespace messi {

enum class Direction : std::uint8_t { kSent, kReceived };

/// A frame that a connection has carried, see doc/wire-protocol.md.
struct TappedFrame {
  Direction direction;
  /// A server's streams in the order of their arrival, from 1, which is the client's `id` unless a
  /// session goes on in another stream. A client's in the order in which they were opened.
  std::uint64_t connection;
  wire::FrameType type;      ///< As on the wire; it need not be one of the enumerators.
  std::size_t size;          ///< In bytes, with the header.
  std::string_view payload;  ///< Valid during the call.
};

/// Gets each frame of all connections: when the system has taken it, or before it is handled. For
/// looking only: it may be called within any call of yours, and must not call messi. An exception
/// ends the connection, and leaves the call that it was in.
using FrameTap = std::function<void(const TappedFrame& frame)>;

}  // namespace messi

#endif  // MESSI_FRAME_TAP_H_
