#ifndef MESSI_PLUGIN_PYTHON_PYTHON_MEMBERS_H_
#define MESSI_PLUGIN_PYTHON_PYTHON_MEMBERS_H_

#include <string>
#include <string_view>

#include "../protocol.h"
#include "../text.h"
#include "python_names.h"

namespace messi::plugin::python {

/// The members of one direction, as one class has to do with them.
struct Members {
  const Direction& direction;
  const ModuleNames& modules;
  std::string client;  ///< The class of a server's clients; for a server only.
};

/// Prints the skeleton of a method for each member, with a blank line between two.
///
/// Holes: $name$, $Type$, $Client$, and as blocks $doc$ (the member's comment as a docstring) and
/// $body$ (the same for a method that has nothing else, and so needs one).
void emit_members(Text& text, const Members& members, std::string_view each);

/// Prints a dictionary of the members' names by their numbers.
void emit_names(Text& text, const Members& members, const std::string& dictionary);

/// `chat_pb2.Foo | chat_pb2.Bar`: the types that `send` and its kin can tell apart.
std::string unique_types(const Members& members);

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_PYTHON_MEMBERS_H_
