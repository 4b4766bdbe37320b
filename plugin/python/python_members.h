#ifndef MESSI_PLUGIN_PYTHON_PYTHON_MEMBERS_H_
#define MESSI_PLUGIN_PYTHON_PYTHON_MEMBERS_H_

#include <string>
#include <string_view>

#include "../protocol.h"
#include "python_context.h"

namespace messi::plugin::python {

/// Prints the skeleton of a method for each member, with a blank line between two.
///
/// Holes: $name$, $Type$, $Client$ (the class of a server's clients), and as blocks $doc$ (the
/// member's comment as a docstring) and $body$ (the same for a method without other statements,
/// which needs one).
void emit_members(const Context& context, const Direction& direction, std::string_view each);

/// `send_<name>`, for a class that has `_messi_send`.
void emit_senders(const Context& context, const Direction& outgoing);

/// `try_send_<name>` and `try_send`, for a class that has `_messi_try_send`.
void emit_tries(const Context& context, const Direction& outgoing);

/// `call_<name>` for each request, for a class that has `_messi_call`; or nothing.
void emit_calls(const Context& context, const Direction& requests);

/// `answer_later_<name>` for each request, for a class that has `_messi_answer_later`; or nothing.
void emit_later_answers(const Context& context, const Direction& requests);

/// What each request is answered with; or nothing, if the protocol has no pairs.
void emit_requests(const Context& context, const Direction& requests);

/// What peers tell each other of the schema.
void emit_schema(const Context& context);

/// Prints a dictionary of the members' names by their numbers.
void emit_names(const Context& context, const Direction& direction, const std::string& dictionary);

/// `chat_pb2.Foo | chat_pb2.Bar`: the types that `send`, `reply` and `broadcast` can tell apart.
std::string unique_types(const Context& context, const Direction& direction);

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_PYTHON_MEMBERS_H_
