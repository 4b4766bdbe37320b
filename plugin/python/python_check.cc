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

void check_module(const std::string& proto_path, const Location& location,
                  Diagnostics& diagnostics) {
  const std::string module = protobuf_module(proto_path);
  const std::string part = unspeakable_part(module);
  if (part.empty() && is_identifier(module.substr(0, 1))) return;
  diagnostics.error(location,
                    in_quotes(proto_path) + " becomes the Python module " + in_quotes(module) +
                        ", which no import statement can name",
                    "rename the file or folder: letters, digits and underscores, no keyword, "
                    "and no digit first");
}

void check_type(const Member& member, Diagnostics& diagnostics) {
  for (const std::string& part : member.type.scope) {
    if (!is_keyword(part)) continue;
    diagnostics.error(member.location,
                      "member " + in_quotes(member.name) + " is of the type " +
                          in_quotes(member.type.full_name) + ", and " + in_quotes(part) +
                          " is a keyword of Python",
                      "give the message another name");
  }
}

}  // namespace

void check_names(const Protocol& protocol, Diagnostics& diagnostics) {
  std::set<std::string> modules = {protocol.proto_path};
  check_module(protocol.proto_path, protocol.location, diagnostics);
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
