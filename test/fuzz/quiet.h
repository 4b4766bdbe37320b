#ifndef MESSI_TEST_FUZZ_QUIET_H_
#define MESSI_TEST_FUZZ_QUIET_H_

#include <google/protobuf/stubs/common.h>
#if GOOGLE_PROTOBUF_VERSION < 4022000
#include <google/protobuf/stubs/logging.h>
#endif

namespace messi::fuzz {

/// libprotobuf has a line to say about each input that it refuses.
inline void silence_protobuf() {
#if GOOGLE_PROTOBUF_VERSION < 4022000
  google::protobuf::SetLogHandler(nullptr);
#endif
}

}  // namespace messi::fuzz

#endif  // MESSI_TEST_FUZZ_QUIET_H_
