#ifndef MESSI_IMPL_CLIENT_SESSIONS_H_
#define MESSI_IMPL_CLIENT_SESSIONS_H_

// What a client does that introduces itself, once it has: with a session, or without one.
// client_introduction.h is what comes before.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/client.h"
#include "messi/impl/calls.h"
#include "messi/impl/client_lanes.h"
#include "messi/impl/observation.h"
#include "messi/impl/session_ends.h"
#include "messi/session/session_loss.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/session_frames.h"

namespace messi {

namespace client_sessions {

/// How a session ends that does not accept a message.
inline ClientSessionEnd end_of(wire::Accepted refused) {
  const DisconnectReason reason = session_ends::reason_of(refused);
  return {reason, session_ends::loss_of(reason)};
}

}  // namespace client_sessions

MESSI_INLINE void ClientSession::write_early_now() {
  if (client_.carried_session() == this) client_.link_->flush(/*more=*/true);
}

inline bool ConnectedLink::handle_call(std::string_view payload) {
  return client_->hear_call(payload);
}

MESSI_INLINE void ClientSession::handle_refused_now() { client_.settle_.schedule(); }

inline void ConnectedLink::handle_session_close(const wire::CloseFrame& frame) {
  remember(frame);
  client_->handle_session_close(frame);
}

MESSI_INLINE bool ClientBase::detached() const {
  return connected() && sessions_ && sessions_->current && !sessions_->current->attached();
}

MESSI_INLINE std::uint64_t ClientBase::unacknowledged() {
  if (!sessions_) return 0;
  if (sessions_->told != nullptr) return sessions_->told->unacknowledged();
  std::uint64_t count = 0;
  for (auto* const session : {sessions_->leaving.get(), sessions_->current.get()}) {
    if (session != nullptr) count += session->unacknowledged();
  }
  return count;
}

MESSI_INLINE std::size_t ClientBase::session_bytes() const {
  if (!sessions_->current) return link_ ? link_->pending_bytes() : 0;
  const std::size_t leaving = sessions_->leaving ? sessions_->leaving->kept_bytes() : 0;
  return leaving + sessions_->current->kept_bytes();
}

MESSI_INLINE bool ClientBase::session_connected() const {
  if (!sessions_->connected || sessions_->closing || sessions_->leaving) return false;
  using State = connection::ClientState;
  for (const State over : {State::kStopped, State::kEnding, State::kRestarting}) {
    if (in_state(over)) return false;
  }
  if (sessions_->current) return sessions_->current->refused() == wire::Accepted::kYes;
  return link_ && !link_->closed();
}

MESSI_INLINE bool ClientBase::has_session_end() const {
  return sessions_ && (sessions_->closing || !sessions_->over.empty());
}

/// What is sent before there is a connection, or between two, waits in a session.
MESSI_INLINE wire::Outbox* ClientBase::open_session_outbox() {
  if (in_state(connection::ClientState::kStopped) || in_state(connection::ClientState::kEnding) ||
      sessions_->closing) {
    return nullptr;
  }
  if (ClientSession* const session = sessions_->current.get()) {
    return session->refused() == wire::Accepted::kYes ? session : nullptr;
  }
  return link_ && link_->introduced() ? link_->outbox() : nullptr;
}

/// The session of the link; null if it has none.
MESSI_INLINE ClientSession* ClientBase::carried_session() {
  if (!link_ || !link_->in_session()) return nullptr;
  return sessions_->leaving ? sessions_->leaving.get() : sessions_->current.get();
}

MESSI_INLINE bool ClientBase::receive(std::string_view payload) {
  if (!link_->introduced()) return true;  // it is not for this client, which nobody knows yet
  ClientSession* const session = carried_session();
  if (session == nullptr) {
    request_.begin(link_->counts() ? link_->count_received() : 0);
    return dispatch(payload);
  }
  if (!session->dispatches()) return true;
  session->handle_dispatched(payload.size());
  if (sessions_->leaving) {
    request_.begin(calls::CurrentRequest::kUnanswerable);  // what is sent is for the next session
  } else {
    request_.begin(link_->knows_calls() ? session->rx() : 0);
  }
  if (dispatch(payload)) return true;
  session->handle_undecodable();
  return false;
}

MESSI_INLINE void ClientBase::settle_with_sessions() {
  if (!link_ || !link_->introduced()) {
    ClientSession* const current = sessions_->current.get();
    if (current != nullptr && current->refused() != wire::Accepted::kYes) {
      const bool promised = link_ && link_->stage() >= ConnectedLink::Stage::kAwaitsWelcome;
      if (promised) link_->close(client_sessions::end_of(current->refused()).reason);
      end_current_session(client_sessions::end_of(current->refused()));
    }
    if (in_state(connection::ClientState::kStopped)) {
      if (sessions_->closing) finish_closing(connection::ClientEvent::kStopNow);
      if (sessions_->current && sessions_->current->matters()) {
        end_current_session({DisconnectReason::kStopped, SessionLossReason::kClosed});
      }
    }
    tell_ends();
  }
  if (!link_) return;
  if (in_state(connection::ClientState::kIntroducing)) return settle_introduction();
  if (link_->resuming()) {
    handle_resumed();
    return settle_.schedule();
  }
  ClientSession* const session = carried_session();
  if (session != nullptr) {
    tend_session(*session);
  } else {
    link_->settle();
  }
  tend_lanes();
  if (link_->over()) return handle_over();
  const bool writable = carried_session() != nullptr ? carried_session()->poll_writable()
                                                     : !link_->closed() && link_->poll_writable();
  if (writable && connected()) in_hook([this] { on_writable(); });
}

/// Writes what was sent and what was dispatched, and brings an end forward.
MESSI_INLINE void ClientBase::tend_session(ClientSession& session) {
  if (!sessions_->end) {
    if (session.refused() != wire::Accepted::kYes) {
      const ClientSessionEnd end = client_sessions::end_of(session.refused());
      lose_session(end, session_ends::code_of(*end.loss));
    } else if (link_->closed()) {
      const DisconnectReason reason = link_->reason();
      if (const auto loss = session_ends::loss_of(reason))
        lose_session({reason, loss}, session_ends::code_of(*loss));
    }
  }
  link_->tend_session(loop_.now());
  // A server that says no more may still read.
  if (link_->closed() && !sessions_->end && session.owes_ack()) link_->say_ack();
  link_->settle();
  if (session.exceeds_limit() && !link_->closed()) {
    lose_session({DisconnectReason::kMessageTooBig, SessionLossReason::kLimit},
                 wire::CloseCode::kLimit);
    link_->settle();
  }
  if (link_->closed()) return;
  const bool leaving = sessions_->leaving != nullptr;
  if ((leaving || sessions_->closing) && !sessions_->close_said && !session.has_more()) {
    sessions_->close_said = true;
    link_->say_close(leaving ? wire::CloseCode::kDrain : wire::CloseCode::kClosed, leaving);
    link_->settle();
  }
  if (sessions_->close_answered) return finish_closing(connection::ClientEvent::kStop);
  if (session.ack_deadline() < sessions_->next_tick) set_timer();
}

/// When the link's timer has to come for the session.
MESSI_INLINE TimePoint ClientBase::session_deadline() {
  ClientSession* const session = carried_session();
  if (session == nullptr) return TimePoint::max();
  // What is due was asked for.
  const TimePoint deadline = session->ack_deadline();
  return deadline > loop_.now() ? deadline : TimePoint::max();
}

/// The server ends the session, or answers that this side does.
MESSI_INLINE void ClientBase::handle_session_close(const wire::CloseFrame& frame) {
  settle_.schedule();
  ClientSession& session = *carried_session();
  if (session.refused() != wire::Accepted::kYes) return;  // that has ended it, a moment before
  const bool ending = sessions_->closing && sessions_->close_said && !sessions_->leaving;
  if (frame.reply) {
    if (!ending) return link_->close(DisconnectReason::kProtocolError);
    sessions_->close_answered = true;
  } else if (frame.code == wire::CloseCode::kDrain) {
    if (sessions_->leaving) return;
    sessions_->leaving = renew_session();
  } else if (const auto loss = session_ends::loss_of(frame.code)) {
    if (frame.code != wire::CloseCode::kClosed) {
      return lose_session({DisconnectReason::kSessionLost, loss, session.acknowledged()},
                          std::nullopt);
    }
    if (ending) {  // the two have crossed
      sessions_->close_answered = true;
      return;
    }
    link_->say_close(frame.code, /*reply=*/true);
    const DisconnectReason reason =
        sessions_->closing ? DisconnectReason::kStopped : DisconnectReason::kConnectionClosed;
    lose_session({reason, loss, session.acknowledged()}, std::nullopt);
  } else {
    link_->close(connection::reason_of(frame.code));
  }
}

/// The session that the link carries cannot go on. `code`: what the server is told.
MESSI_INLINE void ClientBase::lose_session(const ClientSessionEnd& end,
                                           std::optional<wire::CloseCode> code) {
  sessions_->end = end;
  if (code && !sessions_->close_said) link_->say_close(*code);
  sessions_->close_said = true;
  link_->close(end.reason);
}

/// The link is over; returns why, as users see it.
MESSI_INLINE DisconnectReason ClientBase::leave_session(DisconnectReason reason) {
  if (carried_session() != nullptr) {
    link_->leave_session();
    std::optional<ClientSessionEnd> end = std::exchange(sessions_->end, std::nullopt);
    if (sessions_->leaving) {
      reason = DisconnectReason::kDraining;
      sessions_->over.reserve(sessions_->over.size() + 1);
      end_session(std::move(sessions_->leaving), {reason, SessionLossReason::kClosed});
    } else {
      if (!end && session_ends::loss_of(reason)) end = {reason, session_ends::loss_of(reason)};
      if (end) {
        reason = end->reason;
        end_current_session(*end);
      }
    }
  }
  if (sessions_->closing && !(sessions_->current && sessions_->current->matters())) {
    finish_closing(connection::ClientEvent::kStop);
  }
  return reason;
}

/// Calls the hook for the end of a link.
MESSI_INLINE void ClientBase::tell_of_link(DisconnectReason reason) {
  if (!sessions_->over.empty()) return tell_ends();
  if (sessions_->current && sessions_->current->known()) {
    return in_hook([&](Observation& its) { its.detached(its.last(), reason); },
                   [&] { on_detached(reason); });
  }
  if (!sessions_->current) renew_session();
  sessions_->paused = false;
  if (!std::exchange(sessions_->connected, false)) return;
  tell_disconnected(reason);
}

/// From now on what is sent is for another session; returns the one before.
MESSI_INLINE std::unique_ptr<ClientSession> ClientBase::renew_session() {
  if (lanes_ != nullptr && sessions_->current) lanes_->take_all(*sessions_->current);
  if (!wants_session()) return nullptr;
  ++epoch_;
  auto fresh = std::make_unique<ClientSession>(*this, settings_, loop_.buffers());
  return std::exchange(sessions_->current, std::move(fresh));
}

MESSI_INLINE void ClientBase::end_session(std::unique_ptr<ClientSession> session,
                                          const ClientSessionEnd& end) {
  sessions_->paused = false;
  sessions_->over.push_back({std::move(session), end, std::exchange(sessions_->connected, false)});
  settle_.schedule();
}

/// The hooks come later. So a client that is closing, which waits only for this session, has
/// stopped before them.
MESSI_INLINE void ClientBase::end_current_session(const ClientSessionEnd& end) {
  sessions_->over.reserve(sessions_->over.size() + 1);  // first: memory may run out
  end_session(renew_session(), end);
  if (sessions_->closing) finish_closing(connection::ClientEvent::kStop);
}

/// Calls the hooks for sessions that are over.
MESSI_INLINE void ClientBase::tell_ends() {
  const Finally after([this] {  // also if a hook has thrown
    sessions_->told = nullptr;
    if (!sessions_->over.empty()) settle_.schedule();
    if (stopped()) handle_stopped();
  });
  while (!sessions_->over.empty()) {
    ClientSession& session = *sessions_->over.front().session;
    sessions_->told = &session;
    end_calls(session.calls.get(), sessions_->over.front().end.reason);
    const auto reason = std::exchange(sessions_->over.front().end.loss, std::nullopt);
    if (reason && (*reason != SessionLossReason::kClosed || !session.all_acknowledged())) {
      const SessionLoss loss{*reason, session.acknowledged() + 1, session.last_accepted(),
                             sessions_->over.front().end.peer_handled, session.kept()};
      in_hook([&](Observation& its) { its.session_lost(its.last(), loss); },
              [&] { on_session_lost(loss); });
    }
    const Finally told([this] {
      sessions_->told = nullptr;
      sessions_->over.erase(sessions_->over.begin());
    });
    if (!sessions_->over.front().connected) continue;
    const DisconnectReason why = sessions_->over.front().end.reason;
    tell_disconnected(why);
  }
}

/// `close` and `stop`: what was sent shall be handled first.
MESSI_INLINE void ClientBase::begin_closing(Duration linger) {
  ClientSession* const session = sessions_->current.get();
  if (sessions_->closing) {
    sessions_->restarts = false;
    return;
  }
  const bool waits = session != nullptr && (session->matters() || sessions_->leaving);
  const bool up =
      !in_state(connection::ClientState::kStopped) && !in_state(connection::ClientState::kEnding);
  if (!up || !waits || linger <= Duration::zero()) {
    if (linger <= Duration::zero()) return stop_now();
    return finish_closing(connection::ClientEvent::kStop);
  }
  sessions_->closing = true;
  sessions_->close_timer.set(deadline_after(loop_.now(), linger));
  if (session->known()) session->stop_dispatching();
  if (sessions_->leaving) sessions_->leaving->stop_dispatching();
  settle_.schedule();
}

/// Nothing is waited for any more. `how`: kStop or kStopNow.
MESSI_INLINE void ClientBase::finish_closing(connection::ClientEvent how) {
  sessions_->closing = false;
  sessions_->close_timer.cancel();
  if (ClientSession* const session = carried_session(); session != nullptr && !sessions_->leaving) {
    const bool done = how == connection::ClientEvent::kStop;
    if (!done && !link_->closed() && !sessions_->close_said) {
      link_->say_close(wire::CloseCode::kClosed);
    }
    link_->leave_session();
    ClientSessionEnd end{DisconnectReason::kStopped, SessionLossReason::kClosed};
    if (done) end.peer_handled = session->acknowledged();
    end_current_session(std::exchange(sessions_->end, std::nullopt).value_or(end));
  }
  handle_event(how);
  if (!link_ && sessions_->current && sessions_->current->matters()) {
    end_current_session({DisconnectReason::kStopped, SessionLossReason::kClosed});
  }
  if (std::exchange(sessions_->restarts, false)) handle_event(connection::ClientEvent::kStart);
}

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_SESSIONS_H_
