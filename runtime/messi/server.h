#ifndef MESSI_SERVER_H_
#define MESSI_SERVER_H_

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "messi/client_table.h"
#include "messi/io/event_loop.h"
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

  // For generated code, through codec/.

  /// The client whose message is being handled; null outside of message hooks.
  ServerClient* current_client() { return current_; }
  /// Space for a message of `payload_size` bytes to all clients but `except`; null if nobody gets
  /// it. To be filled, and passed on with `end_broadcast`, at once.
  std::uint8_t* begin_broadcast(std::size_t payload_size, const ServerClient* except);
  void end_broadcast(const ServerClient* except);
  /// A message cannot be sent, so all connections it was for are given up.
  void refuse_broadcast(DisconnectReason reason, const ServerClient* except);

 protected:
  ServerBase(EventLoop& loop, std::string uri, ServerOptions options);
  inline virtual ~ServerBase();

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

  // Generated code makes these typed.
  virtual std::unique_ptr<ServerClient> make_client(ServerClient::Init init) = 0;
  virtual void client_connected(ServerClient& client) = 0;
  virtual void client_disconnected(ServerClient& client, DisconnectReason reason) = 0;
  virtual void client_writable(ServerClient& client) = 0;
  /// Calls the hook for `payload`; false if it cannot be decoded.
  virtual bool dispatch(ServerClient& client, std::string_view payload) = 0;

  // ListenHandler
  inline void handle_accept(std::unique_ptr<Stream> stream) override;
  void handle_out_of_descriptors() override {
    in_hook([this] { on_client_refused("", DisconnectReason::kTooManyClients); });
  }

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
  Task settle_;   // at the end of the turn: write what was sent, finish what has ended
  Timer timer_;   // when the client that was silent for longest has been so for too long
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

// ---------------------------------------------------------------------------------------------

inline ServerBase::ServerBase(EventLoop& loop, std::string uri, ServerOptions options)
    : loop_(loop),
      uri_(std::move(uri)),
      options_(options),
      settings_{Side::kServer,
                std::min(options_.max_payload_size, wire::kMaxPayloadSize),
                std::min(options_.max_pending_bytes, ConnectionSettings::kMaxPendingBytes),
                {Duration::zero(), options_.client_timeout}},
      settle_(loop, [this] { settle(); }),
      timer_(loop, [this] { handle_timer(); }) {}

inline ServerBase::~ServerBase() {
  assert(!in_hook_ && "a server must not be destroyed by one of its own hooks");
  if (shared_ != nullptr) loop_.buffers().release(shared_);
}

