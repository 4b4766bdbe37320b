#include <string>

#include "cpp_members.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {

void emit_client_relay(const Context& context) {
  const auto emit_hooks = [&] {
    emit_members(context, context.protocol.server_to_client, R"cc(
      void on_$name$(const $Type$& message) final {
        this->receive(message);
      }
    )cc");
  };
  context.text.emit({{"Client", context.client_class()}, {"hooks", emit_hooks}}, R"cc(
    template <typename Base>
    class $Client$::Receives::Relay : public Base {
     public:
      using Base::Base;

      $hooks$;
    };
  )cc");
}

void emit_server_relay(const Context& context) {
  const auto emit_hooks = [&] {
    emit_members(context, context.protocol.client_to_server,
                 {{"ServerClient", context.server_client_class()}}, R"cc(
                   void on_$name$($ServerClient$& client, const $Type$& message) final {
                     this->receive(client, message);
                   }
                 )cc");
  };
  // Where the server has it from, if there are both sides.
  const std::string owner = context.options.client() ? context.client_class() + "::Sends"
                                                     : context.server_class() + "::Receives";
  context.text.emit({{"Owner", owner}, {"hooks", emit_hooks}}, R"cc(
    template <typename Base>
    class $Owner$::Relay : public Base {
     public:
      using Base::Base;

      $hooks$;
    };
  )cc");
}

}  // namespace messi::plugin::cpp
