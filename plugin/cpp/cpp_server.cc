#include "cpp_members.h"
#include "cpp_names.h"
#include "cpp_parts.h"

namespace messi::plugin::cpp {
namespace {

void emit_hooks(const Context& context, const Direction& direction) {
  emit_members(context, direction, R"cc(
    $comment$;
    $deprecated$virtual void on_$name$(Client& /*client*/, const $Type$& /*message*/) {}
  )cc");
}

void emit_replies(const Context& context, const Direction& direction) {
  emit_members(context, direction,
               R"cc(
                 $deprecated$void reply_$name$(const $Type$& message) {
                   ::messi::codec::reply<$number$$Codecs$>(*this, message);
                 }
               )cc",
               R"cc(
                 $deprecated$void reply(const $Type$& message) {
                   reply_$name$(message);
                 }
               )cc");
}

void emit_broadcasts(const Context& context, const Direction& direction) {
  emit_members(context, direction,
               R"cc(
                 $deprecated$bool broadcast_$name$(const $Type$& message) {
                   return ::messi::codec::broadcast<$number$$Codecs$>(*this, message, nullptr);
                 }
                 $deprecated$bool broadcast_$name$(const $Type$& message, const Client& except) {
                   return ::messi::codec::broadcast<$number$$Codecs$>(*this, message, &except);
                 }
               )cc",
               R"cc(
                 $deprecated$bool broadcast(const $Type$& message) {
                   return broadcast_$name$(message);
                 }
                 $deprecated$bool broadcast(const $Type$& message, const Client& except) {
                   return broadcast_$name$(message, except);
                 }
               )cc");
}

}  // namespace

void emit_server_class(const Context& context) {
  const Direction& up = context.protocol.client_to_server;
  const Direction& down = context.protocol.server_to_client;
  context.text.emit({{"Server", context.server_class()},
                     {"receives", [&] { emit_numbers(context, up, "Receives"); }},
                     {"sends", [&] { emit_numbers(context, down, "Sends"); }},
                     {"senders", [&] { emit_senders(context, down); }},
                     {"hooks", [&] { emit_hooks(context, up); }},
                     {"replies", [&] { emit_replies(context, down); }},
                     {"broadcasts", [&] { emit_broadcasts(context, down); }},
                     {"incoming", [&] { emit_incoming(context, up); }}},
                    R"cc(
              /// A server: derive from it and override the hooks you need. One more, on_client_refused, is
              /// ServerBase's.
              class $Server$ : public ::messi::ServerBase {
               public:
                /// A client that is connected, from the beginning of its on_client_connected to the
                /// end of its on_client_disconnected.
                class Client : public ::messi::ServerClient {
                 public:
                  using ServerClient::ServerClient;

                  // Senders: a message goes to this client.

                  $senders$;
                };

                explicit $Server$(::messi::EventLoop& loop, ::std::string uri,
                                  ::messi::ServerOptions options = {})
                    : ServerBase(loop, ::std::move(uri), options) {}

                // Hooks: clients come and go.

                virtual void on_client_connected(Client& /*client*/) {}
                virtual void on_client_disconnected(Client& /*client*/, ::messi::DisconnectReason /*reason*/) {}

                /// Much that had been waiting to be written to the client has been written.
                virtual void on_client_writable(Client& /*client*/) {}

                /// The client has sent a message that this server's schema does not have.
                virtual void on_unknown_message(Client& /*client*/, ::std::uint32_t /*field_number*/) {}

                // Hooks: a message has come from a client.

                /// Any message, before its own hook or on_unknown_message. False drops it.
                virtual bool on_any_message(Client& /*client*/, ::std::uint32_t /*field_number*/) {
                  return true;
                }

                $hooks$;

                // Replies: a message goes to the client whose message is being handled; to nobody if none is.

                $replies$;

                // Broadcasts: a message goes to all clients, or all but one. False if it is too big or cannot be
                // encoded: then it goes to nobody.

                $broadcasts$;

                /// All clients: for (Client& client : clients()) ...
                ::messi::ClientRange<Client> clients() { return clients_as<Client>(); }

                /// Null if no client with this id() is connected.
                Client* find_client(::std::uint64_t id) { return static_cast<Client*>(find_client_base(id)); }

                /// The members that come from clients: their numbers and names.
                $receives$;

                /// The members that go to clients: their numbers and names.
                $sends$;

               private:
                ::std::unique_ptr<::messi::ServerClient> make_client(::messi::ServerClient::Init init) final {
                  return ::std::make_unique<Client>(::std::move(init));
                }
                void client_connected(::messi::ServerClient& client) final {
                  on_client_connected(static_cast<Client&>(client));
                }
                void client_disconnected(::messi::ServerClient& client, ::messi::DisconnectReason reason) final {
                  on_client_disconnected(static_cast<Client&>(client), reason);
                }
                void client_writable(::messi::ServerClient& client) final {
                  on_client_writable(static_cast<Client&>(client));
                }
                inline bool dispatch(::messi::ServerClient& from, ::std::string_view payload) final;

                $incoming$;
              };
            )cc");
}

}  // namespace messi::plugin::cpp