inline absl::Status ServerBase::start() {
  if (listener_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Listener>> listener = loop_.listen(uri_, *this);
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  return absl::OkStatus();
}

inline void ServerBase::stop() {
  listener_.reset();
  for (ServerClient& client : clients_as<ServerClient>()) {
    client.channel_.flush();
    client.close(DisconnectReason::kStopped);
  }
}

inline std::uint8_t* ServerBase::begin_broadcast(std::size_t payload_size,
                                                 const ServerClient* except) {
  if (payload_size > settings_.max_payload_size) {
    refuse_broadcast(DisconnectReason::kMessageTooBig, except);
    return nullptr;
  }
  if (table_.size() == 0) return nullptr;
  const std::size_t size = wire::kHeaderSize + payload_size;
  // The buffer stays open from turn to turn: a client that reads slowly holds whole buffers, so
  // they had better be full.
  if (shared_ == nullptr || shared_->room() < size) {
    wire::BufferPool& pool = loop_.buffers();
    if (shared_ != nullptr) pool.release(shared_);
    shared_ = pool.take(std::max(size, wire::BufferPool::kLarge));
  }
  shared_begin_ = shared_->used();
  auto* const frame = reinterpret_cast<std::uint8_t*>(shared_->extend(size));
  return wire::write_header(frame, settings_.outgoing(), payload_size);
}

inline void ServerBase::end_broadcast(const ServerClient* except) {
  for (ServerClient& client : clients_as<ServerClient>()) {
    if (&client == except) continue;
    client.channel_.share(*shared_, shared_begin_, shared_->used());
    needs_settling(client);
  }
}

inline void ServerBase::refuse_broadcast(DisconnectReason reason, const ServerClient* except) {
  for (ServerClient& client : clients_as<ServerClient>()) {
    if (&client != except) client.close(reason);
  }
}

inline void ServerBase::handle_accept(std::unique_ptr<Stream> stream) {
  if (table_.size() >= options_.max_clients) {
    return in_hook([&] {
      on_client_refused(stream->peer_address(), DisconnectReason::kTooManyClients);
    });
  }
  const std::uint64_t id = ++last_id_;
  std::unique_ptr<ServerClient> made =
      make_client(ServerClient::Init(*this, std::move(stream), id));
  ServerClient& client = *made;
  table_.add(id, std::move(made));
  silence_.push_back(client);
  if (!timer_.pending()) timer_.set(client.channel_.deadline());
  const bool watched = client.channel_.start(client);
  in_hook([&] { client_connected(client); });
  if (!watched) client.close(DisconnectReason::kGeneralError);
}

inline void ServerBase::handle_input(ServerClient& client, std::size_t in_spare,
                                     std::string_view bytes) {
  silence_.handle_heard(client);
  current_ = &client;
  in_hook([&] {
    client.channel_.handle_input(
        in_spare, bytes, loop_.now(),
        [&](std::string_view payload) { return dispatch(client, payload); });
  });
  current_ = nullptr;
  if (client.channel_.needs_attention()) needs_settling(client);
}

inline void ServerBase::needs_settling(ServerClient& client) {
  if (client.channel_.unsettled()) return;
  client.channel_.set_unsettled(true);
  unsettled_.push_back(&client);
  settle_.schedule();
}

inline void ServerBase::settle() {
  // Hooks that are called here may add to the list.
  for (std::size_t i = 0; i < unsettled_.size(); ++i) settle(*unsettled_[i]);
  unsettled_.clear();
}

inline void ServerBase::settle(ServerClient& client) {
  client.channel_.flush();
  if (!client.channel_.closed()) {
    client.channel_.set_unsettled(false);
    if (client.channel_.poll_writable()) in_hook([&] { client_writable(client); });
    return;
  }
  // It stays unsettled, so that nothing a hook does brings it back to the list.
  silence_.remove(client);
  const std::unique_ptr<ServerClient> gone = table_.remove(client.id());
  in_hook([&] { client_disconnected(client, client.channel_.reason()); });
}

inline void ServerBase::handle_timer() {
  const TimePoint now = loop_.now();
  for (ServerClient* client = silence_.first(); client != nullptr;
       client = SilenceQueue::after(*client)) {
    if (client->channel_.deadline() > now) return timer_.set(client->channel_.deadline());
    client->channel_.handle_time(now);
    needs_settling(*client);
  }
}

inline ServerClient::ServerClient(Init init)
    : server_(init.server_),
      channel_(init.server_.settings_, init.server_.loop_.buffers(), std::move(init.stream_),
               init.server_.loop_.now()),
      id_(init.id_),
      connected_since_(init.server_.loop_.now()) {}

inline void ServerClient::disconnect() {
  if (connected()) close(DisconnectReason::kDisconnected);
}

inline std::uint8_t* ServerClient::reserve(std::size_t payload_size) {
  server_.needs_settling(*this);
  return channel_.reserve(payload_size);
}

inline void ServerClient::receive(std::size_t in_spare, std::string_view bytes) {
  server_.handle_input(*this, in_spare, bytes);
}

inline void ServerClient::resume() {
  channel_.handle_room();
  server_.needs_settling(*this);
}

inline void ServerClient::close(DisconnectReason reason) {
  channel_.close(reason);
  server_.needs_settling(*this);
}

}  // namespace messi

#endif  // MESSI_SERVER_H_
