#ifndef MESSI_DEVICE_SEND_H_
#define MESSI_DEVICE_SEND_H_

#include <cstddef>
#include <cstdint>

#include "messi/codec/member.h"
#include "messi/device/writer.h"
#include "messi/send_result.h"
#include "messi/views/writer.h"

namespace messi::device {

/// Encodes `message` as member `field` into `box`, an Output or a Session.
template <typename Box, typename T>
SendResult try_send(Box& box, std::uint32_t field, const T& message) {
  views::Sizer body;
  messi_put(message, body);
  const std::size_t size = codec::head_size(field, body.size()) + body.size();
  if (size > box.most_payload()) return SendResult::kTooBig;
  std::uint8_t* const out = box.reserve_message(size);
  if (out == nullptr) return SendResult::kFull;
  Writer writer(codec::write_head(out, field, body.size()));
  messi_put(message, writer);
  if (!writer.ok()) return SendResult::kInvalid;
  box.commit(size);
  return SendResult::kOk;
}

}  // namespace messi::device

#endif  // MESSI_DEVICE_SEND_H_
