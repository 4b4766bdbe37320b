#include "cpp_members.h"
#include "cpp_names.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {
namespace {

void emit_hooks(Text& text, const Protocol& protocol, const Direction& direction,
                const Options& options) {
  emit_members(text, protocol, direction, options, R"cc(
    $comment$;
    $deprecated$virtual void on_$name$(const $Type$& /*message*/) {}
  )cc");
}

}  // namespace

void emit_client_class(Text& text, const Protocol& protocol, const Options& options) {
  text.emit(
      {{"Client", client_class(protocol, options)},
       {"receives",
        [&] { emit_numbers(text, protocol, protocol.server_to_client, options, "Receives"); }},
       {"sends",
        [&] { emit_numbers(text, protocol, protocol.client_to_server, options, "Sends"); }},
       {"hooks", [&] { emit_hooks(text, protocol, protocol.server_to_client, options); }},
       {"senders", [&] { emit_senders(text, protocol, protocol.client_to_server, options); }},
       {"incoming", [&] { emit_incoming(text, protocol, protocol.server_to_client, options); }}},
      R"cc(
              /// A client: derive from it and override the hooks you need. Those of the connection
              /// itself, such as on_connected and on_disconnected, are ClientBase's.
              class $Client$ : public ::messi::ClientBase {
               public:
                explicit $Client$(::messi::EventLoop& loop, ::std::string uri,
                                  ::messi::ClientOptions options = {})
                    : ClientBase(loop, ::std::move(uri), ::std::move(options)) {}

                // Hooks: a message has come from the server.

                /// Any message, before its own hook or on_unknown_message. False drops it.
                virtual bool on_any_message(::std::uint32_t /*field_number*/) {
                  return true;
                }

                $hooks$;

                // Senders: a message goes to the server.

                $senders$;

                /// The members that come from the server: their numbers and names.
                $receives$;

                /// The members that go to the server: their numbers and names.
                $sends$;

               private:
                inline bool dispatch(::std::string_view payload) final;

                $incoming$;
              };
            )cc");
}

}  // namespace messi::plugin::cpp
