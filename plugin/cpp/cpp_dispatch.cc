#include <string>

#include "cpp_members.h"
#include "cpp_names.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {

// Generated code reads from `incoming`, which is const: with members x and clear_x, protobuf's
// class has a clear_x() const that returns the one, and a clear_x() that clears the other.

void emit_client_dispatch(const Context& context) {
  const Direction& direction = context.protocol.server_to_client;
  const std::string client = context.client_class();
  const std::string incoming = context.qualified_class(direction.message);
  const auto emit_plain_cases = [&] {
    emit_members(context, direction, {{"Client", client}}, R"cc(
      case $number$:
        return deliver(incoming_$name$_, &$Client$::on_$name$);
    )cc");
  };
  const auto emit_other_cases = [&] {
    emit_members(context, direction, {{"Incoming", incoming}}, R"cc(
      case $Incoming$::$Case$:
        if (on_any_message($number$)) on_$name$(incoming.$accessor$());
        break;
    )cc");
  };
  context.text.emit({{"Client", client},
                     {"Incoming", incoming},
                     {"plain_cases", emit_plain_cases},
                     {"other_cases", emit_other_cases}},
                    R"cc(
              inline bool $Client$::dispatch(::std::string_view payload) {
                // The plain encoding: one member.
                const ::messi::codec::Member member = ::messi::codec::single_member(payload);
                const auto deliver = [&](auto& incoming, auto hook) {
                  return incoming.deliver(member, [&](const auto& message) {
                    if (on_any_message(member.field)) (this->*hook)(message);
                  });
                };
                switch (member.field) {
                  $plain_cases$;
                  default:
                    break;
                }

                // Any other: several members, unknown fields, or none.
                $Incoming$ parsed;
                if (!::messi::codec::parse(payload, parsed)) return false;
                const auto& incoming = parsed;
                switch (incoming.messages_case()) {
                  $other_cases$;
                  case $Incoming$::MESSAGES_NOT_SET:
                    if (const auto field = ::messi::codec::first_field(payload); field != 0) {
                      if (on_any_message(field)) on_unknown_message(field);
                    }
                    break;
                }
                return true;
              }
            )cc");
}

void emit_server_dispatch(const Context& context) {
  const Direction& direction = context.protocol.client_to_server;
  const std::string server = context.server_class();
  const std::string incoming = context.qualified_class(direction.message);
  const auto emit_plain_cases = [&] {
    emit_members(context, direction, {{"Server", server}}, R"cc(
      case $number$:
        return deliver(incoming_$name$_, &$Server$::on_$name$);
    )cc");
  };
  const auto emit_other_cases = [&] {
    emit_members(context, direction, {{"Incoming", incoming}}, R"cc(
      case $Incoming$::$Case$:
        if (on_any_message(client, $number$)) on_$name$(client, incoming.$accessor$());
        break;
    )cc");
  };
  context.text.emit({{"Server", server},
                     {"Incoming", incoming},
                     {"plain_cases", emit_plain_cases},
                     {"other_cases", emit_other_cases}},
                    R"cc(
              inline bool $Server$::dispatch(::messi::ServerClient& from,
                                             ::std::string_view payload) {
                auto& client = static_cast<Client&>(from);

                // The plain encoding: one member.
                const ::messi::codec::Member member = ::messi::codec::single_member(payload);
                const auto deliver = [&](auto& incoming, auto hook) {
                  return incoming.deliver(member, [&](const auto& message) {
                    if (on_any_message(client, member.field)) (this->*hook)(client, message);
                  });
                };
                switch (member.field) {
                  $plain_cases$;
                  default:
                    break;
                }

                // Any other: several members, unknown fields, or none.
                $Incoming$ parsed;
                if (!::messi::codec::parse(payload, parsed)) return false;
                const auto& incoming = parsed;
                switch (incoming.messages_case()) {
                  $other_cases$;
                  case $Incoming$::MESSAGES_NOT_SET:
                    if (const auto field = ::messi::codec::first_field(payload); field != 0) {
                      if (on_any_message(client, field)) on_unknown_message(client, field);
                    }
                    break;
                }
                return true;
              }
            )cc");
}

}  // namespace messi::plugin::cpp
