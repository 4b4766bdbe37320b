#include "python_members.h"
#include "python_names.h"
#include "python_parts.h"

namespace messi::plugin::python {
namespace {

void emit_senders(Text& text, const Members& outgoing) {
  emit_members(text, outgoing, R"py(
    def send_$name$(self, message: $Type$) -> None:
        $doc$;
        self._messi_send("$name$", message)
  )py");
}

void emit_hooks(Text& text, const Members& incoming) {
  emit_members(text, incoming, R"py(
    async def on_$name$(self, client: $Client$, message: $Type$) -> None:
        $body$;
  )py");
}

void emit_replies(Text& text, const Members& outgoing) {
  emit_members(text, outgoing, R"py(
    def reply_$name$(self, message: $Type$) -> None:
        self._messi_reply("$name$", message)
  )py");
}

void emit_broadcasts(Text& text, const Members& outgoing) {
  emit_members(text, outgoing, R"py(
    def broadcast_$name$(self, message: $Type$, except_client: $Client$ | None = None) -> bool:
        return self._messi_broadcast("$name$", message, except_client)
  )py");
}

// Where types are unique.

void emit_send(Text& text, const std::string& types) {
  if (types.empty()) return;
  text.emit({{"Types", types}}, R"py(
    def send(self, message: $Types$) -> None:
        self._messi_send_unique(message)
  )py");
}

void emit_reply(Text& text, const std::string& types) {
  if (types.empty()) return;
  text.emit({{"Types", types}}, R"py(
    def reply(self, message: $Types$) -> None:
        self._messi_reply_unique(message)
  )py");
}

void emit_broadcast(Text& text, const std::string& types, const std::string& client) {
  if (types.empty()) return;
  text.emit({{"Types", types}, {"Client", client}}, R"py(
    def broadcast(self, message: $Types$, except_client: $Client$ | None = None) -> bool:
        return self._messi_broadcast_unique(message, except_client)
  )py");
}

}  // namespace

void emit_server_classes(Text& text, const Protocol& protocol, const Options& options) {
  const ModuleNames modules(protocol);
  const std::string client = server_client_class(protocol, options);
  const Members outgoing{protocol.server_to_client, modules, client};
  const Members incoming{protocol.client_to_server, modules, client};
  const std::string types = unique_types(outgoing);
  text.emit({{"Client", client},
             {"Server", server_class(protocol, options)},
             {"Outgoing", modules.type(outgoing.direction.message)},
             {"Incoming", modules.type(incoming.direction.message)},
             {"receives", [&] { emit_names(text, incoming, "RECEIVES"); }},
             {"sends", [&] { emit_names(text, outgoing, "SENDS"); }},
             {"senders", [&] { emit_senders(text, outgoing); }},
             {"hooks", [&] { emit_hooks(text, incoming); }},
             {"replies", [&] { emit_replies(text, outgoing); }},
             {"broadcasts", [&] { emit_broadcasts(text, outgoing); }},
             {"send", [&] { emit_send(text, types); }},
             {"reply", [&] { emit_reply(text, types); }},
             {"broadcast", [&] { emit_broadcast(text, types, client); }}},
            R"py(
              class $Client$(ServerClient, sends=$Outgoing$):
                  """A client that is connected, as the hooks of the server see it."""

                  # Senders: a message goes to this client.

                  $senders$;

                  $send$;


              class $Server$(ServerBase[$Client$], client=$Client$, receives=$Incoming$):
                  """A server: derive from it and override the hooks you need.

                  The hooks of the connections themselves, such as `on_client_connected` and
                  `on_client_disconnected`, are those of `ServerBase`.
                  """

                  # Hooks: a message has come from a client.

                  $hooks$;

                  # Replies: a message goes to the client whose message is being handled.

                  $replies$;

                  $reply$;

                  # Broadcasts: a message goes to all clients, or all but one. False if it is too big or cannot
                  # be encoded: then it goes to nobody.

                  $broadcasts$;

                  $broadcast$;

                  # The members, by number: what comes from clients, and what goes to them.

                  $receives$;
                  $sends$;
            )py");
}

}  // namespace messi::plugin::python
