#ifndef MESSI_SERVER_OF_H_
#define MESSI_SERVER_OF_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "messi/client_range.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/group.h"
#include "messi/server.h"
#include "messi/server_client.h"
#include "messi/session/schema_mismatch.h"
#include "messi/session/session_loss.h"

namespace messi {

/// The base class of generated servers: ServerBase with clients of the class `Handle`.
template <typename Handle>
class ServerOf : public ServerBase {
 public:
  using Client = Handle;

  /// The client that a broadcast leaves out, or none.
  class Except {
   public:
    Except() = default;
    Except(const Client& client) : client_(&client) {}
    const Client* client() const { return client_; }

   private:
    const Client* client_ = nullptr;
  };

  /// All clients: for (Client& client : clients()) ...
  ClientRange<Client> clients() { return clients_as<Client>(); }

  /// Null if no client with this id() is connected.
  Client* find_client(std::uint64_t id) { return static_cast<Client*>(find_client_base(id)); }

  /// A client whose `on_authenticate` waits for its answer; null if no such client has this id().
  Client* find_arriving(std::uint64_t id) { return static_cast<Client*>(find_arriving_base(id)); }

  /// The client whose message is being handled; null outside of message hooks.
  Client* current_client() { return static_cast<Client*>(ServerBase::current_client()); }

  // Hooks: clients come and go. ServerBase has three more: on_client_arriving,
  // on_client_refused and on_handshake_failed.

  /// Who is it? `client.peer_certificate()`, `peer_credentials()` and `peer_address()` may say.
  /// Call `client.accept()` or `client.refuse(text)`, here or within `authentication_timeout`.
  /// Until then it is no client: none of its messages reaches a hook, none is sent to it, and it is
  /// not among the `clients()`. By default all are accepted.
  virtual void on_authenticate(Client& client) { client.accept(); }

  /// The client has introduced itself, with another schema than the server's: `mismatch.text()`
  /// says what differs. False refuses it (kSchemaMismatch). It comes before `on_authenticate`.
  virtual bool on_schema_mismatch(Client& /*client*/, const SchemaMismatch& /*mismatch*/) {
    return true;
  }

  /// The first hook of a client that was accepted: from now on messages are sent and received.
  virtual void on_client_connected(Client& /*client*/) {}
  /// The last one. Nothing is sent any more, and the client is destroyed when it returns.
  virtual void on_client_disconnected(Client& /*client*/, DisconnectReason /*reason*/) {}

  // With a session all that follows happens between `on_client_connected` and
  // `on_client_disconnected`.

  /// The connection is lost, and the session waits for its client. `kReplaced`: it has come back
  /// already, in another connection.
  virtual void on_client_detached(Client& /*client*/, DisconnectReason /*reason*/) {}

  /// The client is back, and nothing is lost. `replayed` messages are sent again, since the client
  /// has not handled them.
  virtual void on_client_resumed(Client& /*client*/, std::uint64_t /*replayed*/) {}

  /// The session has ended without its promise: messages may be lost. `on_client_disconnected`
  /// follows. `loss` is valid until the hook returns.
  virtual void on_client_session_lost(Client& /*client*/, const SessionLoss& /*loss*/) {}

  /// Less than half of `max_pending_bytes` is waiting for the client, after it was more.
  virtual void on_client_writable(Client& /*client*/) {}

  /// From now on broadcasts are left out for the client, since too much is waiting for it, until
  /// `on_client_writable`: see ServerOptions::slow_reader.
  virtual void on_client_behind(Client& /*client*/) {}

  /// Any message, before its own hook or on_unknown_message. False drops it.
  virtual bool on_any_message(Client& /*client*/, std::uint32_t /*field_number*/) { return true; }

  /// The client has sent a message that this server's schema does not have.
  virtual void on_unknown_message(Client& /*client*/, std::uint32_t /*field_number*/) {}

 protected:
  using ServerBase::ServerBase;

 private:
  std::unique_ptr<ServerClient> make_client(ServerClient::Init init) final {
    return std::make_unique<Client>(std::move(init));
  }
  void client_arrived(ServerClient& client) final { on_authenticate(static_cast<Client&>(client)); }
  void client_connected(ServerClient& client) final {
    on_client_connected(static_cast<Client&>(client));
  }
  void client_disconnected(ServerClient& client, DisconnectReason reason) final {
    on_client_disconnected(static_cast<Client&>(client), reason);
  }
  void client_detached(ServerClient& client, DisconnectReason reason) final {
    on_client_detached(static_cast<Client&>(client), reason);
  }
  void client_resumed(ServerClient& client, std::uint64_t replayed) final {
    on_client_resumed(static_cast<Client&>(client), replayed);
  }
  void client_session_lost(ServerClient& client, const SessionLoss& loss) final {
    on_client_session_lost(static_cast<Client&>(client), loss);
  }
  bool accepts_schema(ServerClient& client, const SchemaMismatch& mismatch) final {
    return on_schema_mismatch(static_cast<Client&>(client), mismatch);
  }
  void client_writable(ServerClient& client) final {
    on_client_writable(static_cast<Client&>(client));
  }
  void client_behind(ServerClient& client) final { on_client_behind(static_cast<Client&>(client)); }
};

}  // namespace messi

#endif  // MESSI_SERVER_OF_H_
