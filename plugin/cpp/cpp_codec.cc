#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../fingerprint.h"
#include "../names.h"
#include "cpp_context.h"
#include "cpp_parts.h"
#include "flat.h"
#include "kinds.h"
#include "texts.h"
#include "wire_type.h"

namespace messi::plugin::cpp {
namespace {

void emit_put(const Context& context, const Field& field, const std::vector<Text::Hole>& holes) {
  if (field.label == Label::kOptional) {
    context.text.emit(holes, R"cc(
      out.put_$kind$($tag$, message.$name$(), message.has_$name$());
    )cc");
  } else {
    context.text.emit(holes, R"cc(
      out.put_$kind$($tag$, message.$name$());
    )cc");
  }
}

void emit_take(const Context& context, const Field& field, const std::vector<Text::Hole>& holes) {
  if (field.type == FieldType::kString || field.type == FieldType::kBytes) {
    context.text.emit(holes, R"cc(
      case $tag$:
        in.take_$kind$(*message.mutable_$name$());
        break;
    )cc");
  } else {
    context.text.emit(holes, R"cc(
      case $tag$:
        message.set_$name$(in.take_$kind$());
        break;
    )cc");
  }
}

template <typename EmitField>
void emit_fields(const Context& context, const Message& type, const EmitField& emit_field) {
  for (const Field* field : fields_by_number(type)) {
    const auto number = static_cast<std::uint32_t>(field->number);
    emit_field(context, *field,
               {{"tag", std::to_string(number << 3 | wire_type(field->type))},
                {"kind", std::string(name_of(field->type))},
                {"name", context.accessor(field->name)}});
  }
}

void emit_functions(const Context& context, const Kind& kind) {
  const Message& type = kind.type;
  context.text.emit({{"Name", kind.name},
                     {"Type", context.qualified_class(type)},
                     {"put_fields", [&] { emit_fields(context, type, emit_put); }},
                     {"take_fields", [&] { emit_fields(context, type, emit_take); }}},
                    R"cc(
              static void put_$Name$(const ::google::protobuf::MessageLite& from, ::messi::codec::Fields& out) {
                const auto& message = static_cast<const $Type$&>(from);
                if (!::messi::codec::has_only_known_fields(message, 0)) return out.fail();
                $put_fields$;
              }
              static void take_$Name$(::messi::codec::FieldReader& in, ::google::protobuf::MessageLite& to) {
                auto& message = static_cast<$Type$&>(to);
                while (const ::std::uint32_t tag = in.next()) {
                  switch (tag) {
                    $take_fields$;
                    default:
                      return in.fail();
                  }
                }
              }
            )cc");
}

/// What codec::send needs to know about a type.
void emit_kind(const Context& context, const Kind& kind) {
  const bool flat = is_flat(kind.type);
  const int text_type = context.texts.index(kind.type);
  const std::string put = flat ? "&put_" + kind.name : "nullptr";
  const std::string texts =
      text_type == TextTypes::kNoText ? "" : ", &texts, " + std::to_string(text_type);
  context.text.emit({{"functions",
                      [&] {
                        if (flat) emit_functions(context, kind);
                      }},
                     {"Name", kind.name},
                     {"values", put + texts}},
                    R"cc(
    $functions$;
    static constexpr auto kind_$Name$ = ::messi::codec::Kind($values$);
  )cc");
}

void emit_texts(const Context& context) {
  if (context.texts.all().empty()) return;
  std::string lines;
  const auto add = [&lines](const std::string& line) {
    lines += (lines.empty() ? "\"" : "\n\"") + line + "\\n\"";
  };
  for (const TextType& type : context.texts.all()) {
    add(type.message.full_name);
    for (const TextField& each : type.fields) {
      add(' ' + std::to_string(each.field.number) + ' ' + each.field.name +
          (each.type == TextField::kText ? "" : ' ' + std::to_string(each.type)));
    }
  }
  context.text.emit({{"lines", lines + ';'}}, R"cc(
    // The fields with text, which must be UTF-8: messi/codec/texts.h.
    static const ::messi::codec::TextTable& texts() {
      static constexpr char kTexts[] =
          $lines$;
      static const auto* const table = new ::messi::codec::TextTable(kTexts);
      return *table;
    }
  )cc");
}

void emit_schema(const Context& context) {
  const std::vector<std::string> lines = schema_lines(context.protocol);
  std::string literals;
  for (const std::string& line : lines) {
    literals += literal(line) + (&line == &lines.back() ? ";" : "\n");
  }
  context.text.emit({{"lines", literals}}, R"cc(
    // What peers tell each other of the schema: messi/session/schema.h.
    static const ::messi::session::Schema& schema() {
      static constexpr char kSchema[] =
          $lines$
      static const auto* const schema = new ::messi::session::Schema(kSchema);
      return *schema;
    }
  )cc");
}

}  // namespace

void emit_codec(const Context& context) {
  const auto emit_all_texts = [&] {
    if (!context.cpp_options.views) emit_texts(context);
  };
  const auto emit_kinds = [&] {
    if (context.cpp_options.views) return;
    bool first = true;
    for (const Kind& kind : context.kinds.all()) {
      if (!first) context.text.lines("\n");
      first = false;
      emit_kind(context, kind);
    }
  };
  context.text.emit({{"Codec", context.codec_class()},
                     {"texts", emit_all_texts},
                     {"kinds", emit_kinds},
                     {"schema", [&] { emit_schema(context); }}},
                    R"cc(
              // What the runtime needs to know about the schema.
              struct $Codec$ {
                $texts$;

                $kinds$;

                $schema$;
              };
            )cc");
}

}  // namespace messi::plugin::cpp
