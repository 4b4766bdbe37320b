#include "python_members.h"
#include "python_names.h"
#include "python_parts.h"

namespace messi::plugin::python {
namespace {

void emit_hooks(const Context& context, const Direction& incoming) {
  emit_members(context, incoming, R"py(
    async def on_$name$(self, message: $Type$) -> None:
        $body$;
  )py");
}

void emit_send(const Context& context, const Direction& outgoing) {
  const std::string types = unique_types(context, outgoing);
  if (types.empty()) {
    context.text.emit(R"py(
      def send(self) -> None:
          """Sends the message that was prepared last."""
          self._messi_send_prepared()
    )py");
  } else {
    context.text.emit({{"Types", types}}, R"py(
      def send(self, message: $Types$ | None = None) -> None:
          """Sends `message`, or without one the message that was prepared last."""
          self._messi_send_unique(message)
    )py");
  }
}

void emit_preparers(const Context& context, const Direction& outgoing) {
  emit_members(context, outgoing, R"py(
    def init_$name$(self) -> $Type$:
        return self._messi_prepare("$name$", $Type$)
  )py");
}

/// Answers of the client to requests of the server.
void emit_replies(const Context& context, const Direction& requests, const Direction& replies) {
  if (!has_requests(requests)) return;
  const auto emit_all = [&] {
    bool first = true;
    for (const Member& member : replies.members) {
      if (!member.is_reply()) continue;
      if (!first) context.text.lines("\n");
      first = false;
      context.text.emit({{"name", member.field.name}, {"Type", context.modules.type(member.type)}},
                        R"py(
                          def reply_$name$(self, message: $Type$) -> None:
                              self._messi_send("$name$", message)
                        )py");
    }
  };
  context.text.emit({{"replies", emit_all}}, R"py(
    # Replies: a message goes to the server, as the answer to its request whose hook is running.

    $replies$;
  )py");
}

}  // namespace

void emit_client_class(const Context& context) {
  const Direction& outgoing = context.protocol.client_to_server;
  const Direction& incoming = context.protocol.server_to_client;
  context.text.emit({{"Client", context.client_class()},
                     {"Outgoing", context.modules.type(outgoing.message)},
                     {"Incoming", context.modules.type(incoming.message)},
                     {"hooks", [&] { emit_hooks(context, incoming); }},
                     {"senders", [&] { emit_senders(context, outgoing); }},
                     {"send", [&] { emit_send(context, outgoing); }},
                     {"tries", [&] { emit_tries(context, outgoing); }},
                     {"calls", [&] { emit_calls(context, outgoing); }},
                     {"replies", [&] { emit_replies(context, incoming, outgoing); }},
                     {"later", [&] { emit_later_answers(context, incoming); }},
                     {"requests", [&] { emit_requests(context, incoming); }},
                     {"schema", [&] { emit_schema(context); }},
                     {"receives", [&] { emit_names(context, incoming, "RECEIVES"); }},
                     {"sends", [&] { emit_names(context, outgoing, "SENDS"); }},
                     {"preparers", [&] { emit_preparers(context, outgoing); }}},
                    R"py(
              class $Client$(ClientBase, sends=$Outgoing$, receives=$Incoming$):
                  """A client: derive from it and override the hooks you need.

                  Hooks that every client has, such as `on_connected` and `on_disconnected`, are in
                  `ClientBase`.
                  """

                  # Hooks: a message has arrived from the server.

                  $hooks$;

                  # Senders: a message goes to the server.

                  $senders$;

                  $send$;

                  # The same, but what is not accepted does not end the connection.

                  $tries$;

                  $calls$;

                  $replies$;

                  $later$;

                  # As in the original Messi: prepare a message, fill it in, `send()` it.

                  $preparers$;

                  # The members, by number: what comes from the server, and what goes to it.

                  $receives$;
                  $sends$;

                  $requests$;

                  # What peers tell each other of the schema.

                  $schema$;
            )py");
}

}  // namespace messi::plugin::python
