#ifndef MESSI_VIEWS_CALL_H_
#define MESSI_VIEWS_CALL_H_

// Requests that are calls, and their answers. Only generated code of protocols with such pairs
// includes this.

#include <cstdint>
#include <utility>

#include "messi/call.h"
#include "messi/codec/access.h"
#include "messi/codec/ways_out.h"
#include "messi/send_result.h"
#include "messi/views/send.h"
#include "messi/wire/outbox.h"

namespace messi::views {

/// Sends `request` through a client, or a server's client; its reply is for `handler`.
template <typename Caller, typename T>
auto call(Caller& caller, codec::Reply pair, const T& request, Duration timeout,
          CallHandler handler) {
  const SendResult sent = codec::Access::prepare_call(caller)
                              ? try_send(caller, pair.request, request)
                              : SendResult::kFull;
  return codec::Access::begin_call(caller, pair.number, sent, timeout, std::move(handler));
}

/// Sends a message that may be a reply: in the hook of its request, to who has asked, it is the
/// answer.
template <typename Sender, typename T>
void send(Sender& sender, codec::Reply pair, const T& message) {
  wire::Outbox* const outbox = codec::Access::outbox(sender);
  if (outbox == nullptr) return;
  codec::send_reply_encoded(sender, *outbox, pair, Encoder<T>(pair.number, message));
}

/// The same, but a message that is not accepted does not end the connection.
template <typename Sender, typename T>
SendResult try_send(Sender& sender, codec::Reply pair, const T& message) {
  wire::Outbox* const outbox = codec::Access::outbox_to_ask(sender);
  if (outbox == nullptr) return SendResult::kNotConnected;
  return codec::try_send_reply_encoded(sender, *outbox, pair, Encoder<T>(pair.number, message));
}

/// Sends a later answer; see calls::SendAnswer.
template <typename T>
void send_answer(wire::Outbox& outbox, std::uint64_t request, std::uint32_t answering,
                 const void* message) {
  codec::answer_encoded(outbox, request, Encoder<T>(answering, *static_cast<const T*>(message)));
}

/// Keeps the request whose hook is running, to be answered later.
template <typename Callee>
auto answer_later(Callee& callee, codec::Reply pair, calls::SendAnswer send) {
  return codec::Access::keep_request(callee, pair.request, pair.number, send);
}

}  // namespace messi::views

#endif  // MESSI_VIEWS_CALL_H_
