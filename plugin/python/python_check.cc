#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include "../class_names.h"
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

/// The attributes of messages in protobuf's Python, in at least one of its implementations.
constexpr std::string_view kOfMessages[] = {"ByteSize",
                                            "Clear",
                                            "ClearExtension",
                                            "ClearField",
                                            "CopyFrom",
                                            "DESCRIPTOR",
                                            "DiscardUnknownFields",
                                            "Extensions",
                                            "FindInitializationErrors",
                                            "FromString",
                                            "HasExtension",
                                            "HasField",
                                            "IsInitialized",
                                            "ListFields",
                                            "MergeFrom",
                                            "MergeFromString",
                                            "ParseFromString",
                                            "RegisterExtension",
                                            "SerializePartialToString",
                                            "SerializeToString",
                                            "SetInParent",
                                            "UnknownFields",
                                            "WhichOneof",
                                            "_AssureWritable",
                                            "_CheckCalledFromGeneratedFile",
                                            "_InternalParse",
                                            "_InternalSerialize",
                                            "_ListFieldsItemKey",
                                            "_Modified",
                                            "_SetFrozen",
                                            "_SetListener",
                                            "_UpdateOneofState",
                                            "_cached_byte_size",
                                            "_cached_byte_size_dirty",
                                            "_decoders_by_tag",
                                            "_extensions_by_name",
                                            "_extensions_by_number",
                                            "_fields",
                                            "_fields_by_tag",
                                            "_frozen",
                                            "_is_present_in_parent",
                                            "_listener",
                                            "_listener_for_children",
                                            "_message_set_decoders_by_tag",
                                            "_oneofs",
                                            "_unknown_field_set",
                                            "_unknown_fields"};

bool is_of_messages(std::string_view name) {
  constexpr std::string_view kUnderscores = "__";
  const bool is_special = name.size() > 4 && name.substr(0, 2) == kUnderscores &&
                          name.substr(name.size() - 2) == kUnderscores;
  return is_special || is_among(kOfMessages, name);
}

void check_member(const Member& member, const Direction& direction, Diagnostics& diagnostics) {
  if (!is_of_messages(member.field.name)) return;
  diagnostics.error(member.field.location,
                    "member " + in_quotes(member.field.name) + " of " + direction.message.name() +
                        " has the name of something that every message of protobuf's Python has",
                    "give it another name");
}

void check_type(const Member& member, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < member.type.scope.size(); ++i) {
    const std::string& part = member.type.scope[i];
    // A module has a DESCRIPTOR too.
    if ((i > 0 && is_of_messages(part)) || part == "DESCRIPTOR") {
      diagnostics.error(member.field.location,
                        "member " + in_quotes(member.field.name) + " is of the type " +
                            in_quotes(member.type.full_name) + ", and " + in_quotes(part) +
                            " is something else in protobuf's Python",
                        "give the message another name");
    }
    if (!is_keyword(part) && !is_private(part)) continue;
    diagnostics.error(member.field.location,
                      "member " + in_quotes(member.field.name) + " is of the type " +
                          in_quotes(member.type.full_name) + ", and " + in_quotes(part) +
                          (is_keyword(part) ? " is a keyword of Python"
                                            : " is private in Python, so classes cannot name it"),
                      "give the message another name");
  }
}

}  // namespace

void check_names(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  std::set<const File*> files = {&protocol.file};
  if (check_module(protocol.file.path, protocol.location(), diagnostics)) {
    check_class_base(protocol, options, diagnostics);
  }
  for (const Direction* direction : {&protocol.client_to_server, &protocol.server_to_client}) {
    for (const Member& member : direction->members) {
      check_member(member, *direction, diagnostics);
      check_type(member, diagnostics);
      if (files.insert(member.type.file).second) {
        check_module(member.type.file->path, member.field.location, diagnostics);
      }
    }
  }
}

}  // namespace messi::plugin::python
