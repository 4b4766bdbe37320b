#ifndef MESSI_BENCH_PEERS_LOOP_PROTOBUF_H_
#define MESSI_BENCH_PEERS_LOOP_PROTOBUF_H_

// The payloads of the hand-written loop, with libprotobuf's wrapper messages.

#include <cstddef>
#include <cstdint>

#include "bench/peers/messages.h"

namespace bench {

using ToServer = chat::ClientToServer;
using ToClient = chat::ServerToClient;

enum class Member { kNone, kConnect, kMessage };

inline Member member_of(const ToServer& payload) {
  switch (payload.messages_case()) {
    case ToServer::kConnectReq:
      return Member::kConnect;
    case ToServer::kMessageInd:
      return Member::kMessage;
    case ToServer::MESSAGES_NOT_SET:
      break;
  }
  return Member::kNone;
}
inline Member member_of(const ToClient& payload) {
  switch (payload.messages_case()) {
    case ToClient::kConnectRsp:
      return Member::kConnect;
    case ToClient::kMessageInd:
      return Member::kMessage;
    case ToClient::MESSAGES_NOT_SET:
      break;
  }
  return Member::kNone;
}
inline std::size_t text_size(const ToClient& payload) { return text_size(payload.message_ind()); }

inline void make_response(ToClient& payload) { payload.mutable_connect_rsp(); }
// The message in `from`, which may lose it.
inline void pass_on(ToServer& from, ToClient& to) {
  to.mutable_message_ind()->Swap(from.mutable_message_ind());
}

// What was measured last may be written.
template <class Payload>
std::size_t measure(const Payload& payload) {
  return payload.ByteSizeLong();
}
template <class Payload>
void write(const Payload& payload, std::uint8_t* at) {
  payload.SerializeWithCachedSizesToArray(at);
}
template <class Payload>
bool parse(const std::uint8_t* bytes, std::size_t size, Payload& payload) {
  return payload.ParseFromArray(bytes, static_cast<int>(size));
}

}  // namespace bench

#endif  // MESSI_BENCH_PEERS_LOOP_PROTOBUF_H_
