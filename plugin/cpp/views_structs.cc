#include <cstddef>
#include <set>
#include <string>

#include "../comments.h"
#include "fit.h"
#include "views_names.h"
#include "views_parts.h"
#include "views_types.h"

namespace messi::plugin::cpp {
namespace {

std::string comment_of(const Element& element, std::size_t indentation) {
  return format_comment(element.comment, "///", kColumns - indentation);
}

void emit_enum(const Enum& enumeration, Text& text) {
  const auto emit_values = [&] {
    for (const EnumValue& value : enumeration.values) {
      text.emit({{"comment", comment_of(value, 2)},
                 {"name", views_value(value)},
                 {"number", std::to_string(value.number)}},
                R"cc(
                  $comment$;
                  $name$ = $number$,
                )cc");
    }
  };
  text.emit({{"comment", comment_of(enumeration, 0)},
             {"Name", views_class(enumeration)},
             {"values", emit_values}},
            R"cc(
              $comment$;
              enum class $Name$ : ::std::int32_t {
                $values$;
              };
            )cc");
}

/// Names for nested types as if they were in the struct.
void emit_aliases(const Message& message, Text& text) {
  const auto emit = [&text](const Type& type) {
    text.emit({{"Name", type.name()}, {"Type", views_class(type)}}, R"cc(
      using $Name$ = $Type$;
    )cc");
  };
  for (const Message& nested : message.messages) {
    if (!nested.is_map_entry && views_class(nested) != nested.name()) emit(nested);
  }
  for (const Enum& nested : message.enums) emit(nested);
}

void emit_oneof(const Oneof& oneof, const Message& message, Text& text) {
  const auto emit_cases = [&] {
    int number = 0;
    text.emit({}, R"cc(
      kNone = 0,
    )cc");
    for (const Field* field : fields_of(message, oneof)) {
      text.emit({{"comment", comment_of(*field, 4)},
                 {"Case", views_case(*field)},
                 {"number", std::to_string(++number)}},
                R"cc(
                  $comment$;
                  $Case$ = $number$,
                )cc");
    }
  };
  text.emit({{"Cases", case_enum(oneof)},
             {"cases", emit_cases},
             {"comment", comment_of(oneof, 2)},
             {"Type", member_type(oneof, message)},
             {"name", views_member(oneof)}},
            R"cc(
              enum class $Cases$ {
                $cases$;
              };
              $comment$;
              $Type$ $name$ = {};
            )cc");
}

void emit_members(const Message& message, Text& text) {
  std::set<const Oneof*> seen;
  for (const Field& field : message.fields) {
    if (field.oneof != nullptr) {
      if (seen.insert(field.oneof).second) emit_oneof(*field.oneof, message, text);
      continue;
    }
    text.emit({{"comment", comment_of(field, 2)},
               {"Type", member_type(field, message)},
               {"name", views_member(field, message)}},
              R"cc(
                $comment$;
                $Type$ $name$ = {};
              )cc");
  }
}

void emit_struct(const Message& message, Text& text) {
  text.emit({{"comment", comment_of(message, 0)},
             {"Name", views_class(message)},
             {"aliases", [&] { emit_aliases(message, text); }},
             {"members", [&] { emit_members(message, text); }}},
            R"cc(
              $comment$;
              struct $Name$ {
                $aliases$;

                $members$;
                ::std::string_view original_bytes = {};  ///< Those of a received message.
              };
            )cc");
}

}  // namespace

void emit_structs(const File& file, Text& text) {
  bool is_first = true;
  const auto set_apart = [&] {
    if (!is_first) text.lines("\n");
    is_first = false;
  };
  for (const Enum* enumeration : enums_of(file)) {
    set_apart();
    emit_enum(*enumeration, text);
  }
  const std::vector<const Message*> messages = in_order(file);
  if (!messages.empty()) set_apart();
  for (const Message* message : messages) {
    text.emit({{"Name", views_class(*message)}}, R"cc(
      struct $Name$;
    )cc");
  }
  for (const Message* message : messages) {
    set_apart();
    emit_struct(*message, text);
  }
}

}  // namespace messi::plugin::cpp
