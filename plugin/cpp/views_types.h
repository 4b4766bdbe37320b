#ifndef MESSI_PLUGIN_CPP_VIEWS_TYPES_H_
#define MESSI_PLUGIN_CPP_VIEWS_TYPES_H_

#include <string>
#include <vector>

#include "../schema.h"

namespace messi::plugin::cpp {

/// Whether the field's message holds, by value and at any depth, the message that the field is in.
/// Then the field is a messi::Lazy.
bool is_recursive(const Field& field, const Message& message);

/// One value of a field: `::std::int32_t`, `::chat::Person`
std::string value_type(const Field& field, const Message& message);

/// What that is on the wire: `Sint32`, `Nested<::chat::Person>`, in the namespace with that prefix.
std::string encoding(const Field& field, const Message& message, const std::string& prefix);

/// The type of a member of a message's struct: `::std::optional<::std::int32_t>`.
std::string member_type(const Field& field, const Message& message);
std::string member_type(const Oneof& oneof, const Message& message);

/// The messages of a file, nested ones too, each after those that it holds by value.
std::vector<const Message*> in_order(const File& file);

/// The enums of a file, nested ones too.
std::vector<const Enum*> enums_of(const File& file);

/// The other files whose types this one's messages have, each once.
std::vector<const File*> used_files(const File& file);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_VIEWS_TYPES_H_
