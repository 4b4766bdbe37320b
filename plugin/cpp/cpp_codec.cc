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

void emit_fields(Text& text, const MessageType& type, const Options& options,
                 std::string_view number_skeleton, std::string_view text_skeleton) {
  for (const FlatField& field : type.flat_fields) {
    const Kind kind = kind_of(field.type);
    const std::string name = accessor(field.name, options.protobuf_release);
    const bool is_text = kind.wire_type == kLengthDelimited;
    text.emit(
        {{"tag", std::to_string(static_cast<std::uint32_t>(field.number) << 3 | kind.wire_type)},
         {"put", std::string(kind.put)},
         {"take", std::string(kind.take)},
         {"name", name},
         {"presence", field.has_presence ? ", message.has_" + name + "()" : ""}},
        is_text ? text_skeleton : number_skeleton);
  }
}

void emit_functions(Text& text, const MessageType& type, const Options& options) {
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
  text.emit({{"Type", qualified_class(type, options.protobuf_release)},
             {"put_fields", [&] { emit_fields(text, type, options, kPut, kPut); }},
             {"take_fields", [&] { emit_fields(text, type, options, kTakeNumber, kTakeText); }}},
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

void emit_texts(Text& text, const Protocol& protocol) {
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
  text.emit({{"lines", lines + ';'}}, R"cc(
    // Where there is text, which has to be UTF-8: messi/codec/texts.h.
    static constexpr char kTexts[] =
        $lines$;
  )cc");
}

}  // namespace

void emit_codec(Text& text, const Protocol& protocol, const Options& options) {
  if (!has_codec(protocol)) return;
  const std::vector<const MessageType*> types = flat_types(protocol);
  const auto emit_all = [&] {
    for (const MessageType* type : types) {
      if (type != types.front()) text.lines("\n");
      emit_functions(text, *type, options);
    }
  };
  const auto emit_parts = [&] {
    text.emit({{"functions", emit_all}, {"texts", [&] { emit_texts(text, protocol); }}}, R"cc(
      $functions$;

      $texts$;
    )cc");
  };
  text.emit({{"Codec", codec_class(protocol, options)}, {"parts", emit_parts}},
            R"cc(
              // How the messages that are flat become bytes, and bytes messages: messi/codec/flat.h.
              struct $Codec$ {
                $parts$;
              };
            )cc");
}

}  // namespace messi::plugin::cpp
