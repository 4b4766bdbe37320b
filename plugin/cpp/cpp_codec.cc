#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cpp_members.h"
#include "cpp_names.h"
#include "cpp_parts.h"
#include "flat.h"

namespace messi::plugin::cpp {
namespace {

// How the wire has a field.
constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kLengthDelimited = 2;
constexpr std::uint32_t kFixed32 = 5;

/// What the runtime calls a kind of fields.
struct Kind {
  std::uint32_t wire_type;
  std::string_view put;
  std::string_view take;
};

Kind kind_of(FieldType type) {
  switch (type) {
    case FieldType::kString:
      return {kLengthDelimited, "string", "string"};
    case FieldType::kBytes:
      return {kLengthDelimited, "bytes", "bytes"};
    case FieldType::kSint32:
      return {kVarint, "zigzag", "zigzag32"};
    case FieldType::kSint64:
      return {kVarint, "zigzag", "zigzag64"};
    case FieldType::kFixed32:
    case FieldType::kSfixed32:
    case FieldType::kFloat:
      return {kFixed32, "fixed", "fixed32"};
    case FieldType::kFixed64:
    case FieldType::kSfixed64:
    case FieldType::kDouble:
      return {kFixed64, "fixed", "fixed64"};
    default:
      return {kVarint, "varint", "varint"};
  }
}

void emit_fields(const Context& context, const Message& type, std::string_view number_skeleton,
                 std::string_view text_skeleton) {
  for (const Field* field : fields_by_number(type)) {
    const Kind kind = kind_of(field->type);
    const std::string name = context.accessor(field->name);
    const bool is_text = kind.wire_type == kLengthDelimited;
    context.text.emit(
        {{"tag", std::to_string(static_cast<std::uint32_t>(field->number) << 3 | kind.wire_type)},
         {"put", std::string(kind.put)},
         {"take", std::string(kind.take)},
         {"name", name},
         {"presence", field->label == Label::kOptional ? ", message.has_" + name + "()" : ""}},
        is_text ? text_skeleton : number_skeleton);
  }
}

void emit_functions(const Context& context, const Message& type) {
  constexpr std::string_view kPut = R"cc(
    out.$put$($tag$, message.$name$()$presence$);
  )cc";
  constexpr std::string_view kTakeNumber = R"cc(
    case $tag$:
      message.set_$name$(in.$take$());
      break;
  )cc";
  constexpr std::string_view kTakeText = R"cc(
    case $tag$:
      in.$take$(*message.mutable_$name$());
      break;
  )cc";
  context.text.emit({{"Type", context.qualified_class(type)},
                     {"put_fields", [&] { emit_fields(context, type, kPut, kPut); }},
                     {"take_fields", [&] { emit_fields(context, type, kTakeNumber, kTakeText); }}},
                    R"cc(
              template <typename Out>
              static void encode(const $Type$& message, Out& out) {
                $put_fields$;
              }
              static bool decode(::messi::codec::FlatReader in, $Type$& message) {
                while (in.more()) {
                  switch (in.tag()) {
                    $take_fields$;
                    default:
                      return false;
                  }
                }
                return in.ok();
              }
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
    // Where there is text, which has to be UTF-8: messi/codec/texts.h.
    static constexpr char kTexts[] =
        $lines$;
  )cc");
}

}  // namespace

void emit_codec(const Context& context) {
  if (!has_codec(context.protocol, context.texts)) return;
  const std::vector<const Message*> types = flat_types(context.protocol);
  const auto emit_all = [&] {
    for (const Message* type : types) {
      if (type != types.front()) context.text.lines("\n");
      emit_functions(context, *type);
    }
  };
  const auto emit_parts = [&] {
    context.text.emit({{"functions", emit_all}, {"texts", [&] { emit_texts(context); }}}, R"cc(
      $functions$;

      $texts$;
    )cc");
  };
  context.text.emit({{"Codec", context.codec_class()}, {"parts", emit_parts}},
                    R"cc(
              // How the messages that are flat become bytes, and bytes messages: messi/codec/flat.h.
              struct $Codec$ {
                $parts$;
              };
            )cc");
}

}  // namespace messi::plugin::cpp
