#ifndef MESSI_IMPL_SERVER_SESSIONS_IMPL_H_
#define MESSI_IMPL_SERVER_SESSIONS_IMPL_H_

// The definitions for server_sessions.h: apart from it, since they know the whole server.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/deadline_queue.h"
#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/flavour.h"
#include "messi/impl/admission.h"
#include "messi/impl/observation.h"
#include "messi/impl/server_session.h"
#include "messi/impl/server_sessions.h"
#include "messi/impl/session_ends.h"
#include "messi/impl/session_link.h"
#include "messi/impl/tombstones.h"
#include "messi/io/event_loop.h"
#include "messi/io/stream.h"
#include "messi/server.h"
#include "messi/server_client.h"
#include "messi/session/owed_ack.h"
#include "messi/session/session_loss.h"
#include "messi/session/session_mode.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/session_frames.h"

namespace messi {

MESSI_INLINE ServerSessions::ServerSessions(ServerBase& server)
    : server_(server),
      offered_(server.options_.offer_wait),
      owing_(session::OwedAck::kPatience),
      detached_(server.options_.session_timeout),
      unconfirmed_(server.options_.session_timeout),
      closing_(server.options_.linger) {}

MESSI_INLINE void ServerSessions::add_detached() {
  ++detached_count_;
  server_.admission_->add_replaceable();
  server_.publish_size();
}

MESSI_INLINE void ServerSessions::remove_detached() {
  --detached_count_;
  server_.admission_->remove_replaceable();
  server_.publish_size();
}

MESSI_INLINE bool ServerSessions::offers_sessions() const {
  return server_.options_.session != SessionMode::kOff;
}

// ---------------------------------------------------------------------------------------------
// From turn to turn

MESSI_INLINE void ServerSessions::settle(SessionLink& link) {
  ServerSession* const session = link.its_session();
  if (session == nullptr || !link.in_session()) {
    // A session that is closing waits here for its client.
    if (session != nullptr && link.flushing()) return;
    if (link.over()) link.tell_why();
    link.settle();
    if (may_answer(link) && !link.closed()) server_.needs_settling(link);
    return;
  }
  tend(link, *session);
  const bool waits = link.flushing() && !session->all_acknowledged() && !session->said_last;
  if (waits && link.peer_ended()) link.abort();
  if (link.over()) say_why(link);
  if (waits && !link.over()) {
    link.flush();
  } else {
    link.settle();
  }
  if (session->exceeds_limit() && !session->loss) {
    lose(*session, SessionLossReason::kLimit, DisconnectReason::kMessageTooBig);
  }
}

/// Acknowledges what is due.
MESSI_INLINE void ServerSessions::tend(SessionLink& link, ServerSession& session) {
  link.tend_session(server_.loop_.now());
  if (session.closing || session.given_up) return;
  if (link.flushing()) {
    if (session.owes_ack()) link.want_ack();
  } else if (!session.owes_ack()) {
    session.stop_waiting();
  } else if (!session.waits()) {
    session.begin_wait(server_.loop_.now());
    if (owing_.push_back(session)) server_.set_timer();
  }
}

/// The client hears why its session ends.
MESSI_INLINE void ServerSessions::say_why(SessionLink& link) {
  const ServerSession& session = *link.its_session();
  if (session.closing || session.given_up || session.told_lost || goes_on(link)) return;
  const SessionLossReason loss = loss_of(link);
  const bool clear = loss == SessionLossReason::kClosed;
  link.add_close(
      {session_ends::code_of(loss), 0, clear ? std::string_view() : to_string(link.reason())});
}

MESSI_INLINE void ServerSessions::handle_timer(TimePoint now) {
  while (offered_.deadline() <= now) {
    AcceptedLink& link = *offered_.first();
    link.stop_waiting();
    Stage& stage = static_cast<SessionLink&>(link).stage;
    if (stage == Stage::kOffered) stage = Stage::kSilent;
    server_.needs_settling(link);
  }
  while (owing_.deadline() <= now) {
    ServerSession& session = *owing_.first();
    session.stop_waiting();
    server_.needs_settling(session.link());
  }
  for (DeadlineQueue<ServerSession>* const queue : {&detached_, &unconfirmed_}) {
    while (queue->deadline() <= now) {
      lose(*queue->first(), SessionLossReason::kExpired, DisconnectReason::kSessionLost);
    }
  }
  while (closing_.deadline() <= now) {
    lose(*closing_.first(), SessionLossReason::kClosed, DisconnectReason::kDisconnected);
  }
}

// ---------------------------------------------------------------------------------------------
// The ends of links and of sessions

MESSI_INLINE bool ServerSessions::goes_on(const SessionLink& link) const {
  const ServerSession* const session = link.its_session();
  if (session == nullptr || session->loss || session->given_up) return false;
  if (!session->told_connected) return false;      // WELCOME was not written yet
  if (server_.listener_ == nullptr) return false;  // nobody can come back
  if (session->closing) return !session->all_acknowledged() && !session->said_last;
  return !link.closed() || !session_ends::loss_of(link.reason());
}

MESSI_INLINE bool ServerSessions::keep_client(SessionLink& link) {
  if (link.superseded) {
    dissolve(link);
    return true;
  }
  if (link.its_session() == nullptr) return false;
  if (link.in_session()) {
    link.leave_session();
    if (!link.its_session()->closing) link.its_session()->stop_waiting();
  }
  bool stays = false;
  std::unique_ptr<SessionLink> rest;
  {
    bool prepared = false;
    const Finally again([&] {  // if memory has run out
      if (!prepared) server_.needs_settling(link);
    });
    stays = goes_on(link);
    if (stays) {
      rest = make_ended_link(link);
    } else {
      // What was kept of broadcasts was not sent either.
      if (link.behind()) server_.catch_up(link, server_.settings_.kMaxPendingBytes);
      server_.take_lanes(link, link.its_session());
      bury(link);
    }
    prepared = true;
  }
  if (stays) {
    detach(link, std::move(rest));
  } else {
    tell_lost(link);
  }
  return stays;
}

/// Its client gets `made` instead.
MESSI_INLINE void ServerSessions::detach(SessionLink& link, std::unique_ptr<SessionLink> made) {
  SessionLink& rest = *made;
  ServerClient& client = *link.client();
  rest.set_client(client);
  rest.fall_behind_as(link);
  rest.pause_when_greeted = link.pause_when_greeted;
  if (link.greeted() && link.stays_paused()) rest.pause();
  rest.give_session(link.take_session());
  server_.admission_->leave_origin(server_.origin_of(link));
  ServerSession& session = *rest.its_session();
  const DisconnectReason reason = link.took_over.value_or(link.reason());
  if (session.closing) {
    rest.end(reason, server_.loop_.now());
  } else if (!session.waits()) {
    session.evictable = true;
    add_detached();
    session.begin_wait(server_.loop_.now());
    if ((session.confirmed() ? detached_ : unconfirmed_).push_back(session)) server_.set_timer();
  }
  // The link goes at the end, and its place in the lists is with the other one.
  link.set_unsettled(true);
  link.stop_waiting();
  std::unique_ptr<AcceptedLink> gone = std::exchange(client.link_, std::move(made));
  if (rest.behind()) server_.needs_settling(rest);
  if (session.closing || std::exchange(session.told_detached, true)) return;
  server_.in_hook_of(rest, [&] { tell_detached(client, reason); });
}

MESSI_INLINE void ServerSessions::tell_detached(ServerClient& client, DisconnectReason reason) {
  observed(
      server_.observation_.get(), [&](Observation& its) { its.detached(client.id(), reason); },
      [&] { server_.client_detached(client, reason); });
}

/// It was given up for another one, and so was its client.
MESSI_INLINE void ServerSessions::dissolve(SessionLink& link) {
  link.set_unsettled(true);
  link.stop_waiting();
  --server_.hidden_count_;
  server_.admission_->leave(server_.origin_of(link));
  server_.calls_.erase(link.client()->id());
  server_.table_.remove(link.client()->id());
  server_.publish_size();
}

MESSI_INLINE void ServerSessions::bury(SessionLink& link) {
  ServerSession& session = *link.its_session();
  stop_waiting(session);
  const auto its_row = sessions_.find(session.id());
  if (its_row == sessions_.end()) return;
  tombstones_.add(session.id(),
                  {session.secret(), session.principal(), loss_of(link), session.rx()},
                  server_.loop_.now());
  sessions_.erase(its_row);
}

/// Tells the user, if the promise is not kept.
MESSI_INLINE void ServerSessions::tell_lost(SessionLink& link) {
  ServerSession& session = *link.its_session();
  const SessionLossReason reason = loss_of(link);
  if (session.all_acknowledged() && reason == SessionLossReason::kClosed) return;
  if (!session.told_connected || std::exchange(session.told_lost, true)) return;
  // Nothing may bring it back to the list meanwhile. After an exception the rest follows.
  link.set_unsettled(true);
  bool threw = true;
  const Finally guard([&] {
    link.set_unsettled(false);
    if (threw) server_.needs_settling(link);
  });
  const SessionLoss loss{reason, session.acknowledged() + 1, session.last_accepted(),
                         session.peer_handled, session.kept()};
  server_.in_hook([&](Observation& its) { its.session_lost(link.client()->id(), loss); },
                  [&] { server_.client_session_lost(*link.client(), loss); });
  threw = false;
}

MESSI_INLINE bool ServerSessions::was_connected(const SessionLink& link) const {
  const ServerSession* const session = link.its_session();
  return session == nullptr ? link.greeted() : session->told_connected;
}

MESSI_INLINE DisconnectReason ServerSessions::reason_of(const SessionLink& link) const {
  const ServerSession* const session = link.its_session();
  if (session == nullptr || session_ends::loss_of(link.reason())) return link.reason();
  if (link.draining()) return DisconnectReason::kDraining;
  const bool closed_by_client = session->given_up && loss_of(link) == SessionLossReason::kClosed;
  return session->told_lost && !closed_by_client ? DisconnectReason::kSessionLost : link.reason();
}

MESSI_INLINE SessionLossReason ServerSessions::loss_of(const SessionLink& link) const {
  if (const auto loss = link.its_session()->loss) return *loss;
  return session_ends::loss_of(link.reason()).value_or(SessionLossReason::kClosed);
}

MESSI_INLINE void ServerSessions::lose(ServerSession& session, SessionLossReason loss,
                                       DisconnectReason reason) {
  if (!session.loss) session.loss = loss;
  stop_waiting(session);
  server_.end_now(session.link(), reason);
}

MESSI_INLINE bool ServerSessions::end(SessionLink& link, DisconnectReason reason) {
  ServerSession* const session = link.its_session();
  if (session == nullptr) return false;
  if (session->closing) {
    // Nobody can come back any more.
    if (!link.in_session() && !goes_on(link)) lose(*session, SessionLossReason::kClosed, reason);
    return true;
  }
  if (link.ending()) {
    if (!link.hears()) return true;
    session->stop_dispatching();
    return false;
  }
  if (link.closed() || (!link.in_session() && (session->all_acknowledged() || !goes_on(link)))) {
    if (!link.closed() || goes_on(link)) lose(*session, SessionLossReason::kClosed, reason);
    return true;
  }
  stop_waiting(*session);
  session->closing = true;
  session->stop_dispatching();
  session->begin_wait(server_.loop_.now());
  if (closing_.push_back(*session)) server_.set_timer();
  if (!link.ended()) ++server_.hidden_count_;
  link.end(reason, server_.loop_.now());
  link.stop_waiting();
  if (link.in_session()) link.say_close();
  server_.needs_settling(link);
  return true;
}

MESSI_INLINE void ServerSessions::drain(SessionLink& link) {
  ServerSession* const session = link.its_session();
  if (session != nullptr && !link.in_session()) {
    return server_.end_now(link, DisconnectReason::kDraining);
  }
  server_.take_lanes(link, server_.outbox_of(link));
  if (session != nullptr) link.take_all();
  link.drain();
}

MESSI_INLINE void ServerSessions::handle_close(SessionLink& link, const wire::CloseFrame& frame) {
  ServerSession& session = *link.its_session();
  if (session.given_up) return;
  server_.needs_settling(link);
  if (frame.reply && frame.code == wire::CloseCode::kDrain && link.draining()) {
    if (session.closing) return;  // another CLOSE has followed, and its answer is still to come
    if (!link.closed()) server_.leave(link);
    link.want_ack();
    return;
  }
  if (session.closing) {
    // The answer to ours, or one that has crossed it.
    session.said_last = true;
    session.peer_handled = frame.rx;
    return;
  }
  const std::optional<SessionLossReason> loss = session_ends::loss_of(frame.code);
  if (frame.reply || !loss) return server_.close(link, DisconnectReason::kProtocolError);
  session.given_up = session.said_last = true;
  session.peer_handled = frame.rx;
  session.stop_dispatching();
  stop_waiting(session);
  if (frame.code != wire::CloseCode::kClosed) {
    session.loss = loss;
    return server_.close(link, DisconnectReason::kSessionLost);
  }
  if (!link.ended()) ++server_.hidden_count_;
  link.end(DisconnectReason::kConnectionClosed, server_.loop_.now());
  server_.wait_in(server_.ending_, link);
  link.add_close({wire::CloseCode::kClosed, 0, {}, /*reply=*/true});
}

MESSI_INLINE void ServerSessions::stop_waiting(ServerSession& session) {
  session.stop_waiting();
  if (std::exchange(session.evictable, false)) remove_detached();
}

// ---------------------------------------------------------------------------------------------

MESSI_INLINE bool SessionLink::session_goes_on() const {
  return session_ != nullptr && !session_->closing && server().sessions_->goes_on(*this);
}

MESSI_INLINE wire::Offer SessionLink::its_offer() const {
  wire::Offer offer;
  offer.sessions = server().sessions_->offers_sessions();
  return offer;
}

MESSI_INLINE bool SessionLink::awaits(wire::FrameType type) const {
  const bool may_ask =
      stage == Stage::kOffered || stage == Stage::kSilent || stage == Stage::kProvisional;
  return type == wire::FrameType::kHello && may_ask;
}

MESSI_INLINE void SessionLink::introduced(const wire::Frame& frame) {
  if (closed()) return;
  const std::optional<wire::Hello> hello = wire::read_hello(frame.payload);
  if (!hello) return close(DisconnectReason::kProtocolError);
  was_provisional = stage == Stage::kProvisional;
  introduce(std::make_unique<Introduction>(Introduction{*hello, std::string(hello->tlvs)}));
}

MESSI_INLINE void SessionLink::introduce(std::unique_ptr<Introduction> introduction) {
  introduction_ = std::move(introduction);
  introduction_->hello.tlvs = introduction_->tlvs;
  stage = Stage::kAsking;
  hold(server().options().max_payload_before_accept);
}

MESSI_INLINE void SessionLink::session_closed(const wire::CloseFrame& frame) {
  server().sessions_->handle_close(*this, frame);
}

MESSI_INLINE void SessionLink::welcome(const wire::Welcome& welcome) {
  introduction_.reset();
  if (session_ != nullptr) enter_session();
  add_frame(wire::welcome_size(welcome),
            [&](std::uint8_t* out) { wire::write_welcome(out, welcome); });
  if (session_ != nullptr) add_ack();
  if ((welcome.features & wire::kCallsFeature) != 0) begin_calls(session_ != nullptr);
}

MESSI_INLINE void ServerSession::refused(wire::Accepted why) {
  if (why == wire::Accepted::kYes) return;
  const DisconnectReason reason = session_ends::reason_of(why);
  link_->server().sessions_->lose(*this, *session_ends::loss_of(reason), reason);
}

MESSI_INLINE void ServerSession::flush_link() {
  if (link_->in_session()) link_->flush(/*more=*/true);
}

MESSI_INLINE void ServerSession::await_room(std::size_t frame_size) {
  link_->server().awaited_room_.add(link_->client()->id(), frame_size);
}

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_SESSIONS_IMPL_H_
