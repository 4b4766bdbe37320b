#ifndef MESSI_CODEC_CALL_H_
#define MESSI_CODEC_CALL_H_

// Requests that are calls, and their answers. Only generated code of protocols with such pairs
// includes this.

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <utility>

#include "messi/call.h"
#include "messi/codec/access.h"
#include "messi/codec/kind.h"
#include "messi/codec/send.h"
#include "messi/codec/ways_out.h"
#include "messi/send_result.h"
#include "messi/wire/outbox.h"

namespace messi::codec {

/// Sends `request` through a client, or a server's client; its reply is for `handler`.
template <typename Caller>
auto call(Caller& caller, Reply pair, const google::protobuf::MessageLite& request,
          Duration timeout, CallHandler handler, const Kind& kind = kOther) {
  const SendResult sent = Access::prepare_call(caller)
                              ? try_send(caller, pair.request, request, kind)
                              : SendResult::kFull;
  return Access::begin_call(caller, pair.number, sent, timeout, std::move(handler));
}

/// Sends a message that may be a reply: in the hook of its request, to who has asked, it is the
/// answer.
template <typename Sender>
void send(Sender& sender, Reply pair, const google::protobuf::MessageLite& message,
          const Kind& kind = kOther) {
  wire::Outbox* const outbox = Access::outbox(sender);
  if (outbox == nullptr) return;
  send_reply_encoded(sender, *outbox, pair, Encoder(pair.number, message, kind));
}

/// The same, but a message that is not accepted does not end the connection.
template <typename Sender>
SendResult try_send(Sender& sender, Reply pair, const google::protobuf::MessageLite& message,
                    const Kind& kind = kOther) {
  wire::Outbox* const outbox = Access::outbox_to_ask(sender);
  if (outbox == nullptr) return SendResult::kNotConnected;
  return try_send_reply_encoded(sender, *outbox, pair, Encoder(pair.number, message, kind));
}

/// Sends a later answer; see calls::SendAnswer.
template <typename Message, const Kind& kind>
void send_answer(wire::Outbox& outbox, std::uint64_t request, std::uint32_t answering,
                 const void* message) {
  answer_encoded(outbox, request, Encoder(answering, *static_cast<const Message*>(message), kind));
}

/// Keeps the request whose hook is running, to be answered later.
template <typename Callee>
auto answer_later(Callee& callee, Reply pair, calls::SendAnswer send) {
  return Access::keep_request(callee, pair.request, pair.number, send);
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_CALL_H_
