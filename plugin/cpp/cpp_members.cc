#include "cpp_members.h"

#include <cstddef>
#include <set>
#include <string>

#include "../comments.h"
#include "cpp_names.h"
#include "fit.h"
#include "flat.h"

namespace messi::plugin::cpp {
namespace {

constexpr std::size_t kDeepestIndentation = 2;

std::string number(const Member& member) { return std::to_string(member.field.number); }

/// A member as the senders of the runtime know it.
std::string sent_member(const Member& member) {
  if (!member.is_reply()) return number(member);
  return "::messi::codec::Reply{" + number(*member.request) + ", " + number(member) + '}';
}

/// What the dispatch of a message asks besides, before it calls the hook.
std::string condition(const Context& context, const Direction& direction, const Member& member) {
  if (member.is_request()) return " && begin_request(" + number(member) + ')';
  if (!member.is_reply()) return "";
  const bool by_server = &direction == &context.protocol.client_to_server;
  return std::string(" && !take_answer(") + (by_server ? "client, " : "") + number(member) +
         ", &message)";
}

/// How the dispatch gets the member from `in`, as `message`.
std::string parse(const Context& context, const Direction& direction, const Member& member) {
  const std::string type = context.qualified_class(member.type);
  if (context.cpp_options.views) return type + " message;\nin.parse(message);";
  const std::string index = std::to_string(&member - direction.members.data());
  const std::string take = is_flat(member.type) ? ", &" + context.codec_class() + "::take_" +
                                                      context.kinds.find(member.type)->name
                                                : "";
  return "in.parse(" + index + ", " + type + "::default_instance()" + take +
         ");\nconst auto& message = static_cast<const " + type + "&>(in.message());";
}

std::vector<Text::Hole> holes(const Context& context, const Direction& direction,
                              const Member& member) {
  const Kind* const kind = context.cpp_options.views ? nullptr : context.kinds.find(member.type);
  const std::string codec = context.codec_class() + "::";
  return {{"codec", context.codec()},
          {"comment", format_comment(member.field.comment, "///", kColumns - kDeepestIndentation)},
          {"deprecated", member.field.deprecated ? "[[deprecated]] " : ""},
          {"name", member.field.name},
          {"number", number(member)},
          {"sent_member", sent_member(member)},
          {"condition", condition(context, direction, member)},
          {"Type", context.qualified_class(member.type)},
          {"sent_as", kind == nullptr ? "" : ", " + codec + "kind_" + kind->name},
          {"parse", parse(context, direction, member)},
          {"Case", case_constant(member.field.name)}};
}

/// The types of the members, each once, by index.
void emit_types(const Context& context, const Direction& direction) {
  std::set<const Message*> seen;
  for (const Member& member : direction.members) {
    const std::string index = std::to_string(seen.size());
    if (!seen.insert(&member.type).second) continue;
    context.text.emit({{"Type", context.qualified_class(member.type)}, {"index", index}}, R"cc(
      static const $Type$& type(::std::integral_constant<int, $index$>);
    )cc");
  }
  context.text.emit({{"count", std::to_string(seen.size())}}, R"cc(
    static constexpr int types() {
      return $count$;
    }
  )cc");
}

/// `, ` and what the sender of a later answer needs to know of its type, or nothing.
std::string reply_kind(const Context& context, const Member& reply) {
  if (context.cpp_options.views) return "";
  const Kind* const kind = context.kinds.find(reply.type);
  return ", " + (kind == nullptr ? "::messi::codec::kOther"
                                 : context.codec_class() + "::kind_" + kind->name);
}

std::vector<Text::Hole> pair_holes(const Context& context, const Direction& direction,
                                   const Member& request) {
  std::vector<Text::Hole> all = holes(context, direction, request);
  const Member& reply = *request.reply;
  all.push_back({"Reply", context.qualified_class(reply.type)});
  all.push_back({"pair", sent_member(reply)});
  all.push_back({"reply_number", number(reply)});
  all.push_back({"reply_kind", reply_kind(context, reply)});
  return all;
}

}  // namespace

void emit_members(const Context& context, const Direction& direction, std::string_view each,
                  std::string_view if_unique) {
  const bool shows_comments = each.find("$comment$") != std::string_view::npos;
  const Member* previous = nullptr;
  for (const Member& member : direction.members) {
    const bool is_apart = previous != nullptr && shows_comments &&
                          !(previous->field.comment.empty() && member.field.comment.empty());
    if (is_apart) context.text.lines("\n");
    const std::vector<Text::Hole> member_holes = holes(context, direction, member);
    context.text.emit(member_holes, each);
    if (member.type_is_unique) context.text.emit(member_holes, if_unique);
    previous = &member;
  }
}

void emit_members(const Context& context, const Direction& direction,
                  const std::vector<Text::Hole>& more_holes, std::string_view each) {
  for (const Member& member : direction.members) {
    std::vector<Text::Hole> all_holes = holes(context, direction, member);
    all_holes.insert(all_holes.end(), more_holes.begin(), more_holes.end());
    context.text.emit(all_holes, each);
  }
}

void emit_pairs(const Context& context, const Direction& requests,
                const std::vector<Text::Hole>& more_holes, std::string_view each,
                std::string_view if_unique) {
  for (const Member& request : requests.members) {
    if (!request.is_request()) continue;
    std::vector<Text::Hole> all_holes = pair_holes(context, requests, request);
    all_holes.insert(all_holes.end(), more_holes.begin(), more_holes.end());
    context.text.emit(all_holes, each);
    if (request.type_is_unique) context.text.emit(all_holes, if_unique);
  }
}

void emit_calls(const Context& context, const Direction& requests) {
  emit_pairs(context, requests, {},
             R"cc(
               $deprecated$::messi::Call call_$name$(const $Type$& request, ::messi::Duration timeout, ::messi::OnResult<$Reply$> on_result);
             )cc",
             R"cc(
               $deprecated$::messi::Call call(const $Type$& request, ::messi::Duration timeout, ::messi::OnResult<$Reply$> on_result) {
                 return call_$name$(request, timeout, ::std::move(on_result));
               }
             )cc");
}

