#include <string>

#include "cpp_members.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {
namespace {

void emit_protocol_schema(const Context& context, const std::string& name) {
  context.text.emit({{"Class", name}, {"Codec", context.codec_class()}}, R"cc(
    inline const ::messi::session::Schema& $Class$::protocol_schema() const {
      return $Codec$::schema();
    }
  )cc");
}

}  // namespace

std::string has_calls(const Context& context) {
  return has_pairs(context.protocol) ? "bool has_calls() const final { return true; }\n" : "";
}

void emit_client_dispatch(const Context& context) {
  const Direction& direction = context.protocol.server_to_client;
  const auto emit_cases = [&] {
    emit_members(context, direction, R"cc(
      case $number$: {
        in.parse($index$, $Type$::default_instance()$received_by$);
        const auto& message = static_cast<const $Type$&>(in.message());
        if (in.parsed() && on_any_message($number$)$condition$) on_$name$(message);
        break;
      }
    )cc");
  };
  context.text.emit({{"Client", context.client_class()},
                     {"Wrapper", context.qualified_class(direction.message)},
                     {"schema", [&] { emit_protocol_schema(context, context.client_class()); }},
                     {"cases", emit_cases}},
                    R"cc(
              $schema$;
              inline bool $Client$::dispatch(::std::string_view payload) {
                ::messi::codec::Incoming in(received_, payload, $Wrapper$::default_instance());
                switch (in.member()) {
                  $cases$;
                  default:
                    if (in.is_unknown() && on_any_message(in.unknown())) on_unknown_message(in.unknown());
                    break;
                }
                return in.finish();
              }
            )cc");
}

void emit_server_dispatch(const Context& context) {
  const Direction& direction = context.protocol.client_to_server;
  const auto emit_cases = [&] {
    emit_members(context, direction, R"cc(
      case $number$: {
        in.parse($index$, $Type$::default_instance()$received_by$);
        const auto& message = static_cast<const $Type$&>(in.message());
        if (in.parsed() && on_any_message(client, $number$)$condition$) on_$name$(client, message);
        break;
      }
    )cc");
  };
  context.text.emit({{"Server", context.server_class()},
                     {"Wrapper", context.qualified_class(direction.message)},
                     {"schema", [&] { emit_protocol_schema(context, context.server_class()); }},
                     {"cases", emit_cases}},
                    R"cc(
              $schema$;
              inline bool $Server$::dispatch(::messi::ServerClient& from,
                                             ::std::string_view payload) {
                auto& client = static_cast<Client&>(from);
                ::messi::codec::Incoming in(received_, payload, $Wrapper$::default_instance());
                switch (in.member()) {
                  $cases$;
                  default:
                    if (in.is_unknown() && on_any_message(client, in.unknown())) on_unknown_message(client, in.unknown());
                    break;
                }
                return in.finish();
              }
            )cc");
}

}  // namespace messi::plugin::cpp
