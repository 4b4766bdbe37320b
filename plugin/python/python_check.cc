#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "../names.h"
#include "python_names.h"
#include "python_parts.h"

namespace messi::plugin::python {
namespace {

/// The first part of `a.b.c` that cannot be a name; empty if there is none.
std::string unspeakable_part(std::string_view dotted) {
  while (true) {
    const std::string_view part = dotted.substr(0, dotted.find('.'));
    if (!is_identifier(part) || is_keyword(part)) return std::string(part);
    if (part.size() == dotted.size()) return {};
    dotted.remove_prefix(part.size() + 1);
  }
}

bool check_module(const std::string& proto_path, const Location& location,
                  Diagnostics& diagnostics) {
  const std::string module = protobuf_module(proto_path);
  const std::string part = unspeakable_part(module);
  if (part.empty() && is_identifier(module.substr(0, 1))) return true;
  diagnostics.error(location,
                    in_quotes(proto_path) + " becomes the Python module " + in_quotes(module) +
                        ", which no import statement can name",
                    "rename the file or folder: letters, digits and underscores, no keyword, "
                    "and no digit first");
  return false;
}

void check_type(const Member& member, Diagnostics& diagnostics) {
  for (const std::string& part : member.type.scope) {
    if (!is_keyword(part) && !is_private(part)) continue;
    diagnostics.error(member.location,
                      "member " + in_quotes(member.name) + " is of the type " +
                          in_quotes(member.type.full_name) + ", and " + in_quotes(part) +
                          (is_keyword(part) ? " is a keyword of Python"
                                            : " is private in Python, so classes cannot name it"),
                      "give the message another name");
  }
}

void check_classes(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  const bool has_name = !pascal_case(options.class_prefix + protocol.name).empty();
  if (has_name && is_identifier(client_class(protocol, options))) return;
  diagnostics.error(protocol.location,
                    "no class can be named after the file " + in_quotes(protocol.proto_path),
                    "let the file's name begin with a letter from A to Z, or use "
                    "--messi_opt=class_prefix=...");
}

}  // namespace

void check_names(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  std::set<std::string> modules = {protocol.proto_path};
  if (check_module(protocol.proto_path, protocol.location, diagnostics)) {
    check_classes(protocol, options, diagnostics);
  }
  for (const Direction* direction : {&protocol.client_to_server, &protocol.server_to_client}) {
    for (const Member& member : direction->members) {
      check_type(member, diagnostics);
      if (modules.insert(member.type.proto_path).second) {
        check_module(member.type.proto_path, member.location, diagnostics);
      }
    }
  }
}

}  // namespace messi::plugin::python
