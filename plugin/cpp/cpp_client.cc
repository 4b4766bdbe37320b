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
                     {"count", std::to_string(down.members.size())}},
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

                /// Sends to the server from any thread: messi/sender.h.
                $sender$;

                /// The members that come from the server: their numbers and names.
                $receives$;

                /// The members that go to the server: their numbers and names.
                $sends$;

               private:
                inline bool dispatch(::std::string_view payload) final;
                inline const ::messi::session::Schema& protocol_schema() const final;

                ::messi::codec::Received received_{$count$, options().max_decode_depth};
              };
            )cc");
}

void emit_client_senders(const Context& context) {
  emit_members(context, context.protocol.client_to_server, {{"Client", context.client_class()}},
               R"cc(
                 inline void $Client$::send_$name$(const $Type$& message) {
                   ::messi::codec::send<::messi::ClientBase>(*this, $number$, message$sent_as$);
                 }
                 inline ::messi::SendResult $Client$::try_send_$name$(const $Type$& message) {
                   return ::messi::codec::try_send<::messi::ClientBase>(*this, $number$, message$sent_as$);
                 }
               )cc");
  emit_sender_definitions(context, context.protocol.client_to_server, context.client_class());
}

}  // namespace messi::plugin::cpp
