#include "schema.h"

#include <algorithm>

namespace messi::plugin {

std::string_view name_of(FieldType type) {
  constexpr std::string_view kNames[] = {"",         "double",   "float",   "int64",  "uint64",
                                         "int32",    "fixed64",  "fixed32", "bool",   "string",
                                         "group",    "message",  "bytes",   "uint32", "enum",
                                         "sfixed32", "sfixed64", "sint32",  "sint64"};
  return kNames[static_cast<int>(type)];
}

std::string_view name_of(Label label) {
  constexpr std::string_view kNames[] = {"implicit", "optional", "required", "repeated"};
  return kNames[static_cast<int>(label)];
}

bool Field::is_map() const { return message != nullptr && message->is_map_entry; }

const File* Schema::find_file(std::string_view path) const {
  const auto file =
      std::find_if(files.begin(), files.end(), [&](const File& each) { return each.path == path; });
  return file == files.end() ? nullptr : &*file;
}

}  // namespace messi::plugin
