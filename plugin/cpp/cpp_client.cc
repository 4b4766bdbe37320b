#include <string>
#include <vector>

#include "cpp_members.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {
namespace {

void emit_hooks(const Context& context, const Direction& direction) {
  emit_members(context, direction, R"cc(
    $comment$;
    $deprecated$virtual void on_$name$(const $Type$& /*message*/) {}
  )cc");
}

/// `reply_<name>` and `reply`, for what answers a request.
void emit_replies_of(const Context& context) {
  const Direction& replies = context.protocol.client_to_server;
  for (const Member& member : replies.members) {
    if (!member.is_reply()) continue;
    const std::vector<Text::Hole> holes = {
        {"name", member.field.name},
        {"deprecated", member.field.deprecated ? "[[deprecated]] " : ""},
        {"Type", context.qualified_class(member.type)}};
    context.text.emit(holes, R"cc(
      $deprecated$void reply_$name$(const $Type$& message) { send_$name$(message); }
    )cc");
    if (!member.type_is_unique) continue;
    context.text.emit(holes, R"cc(
      $deprecated$void reply(const $Type$& message) { send_$name$(message); }
    )cc");
  }
}

/// Replies of the client, to requests of the server.
void emit_replies(const Context& context, const Direction& requests) {
  if (!has_requests(requests)) return;
  context.text.emit({{"replies", [&] { emit_replies_of(context); }},
                     {"later", [&] { emit_later_answers(context, requests); }}},
                    R"cc(
                      // Answers to the request of the server whose hook is running; `answer_later` is for after it.

                      $replies$;
                      $later$;
                    )cc");
}

void emit_all_calls(const Context& context, const Direction& requests) {
  if (!has_requests(requests)) return;
  context.text.emit({{"calls", [&] { emit_calls(context, requests); }}}, R"cc(
    // Calls: a request goes to the server. Its answer, or why there is none, comes to `on_result`,
    // once, from the loop.

    $calls$;
  )cc");
}

}  // namespace

void emit_client_class(const Context& context) {
  const Direction& up = context.protocol.client_to_server;
  const Direction& down = context.protocol.server_to_client;
  context.text.emit({{"Client", context.client_class()},
                     {"receives", [&] { emit_numbers(context, down, "Receives"); }},
                     {"sends", [&] { emit_numbers(context, up, "Sends"); }},
                     {"hooks", [&] { emit_hooks(context, down); }},
                     {"senders", [&] { emit_senders(context, up); }},
                     {"tries", [&] { emit_tries(context, up); }},
                     {"sender", [&] { emit_sender_class(context, up, context.client_class()); }},
                     {"calls", [&] { emit_all_calls(context, up); }},
                     {"replies", [&] { emit_replies(context, down); }},
                     {"has_calls", has_calls(context)},
                     {"received", received(context, down)}},
                    R"cc(
              /// A client: derive from it and override the hooks you need. Hooks that every client has,
              /// such as on_connected and on_disconnected, are in ClientBase: messi/client.h.
              class $Client$ : public ::messi::ClientBase {
               public:
                explicit $Client$(::messi::EventLoop& loop, ::std::string uri,
                                  ::messi::ClientOptions options = {})
                    : ClientBase(loop, ::std::move(uri), ::std::move(options)) {}

                // Hooks: a message has arrived from the server.

                $hooks$;

                // Senders: a message goes to the server.

                $senders$;

                // The same, but what is not accepted does not end the connection.

                $tries$;

                $calls$;

                $replies$;

                /// Sends to the server from any thread: messi/sender.h.
                $sender$;

                /// The members that come from the server: their numbers and names.
                $receives$;

                /// The members that go to the server: their numbers and names.
                $sends$;

               private:
                inline bool dispatch(::std::string_view payload) final;
                $has_calls$;
                inline const ::messi::session::Schema& protocol_schema() const final;
                $received$;
              };
            )cc");
}

void emit_client_senders(const Context& context) {
  emit_members(context, context.protocol.client_to_server, {{"Client", context.client_class()}},
               R"cc(
                 inline void $Client$::send_$name$(const $Type$& message) {
                   ::messi::$codec$::send<::messi::ClientBase>(*this, $sent_member$, message$sent_as$);
                 }
                 inline ::messi::SendResult $Client$::try_send_$name$(const $Type$& message) {
                   return ::messi::$codec$::try_send<::messi::ClientBase>(*this, $sent_member$, message$sent_as$);
                 }
               )cc");
  emit_sender_definitions(context, context.protocol.client_to_server, context.client_class());
  const Direction& up = context.protocol.client_to_server;
  const Direction& down = context.protocol.server_to_client;
  const std::vector<Text::Hole> client = {{"Client", context.client_class()}};
  emit_pairs(context, up, client, R"cc(
    inline ::messi::Call $Client$::call_$name$(const $Type$& request, ::messi::Duration timeout, ::messi::OnResult<$Reply$> on_result) {
      return ::messi::$codec$::call<::messi::ClientBase>(*this, $pair$, request, timeout, ::std::move(on_result)$sent_as$);
    }
  )cc");
  emit_pairs(context, down, client, R"cc(
    inline ::messi::Responder<$Reply$> $Client$::answer_later_$name$() {
      return ::messi::$codec$::answer_later<::messi::ClientBase>(*this, $pair$, &::messi::$codec$::send_answer<$Reply$$reply_kind$>);
    }
  )cc");
}

}  // namespace messi::plugin::cpp
