// A payload means the same to the short way (one member, without a wrapper message) as to
// protobuf's own parser, whatever its form.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "chat.messi.h"
#include "messi/codec/protobuf.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// What a hook is called for.
struct Seen {
  bool legal = false;
  std::uint32_t member = 0;
  std::string text;
  std::uint32_t unknown = 0;
};

Seen seen_by_wrapper(const std::string& payload) {
  Seen seen;
  chat::ClientToServer wrapper;
  seen.legal = messi::codec::parse(payload, wrapper);
  if (!seen.legal) return seen;
  if (wrapper.has_message_ind()) {
    seen.member = 2;
    seen.text = wrapper.message_ind().SerializeAsString();
  } else if (wrapper.has_connect_req()) {
    seen.member = 1;
    seen.text = wrapper.connect_req().SerializeAsString();
  } else {
    seen.unknown = messi::codec::first_field(payload);
  }
  return seen;
}

Seen seen_by_codec(messi::codec::Received& received, const std::string& payload) {
  Seen seen;
  messi::codec::Incoming in(received, payload, chat::ClientToServer::default_instance());
  switch (in.member()) {
    case 1:
      in.parse(0, chat::ConnectReq::default_instance(), &chat::ChatCodec::take_ConnectReq);
      break;
    case 2:
      in.parse(1, chat::MessageInd::default_instance(), &chat::ChatCodec::take_MessageInd);
      break;
    default:
      if (in.is_unknown()) seen.unknown = in.unknown();
      seen.legal = in.finish();
      return seen;
  }
  if (in.parsed()) {
    seen.member = in.member();
    seen.text = in.message().SerializeAsString();
  }
  seen.legal = in.finish();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string payload(reinterpret_cast<const char*>(data), size);
  static auto* const received = new messi::codec::Received(2);
  const Seen wanted = seen_by_wrapper(payload);
  const Seen seen = seen_by_codec(*received, payload);
  require(seen.legal == wanted.legal && seen.member == wanted.member && seen.text == wanted.text &&
          seen.unknown == wanted.unknown);
  if (wanted.legal && !payload.empty()) require(messi::codec::first_field(payload) != 0);
  return 0;
}
