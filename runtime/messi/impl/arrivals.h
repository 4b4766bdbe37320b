#ifndef MESSI_IMPL_ARRIVALS_H_
#define MESSI_IMPL_ARRIVALS_H_

// From a stream to a client: whether it may come, whether the user accepts it, and what it is told
// if not.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/finally.h"
#include "messi/base/make_room.h"
#include "messi/base/status.h"
#include "messi/connection/farewell.h"
#include "messi/flavour.h"
#include "messi/impl/admission.h"
#include "messi/impl/observation.h"
#include "messi/impl/server_lanes.h"
#include "messi/impl/server_sessions.h"
#include "messi/impl/session_link.h"
#include "messi/impl/to_user.h"
#include "messi/io/stream.h"
#include "messi/server.h"
#include "messi/wire/close_frame.h"

namespace messi {

MESSI_INLINE void ServerBase::handle_accept(std::unique_ptr<Stream> stream) {
  const PeerInfo peer = stream->peer();
  const auto refuse = [&](DisconnectReason reason) { this->refuse(*stream, reason); };
  bool wanted = true;
  in_hook([&] { wanted = on_client_arriving(peer.address); });
  if (listener_ == nullptr) return;  // the hook has stopped the server
  if (!wanted) return refuse(DisconnectReason::kRefused);
  if (const auto reason = admission_->admit(peer.origin, loop_.now())) return refuse(*reason);
  bool entered = false;
  const Finally unless_entered([&] {
    if (!entered) admission_->leave(peer.origin);
  });
  AcceptedLink& link = begin_link(std::move(stream));
  entered = true;
  if (sessions_ != nullptr) return sessions_->offer(static_cast<SessionLink&>(link));
  arrive(link);
}

/// A link, hidden from the user, with its client.
MESSI_INLINE AcceptedLink& ServerBase::begin_link(std::unique_ptr<Stream> stream) {
  make_room(unsettled_, table_.size() + 1);
  make_room(settling_, table_.size() + 1);
  const TimePoint now = loop_.now();
  if (observation_) stream = observation_->observe(std::move(stream), last_id_ + id_step_);
  std::unique_ptr<AcceptedLink> accepted;
  if (sessions_ != nullptr) {
    accepted = sessions_->make_link(std::move(stream), now);
  } else {
    accepted = std::make_unique<AcceptedLink>(settings_, loop_.buffers(), std::move(stream), now);
  }
  const std::uint64_t id = next_id();
  std::unique_ptr<ServerClient> client =
      make_client(ServerClient::Init(std::move(accepted), id, now));
  AcceptedLink& link = *client->link_;
  link.set_client(*client);
  const bool watched = link.start();
  table_.add(id, std::move(client));
  ++hidden_count_;
  publish_size();
  if (!watched) close(link, DisconnectReason::kGeneralError);
  return link;
}

/// Who the client is, is for the user to say.
MESSI_INLINE void ServerBase::arrive(AcceptedLink& link) {
  in_hook_of(link, [&] { client_arrived(*link.client()); });
  if (link.closed()) return;
  if (link.accepted()) return greet(link);
  link.hold(options_.max_payload_before_accept);
  if (link.paused()) return wait_for_resume(link);
  wait_in(arriving_, link);
}

MESSI_INLINE ServerClient* ServerBase::find_arriving_base(std::uint64_t id) {
  ServerClient* const client = table_.find(id);
  const bool arrives = client != nullptr && !client->link_->accepted() && !client->link_->closed();
  return arrives ? client : nullptr;
}

MESSI_INLINE void ServerBase::accept(AcceptedLink& link, std::string_view principal) {
  if (link.accepted() || link.closed()) return;
  if (sessions_ != nullptr) return sessions_->accept(static_cast<SessionLink&>(link), principal);
  link.accept();
  --hidden_count_;
  if (link.held()) needs_settling(link);
}

MESSI_INLINE void ServerBase::refuse(AcceptedLink& link, std::string_view text) {
  if (link.accepted() || link.closed()) return;
  constexpr DisconnectReason kReason = DisconnectReason::kUnauthenticated;
  link.tell(kReason, text.empty() ? connection::usual_text(kReason) : text);
  close(link, kReason);
}

/// The client that was accepted is connected from now on.
MESSI_INLINE void ServerBase::greet(AcceptedLink& link) {
  link.greet();
  publish_size();
  if (lanes_ != nullptr) lanes_->begin(link.client()->id());
  if (link.paused()) {
    link.resume();  // its first message has waited
  } else {
    link.touch(loop_.now());
    wait_in(silence_, link);
  }
  in_hook_of(link, [&] {
    if (sessions_ != nullptr) return sessions_->greet(static_cast<SessionLink&>(link));
    tell_connected(*link.client());
  });
}

MESSI_INLINE void ServerBase::tell_connected(ServerClient& client) {
  observed(
      observation_.get(),
      [&](Observation& its) { its.connected(client.id(), client.peer_address(), false); },
      [&] { client_connected(client); });
}

MESSI_INLINE void ServerBase::handle_failed(const PeerInfo& peer, const Status& why) {
  in_hook([&](Observation& its) { its.handshake_failed(peer.address, why); },
          [&] { on_handshake_failed(peer.address, to_user(why)); });
}

/// Turns a stream away, with a word if it takes that at once.
MESSI_INLINE void ServerBase::refuse(Stream& stream, DisconnectReason reason) {
  const std::optional<wire::CloseFrame> frame =
      connection::farewell(reason, connection::usual_text(reason), settings_.max_payload_size);
  if (frame) {
    std::uint8_t bytes[wire::kMostCloseSize];
    wire::write_close(bytes, *frame);
    const Slice slice{reinterpret_cast<const char*>(bytes), wire::close_size(*frame)};
    stream.write(&slice, 1, /*more=*/false);
  }
  stream.finish();
  tell_refused(0, stream.peer().address, reason);
}

MESSI_INLINE void ServerBase::handle_out_of_descriptors() {
  tell_refused(0, "", DisconnectReason::kTooManyClients);
}

MESSI_INLINE void ServerBase::tell_refused(std::uint64_t connection, const std::string& address,
                                           DisconnectReason reason) {
  in_hook([&](Observation& its) { its.refused(connection, address, reason); },
          [&] { on_client_refused(address, reason); });
}

}  // namespace messi

#endif  // MESSI_IMPL_ARRIVALS_H_
