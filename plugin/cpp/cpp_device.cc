#include <string>

#include "cpp_members.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {

void emit_device_class(const Context& context) {
  const Direction& up = context.protocol.client_to_server;
  const Direction& down = context.protocol.server_to_client;
  const auto emit_hooks = [&] {
    emit_members(context, down, R"cc(
      $comment$;
      $deprecated$virtual void on_$name$(const $Type$& /*message*/) {}
    )cc");
  };
  const auto emit_tries = [&] {
    emit_members(context, up,
                 R"cc(
                   $comment$;
                   $deprecated$::messi::SendResult try_send_$name$(const $Type$& message);
                 )cc",
                 R"cc(
                   $deprecated$::messi::SendResult try_send(const $Type$& message) {
                     return try_send_$name$(message);
                   }
                 )cc");
  };
  const bool sessions = context.cpp_options.device_sessions;
  context.text.emit({{"Device", context.device_class()},
                     {"Base", sessions ? "SessionDeviceBase" : "DeviceBase"},
                     {"Options", sessions ? "SessionDeviceOptions" : "DeviceOptions"},
                     {"header", sessions ? "session_client.h" : "client.h"},
                     {"kept_space", sessions ? ", ::messi::Space kept" : ""},
                     {"kept", sessions ? ", kept" : ""},
                     {"receives", [&] { emit_numbers(context, down, "Receives"); }},
                     {"hooks", emit_hooks},
                     {"tries", emit_tries}},
                    R"cc(
              /// A client for devices: derive from it and override the hooks you need. What every such client
              /// has, such as link_up and handle_bytes, is in $Base$: messi/device/$header$.
              class $Device$ : public ::messi::$Base$ {
               public:
                explicit $Device$(::messi::Space input, ::messi::Space output$kept_space$,
                                  const ::messi::$Options$& options = {})
                    : $Base$(input, output$kept$, options) {}

                // Hooks: a message has arrived from the server.

                $hooks$;

                // Senders: a message goes to the server. What is not accepted does not end the connection.

                $tries$;

                /// The members that come from the server: their numbers and names.
                $receives$;

               private:
                inline bool dispatch(::std::string_view payload) final;
              };
            )cc");
}

void emit_device_functions(const Context& context) {
  const Direction& down = context.protocol.server_to_client;
  emit_members(context, context.protocol.client_to_server, {{"Device", context.device_class()}},
               R"cc(
                 inline ::messi::SendResult $Device$::try_send_$name$(const $Type$& message) {
                   return put_member($number$, message);
                 }
               )cc");
  const auto emit_cases = [&] {
    emit_members(context, down, R"cc(
      case $number$: {
        $parse$;
        if (in.parsed()) on_$name$(message);
        break;
      }
    )cc");
  };
  context.text.emit({{"Device", context.device_class()},
                     {"Wrapper", context.qualified_class(down.message)},
                     {"cases", emit_cases}},
                    R"cc(
              inline bool $Device$::dispatch(::std::string_view payload) {
                ::messi::views::Incoming in(payload, options().max_decode_depth);
                if (in.is_unusual()) in.settle<$Wrapper$, Receives>();
                switch (in.member()) {
                  $cases$;
                  default:
                    break;
                }
                return in.finish();
              }
            )cc");
}

}  // namespace messi::plugin::cpp
