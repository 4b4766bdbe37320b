#include "views_types.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "../names.h"
#include "views_names.h"

namespace messi::plugin::cpp {
namespace {

/// Whether a struct has the field's message in itself, if it can.
bool is_by_value(const Field& field) {
  return field.message != nullptr && field.label != Label::kRepeated;
}

bool reaches(const Message& from, const Message& to, std::set<const Message*>& seen) {
  if (&from == &to) return true;
  if (!seen.insert(&from).second) return false;
  return std::any_of(from.fields.begin(), from.fields.end(), [&](const Field& field) {
    return is_by_value(field) && reaches(*field.message, to, seen);
  });
}

std::string_view number_type(FieldType type) {
  switch (type) {
    case FieldType::kDouble:
      return "double";
    case FieldType::kFloat:
      return "float";
    case FieldType::kInt64:
    case FieldType::kSfixed64:
    case FieldType::kSint64:
      return "::std::int64_t";
    case FieldType::kUint64:
    case FieldType::kFixed64:
      return "::std::uint64_t";
    case FieldType::kUint32:
    case FieldType::kFixed32:
      return "::std::uint32_t";
    case FieldType::kBool:
      return "bool";
    default:
      return "::std::int32_t";
  }
}

/// Whether the runtime knows the encoding from the type alone.
bool has_default_encoding(const Field& field) {
  switch (field.type) {
    case FieldType::kFixed64:
    case FieldType::kFixed32:
    case FieldType::kSfixed64:
    case FieldType::kSfixed32:
    case FieldType::kSint64:
    case FieldType::kSint32:
    case FieldType::kBytes:
      return false;
    case FieldType::kString:
      return field.must_be_utf8;
    default:
      return true;
  }
}

template <typename Visit>
void visit_messages(const std::vector<Message>& messages, const Visit& visit) {
  for (const Message& message : messages) {
    if (message.is_map_entry) continue;
    visit(message);
    visit_messages(message.messages, visit);
  }
}

void add_in_order(const Message& message, std::set<const Message*>& seen,
                  std::vector<const Message*>& ordered) {
  if (!seen.insert(&message).second) return;
  for (const Field& field : message.fields) {
    const bool must_precede =
        is_by_value(field) && field.message->file == message.file && !is_recursive(field, message);
    if (must_precede) add_in_order(*field.message, seen, ordered);
  }
  ordered.push_back(&message);
}

}  // namespace

bool is_recursive(const Field& field, const Message& message) {
  std::set<const Message*> seen;
  return is_by_value(field) && reaches(*field.message, message, seen);
}

std::string value_type(const Field& field, const Message& message) {
  if (field.message != nullptr) {
    const std::string type = qualified_views_class(*field.message);
    return is_recursive(field, message) ? "::messi::Lazy<" + type + '>' : type;
  }
  if (field.enumeration != nullptr) return qualified_views_class(*field.enumeration);
  if (field.type == FieldType::kString || field.type == FieldType::kBytes) {
    return "::std::string_view";
  }
  return std::string(number_type(field.type));
}

std::string encoding(const Field& field, const Message& message, const std::string& prefix) {
  if (field.message != nullptr) {
    return prefix + (is_recursive(field, message) ? "Late<" : "Nested<") +
           qualified_views_class(*field.message) + '>';
  }
  if (field.enumeration != nullptr) {
    return prefix + "Varint<" + qualified_views_class(*field.enumeration) + '>';
  }
  if (field.type == FieldType::kString) return prefix + (field.must_be_utf8 ? "Text" : "Bytes");
  return prefix + pascal_case(name_of(field.type));
}

std::string member_type(const Field& field, const Message& message) {
  const std::string prefix = "::messi::views::";
  if (field.is_map()) {
    const Message& entry = *field.message;
    const Field& key = entry.fields.at(0);
    const Field& value = entry.fields.at(1);
    std::string type = "::messi::Map<" + value_type(key, entry) + ", " + value_type(value, entry);
    if (!has_default_encoding(key) || !has_default_encoding(value)) {
      type += ", " + encoding(key, entry, prefix) + ", " + encoding(value, entry, prefix);
    }
    return type + '>';
  }
  std::string value = value_type(field, message);
  if (field.label == Label::kRepeated) {
    const std::string other =
        has_default_encoding(field) ? "" : ", " + encoding(field, message, prefix);
    return "::messi::Repeated<" + value + other + '>';
  }
  if (field.label == Label::kImplicit || is_recursive(field, message)) return value;
  return "::std::optional<" + value + '>';
}

std::string member_type(const Oneof& oneof, const Message& message) {
  std::string type = "::messi::OneOf<" + case_enum(oneof);
  for (const Field* field : fields_of(message, oneof)) type += ", " + value_type(*field, message);
  return type + '>';
}

std::vector<const Message*> in_order(const File& file) {
  std::set<const Message*> seen;
  std::vector<const Message*> ordered;
  visit_messages(file.messages,
                 [&](const Message& message) { add_in_order(message, seen, ordered); });
  return ordered;
}

std::vector<const Enum*> enums_of(const File& file) {
  std::vector<const Enum*> enums;
  const auto add = [&enums](const std::vector<Enum>& some) {
    for (const Enum& each : some) enums.push_back(&each);
  };
  add(file.enums);
  visit_messages(file.messages, [&](const Message& message) { add(message.enums); });
  return enums;
}

std::vector<const File*> used_files(const File& file) {
  std::vector<const File*> files;
  const auto add = [&](const Type* type) {
    if (type != nullptr && type->file != &file && !is_among(files, type->file)) {
      files.push_back(type->file);
    }
  };
  visit_messages(file.messages, [&](const Message& message) {
    for (const Field& field : message.fields) {
      const Field& value = field.is_map() ? field.message->fields.at(1) : field;
      add(value.message);
      add(value.enumeration);
    }
  });
  return files;
}

}  // namespace messi::plugin::cpp
