#ifndef MESSI_CORO_SERVER_H_
#define MESSI_CORO_SERVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/coro/call.h"
#include "messi/coro/inbox.h"
#include "messi/coro/job.h"
#include "messi/coro/room.h"
#include "messi/coro/task.h"
#include "messi/io/event_loop.h"
#include "messi/server.h"

namespace messi::coro {

template <typename Protocol>
class Server;

/// The part of a Server that generated code derives from, to override the hooks of messages.
template <typename Protocol>
class ServerOf : public Protocol {
 public:
  using typename Protocol::Client;

  /// A client, as its coroutine sees it. It lives as long as that.
  class Peer final : private Source, private Sink {
    using Inbox = InboxOf<Protocol>;
    template <typename What>
    using Next = typename Inbox::template Next<What>;

   public:
    Peer(Server<Protocol>& server, Client& client) : server_(server), client_(&client) {}

    Server<Protocol>& server() { return server_; }
    /// Null when it has disconnected.
    Client* client() { return client_; }

    /// As the client's; dropped when it has disconnected.
    template <typename Message>
    void send(const Message& message) {
      if (client_ != nullptr) client_->send(message);
    }

    /// Waits for the next message: of the type T, or of any type, then it is a std::variant. Others
    /// wait meanwhile, in order. What has an answer is a Request<T>.
    ///
    /// kUnavailable: the client has disconnected, and all that had arrived was taken.
    /// kDeadlineExceeded: not in time. kResourceExhausted: too many messages have come that nobody
    /// has ever asked for.
    template <typename T>
    auto next(Duration timeout = Duration::max()) {
      return Next<Incoming<Protocol, T>>(inbox_, timeout);
    }
    auto next(Duration timeout = Duration::max()) {
      return Next<typename Inbox::Any>(inbox_, timeout);
    }

    /// Waits until at most half of `max_pending_bytes` is waiting to be written. kUnavailable: the
    /// client has disconnected. kDeadlineExceeded: not in time.
    Writable writable(Duration timeout = Duration::max()) { return Writable(room_, timeout); }

    /// Waits as `writable`, and for room for all clients together, and sends the message, as
    /// `Client::sent`.
    template <typename Message>
    auto sent(const Message& message, Duration timeout = Duration::max()) {
      return Sent<Client, Message>(room_, client_, message, timeout);
    }

    /// Calls the client, and waits for its answer, as `Client::call`. kUnavailable if it has gone.
    template <typename Request>
    auto call(const Request& request, Duration timeout) {
      return Call<Client, Request>(client_, request, timeout);
    }

   private:
    friend class ServerOf;

    void handle_disconnected(DisconnectReason reason) {
      client_ = nullptr;
      inbox_.handle_disconnected(reason);
      room_.handle_disconnected();
    }

    // Source
    void pause_source() override { client_->pause(); }
    void resume_source() override {
      if (client_ != nullptr) client_->resume();
    }
    absl::Status source_status() const override {
      return client_ != nullptr ? absl::OkStatus()
                                : absl::UnavailableError("the client has disconnected");
    }

    // Sink
    bool has_room() const override {
      return client_ != nullptr && client_->connected() &&
             client_->pending_bytes() <= server_.options().max_pending_bytes / 2;
    }
    absl::Status sink_status() const override {
      if (client_ == nullptr || client_->connected()) return source_status();
      return absl::UnavailableError("the client is being disconnected");
    }

    Server<Protocol>& server_;
    Client* client_;
    Inbox inbox_{*this};
    Room room_{*this};
    Job job_;  // destroyed first
  };

  using Handler = std::function<Task<void>(Peer&)>;

  ServerOf(EventLoop& loop, std::string uri, Handler handler, ServerOptions options = {})
      : Protocol(loop, std::move(uri), std::move(options)), handler_(std::move(handler)) {}

  ~ServerOf() override {
    // While their coroutines are destroyed, none is found.
    const Peers peers = std::exchange(peers_, {});
  }

 protected:
  void on_client_connected(Client& client) final {
    auto peer = std::make_unique<Peer>(static_cast<Server<Protocol>&>(*this), client);
    peer->job_ = spawn(this->loop(), talk(*peer, client.id()));
    peers_[client.id()] = std::move(peer);
  }
  void on_client_disconnected(Client& client, DisconnectReason reason) final {
    if (Peer* const peer = find(client)) peer->handle_disconnected(reason);
  }

  void on_client_writable(Client& client) final {
    if (Peer* const peer = find(client)) peer->room_.handle_writable();
  }

  template <typename Message>
  void receive(Client& client, const Message& message) {
    if (Peer* const peer = find(client)) peer->inbox_.push(incoming(*this, message));
  }

 private:
  using Peers = std::map<std::uint64_t, std::unique_ptr<Peer>>;

  Peer* find(const Client& client) {
    const auto found = peers_.find(client.id());
    return found != peers_.end() ? found->second.get() : nullptr;
  }

  Task<void> talk(Peer& peer, std::uint64_t id) {
    const Finally over([this, id] { end(id); });
    co_await handler_(peer);
  }
  void end(std::uint64_t id) {
    const auto found = peers_.find(id);
    if (found == peers_.end()) return;
    if (Client* const client = found->second->client()) client->disconnect();
    peers_.erase(found);
  }

  const Handler handler_;
  Peers peers_;
};

/// A server with a coroutine for each client: Server<chat::ChatServer> server(loop, uri, talk),
/// where `Task<> talk(Peer& peer)` begins when a client is connected. When it returns, the client
/// is disconnected. An exception that it throws leaves the loop, as one of a hook does. When the
/// server is destroyed, so are the coroutines. In all else it is its base; of the hooks, those of
/// messages and of clients that connect, disconnect and are writable are taken.
template <typename Protocol>
class Server : public Protocol::Receives::template Relay<ServerOf<Protocol>> {
 public:
  using Protocol::Receives::template Relay<ServerOf<Protocol>>::Relay;
};

}  // namespace messi::coro

#endif  // MESSI_CORO_SERVER_H_
