#include "flat.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace messi::plugin::cpp {
namespace {

bool is_flat(const Field& field) {
  constexpr int kLargestNumber = 2047;  // its tag has two bytes
  return field.label != Label::kRepeated && field.oneof == nullptr && field.message == nullptr &&
         field.number <= kLargestNumber && !field.has_ctype;
}

}  // namespace

// Files that are not proto3 have more: required and delimited fields, extensions, closed enums,
// strings that need not be UTF-8, other types for strings in C++.
bool is_flat(const Message& message) {
  const std::vector<Field>& fields = message.fields;
  return message.file->is_proto3 && !fields.empty() &&
         std::all_of(fields.begin(), fields.end(),
                     [](const Field& field) { return is_flat(field); });
}

std::vector<const Field*> fields_by_number(const Message& message) {
  std::vector<const Field*> fields;
  for (const Field& field : message.fields) fields.push_back(&field);
  std::sort(fields.begin(), fields.end(),
            [](const Field* a, const Field* b) { return a->number < b->number; });
  return fields;
}

std::vector<const Message*> flat_types(const Protocol& protocol) {
  std::map<std::string_view, const Message*> types;
  for (const Direction* direction : {&protocol.client_to_server, &protocol.server_to_client}) {
    for (const Member& member : direction->members) {
      if (is_flat(member.type)) types.emplace(member.type.full_name, &member.type);
    }
  }
  std::vector<const Message*> sorted;
  sorted.reserve(types.size());
  for (const auto& [name, type] : types) sorted.push_back(type);
  return sorted;
}

}  // namespace messi::plugin::cpp
