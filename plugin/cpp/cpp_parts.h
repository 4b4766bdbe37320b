#ifndef MESSI_PLUGIN_CPP_CPP_PARTS_H_
#define MESSI_PLUGIN_CPP_CPP_PARTS_H_

#include "cpp_context.h"

namespace messi::plugin::cpp {

// The parts of a generated header, in the order in which it has them. Lines may get too long: see
// fit.h.

void emit_client_class(const Context& context);
void emit_server_classes(const Context& context);

/// What there is to be known of the members' types.
void emit_codec(const Context& context);

/// What the classes only declare.
void emit_client_senders(const Context& context);
void emit_server_senders(const Context& context);

/// How a payload finds its hook.
void emit_client_dispatch(const Context& context);
void emit_server_dispatch(const Context& context);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_PARTS_H_
