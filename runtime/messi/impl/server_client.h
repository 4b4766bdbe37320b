#ifndef MESSI_IMPL_SERVER_CLIENT_H_
#define MESSI_IMPL_SERVER_CLIENT_H_

// What a user sees of a server's client, and asks its server for.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "messi/flavour.h"
#include "messi/impl/server_lanes.h"
#include "messi/impl/server_session.h"
#include "messi/server.h"
#include "messi/server_client.h"
#include "messi/wire/outbox.h"

namespace messi {

MESSI_INLINE ServerClient::ServerClient(Init init)
    : link_(std::move(init.link_)), id_(init.id_), connected_since_(init.now_) {}

MESSI_INLINE void ServerClient::accept(std::string_view principal) {
  link_->server().accept(*link_, principal);
}

MESSI_INLINE void ServerClient::refuse(std::string_view text) {
  link_->server().refuse(*link_, text);
}

MESSI_INLINE void ServerClient::disconnect() {
  link_->server().end(*link_, DisconnectReason::kDisconnected);
}

MESSI_INLINE void ServerClient::disconnect_now() {
  link_->server().give_up(*link_, DisconnectReason::kDisconnected);
}

MESSI_INLINE void ServerClient::pause() { link_->server().pause(*link_); }

MESSI_INLINE void ServerClient::resume() { link_->server().resume(*link_); }

MESSI_INLINE bool ServerClient::paused() const { return link_->server().is_paused(*link_); }

MESSI_INLINE std::size_t ServerClient::pending_bytes() const {
  return link_->server().pending_bytes(*link_);
}

MESSI_INLINE std::uint64_t ServerClient::dropped_broadcasts() const {
  const SlowReaders::Row* const row = link_->server().slow_readers_.find(id_);
  return row != nullptr ? row->dropped : 0;
}

MESSI_INLINE bool ServerClient::detached() const {
  return connected() && link_->server().is_detached(*link_);
}

MESSI_INLINE std::uint64_t ServerClient::unacknowledged() const {
  ServerSession* const session = link_->server().session_of(*link_);
  return session != nullptr ? session->unacknowledged() : 0;
}

MESSI_INLINE wire::Outbox* ServerClient::outbox() {
  if (!link_->accepted()) return nullptr;
  link_->server().keep_total(0);
  return outbox_to_ask();
}

MESSI_INLINE wire::Outbox* ServerClient::outbox_to_ask() {
  if (!link_->accepted()) return nullptr;
  ServerBase& server = link_->server();
  server.needs_settling(*link_);
  return server.outbox_of(*link_);
}

MESSI_INLINE std::shared_ptr<SendLanes> ServerClient::make_lanes() {
  ServerBase& server = link_->server();
  if (server.lanes_ == nullptr) server.lanes_ = std::make_unique<ServerLanes>();
  return server.lanes_->of(id(), [&] {
    return std::make_shared<ServerClientLanes>(*this, server.loop_, server.settings_, connected());
  });
}

MESSI_INLINE void ServerClientLanes::taken() {
  client_.link_->server().needs_settling(*client_.link_);
}

MESSI_INLINE wire::Outbox* ServerClientLanes::its_outbox() {
  AcceptedLink& link = *client_.link_;
  return link.accepted() ? link.server().outbox_of(link) : nullptr;
}

MESSI_INLINE void ServerClientLanes::held() {
  client_.link_->server().lanes_->handle_held(client_.id());
}

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_CLIENT_H_
