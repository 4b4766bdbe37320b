#include "python_members.h"
#include "python_names.h"
#include "python_parts.h"

namespace messi::plugin::python {
namespace {

void emit_hooks(Text& text, const Members& incoming) {
  emit_members(text, incoming, R"py(
    async def on_$name$(self, message: $Type$) -> None:
        $body$;
  )py");
}

void emit_senders(Text& text, const Members& outgoing) {
  emit_members(text, outgoing, R"py(
    def send_$name$(self, message: $Type$) -> None:
        $doc$;
        self._messi_send("$name$", message)
  )py");
}

void emit_send(Text& text, const Members& outgoing) {
  const std::string types = unique_types(outgoing);
  if (types.empty()) {
    text.emit(R"py(
      def send(self) -> None:
          """Sends the message that was prepared last."""
          self._messi_send_prepared()
    )py");
  } else {
    text.emit({{"Types", types}}, R"py(
      def send(self, message: $Types$ | None = None) -> None:
          """Sends `message`, or without one the message that was prepared last."""
          self._messi_send_unique(message)
    )py");
  }
}

void emit_preparers(Text& text, const Members& outgoing) {
  emit_members(text, outgoing, R"py(
    def init_$name$(self) -> $Type$:
        return self._messi_prepare("$name$", $Type$)
  )py");
}

}  // namespace

void emit_client_class(Text& text, const Protocol& protocol, const Options& options) {
  const ModuleNames modules(protocol);
  const Members outgoing{protocol.client_to_server, modules, {}};
  const Members incoming{protocol.server_to_client, modules, {}};
  text.emit({{"Client", client_class(protocol, options)},
             {"Outgoing", modules.type(outgoing.direction.message)},
             {"Incoming", modules.type(incoming.direction.message)},
             {"hooks", [&] { emit_hooks(text, incoming); }},
             {"senders", [&] { emit_senders(text, outgoing); }},
             {"send", [&] { emit_send(text, outgoing); }},
             {"receives", [&] { emit_names(text, incoming, "RECEIVES"); }},
             {"sends", [&] { emit_names(text, outgoing, "SENDS"); }},
             {"preparers", [&] { emit_preparers(text, outgoing); }}},
            R"py(
              class $Client$(ClientBase, sends=$Outgoing$, receives=$Incoming$):
                  """A client: derive from it and override the hooks you need.

                  The hooks of the connection itself, such as `on_connected` and `on_disconnected`, are those
                  of `ClientBase`.
                  """

                  # Hooks: a message has come from the server.

                  $hooks$;

                  # Senders: a message goes to the server.

                  $senders$;

                  $send$;

                  # As in the original Messi: prepare a message, fill it in, `send()` it.

                  $preparers$;

                  # The members, by number: what comes from the server, and what goes to it.

                  $receives$;
                  $sends$;
            )py");
}

}  // namespace messi::plugin::python
