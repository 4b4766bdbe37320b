#ifndef MESSI_IMPL_SERVER_H_
#define MESSI_IMPL_SERVER_H_

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "messi/server.h"

namespace messi {

MESSI_INLINE ServerBase::ServerBase(EventLoop& loop, std::string uri, ServerOptions options)
    : loop_(loop),
      uri_(std::move(uri)),
      options_(options),
      settings_{Side::kServer,
                std::min(options_.max_payload_size, wire::kMaxPayloadSize),
                std::min(options_.max_pending_bytes, ConnectionSettings::kMaxPendingBytes),
                {Duration::zero(), options_.client_timeout}},
      settle_(loop, [this] { settle(); }),
      timer_(loop, [this] { handle_timer(); }) {}

MESSI_INLINE ServerBase::~ServerBase() {
  assert(!in_hook_ && "a server must not be destroyed by one of its own hooks");
  if (shared_ != nullptr) loop_.buffers().release(shared_);
}

MESSI_INLINE absl::Status ServerBase::start() {
  if (listener_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      loop_.listen(uri_, {options_.socket, options_.unix_mode}, *this);
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  return absl::OkStatus();
}

MESSI_INLINE void ServerBase::stop() {
  listener_.reset();
  for (ServerClient& client : clients_as<ServerClient>()) {
    client.channel_.flush();
    client.close(DisconnectReason::kStopped);
  }
}

MESSI_INLINE std::uint8_t* ServerBase::begin_broadcast(std::size_t payload_size) {
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

MESSI_INLINE void ServerBase::end_broadcast(const ServerClient* except) {
  for (ServerClient& client : clients_as<ServerClient>()) {
    if (&client == except) continue;
    client.channel_.share(*shared_, shared_begin_, shared_->used());
    needs_settling(client);
  }
}

MESSI_INLINE void ServerBase::handle_accept(std::unique_ptr<Stream> stream) {
  if (table_.size() >= options_.max_clients) {
    return in_hook(
        [&] { on_client_refused(stream->peer_address(), DisconnectReason::kTooManyClients); });
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

MESSI_INLINE void ServerBase::handle_out_of_descriptors() {
  in_hook([this] { on_client_refused("", DisconnectReason::kTooManyClients); });
}

MESSI_INLINE void ServerBase::handle_input(ServerClient& client, std::size_t in_spare,
                                           std::string_view bytes) {
  silence_.handle_heard(client);
  current_ = &client;
  in_hook([&] {
    client.channel_.handle_input(in_spare, bytes, loop_.now(), [&](std::string_view payload) {
      return dispatch(client, payload);
    });
  });
  current_ = nullptr;
  if (client.channel_.needs_attention()) needs_settling(client);
}

MESSI_INLINE void ServerBase::needs_settling(ServerClient& client) {
  if (client.channel_.unsettled()) return;
  client.channel_.set_unsettled(true);
  unsettled_.push_back(&client);
  settle_.schedule();
}

MESSI_INLINE void ServerBase::settle() {
  // Hooks that are called here may add to the list.
  for (std::size_t i = 0; i < unsettled_.size(); ++i) settle(*unsettled_[i]);
  unsettled_.clear();
}

MESSI_INLINE void ServerBase::settle(ServerClient& client) {
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

MESSI_INLINE void ServerBase::handle_timer() {
  const TimePoint now = loop_.now();
  for (ServerClient* client = silence_.first(); client != nullptr;
       client = SilenceQueue::after(*client)) {
    if (client->channel_.deadline() > now) return timer_.set(client->channel_.deadline());
    client->channel_.handle_time(now);
    needs_settling(*client);
  }
}

MESSI_INLINE ServerClient::ServerClient(Init init)
    : server_(init.server_),
      channel_(init.server_.settings_, init.server_.loop_.buffers(), std::move(init.stream_),
               init.server_.loop_.now()),
      id_(init.id_),
      connected_since_(init.server_.loop_.now()) {}

MESSI_INLINE void ServerClient::disconnect() {
  if (connected()) close(DisconnectReason::kDisconnected);
}

MESSI_INLINE std::uint8_t* ServerClient::reserve(std::size_t payload_size) {
  server_.needs_settling(*this);
  return channel_.reserve(payload_size);
}

MESSI_INLINE void ServerClient::gather(wire::Slice* slices, std::size_t count,
                                       std::size_t payload_size) {
  server_.needs_settling(*this);
  channel_.send_gathered(slices, count, payload_size);
}

MESSI_INLINE void ServerClient::receive(std::size_t in_spare, std::string_view bytes) {
  server_.handle_input(*this, in_spare, bytes);
}

MESSI_INLINE void ServerClient::resume() {
  channel_.handle_room();
  server_.needs_settling(*this);
}

MESSI_INLINE void ServerClient::close(DisconnectReason reason) {
  channel_.close(reason);
  server_.needs_settling(*this);
}

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_H_
