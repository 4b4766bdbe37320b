#ifndef MESSI_IMPL_CLIENT_INTRODUCTION_H_
#define MESSI_IMPL_CLIENT_INTRODUCTION_H_

// How a client and a server get to know each other: from the server's offer to a session, or to a
// connection without one.

#include <cstdint>
#include <string>
#include <string_view>

#include "messi/base/status.h"
#include "messi/client.h"
#include "messi/impl/calls.h"
#include "messi/impl/session_ends.h"
#include "messi/session/schema_mismatch.h"
#include "messi/session/schema_tlvs.h"
#include "messi/session/session_loss.h"
#include "messi/wire/session_frames.h"

namespace messi {

namespace client_sessions {

/// What `on_connect_failure` gets for the end of a connection whose client was not welcomed.
inline StatusCode status_of(DisconnectReason reason) {
  switch (reason) {
    case DisconnectReason::kUnauthenticated:
      return StatusCode::kUnauthenticated;
    case DisconnectReason::kRefused:
      return StatusCode::kPermissionDenied;
    case DisconnectReason::kSchemaMismatch:
      return StatusCode::kFailedPrecondition;
    default:
      return StatusCode::kUnavailable;
  }
}

}  // namespace client_sessions

MESSI_INLINE void ClientBase::settle_introduction() {
  using Stage = ConnectedLink::Stage;
  if (!link_->over()) {
    if (link_->stage() == Stage::kAwaitsOffer && link_->silent_server()) {
      return go_without_session();
    }
    if (link_->stage() == Stage::kWelcomed) return handle_welcome(link_->welcome());
    if (link_->stage() == Stage::kOffered) {
      answer_offer();
      if (!in_state(connection::ClientState::kIntroducing)) return;
    }
    if (link_->resuming()) {
      handle_resumed();
      return settle_.schedule();
    }
  }
  link_->settle();
  if (!link_->over()) return;
  std::string why(to_string(link_->reason()));
  if (!link_->hint().empty()) why.append(" ").append(link_->hint());
  fail_introduction(client_sessions::status_of(link_->reason()), why);
}

MESSI_INLINE void ClientBase::answer_offer() {
  const wire::Offer& offer = link_->server_offer();
  if (offer.min_version > wire::kSessionVersion || offer.max_version < wire::kSessionVersion) {
    return go_without_session();
  }
  const bool session = wants_session() && offer.sessions;
  if (!session && options_.session == SessionMode::kRequired) return go_without_session();
  wire::Hello hello;
  hello.attempt = ++sessions_->attempt;
  hello.max_payload = static_cast<std::uint32_t>(settings_.max_payload_size);
  if (has_calls()) hello.features = wire::kCallsFeature;
  if (session) {
    hello.retain = static_cast<std::uint32_t>(settings_.max_pending_bytes);
    sessions_->current->introduce(hello);
  } else {
    hello.no_session = true;
  }
  std::string tlvs;
  if (!options_.auth_token.empty()) {
    wire::append_tlv(tlvs, wire::kAuthTokenTlv, options_.auth_token);
  }
  session::append_schema(tlvs, protocol_schema(), wire::kMostTlvs - tlvs.size());
  hello.tlvs = tlvs;
  link_->say_hello(hello);
}

MESSI_INLINE void ClientBase::fail_introduction(StatusCode code, std::string_view why) {
  hint_ = link_->hint();
  if (!link_->proved()) addresses_.failed(link_->peer().address);
  const Status error(code, uri() + ": " + std::string(why));
  handle_event(connection::ClientEvent::kLost,
               {link_->retry_after(), DisconnectReason::kConnectionClosed, &error});
}

MESSI_INLINE void ClientBase::handle_welcome(const wire::Welcome& welcome) {
  session::PeerSchema schema;
  const auto read = [&](std::uint16_t type, std::string_view /*value*/) {
    return session::read_schema_tlv(type, wire::find_tlv(welcome.tlvs, type), schema);
  };
  if (welcome.version != wire::kSessionVersion || !wire::for_each_tlv(welcome.tlvs, read)) {
    link_->close(DisconnectReason::kProtocolError);
    return settle_.schedule();
  }
  if (!accepts_schema(schema)) return;
  sessions_->peer_knows_calls = has_calls() && (welcome.features & wire::kCallsFeature) != 0;
  if (wants_session() && link_->server_offer().sessions) return begin_session(welcome);
  go_without_session();
}

/// False if the attempt has failed, or the client was stopped.
MESSI_INLINE bool ClientBase::accepts_schema(const session::PeerSchema& schema) {
  const auto mismatch = session::find_mismatch(protocol_schema(), schema, session::Peer::kServer);
  if (!mismatch) return true;
  bool accepted = false;
  in_hook([&] { accepted = on_schema_mismatch(*mismatch); });
  if (!in_state(connection::ClientState::kIntroducing)) return false;
  if (!accepted) fail_introduction(StatusCode::kFailedPrecondition, mismatch->text());
  return accepted;
}

/// The server has no sessions, or this client does not want one.
MESSI_INLINE void ClientBase::go_without_session() {
  if (options_.session == SessionMode::kRequired) {
    return fail_introduction(StatusCode::kFailedPrecondition, "the server offers no sessions");
  }
  if (sessions_->current && sessions_->current->known()) {
    end_current_session({DisconnectReason::kSessionLost, SessionLossReason::kDowngraded});
    tell_ends();
    if (!in_state(connection::ClientState::kIntroducing)) return;
  }
  if (sessions_->current && sessions_->current->refused() != wire::Accepted::kYes) {
    return settle_.schedule();
  }
  const bool knows_calls =
      link_->stage() == ConnectedLink::Stage::kWelcomed && sessions_->peer_knows_calls;
  sessions_->peer_knows_calls = knows_calls;
  link_->go_without_session(sessions_->current.get(), knows_calls);
  if (sessions_->current && sessions_->current->calls)
    calls_ = std::move(sessions_->current->calls);
  sessions_->current.reset();
  if (calls_) calls_->set_numbered(knows_calls);
  sessions_->connected = true;
  const bool closing = sessions_->closing;
  handle_event(connection::ClientEvent::kWelcomed);
  if (closing && sessions_->closing) finish_closing(connection::ClientEvent::kStop);
}

MESSI_INLINE void ClientBase::begin_session(const wire::Welcome& welcome) {
  const session::PeerState peer{welcome.rx, welcome.retain, welcome.max_payload};
  const auto refuse = [this] {
    link_->close(DisconnectReason::kProtocolError);
    settle_.schedule();
  };
  if (welcome.resumed) {
    ClientSession& session = *sessions_->current;
    if (!session.is(welcome.id)) return refuse();
    const std::uint64_t written = session.written();
    if (!session.attach(peer)) {
      refuse();
      return end_current_session({DisconnectReason::kProtocolError, SessionLossReason::kProtocol});
    }
    sessions_->replayed = written - peer.rx;
  } else {
    if (peer.rx != 0) return refuse();
    if (sessions_->current->known()) {
      const auto reason = session_ends::loss_of(static_cast<wire::CloseCode>(welcome.reason));
      ClientSessionEnd end{
          sessions_->closing ? DisconnectReason::kStopped : DisconnectReason::kSessionLost,
          reason.value_or(SessionLossReason::kUnknown)};
      if (welcome.prev_rx && sessions_->current->handle_last_rx(*welcome.prev_rx)) {
        end.peer_handled = welcome.prev_rx;
      }
      end_current_session(end);
      tell_ends();
      if (!in_state(connection::ClientState::kIntroducing)) return;
      if (sessions_->current->refused() != wire::Accepted::kYes) return settle_.schedule();
    }
    if (!sessions_->current->begin(link_->welcome())) return refuse();
    sessions_->current->attach(peer);
  }
  if (sessions_->closing) sessions_->current->stop_dispatching();
  link_->carry(*sessions_->current);
  if (sessions_->peer_knows_calls) link_->begin_calls(/*in_session=*/true);
  if (own_calls()) own_calls()->set_numbered(sessions_->peer_knows_calls);
  if (!sessions_->paused) link_->resume();
  sessions_->resumed = link_->welcome().resumed;
  sessions_->connected = true;
  sessions_->close_said = sessions_->close_answered = false;
  handle_event(connection::ClientEvent::kWelcomed);
}

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_INTRODUCTION_H_