void emit_later_answers(const Context& context, const Direction& requests) {
  emit_pairs(context, requests, {},
             R"cc(
               $deprecated$::messi::Responder<$Reply$> answer_later_$name$();
             )cc",
             R"cc(
               $deprecated$::messi::Responder<$Reply$> answer_later(const $Type$& /*request*/) {
                 return answer_later_$name$();
               }
             )cc");
}

void emit_senders(const Context& context, const Direction& direction) {
  emit_members(context, direction,
               R"cc(
                 $comment$;
                 $deprecated$void send_$name$(const $Type$& message);
               )cc",
               R"cc(
                 $deprecated$void send(const $Type$& message) {
                   send_$name$(message);
                 }
               )cc");
}

void emit_tries(const Context& context, const Direction& direction) {
  emit_members(context, direction,
               R"cc(
                 $deprecated$::messi::SendResult try_send_$name$(const $Type$& message);
               )cc",
               R"cc(
                 $deprecated$::messi::SendResult try_send(const $Type$& message) {
                   return try_send_$name$(message);
                 }
               )cc");
}

void emit_sender_class(const Context& context, const Direction& direction, const std::string& to) {
  const auto emit_them = [&] {
    emit_members(context, direction,
                 R"cc(
                   $deprecated$::messi::SendResult send_$name$(const $Type$& message) const;
                 )cc",
                 R"cc(
                   $deprecated$::messi::SendResult send(const $Type$& message) const {
                     return send_$name$(message);
                   }
                 )cc");
  };
  context.text.emit({{"To", to}, {"senders", emit_them}}, R"cc(
    class Sender : public ::messi::Sender {
     public:
      /// On the loop's thread, or before the loop runs.
      explicit Sender($To$& client, ::std::size_t max_pending_bytes = kMaxPendingBytes)
          : ::messi::Sender(client, max_pending_bytes) {}

      $senders$;
    };
  )cc");
}

void emit_sender_definitions(const Context& context, const Direction& direction,
                             const std::string& to) {
  emit_members(context, direction, {{"To", to}},
               R"cc(
                 inline ::messi::SendResult $To$::Sender::send_$name$(const $Type$& message) const {
                   return ::messi::$codec$::send_from_thread<::messi::Sender>(*this, $number$, message$sent_as$);
                 }
               )cc");
}

namespace {

void emit_relay(const Context& context, const Direction& direction) {
  context.text.lines("\n");
  context.text.emit({{"types", [&] { emit_types(context, direction); }}}, R"cc(
    // For messi/coro.h: the types, each once, and hooks that pass all messages on.
    $types$;
    template <typename Base>
    class Relay;
  )cc");
}

}  // namespace

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
  // Coroutines are not for devices.
  const auto emit_relay_if = [&] {
    if (!context.cpp_options.device) emit_relay(context, direction);
  };
  context.text.emit({{"Name", name},
                     {"constants", emit_constants},
                     {"names", emit_names},
                     {"relay", emit_relay_if}},
                    R"cc(
              struct $Name$ {
                $constants$;

                /// "" if no member has the number.
                static constexpr ::std::string_view name(::std::uint32_t number) {
                  $names$;
                  return "";
                }
                $relay$;
              };
            )cc");
}

}  // namespace messi::plugin::cpp
