#include "python_members.h"
#include "python_names.h"
#include "python_parts.h"

namespace messi::plugin::python {
namespace {

void emit_hooks(const Context& context, const Direction& incoming) {
  emit_members(context, incoming, R"py(
    async def on_$name$(self, client: $Client$, message: $Type$) -> None:
        $body$;
  )py");
}

void emit_replies(const Context& context, const Direction& outgoing) {
  emit_members(context, outgoing, R"py(
    def reply_$name$(self, message: $Type$) -> None:
        self._messi_reply("$name$", message)
  )py");
}

void emit_tries_and_calls(const Context& context, const Direction& outgoing) {
  emit_tries(context, outgoing);
  if (!has_requests(outgoing)) return;
  context.text.lines("\n");
  emit_calls(context, outgoing);
}

void emit_broadcasts(const Context& context, const Direction& outgoing) {
  emit_members(context, outgoing, R"py(
    def broadcast_$name$(self, message: $Type$, except_client: $Client$ | None = None) -> bool:
        return self._messi_broadcast("$name$", message, except_client)
  )py");
}

void emit_group_senders(const Context& context, const Direction& outgoing) {
  emit_members(context, outgoing, R"py(
    def send_$name$(self, message: $Type$, except_clients: Collection[$Client$] = ()) -> bool:
        return self._messi_send("$name$", message, except_clients)
  )py");
}

// Functions for types that only one member has.

void emit_send(const Context& context, const std::string& types) {
  if (types.empty()) return;
  context.text.emit({{"Types", types}}, R"py(
    def send(self, message: $Types$) -> None:
        self._messi_send_unique(message)
  )py");
}

void emit_reply(const Context& context, const std::string& types) {
  if (types.empty()) return;
  context.text.emit({{"Types", types}}, R"py(
    def reply(self, message: $Types$) -> None:
        self._messi_reply_unique(message)
  )py");
}

void emit_broadcast(const Context& context, const std::string& types, const std::string& client) {
  if (types.empty()) return;
  context.text.emit({{"Types", types}, {"Client", client}}, R"py(
    def broadcast(self, message: $Types$, except_client: $Client$ | None = None) -> bool:
        return self._messi_broadcast_unique(message, except_client)
  )py");
}

void emit_group_send(const Context& context, const std::string& types, const std::string& client) {
  if (types.empty()) return;
  context.text.emit({{"Types", types}, {"Client", client}}, R"py(
    def send(self, message: $Types$, except_clients: Collection[$Client$] = ()) -> bool:
        return self._messi_send_unique(message, except_clients)
  )py");
}

}  // namespace

void emit_server_classes(const Context& context) {
  const std::string client = context.server_client_class();
  const Direction& outgoing = context.protocol.server_to_client;
  const Direction& incoming = context.protocol.client_to_server;
  const std::string types = unique_types(context, outgoing);
  context.text.emit({{"Client", client},
                     {"Server", context.server_class()},
                     {"Outgoing", context.modules.type(outgoing.message)},
                     {"Incoming", context.modules.type(incoming.message)},
                     {"receives", [&] { emit_names(context, incoming, "RECEIVES"); }},
                     {"sends", [&] { emit_names(context, outgoing, "SENDS"); }},
                     {"senders", [&] { emit_senders(context, outgoing); }},
                     {"hooks", [&] { emit_hooks(context, incoming); }},
                     {"replies", [&] { emit_replies(context, outgoing); }},
                     {"broadcasts", [&] { emit_broadcasts(context, outgoing); }},
                     {"send", [&] { emit_send(context, types); }},
                     {"calls", [&] { emit_tries_and_calls(context, outgoing); }},
                     {"later", [&] { emit_later_answers(context, incoming); }},
                     {"requests", [&] { emit_requests(context, incoming); }},
                     {"schema", [&] { emit_schema(context); }},
                     {"reply", [&] { emit_reply(context, types); }},
                     {"broadcast", [&] { emit_broadcast(context, types, client); }},
                     {"group_senders", [&] { emit_group_senders(context, outgoing); }},
                     {"group_send", [&] { emit_group_send(context, types, client); }}},
                    R"py(
              class $Client$(ServerClient, sends=$Outgoing$):
                  """A connected client, as its server sees it."""

                  # Senders: a message goes to this client.

                  $senders$;

                  $send$;

                  # The same, but what is not accepted does not end the connection.

                  $calls$;


              class $Server$(ServerBase[$Client$], client=$Client$, receives=$Incoming$):
                  """A server: derive from it and override the hooks you need.

                  Hooks that every server has, such as `on_client_connected` and
                  `on_client_disconnected`, are in `ServerBase`.
                  """

                  # Hooks: a message has arrived from a client.

                  $hooks$;

                  # Replies: a message goes to the client whose message is being handled.

                  $replies$;

                  $reply$;

                  $later$;

                  # Broadcasts: a message goes to all clients, or all but one. False if it is too big or cannot
                  # be encoded: then it is sent to nobody.

                  $broadcasts$;

                  $broadcast$;

                  class Group(GroupBase[$Client$]):
                      """Some of the clients, see `GroupBase`. A message goes to all members, or all but
                      some. False as for broadcasts."""

                      $group_senders$;

                      $group_send$;

                  def group(self, key: Hashable) -> Group:
                      """The group of that name, whether it has members or not."""
                      return $Server$.Group(self, key)

                  def groups_of(self, client: $Client$) -> list[Group]:
                      """The groups that the client is in."""
                      return [self.group(key) for key in self._messi_groups_of(client)]

                  # The members, by number: what comes from clients, and what goes to them.

                  $receives$;
                  $sends$;

                  $requests$;

                  # What peers tell each other of the schema.

                  $schema$;
            )py");
}

}  // namespace messi::plugin::python
