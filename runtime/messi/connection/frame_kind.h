#ifndef MESSI_CONNECTION_FRAME_KIND_H_
#define MESSI_CONNECTION_FRAME_KIND_H_

#include <cstdint>

#include "messi/wire/frame.h"

namespace messi::connection {

enum class Side : std::uint8_t { kClient, kServer };

/// What a frame is to the side that gets it.
enum class FrameKind : std::uint8_t {
  kMessage,     ///< A message of the other side's program.
  kSignOfLife,  ///< A ping to a server, or a pong to a client. It has no payload.
  kOwn,         ///< Only this side sends it: the peer is not what it should be.
  kOther,       ///< What else there is, and what a newer peer may send.
};

constexpr FrameKind kind_of(wire::FrameType type, Side side) {
  const bool client = side == Side::kClient;
  switch (type) {
    case wire::FrameType::kClientToServer:
      return client ? FrameKind::kOwn : FrameKind::kMessage;
    case wire::FrameType::kServerToClient:
      return client ? FrameKind::kMessage : FrameKind::kOwn;
    case wire::FrameType::kPing:
      return client ? FrameKind::kOwn : FrameKind::kSignOfLife;
    case wire::FrameType::kPong:
      return client ? FrameKind::kSignOfLife : FrameKind::kOwn;
    default:
      return FrameKind::kOther;
  }
}

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_FRAME_KIND_H_
