#ifndef MESSI_PLUGIN_CPP_VIEWS_NAMES_H_
#define MESSI_PLUGIN_CPP_VIEWS_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "../schema.h"
#include "cpp_options.h"

namespace messi::plugin::cpp {

// The names of messages that are structs of ours. Where protobuf has names too they are the same,
// as of a release that escapes all keywords and nothing else.

/// `acme.chat` -> `acme::chat`. The types that come with protobuf are in `messi::well_known`.
std::string views_namespace(std::string_view package);

/// `chat.Outer.Inner` -> `Outer_Inner`
std::string views_class(const Type& type);

/// `chat.Outer.Inner` -> `::chat::Outer_Inner`
std::string qualified_views_class(const Type& type);

/// The member of a message's struct: `text`, `delete` -> `delete_`.
std::string views_member(const Field& field, const Message& message);

/// `my_choice` -> `my_choice`, and the enum of its members: `MyChoiceCase`.
std::string views_member(const Oneof& oneof);
std::string case_enum(const Oneof& oneof);

/// The value of that enum: `name` -> `kName`
std::string views_case(const Field& field);

/// `RED`, `delete` -> `delete_`
std::string views_value(const EnumValue& value);

/// Whether the file is one of protobuf's own.
bool is_protobufs(const File& file);

/// Whether the runtime brings the structs of such a file.
bool is_well_known(const File& file);

/// The header with the structs of a file, as it is included.
std::string views_header(const File& file, const CppOptions& options);

/// The fields of a message that are its own: those of oneofs, as others.
std::vector<const Field*> fields_of(const Message& message, const Oneof& oneof);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_VIEWS_NAMES_H_
