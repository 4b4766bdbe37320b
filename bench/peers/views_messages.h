#ifndef MESSI_BENCH_PEERS_VIEWS_MESSAGES_H_
#define MESSI_BENCH_PEERS_VIEWS_MESSAGES_H_

// The messages of the benchmark as structs: see messages.h.

#include <cstddef>
#include <string>

#include "bench/common/options.h"
#include "chat.messi.h"

namespace bench {

/// Views of text that lives as long as the program.
inline chat::MessageInd make_message(const Options& options) {
  static const std::string text(options.size, 'x');
  return {"erik", text};
}

inline chat::ConnectReq make_request() { return {"erik"}; }

inline std::size_t text_size(const chat::MessageInd& message) { return message.text.size(); }

}  // namespace bench

#endif  // MESSI_BENCH_PEERS_VIEWS_MESSAGES_H_
