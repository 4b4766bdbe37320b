#ifndef MESSI_CODEC_CALL_H_
#define MESSI_CODEC_CALL_H_

// Requests that are calls, and their answers. Only generated code of protocols with such pairs
// includes this.

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "messi/call.h"
#include "messi/codec/access.h"
#include "messi/codec/kind.h"
#include "messi/codec/send.h"
#include "messi/send_result.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/outbox.h"

namespace messi::codec {

/// A pair, by the numbers of its members.
struct Reply {
  std::uint32_t request;
  std::uint32_t number;
};

inline void answer_through(wire::Outbox& outbox, std::uint64_t request, std::uint32_t field,
                           const google::protobuf::MessageLite& message, const Kind& kind);
inline SendResult try_answer_through(wire::Outbox& outbox, std::uint64_t request,
                                     std::uint32_t field,
                                     const google::protobuf::MessageLite& message,
                                     const Kind& kind);

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
  const std::optional<std::uint64_t> request = Access::find_request(sender, pair.request);
  if (request) Access::take_request(sender);
  answer_through(*outbox, request.value_or(0), pair.number, message, kind);
}

/// The same, but a message that is not accepted does not end the connection.
template <typename Sender>
SendResult try_send(Sender& sender, Reply pair, const google::protobuf::MessageLite& message,
                    const Kind& kind = kOther) {
  wire::Outbox* const outbox = Access::outbox_to_ask(sender);
  if (outbox == nullptr) return SendResult::kNotConnected;
  const std::optional<std::uint64_t> request = Access::find_request(sender, pair.request);
  const SendResult sent =
      try_answer_through(*outbox, request.value_or(0), pair.number, message, kind);
  if (request && sent == SendResult::kOk) Access::take_request(sender);
  return sent;
}

/// Sends a later answer; see calls::SendAnswer.
template <typename Message, const Kind& kind>
void send_answer(wire::Outbox& outbox, std::uint64_t request, std::uint32_t answering,
                 const void* message) {
  answer_through(outbox, request, answering, *static_cast<const Message*>(message), kind);
}

/// Keeps the request whose hook is running, to be answered later.
template <typename Callee>
auto answer_later(Callee& callee, Reply pair, calls::SendAnswer send) {
  return Access::keep_request(callee, pair.request, pair.number, send);
}

// ---------------------------------------------------------------------------------------------

/// Writes a whole answer into its place, which is not null.
inline bool write_answer(std::uint8_t* out, std::uint64_t request, const Encoder& encoder) {
  return encoder.write(wire::write_call_head(out, request, wire::CallKind::kAnswer));
}

inline void answer_through(wire::Outbox& outbox, std::uint64_t request, std::uint32_t field,
                           const google::protobuf::MessageLite& message, const Kind& kind) {
  if (request == 0) return send_through(outbox, field, message, kind);
  const Encoder encoder(field, message, kind);
  if (!encoder.ok()) {
    outbox.refuse(wire::Accepted::kInvalid);
  } else if (std::uint8_t* const out = outbox.reserve_call(encoder.size())) {
    if (write_answer(out, request, encoder)) {
      outbox.commit_call(encoder.size());
    } else {
      outbox.refuse(wire::Accepted::kInvalid);
    }
  }
}

inline SendResult try_answer_through(wire::Outbox& outbox, std::uint64_t request,
                                     std::uint32_t field,
                                     const google::protobuf::MessageLite& message,
                                     const Kind& kind) {
  if (request == 0) return try_send_through(outbox, field, message, kind);
  const Encoder encoder(field, message, kind);
  if (!encoder.ok()) return SendResult::kInvalid;
  const wire::Accepted accepted = outbox.ask(encoder.size());
  if (accepted != wire::Accepted::kYes) return to_result(accepted);
  if (!write_answer(outbox.reserve_call(encoder.size()), request, encoder)) {
    return SendResult::kInvalid;
  }
  outbox.commit_call(encoder.size());
  return SendResult::kOk;
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_CALL_H_
