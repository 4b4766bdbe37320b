#ifndef MESSI_CODEC_ACCESS_H_
#define MESSI_CODEC_ACCESS_H_

// What only codec/ may use of clients and servers: it is private there. Names of members must not
// hide it, so none of its names begins with a prefix of generated names: on_, send_, try_send_,
// reply_, broadcast_, call_, answer_.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "messi/base/time.h"
#include "messi/send_result.h"
#include "messi/wire/outbox.h"

namespace messi::codec {

struct Access {
  /// The way out for messages of a client, or of a server to one client; null if it is not
  /// connected.
  template <typename Sender>
  static wire::Outbox* outbox(Sender& sender) {
    return sender.outbox();
  }

  /// The same for a message that may be refused: nobody else is disconnected for it.
  template <typename Sender>
  static wire::Outbox* outbox_to_ask(Sender& sender) {
    return sender.outbox_to_ask();
  }

  /// Whether a sender of another thread accepts messages.
  template <typename Sender>
  static bool connected(const Sender& sender) {
    return sender.connected();
  }
  /// Sends a payload through it: `write(message, out)` writes it.
  template <typename Sender>
  static SendResult put(const Sender& sender, std::size_t payload_size,
                        bool (*write)(const void* message, std::uint8_t* out),
                        const void* message) {
    return sender.put(payload_size, write, message);
  }

  /// The number of the request of which the hook is running, if it is this member and was not
  /// answered; 0 if messages have no numbers, CurrentRequest::kUnanswerable if no answer gets
  /// there.
  template <typename Sender>
  static std::optional<std::uint64_t> find_request(const Sender& sender, std::uint32_t member) {
    return sender.find_request(member);
  }
  /// It is answered.
  template <typename Sender>
  static void take_request(Sender& sender) {
    sender.take_request();
  }
  /// It will be answered later.
  template <typename Callee, typename SendAnswer>
  static auto keep_request(Callee& callee, std::uint32_t request, std::uint32_t answering,
                           SendAnswer send) {
    return callee.keep_request(request, answering, send);
  }

  /// Whether another call may begin.
  template <typename Caller>
  static bool prepare_call(Caller& caller) {
    return caller.prepare_call();
  }
  /// It begins, directly after its request was `sent`, or not.
  template <typename Caller, typename Handler>
  static auto begin_call(Caller& caller, std::uint32_t answering, SendResult sent, Duration timeout,
                         Handler handler) {
    return caller.begin_call(answering, sent, timeout, std::move(handler));
  }

  /// False if a payload of this size is too big.
  template <typename Server>
  static bool can_broadcast(Server& server, std::size_t payload_size) {
    return server.can_broadcast(payload_size);
  }
  /// Space for such a payload. Fill it at once. Null if there are no clients.
  template <typename Server>
  static std::uint8_t* begin_broadcast(Server& server, std::size_t payload_size) {
    return server.begin_broadcast(payload_size);
  }
  /// Sends it, which has member `field`, to all clients but `except`.
  template <typename Server, typename Except>
  static void end_broadcast(Server& server, std::uint32_t field, std::size_t payload_size,
                            Except except) {
    server.end_broadcast(field, payload_size, except);
  }
};

}  // namespace messi::codec

#endif  // MESSI_CODEC_ACCESS_H_
