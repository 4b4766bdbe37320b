#ifndef MESSI_CODEC_ACCESS_H_
#define MESSI_CODEC_ACCESS_H_

// What codec/ asks of clients and servers, and nobody else can: it is private there. Names of
// members must not hide it, so none of it begins as what is generated for members does: on_, send_,
// reply_, broadcast_.

#include <cstddef>
#include <cstdint>

#include "messi/base/bytes.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/wire/send_queue.h"

namespace messi::codec {

/// `Sender` is a client, or a server's handle of one.
struct Access {
  /// Space for a payload, to be filled at once; null if it is not accepted.
  template <typename Sender>
  static std::uint8_t* reserve(Sender& sender, std::size_t payload_size) {
    return sender.reserve(payload_size);
  }
  /// Takes back what `reserve` gave just before.
  template <typename Sender>
  static void retract(Sender& sender, std::size_t payload_size) {
    sender.retract(payload_size);
  }
  /// Sends a payload that lies in pieces, see Channel::send_gathered.
  template <typename Sender>
  static void gather(Sender& sender, Slice* slices, std::size_t count, std::size_t payload_size) {
    sender.gather(slices, count, payload_size);
  }
  /// A message cannot be sent.
  template <typename Sender>
  static void refuse(Sender& sender, DisconnectReason reason) {
    sender.refuse(reason);
  }

  /// Whose message is being handled; null if none is.
  template <typename Server>
  static auto* current_client(Server& server) {
    return server.current_client();
  }
  /// Whether a payload of this size is not too big.
  template <typename Server>
  static bool can_broadcast(Server& server, std::size_t payload_size) {
    return server.can_broadcast(payload_size);
  }
  /// Space for a payload to all clients, and then all but `except` get it; null without clients.
  template <typename Server>
  static std::uint8_t* begin_broadcast(Server& server, std::size_t payload_size) {
    return server.begin_broadcast(payload_size);
  }
  template <typename Server, typename Except>
  static void end_broadcast(Server& server, Except except) {
    server.end_broadcast(except);
  }
};

}  // namespace messi::codec

#endif  // MESSI_CODEC_ACCESS_H_
