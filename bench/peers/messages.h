#ifndef MESSI_BENCH_PEERS_MESSAGES_H_
#define MESSI_BENCH_PEERS_MESSAGES_H_

// The messages of the benchmark, for the peers that use libprotobuf.

#include <cstddef>
#include <string>

#include "bench/common/options.h"
#include "chat.pb.h"

namespace bench {

inline chat::MessageInd make_message(const Options& options) {
  chat::MessageInd message;
  message.set_user("erik");
  message.set_text(std::string(options.size, 'x'));
  return message;
}

inline chat::ConnectReq make_request() {
  chat::ConnectReq request;
  request.set_user("erik");
  return request;
}

inline std::size_t text_size(const chat::MessageInd& message) { return message.text().size(); }

// The same in the wrapper that travels.
inline chat::ClientToServer wrapped_message(const Options& options) {
  chat::ClientToServer wrapper;
  *wrapper.mutable_message_ind() = make_message(options);
  return wrapper;
}

inline chat::ClientToServer wrapped_request() {
  chat::ClientToServer wrapper;
  *wrapper.mutable_connect_req() = make_request();
  return wrapper;
}

}  // namespace bench

#endif  // MESSI_BENCH_PEERS_MESSAGES_H_
