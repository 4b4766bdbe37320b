#ifndef MESSI_IMPL_SERVER_H_
#define MESSI_IMPL_SERVER_H_

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "messi/base/status.h"
#include "messi/impl/to_absl.h"
#include "messi/io/networks.h"
#include "messi/server.h"

namespace messi {

// The original's client gives a server up that owes it a pong for 2 s.
inline constexpr Duration kPongWhilePaused = std::chrono::seconds(1);

/// What in the options cannot be meant; "" if nothing.
inline std::string find_contradiction(const ServerOptions& options) {
  if (options.client_timeout <= Duration::zero()) return "client_timeout must be more than zero";
  if (options.max_payload_size == 0) return "max_payload_size must be more than zero";
  if (options.linger < Duration::zero()) return "linger must not be less than zero";
  return "";
}

MESSI_INLINE ServerBase::ServerBase(EventLoop& loop, std::string uri, ServerOptions options)
    : loop_(loop),
      uri_(std::move(uri)),
      options_(options),
      settings_(connection::Side::kServer, options_.max_payload_size, options_.max_pending_bytes,
                {Duration::zero(), options_.client_timeout}),
      settle_(loop, [this] { settle(); }),
      timer_(loop, [this] { handle_timer(); }),
      silence_(options_.client_timeout),
      paused_(kPongWhilePaused),
      ending_(options_.linger),
      shared_(settings_, loop.buffers()) {}

MESSI_INLINE ServerBase::~ServerBase() {
  assert(!in_hook_ && "a server must not be destroyed by one of its own hooks");
}

MESSI_INLINE absl::Status ServerBase::start() {
  if (listener_ != nullptr) return absl::OkStatus();
  if (const std::string wrong = find_contradiction(options_); !wrong.empty()) {
    return absl::InvalidArgumentError(uri_ + ": " + wrong);
  }
  Result<std::unique_ptr<Listener>> listener =
      loop_.networks().listen(uri_, {options_.socket, options_.unix_mode}, *this);
  if (!listener.ok()) return to_absl(listener.status());
  listener_ = *std::move(listener);
  return absl::OkStatus();
}

MESSI_INLINE void ServerBase::stop() {
  listener_.reset();
  for (ServerClient& client : clients_as<ServerClient>()) end(client, DisconnectReason::kStopped);
}

MESSI_INLINE void ServerBase::stop_now() {
  listener_.reset();
  for (ServerClient& client : clients_as<ServerClient>()) close(client, DisconnectReason::kStopped);
  while (!ending_.empty()) ending_.first()->disconnect_now();
}

MESSI_INLINE std::uint8_t* ServerBase::begin_broadcast(std::size_t payload_size) {
  if (table_.size() == 0) return nullptr;
  if (!shared_.has_room(payload_size)) {
    for (ServerClient& client : clients_as<ServerClient>()) {
      client.channel_.handle_full(shared_.buffer());
    }
  }
  return shared_.reserve(payload_size);
}

MESSI_INLINE void ServerBase::end_broadcast(std::size_t payload_size, const ServerClient* except) {
  const wire::SharedFrame frame = shared_.commit(payload_size);
  for (ServerClient& client : clients_as<ServerClient>()) {
    if (&client != except) client.outbox()->send(frame);
  }
}

MESSI_INLINE void ServerBase::handle_accept(std::unique_ptr<Stream> stream) {
  const auto refuse = [&](DisconnectReason reason) {
    in_hook([&] { on_client_refused(stream->peer().address, reason); });
  };
  bool wanted = true;
  in_hook([&] { wanted = on_client_arriving(stream->peer().address); });
  if (listener_ == nullptr) return;  // the hook has stopped the server
  if (!wanted) return refuse(DisconnectReason::kRefused);
  if (table_.size() >= options_.max_clients) return refuse(DisconnectReason::kTooManyClients);
  const std::uint64_t id = ++last_id_;
  std::unique_ptr<ServerClient> made =
      make_client(ServerClient::Init(*this, std::move(stream), id));
  ServerClient& client = *made;
  table_.add(id, std::move(made));
  wait_in(silence_, client);
  const bool watched = client.channel_.start(client);
  const Finally unless_watched([&] {
    if (!watched) close(client, DisconnectReason::kGeneralError);
  });
  in_hook_of(client, [&] { client_connected(client); });
}

MESSI_INLINE void ServerBase::handle_out_of_descriptors() {
  in_hook([this] { on_client_refused("", DisconnectReason::kTooManyClients); });
}

MESSI_INLINE void ServerBase::handle_readable(ServerClient& client) {
  current_ = &client;
  const Finally after([&] {
    current_ = nullptr;
    if (client.channel_.needs_attention()) needs_settling(client);
  });
  bool heard = false;
  in_hook([&] {
    heard = client.channel_.handle_readable(
        loop_.scratch(), loop_.now(),
        [&](std::string_view payload) { return dispatch(client, payload); });
  });
  if (heard && !client.channel_.closed() && !client.channel_.paused()) silence_.push_back(client);
}

template <typename Hook>
void ServerBase::in_hook_of(ServerClient& client, Hook&& hook) {
  bool threw = true;
  const Finally guard([&] {
    if (threw) close(client, DisconnectReason::kGeneralError, Hint::kHookThrew);
  });
  in_hook(hook);
  threw = false;
}

MESSI_INLINE void ServerBase::close(ServerClient& client, DisconnectReason reason, Hint hint) {
  client.channel_.close(reason, hint);
  needs_settling(client);
}

MESSI_INLINE void ServerBase::end(ServerClient& client, DisconnectReason reason) {
  if (client.channel_.closed()) return;
  client.channel_.end(reason, loop_.now());
  ++ending_count_;
  wait_in(ending_, client);
  needs_settling(client);
}

MESSI_INLINE void ServerBase::wait_in(DeadlineQueue<ServerClient>& queue, ServerClient& client) {
  if (queue.push_back(client)) set_timer();
}

MESSI_INLINE void ServerBase::needs_settling(ServerClient& client) {
  if (client.channel_.unsettled()) return;
  client.channel_.set_unsettled(true);
  unsettled_.push_back(&client);
  settle_.schedule();
}

MESSI_INLINE void ServerBase::settle() {
  // What hooks add while this goes on waits for the next turn.
  settling_.swap(unsettled_);
  std::size_t settled = 0;
  const Finally rest([&] {
    const auto next = settling_.begin() + static_cast<std::ptrdiff_t>(settled);
    if (next != settling_.end()) {
      unsettled_.insert(unsettled_.begin(), next, settling_.end());
      settle_.schedule();
    }
    settling_.clear();
  });
  while (settled < settling_.size()) settle(*settling_[settled++]);
}

MESSI_INLINE void ServerBase::settle(ServerClient& client) {
  client.channel_.set_unsettled(false);
  if (client.channel_.resuming()) {
    handle_resumed(client);
    return needs_settling(client);
  }
  client.channel_.settle();
  if (client.channel_.over()) {
    // Marked, so that nothing a hook does brings it back to the list.
    client.channel_.set_unsettled(true);
    client.stop_waiting();
    if (client.channel_.ended()) --ending_count_;
    const std::unique_ptr<ServerClient> gone = table_.remove(client.id());
    in_hook([&] { client_disconnected(client, client.channel_.reason()); });
  } else if (!client.channel_.closed() && client.channel_.poll_writable()) {
    in_hook_of(client, [&] { client_writable(client); });
  }
}

MESSI_INLINE void ServerBase::handle_resumed(ServerClient& client) {
  client.channel_.touch(loop_.now());
  wait_in(silence_, client);
  current_ = &client;
  const Finally after([this] { current_ = nullptr; });
  in_hook_of(client, [&] {
    client.channel_.handle_resumed(
        loop_.now(), [&](std::string_view payload) { return dispatch(client, payload); });
  });
}

MESSI_INLINE void ServerBase::handle_timer() {
  const TimePoint now = loop_.now();
  // Not before all that had come by its deadline was read.
  while (silence_.deadline() <= loop_.input_until()) {
    ServerClient& client = *silence_.first();
    client.stop_waiting();
    close(client, DisconnectReason::kKeepAliveTimeout);
  }
  while (ending_.deadline() <= now) ending_.first()->disconnect_now();
  while (paused_.deadline() <= now) {
    ServerClient& client = *paused_.first();
    client.channel_.handle_time_paused(now);
    paused_.push_back(client);
    needs_settling(client);
  }
  set_timer();
}

MESSI_INLINE void ServerBase::set_timer() {
  const TimePoint next = std::min({silence_.deadline(), ending_.deadline(), paused_.deadline()});
  if (next != TimePoint::max()) timer_.set(next);
}

MESSI_INLINE ServerClient::ServerClient(Init init)
    : server_(init.server_),
      channel_(init.server_.settings_, init.server_.loop_.buffers(), std::move(init.stream_),
               init.server_.loop_.now()),
      id_(init.id_),
      connected_since_(init.server_.loop_.now()) {}

MESSI_INLINE void ServerClient::disconnect() {
  server_.end(*this, DisconnectReason::kDisconnected);
}

MESSI_INLINE void ServerClient::disconnect_now() {
  stop_waiting();
  if (channel_.over()) return;
  channel_.close(DisconnectReason::kDisconnected);
  channel_.abort();
  server_.needs_settling(*this);
}

MESSI_INLINE void ServerClient::pause() {
  if (!connected() || channel_.paused()) return channel_.pause();
  channel_.pause();
  channel_.touch(server_.loop_.now());
  server_.wait_in(server_.paused_, *this);
}

MESSI_INLINE void ServerClient::resume() {
  channel_.resume();
  if (channel_.resuming()) server_.needs_settling(*this);
}

MESSI_INLINE wire::Outbox* ServerClient::outbox() {
  server_.needs_settling(*this);
  return channel_.outbox();
}

MESSI_INLINE void ServerClient::receive() { server_.handle_readable(*this); }

MESSI_INLINE void ServerClient::has_room() {
  channel_.handle_writable();
  server_.needs_settling(*this);
}

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_H_
