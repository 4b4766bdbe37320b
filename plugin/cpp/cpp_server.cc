#include "cpp_members.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {
namespace {

void emit_hooks(const Context& context, const Direction& direction) {
  emit_members(context, direction, R"cc(
    $comment$;
    $deprecated$virtual void on_$name$(Client& /*client*/, const $Type$& /*message*/) {}
  )cc");
}

void emit_replies(const Context& context, const Direction& direction) {
  emit_members(context, direction,
               R"cc(
                 $deprecated$void reply_$name$(const $Type$& message) {
                   if (Client* const client = current_client()) client->send_$name$(message);
                 }
               )cc",
               R"cc(
                 $deprecated$void reply(const $Type$& message) {
                   reply_$name$(message);
                 }
               )cc");
}

void emit_tries_and_calls(const Context& context, const Direction& requests) {
  emit_tries(context, requests);
  if (!has_requests(requests)) return;
  context.text.lines("\n");
  context.text.emit({{"calls", [&] { emit_calls(context, requests); }}}, R"cc(
    // Calls: a request goes to this client. Its answer, or why there is none, comes to `on_result`,
    // once, from the loop.

    $calls$;
  )cc");
}

void emit_all_later_answers(const Context& context, const Direction& requests) {
  if (!has_requests(requests)) return;
  context.text.emit({{"later", [&] { emit_later_answers(context, requests); }}}, R"cc(
    // Later answers: to the request whose hook is running, when it has returned.

    $later$;
  )cc");
}

void emit_broadcasts(const Context& context, const Direction& direction) {
  emit_members(context, direction,
               R"cc(
                 $deprecated$bool broadcast_$name$(const $Type$& message, Except except = {});
               )cc",
               R"cc(
                 $deprecated$bool broadcast(const $Type$& message, Except except = {}) {
                   return broadcast_$name$(message, except);
                 }
               )cc");
}

void emit_group_senders(const Context& context, const Direction& direction) {
  emit_members(context, direction,
               R"cc(
                 $deprecated$bool send_$name$(const $Type$& message, const Except& except = {}) const;
               )cc",
               R"cc(
                 $deprecated$bool send(const $Type$& message, const Except& except = {}) const {
                   return send_$name$(message, except);
                 }
               )cc");
}

/// Those that the client's class has already, under their names for the other side.
void emit_all_numbers(const Context& context) {
  if (context.options.client()) {
    context.text.emit({{"Client", context.client_class()}}, R"cc(
      /// The members that come from clients: their numbers and names.
      using Receives = $Client$::Sends;

      /// The members that go to clients: their numbers and names.
      using Sends = $Client$::Receives;
    )cc");
    return;
  }
  const Protocol& protocol = context.protocol;
  const auto emit_receives = [&] { emit_numbers(context, protocol.client_to_server, "Receives"); };
  const auto emit_sends = [&] { emit_numbers(context, protocol.server_to_client, "Sends"); };
  context.text.emit({{"receives", emit_receives}, {"sends", emit_sends}}, R"cc(
    /// The members that come from clients: their numbers and names.
    $receives$;

    /// The members that go to clients: their numbers and names.
    $sends$;
  )cc");
}

}  // namespace

