#ifndef MESSI_SERVER_H_
#define MESSI_SERVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/client_table.h"
#include "messi/flavour.h"
#include "messi/io/event_loop.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"
#include "messi/server_client.h"
#include "messi/session/connection.h"
#include "messi/session/disconnect_reason.h"
#include "messi/session/time.h"
#include "messi/wire/buffer_pool.h"

namespace messi {

struct ServerOptions {
  /// A client is dropped when no byte at all came from it for this long (kKeepAliveTimeout).
  Duration client_timeout = std::chrono::seconds(3);
  /// Further clients are turned away.
  std::size_t max_clients = 1024;
  /// The largest message sent or accepted, in bytes as encoded. A frame holds 2^24 - 1; more than
  /// that means that.
  std::size_t max_payload_size = 1024 * 1024;
  /// The most that waits to be written to one client, in bytes. A message that would exceed it
  /// ends that client's connection (kSlowReader), unless nothing is waiting for it.
  std::size_t max_pending_bytes = 4 * 1024 * 1024;
  SocketOptions socket;
  /// The permissions of a Unix socket's file, 0600 for one. By default what the umask leaves.
  std::optional<unsigned> unix_mode;
};

/// What generated servers derive from.
///
/// Threads: the loop's only; from others, `EventLoop::post`.
/// Hooks: come from the loop, never from within a call of yours. In a hook anything is legal but
/// destroying this very server, which is a bug and asserted; post it instead.
/// Delivery: in order to each client, and no message is lost while its connection lives.
class ServerBase : private ListenHandler {
 public:
  ServerBase(const ServerBase&) = delete;
  ServerBase& operator=(const ServerBase&) = delete;

  /// Listens at the URI. Fails if the URI has the wrong form or the address cannot be listened at;
  /// the message names it. Resolving a host name may block. No-op when started.
  absl::Status start();

  /// Stops listening and disconnects all clients, after writing what can be written at once;
  /// `on_client_disconnected(client, kStopped)` follows for each. No-op when stopped.
  void stop();

  /// The URI that clients connect to, with the port that was chosen if port 0 was asked for.
  /// While stopped: the URI given.
  std::string uri() const { return listener_ ? listener_->uri() : uri_; }
  /// The port listened at; 0 while stopped, or if the transport has none.
  std::uint16_t port() const { return listener_ ? listener_->port() : std::uint16_t{0}; }

  std::size_t client_count() const { return table_.size(); }
  const ServerOptions& options() const { return options_; }
  EventLoop& loop() { return loop_; }

  /// The client whose message is being handled; null outside of message hooks.
  ServerClient* current_client() { return current_; }

 protected:
  ServerBase(EventLoop& loop, std::string uri, ServerOptions options);
  MESSI_INLINE virtual ~ServerBase();

  /// A client was turned away: the server is full, or the process has no descriptor left
  /// (`peer_address` is "" then).
  virtual void on_client_refused(const std::string& /*peer_address*/, DisconnectReason /*reason*/) {
  }

  // For generated code.
  template <typename Client>
  ClientRange<Client> clients_as() {
    return ClientRange<Client>(table_);
  }
  ServerClient* find_client_base(std::uint64_t id) {
    ServerClient* const client = table_.find(id);
    return client != nullptr && client->connected() ? client : nullptr;
  }

 private:
  friend class ServerClient;
  friend struct codec::Access;

  // Whether a message of `payload_size` bytes is not too big.
  bool can_broadcast(std::size_t payload_size) const {
    return payload_size <= settings_.max_payload_size;
  }
  // Space for such a message to all clients; null if there are none. To be filled at once, and
  // passed on with `end_broadcast` to all but `except`, or forgotten.
  std::uint8_t* begin_broadcast(std::size_t payload_size);
  void end_broadcast(const ServerClient* except);

  // Generated code makes these typed.
  virtual std::unique_ptr<ServerClient> make_client(ServerClient::Init init) = 0;
  virtual void client_connected(ServerClient& client) = 0;
  virtual void client_disconnected(ServerClient& client, DisconnectReason reason) = 0;
  virtual void client_writable(ServerClient& client) = 0;
  /// Calls the hook for `payload`; false if it cannot be decoded.
  virtual bool dispatch(ServerClient& client, std::string_view payload) = 0;

  // ListenHandler
  MESSI_INLINE void handle_accept(std::unique_ptr<Stream> stream) override;
  MESSI_INLINE void handle_out_of_descriptors() override;

  template <typename Hook>
  void in_hook(Hook&& hook) {
    in_hook_ = true;
    hook();
    in_hook_ = false;
  }

  void handle_input(ServerClient& client, std::size_t in_spare, std::string_view bytes);
  void needs_settling(ServerClient& client);
  void settle();
  void settle(ServerClient& client);
  void handle_timer();

  EventLoop& loop_;
  const std::string uri_;
  const ServerOptions options_;
  const ConnectionSettings settings_;
  Task settle_;  // at the end of the turn: write what was sent, finish what has ended
  Timer timer_;  // when the client that was silent for longest has been so for too long
  std::unique_ptr<Listener> listener_;
  ClientTable table_;
  SilenceQueue silence_;
  std::uint64_t last_id_ = 0;
  std::vector<ServerClient*> unsettled_;
  ServerClient* current_ = nullptr;
  bool in_hook_ = false;

  wire::Buffer* shared_ = nullptr;  // where broadcasts are encoded, one after the other
  std::uint32_t shared_begin_ = 0;  // of the one being encoded
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/impl/server.h"
#endif

#endif  // MESSI_SERVER_H_
