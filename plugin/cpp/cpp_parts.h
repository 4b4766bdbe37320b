#ifndef MESSI_PLUGIN_CPP_CPP_PARTS_H_
#define MESSI_PLUGIN_CPP_CPP_PARTS_H_

#include <string>

#include "cpp_context.h"

namespace messi::plugin::cpp {

// The parts of a generated header, in their order. Lines may be too long: see fit.h.

void emit_client_class(const Context& context);
void emit_server_classes(const Context& context);
void emit_device_class(const Context& context);

/// A line that says that the protocol has pairs, or nothing.
std::string has_calls(const Context& context);

/// The member in which messages are kept that arrive, or nothing.
std::string received(const Context& context, const Direction& direction);

/// What the runtime needs to know about the schema.
void emit_codec(const Context& context);

/// The definitions of what the classes declare.
void emit_client_senders(const Context& context);
void emit_server_senders(const Context& context);

/// The dispatch of a payload to its hook, and the schema.
void emit_client_dispatch(const Context& context);
void emit_server_dispatch(const Context& context);
void emit_device_functions(const Context& context);

/// The hooks of messi/coro.h, which pass all messages on.
void emit_client_relay(const Context& context);
void emit_server_relay(const Context& context);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_PARTS_H_
