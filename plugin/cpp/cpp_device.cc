#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../fingerprint.h"
#include "cpp_members.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {
namespace {

/// A literal of any bytes.
std::string octal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += '\\';
    for (const int shift : {6, 3, 0}) text += static_cast<char>('0' + (value >> shift & 7));
  }
  return '"' + text + '"';
}

std::string octal(const Fingerprint& print) {
  std::string bytes;
  for (const std::uint64_t half : {print.high, print.low}) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(half >> shift & 0xff);
  }
  return octal(bytes);
}

/// What HELLO says of the schema: runtime/messi/session/schema_tlvs.h.
void emit_device_schema(const Context& context) {
  if (!context.cpp_options.device_sessions) return;
  constexpr std::size_t kMostName = 255;
  const std::string name = name_on_wire(context.protocol).substr(0, kMostName);
  const std::string lines = octal(std::string(1, static_cast<char>(name.size()))) + "\n\"" + name +
                            "\"\n" + octal(fingerprint(context.protocol.client_to_server)) + '\n' +
                            octal(fingerprint(context.protocol.server_to_client)) + ");";
  context.text.emit({{"lines", lines}}, R"cc(
    /// What matters of the schema on the wire, for SessionDeviceOptions::schema.
    static constexpr ::std::string_view kSchema = ::messi::device::bytes_of(
        $lines$
  )cc");
}

/// The declarations of calls of the server, and of their results.
void emit_device_calls(const Context& context) {
  const Direction& up = context.protocol.client_to_server;
  if (!context.cpp_options.device_calls || !has_requests(up)) return;
  const auto emit_results = [&] {
    emit_pairs(context, up, {}, R"cc(
      $deprecated$virtual void on_$name$_result(::std::uintptr_t /*context*/, const ::messi::DeviceResult<$Reply$>& /*result*/) {}
    )cc");
  };
  const auto emit_calls = [&] {
    emit_pairs(context, up, {},
               R"cc(
                 $deprecated$::messi::SendResult call_$name$(const $Type$& request, ::messi::TimePoint deadline, ::std::uintptr_t context = 0);
               )cc",
               R"cc(
                 $deprecated$::messi::SendResult call(const $Type$& request, ::messi::TimePoint deadline, ::std::uintptr_t context = 0) {
                   return call_$name$(request, deadline, context);
                 }
               )cc");
  };
  context.text.emit({{"calls", emit_calls}, {"results", emit_results}}, R"cc(
    // Calls: a request goes to the server. If it is accepted, its answer, or why there is none, comes
    // to the hook below, once, with the context that was given.

    $calls$;

    $results$;

    /// The first open call with this context ends with kCancelled; its hook is called here. The
    /// server is told, if it can be. False if there is none.
    bool cancel_call(::std::uintptr_t context) {
      return end_call_of(context);
    }
  )cc");
}

/// The declarations of answers to calls of the server.
void emit_device_answers(const Context& context) {
  const Direction& down = context.protocol.server_to_client;
  if (!context.cpp_options.device_calls || !has_requests(down)) return;
  const auto emit_answers = [&] {
    emit_pairs(context, down, {},
               R"cc(
                 $deprecated$::messi::DeviceRequest answer_later_$name$() {
                   return keep_request($number$);
                 }
                 $deprecated$::messi::SendResult try_answer_$name$(::messi::DeviceRequest to, const $Reply$& answer);
               )cc",
               R"cc(
                 $deprecated$::messi::DeviceRequest answer_later(const $Type$& /*request*/) {
                   return answer_later_$name$();
                 }
               )cc");
  };
  context.text.emit({{"answers", emit_answers}}, R"cc(
    // Answers to requests of the server. In the hook of a request its reply is the answer, by
    // try_send; answer_later is for after it.

    $answers$;

    /// There is no answer; `code` is not kOk. At most 256 bytes of `text` arrive.
    ::messi::SendResult try_fail(::messi::DeviceRequest to, ::messi::StatusCode code, ::std::string_view text = {}) {
      return put_failure(to, code, text);
    }
  )cc");
}

