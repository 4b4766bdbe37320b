#ifndef MESSI_DEVICE_SEND_H_
#define MESSI_DEVICE_SEND_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/base/status.h"
#include "messi/codec/member.h"
#include "messi/connection/farewell.h"
#include "messi/device/writer.h"
#include "messi/send_result.h"
#include "messi/views/writer.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/frame.h"

namespace messi::device {

/// Encodes `message` as member `field` into `box`, an Output or a Session, as a frame of this type.
/// Before it come `more` bytes, which `write_more(out)` writes.
template <typename Box, typename T, typename WriteMore>
SendResult try_put(Box& box, wire::FrameType type, std::size_t more, WriteMore&& write_more,
                   std::uint32_t field, const T& message) {
  views::Sizer body;
  messi_put(message, body);
  const std::size_t size = more + codec::head_size(field, body.size()) + body.size();
  if (size > box.most_payload()) return SendResult::kTooBig;
  std::uint8_t* const out = box.reserve(type, size);
  if (out == nullptr) return SendResult::kFull;
  Writer writer(codec::write_head(write_more(out), field, body.size()));
  messi_put(message, writer);
  if (!writer.ok()) return SendResult::kInvalid;
  box.commit(size);
  return SendResult::kOk;
}

template <typename Box, typename T>
SendResult try_send(Box& box, std::uint32_t field, const T& message) {
  const auto nothing = [](std::uint8_t* out) { return out; };
  return try_put(box, wire::FrameType::kClientToServer, 0, nothing, field, message);
}

/// As the answer to a request; its head counts for the limit of messages, too.
template <typename Box, typename T>
SendResult try_answer(Box& box, std::uint64_t request, std::uint32_t field, const T& message) {
  const auto head = [request](std::uint8_t* out) {
    return wire::write_call_head(out, request, wire::CallKind::kAnswer);
  };
  return try_put(box, wire::FrameType::kCall, wire::kCallHeadSize, head, field, message);
}

/// Says that there is none, with as much of `text` as may be, or nothing of it.
template <typename Box>
SendResult try_fail(Box& box, std::uint64_t request, StatusCode code, std::string_view text) {
  text = connection::cut_text(text, wire::kMostFailureText);
  if (wire::kCallHeadSize + 1 + text.size() > box.most_payload()) text = {};
  const std::size_t size = wire::kCallHeadSize + 1 + text.size();
  std::uint8_t* out = box.reserve(wire::FrameType::kCall, size);
  if (out == nullptr) return SendResult::kFull;
  out = wire::write_call_head(out, request, wire::CallKind::kFailure);
  *out++ = static_cast<std::uint8_t>(code);
  std::copy(text.begin(), text.end(), out);
  box.commit(size);
  return SendResult::kOk;
}

/// Says that nobody waits for the answer to a request of this side, if there is room.
template <typename Box>
void say_given_up(Box& box, std::uint64_t request) {
  std::uint8_t* const out = box.reserve(wire::FrameType::kCall, wire::kCallHeadSize);
  if (out == nullptr) return;
  wire::write_call_head(out, request, wire::CallKind::kCancel);
  box.commit(wire::kCallHeadSize);
}

}  // namespace messi::device

#endif  // MESSI_DEVICE_SEND_H_
