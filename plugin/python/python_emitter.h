#ifndef MESSI_PLUGIN_PYTHON_PYTHON_EMITTER_H_
#define MESSI_PLUGIN_PYTHON_PYTHON_EMITTER_H_

#include <memory>

#include "../emitter.h"

namespace messi::plugin::python {

/// The Python generator: `acme/chat.proto` -> `acme/chat_client.py` and `acme/chat_server.py`,
/// which use protobuf's own `acme/chat_pb2.py`.
std::unique_ptr<Emitter> make_emitter();

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_PYTHON_EMITTER_H_