void emit_device_call_functions(const Context& context) {
  if (!context.cpp_options.device_calls) return;
  const Direction& up = context.protocol.client_to_server;
  const std::vector<Text::Hole> device = {{"Device", context.device_class()}};
  emit_pairs(context, up, device, R"cc(
    inline ::messi::SendResult $Device$::call_$name$(const $Type$& request, ::messi::TimePoint deadline, ::std::uintptr_t context) {
      return make_call($pair$, request, deadline, context);
    }
  )cc");
  emit_pairs(context, context.protocol.server_to_client, device, R"cc(
    inline ::messi::SendResult $Device$::try_answer_$name$(::messi::DeviceRequest to, const $Reply$& answer) {
      return put_answer(to, $pair$, answer);
    }
  )cc");
  if (!has_requests(up)) return;
  const auto emit_cases = [&] {
    emit_pairs(context, up, {}, R"cc(
      case $reply_number$:
        return on_$name$_result(context, ::messi::DeviceResult<$Reply$>(result));
    )cc");
  };
  context.text.emit({{"Device", context.device_class()}, {"cases", emit_cases}}, R"cc(
    inline void $Device$::handle_result(::std::uint32_t answering, ::std::uintptr_t context, const ::messi::AnyDeviceResult& result) {
      switch (answering) {
        $cases$;
        default:
          return;
      }
    }
  )cc");
}

}  // namespace

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
  const bool calls = context.cpp_options.device_calls;
  const bool makes_calls = calls && has_requests(up);
  const std::string base =
      std::string(calls ? "Calling" : "") + (sessions ? "Session" : "") + "DeviceBase";
  context.text.emit(
      {{"Device", context.device_class()},
       {"Base", base},
       {"Options", sessions ? "SessionDeviceOptions" : "DeviceOptions"},
       {"header", sessions ? "session_client.h" : "client.h"},
       {"kept_space", sessions ? ", ::messi::Space kept" : ""},
       {"kept", sessions ? ", kept" : ""},
       {"call_space", makes_calls ? ", ::messi::CallSpace calls" : ""},
       {"calls_given", makes_calls ? ", calls" : ""},
       {"calls", [&] { emit_device_calls(context); }},
       {"answers", [&] { emit_device_answers(context); }},
       {"result", makes_calls ? "inline void handle_result(::std::uint32_t answering, "
                                "::std::uintptr_t context, const "
                                "::messi::AnyDeviceResult& result) final;"
                              : ""},
       {"receives", [&] { emit_numbers(context, down, "Receives"); }},
       {"schema", [&] { emit_device_schema(context); }},
       {"hooks", emit_hooks},
       {"tries", emit_tries}},
      R"cc(
              /// A client for devices: derive from it and override the hooks you need. What every such client
              /// has, such as handle_bytes, is in $Base$: messi/device/$header$.
              class $Device$ : public ::messi::$Base$ {
               public:
                explicit $Device$(::messi::Space input, ::messi::Space output$kept_space$$call_space$,
                                  const ::messi::$Options$& options = {})
                    : ::messi::$Base$(input, output$kept$, options$calls_given$) {}

                // Hooks: a message has arrived from the server.

                $hooks$;

                // Senders: a message goes to the server. What is not accepted does not end the connection.

                $tries$;

                $calls$;

                $answers$;

                /// The members that come from the server: their numbers and names.
                $receives$;

                $schema$;

               private:
                inline bool dispatch(::std::string_view payload) final;
                $result$;
              };
            )cc");
}

void emit_device_functions(const Context& context) {
  const Direction& down = context.protocol.server_to_client;
  const bool calls = context.cpp_options.device_calls;
  emit_members(context, context.protocol.client_to_server, {{"Device", context.device_class()}},
               calls ? R"cc(
                 inline ::messi::SendResult $Device$::try_send_$name$(const $Type$& message) {
                   return put_member($sent_member$, message);
                 }
               )cc"
                     : R"cc(
                 inline ::messi::SendResult $Device$::try_send_$name$(const $Type$& message) {
                   return put_member($number$, message);
                 }
               )cc");
  emit_device_call_functions(context);
  const auto emit_cases = [&] {
    emit_members(context, down,
                 calls ? R"cc(
                   case $number$: {
                     $parse$;
                     if (in.parsed()$condition$) on_$name$(message);
                     break;
                   }
                 )cc"
                       : R"cc(
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
