#ifndef MESSI_TEST_SUPPORT_RECEIVE_H_
#define MESSI_TEST_SUPPORT_RECEIVE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "messi/codec/member.h"
#include "messi/codec/received.h"

namespace messi::test {

/// A payload of one member.
inline std::string payload_of(std::string_view member) {
  constexpr std::uint32_t kField = 1;
  std::string payload(codec::head_size(kField, member.size()), '\0');
  codec::write_head(reinterpret_cast<std::uint8_t*>(payload.data()), kField, member.size());
  return payload.append(member);
}

/// Calls `hook(const Message&)` with the member of a payload; false if it cannot be parsed.
template <typename Message, typename Hook>
bool receive(codec::Received& received, std::string_view payload, codec::Take take, Hook&& hook) {
  codec::Incoming in(received, payload, Message::default_instance());
  in.parse(0, Message::default_instance(), take);
  if (in.parsed()) hook(static_cast<const Message&>(in.message()));
  return in.finish();
}

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_RECEIVE_H_
