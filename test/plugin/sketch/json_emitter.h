#ifndef MESSI_TEST_PLUGIN_SKETCH_JSON_EMITTER_H_
#define MESSI_TEST_PLUGIN_SKETCH_JSON_EMITTER_H_

#include <memory>

#include "emitter.h"

namespace messi::plugin::json {

/// A language in a few dozen lines: the schema of `acme/chat.proto` as `acme/chat.json`.
std::unique_ptr<Emitter> make_emitter();

}  // namespace messi::plugin::json

#endif  // MESSI_TEST_PLUGIN_SKETCH_JSON_EMITTER_H_
