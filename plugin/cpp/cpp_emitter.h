#ifndef MESSI_PLUGIN_CPP_CPP_EMITTER_H_
#define MESSI_PLUGIN_CPP_CPP_EMITTER_H_

#include <memory>

#include "../emitter.h"

namespace messi::plugin::cpp {

/// The C++ generator: `acme/chat.proto` -> `acme/chat.messi.h`, which uses protobuf's own
/// `acme/chat.pb.h`.
std::unique_ptr<Emitter> make_emitter();

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_EMITTER_H_
