#ifndef MESSI_CODEC_WAYS_OUT_H_
#define MESSI_CODEC_WAYS_OUT_H_

// The ways of an encoded message to its outbox, whoever encodes it. An Encoder is a message as a
// payload, which lives until it is written:
//
//     ok()           false if it cannot be encoded; then nothing else is called
//     size()         of the payload
//     write(out)     false if it turns out that it cannot be encoded
//     in_pieces()    whether it has large texts, which should not be copied; then
//     slices(slices) has the payload in up to kMostSlices pieces; the first is free

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/calls/current_request.h"
#include "messi/codec/access.h"
#include "messi/codec/member.h"
#include "messi/send_result.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/outbox.h"

namespace messi::codec {

constexpr SendResult to_result(wire::Accepted accepted) {
  switch (accepted) {
    case wire::Accepted::kYes:
      return SendResult::kOk;
    case wire::Accepted::kTooBig:
      return SendResult::kTooBig;
    case wire::Accepted::kFull:
      return SendResult::kFull;
    case wire::Accepted::kCut:
      return SendResult::kNotConnected;
    case wire::Accepted::kInvalid:
      break;
  }
  return SendResult::kInvalid;
}

template <typename Encoder>
void send_encoded(wire::Outbox& outbox, const Encoder& encoder) {
  if (!encoder.ok()) {
    outbox.refuse(wire::Accepted::kInvalid);
  } else if (encoder.in_pieces()) {
    Slice slices[Encoder::kMostSlices];
    outbox.send(slices, encoder.slices(slices), encoder.size());
  } else if (std::uint8_t* const out = outbox.reserve(encoder.size())) {
    if (encoder.write(out)) {
      outbox.commit(encoder.size());
    } else {
      outbox.refuse(wire::Accepted::kInvalid);
    }
  }
}

/// The same, but what is not accepted does not end the connection.
template <typename Encoder>
SendResult try_send_encoded(wire::Outbox& outbox, const Encoder& encoder) {
  if (!encoder.ok()) return SendResult::kInvalid;
  const wire::Accepted accepted = outbox.ask(encoder.size());
  if (accepted != wire::Accepted::kYes) return to_result(accepted);
  if (encoder.in_pieces()) {
    Slice slices[Encoder::kMostSlices];
    return to_result(outbox.send(slices, encoder.slices(slices), encoder.size()));
  }
  if (!encoder.write(outbox.reserve(encoder.size()))) return SendResult::kInvalid;
  outbox.commit(encoder.size());
  return SendResult::kOk;
}

/// The same, from any thread.
template <typename Sender, typename Encoder>
SendResult send_encoded_from_thread(const Sender& sender, const Encoder& encoder) {
  if (!encoder.ok()) return SendResult::kInvalid;
  constexpr auto kWrite = [](const void* encoded, std::uint8_t* out) {
    return static_cast<const Encoder*>(encoded)->write(out);
  };
  return Access::put(sender, encoder.size(), kWrite, &encoder);
}

/// Sends member `field` to all clients but `except` (a pointer, or nullptr). False if it is too big
/// or cannot be encoded: then it is sent to nobody.
template <typename Server, typename Except, typename Encoder>
bool broadcast_encoded(Server& server, Except except, std::uint32_t field, const Encoder& encoder) {
  if (!encoder.ok() || !Access::can_broadcast(server, encoder.size())) return false;
  if (std::uint8_t* const out = Access::begin_broadcast(server, encoder.size())) {
    if (!encoder.write(out)) return false;
    Access::end_broadcast(server, field, encoder.size(), except);
  }
  return true;
}

/// Writes a whole answer into its place, which is not null.
template <typename Encoder>
bool write_answer(std::uint8_t* out, std::uint64_t request, const Encoder& encoder) {
  return encoder.write(wire::write_call_head(out, request, wire::CallKind::kAnswer));
}

/// Sends the answer to a request; request 0: as any message; CurrentRequest::kUnanswerable: to
/// nobody.
template <typename Encoder>
void answer_encoded(wire::Outbox& outbox, std::uint64_t request, const Encoder& encoder) {
  if (request == 0) return send_encoded(outbox, encoder);
  if (request == calls::CurrentRequest::kUnanswerable) return;
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

/// The same, but what is not accepted does not end the connection.
template <typename Encoder>
SendResult try_answer_encoded(wire::Outbox& outbox, std::uint64_t request, const Encoder& encoder) {
  if (request == 0) return try_send_encoded(outbox, encoder);
  if (request == calls::CurrentRequest::kUnanswerable) return SendResult::kNotConnected;
  if (!encoder.ok()) return SendResult::kInvalid;
  const wire::Accepted accepted = outbox.ask(encoder.size());
  if (accepted != wire::Accepted::kYes) return to_result(accepted);
  if (!write_answer(outbox.reserve_call(encoder.size()), request, encoder)) {
    return SendResult::kInvalid;
  }
  outbox.commit_call(encoder.size());
  return SendResult::kOk;
}

/// The request that a message of this sender answers, which then is answered if it is sent.
template <typename Sender, typename Encoder>
void send_reply_encoded(Sender& sender, wire::Outbox& outbox, Reply pair, const Encoder& encoder) {
  const std::optional<std::uint64_t> request = Access::find_request(sender, pair.request);
  if (request) Access::take_request(sender);
  answer_encoded(outbox, request.value_or(0), encoder);
}
template <typename Sender, typename Encoder>
SendResult try_send_reply_encoded(Sender& sender, wire::Outbox& outbox, Reply pair,
                                  const Encoder& encoder) {
  const std::optional<std::uint64_t> request = Access::find_request(sender, pair.request);
  const SendResult sent = try_answer_encoded(outbox, request.value_or(0), encoder);
  if (request && sent == SendResult::kOk) Access::take_request(sender);
  return sent;
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_WAYS_OUT_H_
