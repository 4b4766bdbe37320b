#include "cpp_members.h"

#include <map>
#include <string>

#include "../comments.h"
#include "cpp_names.h"
#include "fit.h"

namespace messi::plugin::cpp {
namespace {

constexpr std::size_t kDeepestIndentation = 4;

/// What is to be known to send it.
std::string codecs(const Context& context, const MessageType& type) {
  const std::string codec = context.codec_class();
  if (!type.has_text()) return type.is_flat() ? ", " + codec : "";
  return (type.is_flat() ? ", " + codec : ", void") + ", " + codec + ", " +
         std::to_string(type.text_type);
}

std::vector<Text::Hole> holes(const Context& context, const Member& member) {
  return {{"comment", format_comment(member.comment, "///", kColumns - kDeepestIndentation)},
          {"deprecated", member.deprecated ? "[[deprecated]] " : ""},
          {"name", member.name},
          {"number", std::to_string(member.number)},
          {"Type", context.qualified_class(member.type)},
          {"Codec", member.type.is_flat() ? ", " + context.codec_class() : ""},
          {"Codecs", codecs(context, member.type)},
          {"accessor", context.accessor(member.name)},
          {"Case", case_constant(member.name)}};
}

}  // namespace

std::vector<const MessageType*> flat_types(const Protocol& protocol) {
  std::map<std::string_view, const MessageType*> types;
  for (const Direction* direction : {&protocol.client_to_server, &protocol.server_to_client}) {
    for (const Member& member : direction->members) {
      if (member.type.is_flat()) types.emplace(member.type.full_name, &member.type);
    }
  }
  std::vector<const MessageType*> sorted;
  for (const auto& [name, type] : types) sorted.push_back(type);
  return sorted;
}

bool has_codec(const Protocol& protocol) {
  return !protocol.text_types.empty() || !flat_types(protocol).empty();
}

void emit_members(const Context& context, const Direction& direction, std::string_view each,
                  std::string_view if_unique) {
  const bool shows_comments = each.find("$comment$") != std::string_view::npos;
  const Member* previous = nullptr;
  for (const Member& member : direction.members) {
    const bool is_apart = previous != nullptr && shows_comments &&
                          !(previous->comment.empty() && member.comment.empty());
    if (is_apart) context.text.lines("\n");
    const std::vector<Text::Hole> member_holes = holes(context, member);
    context.text.emit(member_holes, each);
    if (member.type_is_unique) context.text.emit(member_holes, if_unique);
    previous = &member;
  }
}

void emit_members(const Context& context, const Direction& direction,
                  const std::vector<Text::Hole>& more_holes, std::string_view each) {
  for (const Member& member : direction.members) {
    std::vector<Text::Hole> all_holes = holes(context, member);
    all_holes.insert(all_holes.end(), more_holes.begin(), more_holes.end());
    context.text.emit(all_holes, each);
  }
}

void emit_senders(const Context& context, const Direction& direction) {
  emit_members(context, direction,
               R"cc(
                 $comment$;
                 $deprecated$void send_$name$(const $Type$& message) {
                   ::messi::codec::send<$number$$Codecs$>(*this, message);
                 }
               )cc",
               R"cc(
                 $deprecated$void send(const $Type$& message) {
                   send_$name$(message);
                 }
               )cc");
}

void emit_numbers(const Context& context, const Direction& direction, const std::string& name) {
  const auto emit_constants = [&] {
    emit_members(context, direction, R"cc(
      static constexpr ::std::uint32_t $Case$ = $number$;
    )cc");
  };
  const auto emit_names = [&] {
    emit_members(context, direction, R"cc(
      if (number == $Case$) return "$name$";
    )cc");
  };
  context.text.emit({{"Name", name}, {"constants", emit_constants}, {"names", emit_names}},
                    R"cc(
              struct $Name$ {
                $constants$;

                /// "" if no member has the number.
                static constexpr ::std::string_view name(::std::uint32_t number) {
                  $names$;
                  return "";
                }
              };
            )cc");
}

void emit_incoming(const Context& context, const Direction& direction) {
  emit_members(context, direction, R"cc(
    ::messi::codec::Reused<$Type$$Codec$> incoming_$name$_;
  )cc");
}

}  // namespace messi::plugin::cpp
