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

/// Where a payload begins its way.
std::string incoming(const Context& context, const Direction& direction) {
  const std::string wrapper = context.qualified_class(direction.message);
  if (!context.cpp_options.views) {
    return "::messi::codec::Incoming in(received_, payload, " + wrapper + "::default_instance());";
  }
  return "::messi::views::Incoming in(payload, options().max_decode_depth);\n"
         "if (in.is_unusual()) in.settle<" +
         wrapper + ", Receives>();";
}

}  // namespace

std::string has_calls(const Context& context) {
  return has_pairs(context.protocol) ? "bool has_calls() const final { return true; }\n" : "";
}

std::string received(const Context& context, const Direction& direction) {
  if (context.cpp_options.views) return "";
  return "\n::messi::codec::Received received_{" + std::to_string(direction.members.size()) +
         ", options().max_decode_depth};";
}

void emit_client_dispatch(const Context& context) {
  const Direction& direction = context.protocol.server_to_client;
  const auto emit_cases = [&] {
    emit_members(context, direction, R"cc(
      case $number$: {
        $parse$;
        if (in.parsed() && on_any_message($number$)$condition$) on_$name$(message);
        break;
      }
    )cc");
  };
  context.text.emit({{"Client", context.client_class()},
                     {"incoming", incoming(context, direction)},
                     {"schema", [&] { emit_protocol_schema(context, context.client_class()); }},
                     {"cases", emit_cases}},
                    R"cc(
              $schema$;
              inline bool $Client$::dispatch(::std::string_view payload) {
                $incoming$;
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
        $parse$;
        if (in.parsed() && on_any_message(client, $number$)$condition$) on_$name$(client, message);
        break;
      }
    )cc");
  };
  context.text.emit({{"Server", context.server_class()},
                     {"incoming", incoming(context, direction)},
                     {"schema", [&] { emit_protocol_schema(context, context.server_class()); }},
                     {"cases", emit_cases}},
                    R"cc(
              $schema$;
              inline bool $Server$::dispatch(::messi::ServerClient& from,
                                             ::std::string_view payload) {
                auto& client = static_cast<Client&>(from);
                $incoming$;
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
