#include <cstdint>
#include <string>
#include <vector>

#include "flat.h"
#include "views_names.h"
#include "views_parts.h"
#include "views_types.h"
#include "wire_type.h"

namespace messi::plugin::cpp {
namespace {

std::uint32_t tag_of(const Field& field, std::uint32_t wire_type) {
  return static_cast<std::uint32_t>(field.number) << 3 | wire_type;
}

std::string tag_of(const Field& field) {
  return std::to_string(tag_of(field, wire_type(field.type)));
}

std::vector<Text::Hole> holes(const Field& field, const Message& message) {
  std::vector<Text::Hole> all = {{"tag", tag_of(field)},
                                 {"packed", std::to_string(tag_of(field, kLengthDelimited))},
                                 {"Encoding", encoding(field, message, "views::")}};
  if (field.oneof == nullptr) {
    all.push_back({"name", views_member(field, message)});
  } else {
    all.push_back({"name", views_member(*field.oneof)});
    all.push_back(
        {"Case", views_class(message) + "::" + case_enum(*field.oneof) + "::" + views_case(field)});
  }
  return all;
}

void emit_read(const Field& field, const Message& message, Text& text) {
  const std::vector<Text::Hole> all = holes(field, message);
  if (field.oneof != nullptr) {
    text.emit(all, R"cc(
      case $tag$:
        views::read_member<$Case$>(in, message.$name$, $Encoding$());
        break;
    )cc");
  } else if (field.label == Label::kRepeated && wire_type(field.type) != kLengthDelimited) {
    text.emit(all, R"cc(
      case $packed$:
      case $tag$:
        views::read_repeated(in, tag, message.$name$);
        break;
    )cc");
  } else if (field.label == Label::kRepeated) {
    text.emit(all, R"cc(
      case $tag$:
        views::read_repeated(in, tag, message.$name$);
        break;
    )cc");
  } else {
    text.emit(all, R"cc(
      case $tag$:
        views::read<$Encoding$>(in, message.$name$);
        break;
    )cc");
  }
}

void emit_put(const Field& field, const Message& message, Text& text) {
  const std::vector<Text::Hole> all = holes(field, message);
  if (field.oneof != nullptr) {
    text.emit(all, R"cc(
      views::put<$Encoding$>($tag$, message.$name$.get<$Case$>(), out);
    )cc");
  } else if (field.label == Label::kRepeated && field.is_packed) {
    text.emit(all, R"cc(
      views::put_packed($packed$, message.$name$, out);
    )cc");
  } else if (field.label == Label::kRepeated) {
    text.emit(all, R"cc(
      views::put_repeated($tag$, message.$name$, out);
    )cc");
  } else {
    text.emit(all, R"cc(
      views::put<$Encoding$>($tag$, message.$name$, out);
    )cc");
  }
}

template <typename EmitField>
void emit_fields(const Message& message, Text& text, const EmitField& emit_field) {
  for (const Field* field : fields_by_number(message)) emit_field(*field, message, text);
}

void emit_empty(const Message& message, Text& text) {
  text.emit({{"Name", views_class(message)}}, R"cc(
    inline void messi_read(::messi::views::Reader& in, $Name$& /*message*/) {
      while (const ::std::uint32_t tag = in.next()) in.skip(tag);
    }
    template <typename Out>
    void messi_put(const $Name$& /*message*/, Out& /*out*/) {}
  )cc");
}

void emit_functions(const Message& message, Text& text) {
  if (message.fields.empty()) return emit_empty(message, text);
  text.emit({{"Name", views_class(message)},
             {"reads", [&] { emit_fields(message, text, emit_read); }},
             {"puts", [&] { emit_fields(message, text, emit_put); }}},
            R"cc(
              inline void messi_read(::messi::views::Reader& in, $Name$& message) {
                namespace views = ::messi::views;
                while (const ::std::uint32_t tag = in.next()) {
                  switch (tag) {
                    $reads$;
                    default:
                      in.skip(tag);
                      break;
                  }
                }
              }
              template <typename Out>
              void messi_put(const $Name$& message, Out& out) {
                namespace views = ::messi::views;
                $puts$;
              }
            )cc");
}

}  // namespace

void emit_views_codec(const File& file, Text& text) {
  const std::vector<const Message*> messages = in_order(file);
  for (const Message* message : messages) {
    text.emit({{"Name", views_class(*message)}}, R"cc(
      inline void messi_read(::messi::views::Reader& in, $Name$& message);
      template <typename Out>
      void messi_put(const $Name$& message, Out& out);
    )cc");
  }
  for (const Message* message : messages) {
    text.lines("\n");
    emit_functions(*message, text);
  }
}

}  // namespace messi::plugin::cpp
