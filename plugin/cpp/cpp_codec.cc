#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../flat.h"
#include "cpp_members.h"
#include "cpp_names.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {
namespace {

using google::protobuf::FieldDescriptor;

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

Kind kind_of(FieldDescriptor::Type type) {
  switch (type) {
    case FieldDescriptor::TYPE_STRING:
      return {kLengthDelimited, "string", "string"};
    case FieldDescriptor::TYPE_BYTES:
      return {kLengthDelimited, "bytes", "bytes"};
    case FieldDescriptor::TYPE_SINT32:
      return {kVarint, "zigzag", "zigzag32"};
    case FieldDescriptor::TYPE_SINT64:
      return {kVarint, "zigzag", "zigzag64"};
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
    case FieldDescriptor::TYPE_FLOAT:
      return {kFixed32, "fixed", "fixed32"};
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
    case FieldDescriptor::TYPE_DOUBLE:
      return {kFixed64, "fixed", "fixed64"};
    default:
      return {kVarint, "varint", "varint"};
  }
}

void emit_fields(const Context& context, const MessageType& type, std::string_view number_skeleton,
                 std::string_view text_skeleton) {
  for (const FlatField& field : type.flat_fields) {
    const Kind kind = kind_of(field.type);
    const std::string name = context.accessor(field.name);
    const bool is_text = kind.wire_type == kLengthDelimited;
    context.text.emit(
        {{"tag", std::to_string(static_cast<std::uint32_t>(field.number) << 3 | kind.wire_type)},
         {"put", std::string(kind.put)},
         {"take", std::string(kind.take)},
         {"name", name},
         {"presence", field.has_presence ? ", message.has_" + name + "()" : ""}},
        is_text ? text_skeleton : number_skeleton);
  }
}

void emit_functions(const Context& context, const MessageType& type) {
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
  const Protocol& protocol = context.protocol;
  if (protocol.text_types.empty()) return;
  std::string lines;
  const auto add = [&lines](const std::string& line) {
    lines += (lines.empty() ? "\"" : "\n\"") + line + "\\n\"";
  };
  for (const TextType& type : protocol.text_types) {
    add(type.full_name);
    for (const TextField& field : type.fields) {
      add(' ' + std::to_string(field.number) + ' ' + field.name +
          (field.type == TextField::kText ? "" : ' ' + std::to_string(field.type)));
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
  if (!has_codec(context.protocol)) return;
  const std::vector<const MessageType*> types = flat_types(context.protocol);
  const auto emit_all = [&] {
    for (const MessageType* type : types) {
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
