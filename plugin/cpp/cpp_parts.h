#ifndef MESSI_PLUGIN_CPP_CPP_PARTS_H_
#define MESSI_PLUGIN_CPP_CPP_PARTS_H_

#include "../options.h"
#include "../protocol.h"
#include "../text.h"

namespace messi::plugin::cpp {

// The parts of a generated header, in the order in which it has them. Lines may get too long: see
// fit.h.

/// How flat messages become bytes and bytes messages.
void emit_codec(Text& text, const Protocol& protocol, const Options& options);

void emit_client_class(Text& text, const Protocol& protocol, const Options& options);
void emit_server_class(Text& text, const Protocol& protocol, const Options& options);

/// How a payload finds its hook.
void emit_client_dispatch(Text& text, const Protocol& protocol, const Options& options);
void emit_server_dispatch(Text& text, const Protocol& protocol, const Options& options);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_PARTS_H_