void emit_server_classes(const Context& context) {
  const Direction& up = context.protocol.client_to_server;
  const Direction& down = context.protocol.server_to_client;
  const auto sender = [&] { emit_sender_class(context, down, context.server_client_class()); };
  context.text.emit({{"Server", context.server_class()},
                     {"ServerClient", context.server_client_class()},
                     {"numbers", [&] { emit_all_numbers(context); }},
                     {"senders", [&] { emit_senders(context, down); }},
                     {"sender", sender},
                     {"tries", [&] { emit_tries_and_calls(context, down); }},
                     {"later", [&] { emit_all_later_answers(context, up); }},
                     {"has_calls", has_calls(context)},
                     {"hooks", [&] { emit_hooks(context, up); }},
                     {"replies", [&] { emit_replies(context, down); }},
                     {"broadcasts", [&] { emit_broadcasts(context, down); }},
                     {"group_senders", [&] { emit_group_senders(context, down); }},
                     {"received", received(context, up)}},
                    R"cc(
              /// A connected client, as its server sees it. It exists from the beginning of its
              /// on_authenticate to the end of its on_client_disconnected.
              class $ServerClient$ : public ::messi::ServerClient {
               public:
                using ServerClient::ServerClient;

                // Senders: a message goes to this client.

                $senders$;

                // The same, but what is not accepted does not end the connection.

                $tries$;

                /// Sends to this client from any thread: messi/sender.h.
                $sender$;
              };

              /// A server: derive from it and override the hooks you need. Hooks that every server has, such as
              /// on_client_connected, and clients(), are in ServerOf: messi/server_of.h.
              class $Server$ : public ::messi::ServerOf<$ServerClient$> {
               public:
                explicit $Server$(::messi::EventLoop& loop, ::std::string uri,
                                  ::messi::ServerOptions options = {})
                    : ServerOf(loop, ::std::move(uri), ::std::move(options)) {}

                // Hooks: a message has arrived from a client.

                $hooks$;

                // Replies: a message goes to the client whose message is being handled, if there is one.

                $replies$;

                $later$;

                // Broadcasts: a message goes to all clients, or all but one. False if it is too big or cannot be
                // encoded: then it is sent to nobody.

                $broadcasts$;

                /// Some of the clients, see GroupOf: messi/group.h. A message goes to all members, or all but
                /// some. False as for broadcasts.
                class Group : public ::messi::GroupOf<$ServerClient$> {
                 public:
                  $group_senders$;

                 private:
                  friend class ::messi::ServerBase;
                  using GroupOf::GroupOf;
                };

                /// The group of that name, whether it has members or not.
                Group group(const ::messi::GroupKey& key) { return group_as<Group>(key); }

                /// The groups that the client is in.
                ::std::vector<Group> groups_of(const Client& client) { return groups_as<Group>(client); }

                $numbers$;

               private:
                inline bool dispatch(::messi::ServerClient& from, ::std::string_view payload) final;
                $has_calls$;
                inline const ::messi::session::Schema& protocol_schema() const final;
                $received$;
              };
            )cc");
}

void emit_server_senders(const Context& context) {
  const Direction& down = context.protocol.server_to_client;
  emit_members(context, down, {{"ServerClient", context.server_client_class()}},
               R"cc(
                 inline void $ServerClient$::send_$name$(const $Type$& message) {
                   ::messi::$codec$::send<::messi::ServerClient>(*this, $sent_member$, message$sent_as$);
                 }
                 inline ::messi::SendResult $ServerClient$::try_send_$name$(const $Type$& message) {
                   return ::messi::$codec$::try_send<::messi::ServerClient>(*this, $sent_member$, message$sent_as$);
                 }
               )cc");
  emit_sender_definitions(context, down, context.server_client_class());
  emit_members(context, down, {{"Server", context.server_class()}},
               R"cc(
                 inline bool $Server$::broadcast_$name$(const $Type$& message, Except except) {
                   return ::messi::$codec$::broadcast<::messi::ServerBase>(*this, except.client(), $number$, message$sent_as$);
                 }
                 inline bool $Server$::Group::send_$name$(const $Type$& message, const Except& except) const {
                   return ::messi::$codec$::broadcast<const ::messi::GroupBase>(*this, &except, $number$, message$sent_as$);
                 }
               )cc");
  emit_pairs(context, down, {{"ServerClient", context.server_client_class()}}, R"cc(
    inline ::messi::Call $ServerClient$::call_$name$(const $Type$& request, ::messi::Duration timeout, ::messi::OnResult<$Reply$> on_result) {
      return ::messi::$codec$::call<::messi::ServerClient>(*this, $pair$, request, timeout, ::std::move(on_result)$sent_as$);
    }
  )cc");
  emit_pairs(context, context.protocol.client_to_server, {{"Server", context.server_class()}},
             R"cc(
               inline ::messi::Responder<$Reply$> $Server$::answer_later_$name$() {
                 return ::messi::$codec$::answer_later<::messi::ServerBase>(*this, $pair$, &::messi::$codec$::send_answer<$Reply$$reply_kind$>);
               }
             )cc");
}

}  // namespace messi::plugin::cpp
