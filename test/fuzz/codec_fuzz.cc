// A payload means the same to the short way (one member, without a wrapper message) as to
// protobuf's own parser.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "chat.pb.h"
#include "messi/codec/protobuf.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string payload(reinterpret_cast<const char*>(data), size);
  const messi::codec::Member member = messi::codec::single_member(payload);
  chat::ClientToServer wrapper;
  const bool legal = messi::codec::parse(payload, wrapper);

  if (member.field == 2) {
    messi::codec::Reused<chat::MessageInd> reused;
    std::string text;
    const bool delivered =
        reused.deliver(member, [&](const chat::MessageInd& message) { text = message.text(); });
    require(delivered == legal);
    if (legal) require(wrapper.has_message_ind() && wrapper.message_ind().text() == text);
  }
  if (legal && !payload.empty()) require(messi::codec::first_field(payload) != 0);
  return 0;
}
