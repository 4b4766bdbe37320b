#ifndef MESSI_IMPL_INTRODUCTIONS_H_
#define MESSI_IMPL_INTRODUCTIONS_H_

// The definitions for server_sessions.h that are about a new link: who is it, and what does it get?
// It resumes a session, begins one, or has none. server_sessions_impl.h has what comes then.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/finally.h"
#include "messi/base/make_room.h"
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
#include "messi/impl/shards.h"
#include "messi/impl/tombstones.h"
#include "messi/io/ended_stream.h"
#include "messi/io/event_loop.h"
#include "messi/io/stream.h"
#include "messi/server.h"
#include "messi/server_client.h"
#include "messi/session/schema_mismatch.h"
#include "messi/session/schema_tlvs.h"
#include "messi/session/session_loss.h"
#include "messi/session/session_mode.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/session_frames.h"

namespace messi {

/// Who a client is, if the user does not say it.
inline std::string usual_principal(const PeerInfo& peer) {
  if (peer.certificate != nullptr) {
    const auto& digest = peer.certificate->sha256;
    return "certificate " + std::string(digest.begin(), digest.end());
  }
  return peer.credentials ? "uid " + std::to_string(peer.credentials->user) : "";
}

MESSI_INLINE std::unique_ptr<SessionLink> ServerSessions::make_link(std::unique_ptr<Stream> stream,
                                                                    TimePoint now) {
  return std::make_unique<SessionLink>(server_.settings_, server_.loop_.buffers(),
                                       std::move(stream), now, Stage::kOffered);
}

MESSI_INLINE void ServerSessions::offer(SessionLink& link) {
  link.hold(server_.options_.max_payload_before_accept);
  link.want_offer();
  server_.needs_settling(link);
  server_.wait_in(offered_, link);
}

MESSI_INLINE bool ServerSessions::decide(SessionLink& link) {
  if (link.closed()) return false;
  const bool has_sent = link.held() && link.paused();
  const bool asks = link.stage == Stage::kAsking || link.stage == Stage::kIntroduced;
  const bool speaks_early = asks && has_sent && !link.accepted();
  const bool is_due = link.stage == Stage::kSilent || (link.stage == Stage::kOffered && has_sent) ||
                      may_answer(link);
  if (!speaks_early && !is_due) return false;
  const Finally then([&] { server_.needs_settling(link); });
  if (speaks_early) {
    server_.close(link, DisconnectReason::kProtocolError);
  } else if (link.stage == Stage::kAsking) {
    introduce(link);
  } else if (server_.options_.session == SessionMode::kRequired) {
    refuse(link, wire::CloseCode::kRefused, DisconnectReason::kRefused, kNoSession);
  } else {
    link.stage = has_sent ? Stage::kPlain : Stage::kProvisional;
    link.touch(server_.loop_.now());
    server_.arrive(link);
  }
  return true;
}

/// What a provisional client was sent has no numbers, so it is written before the answer. A link
/// moves to another loop when nothing is left to be written.
MESSI_INLINE bool ServerSessions::may_answer(const SessionLink& link) const {
  if (link.stage != Stage::kAsking || link.pending_bytes() > 0) return false;
  return !link.has_output() || !elsewhere(link);
}

MESSI_INLINE void ServerSessions::introduce(SessionLink& link) {
  const wire::Hello& hello = link.hello();
  if (link.draining()) return server_.end_now(link, DisconnectReason::kDraining);
  if (hello.version != wire::kSessionVersion) {
    return refuse(link, wire::CloseCode::kVersion, DisconnectReason::kProtocolError);
  }
  if (hello.no_session && server_.options_.session == SessionMode::kRequired) {
    return refuse(link, wire::CloseCode::kRefused, DisconnectReason::kRefused, kNoSession);
  }
  if (link.was_provisional) begin_client(link);
  if (link.closed()) return;  // a hook has ended it
  if (const auto index = elsewhere(link); index && hand_over(link, *index)) return;
  if (!fits(link)) return;
  link.stage = Stage::kIntroduced;
  link.touch(server_.loop_.now());
  server_.arrive(link);
}

/// Whether the client's schema is well-formed, and one that the user accepts.
MESSI_INLINE bool ServerSessions::fits(SessionLink& link) {
  session::PeerSchema schema;
  const std::string_view tlvs = link.hello().tlvs;
  if (!wire::for_each_tlv(tlvs, [&](std::uint16_t type, std::string_view /*value*/) {
        // Of several ones of a type the first counts.
        return session::read_schema_tlv(type, wire::find_tlv(tlvs, type), schema);
      })) {
    server_.close(link, DisconnectReason::kProtocolError);
    return false;
  }
  const std::optional<SchemaMismatch> mismatch =
      session::find_mismatch(server_.protocol_schema(), schema, session::Peer::kClient);
  if (!mismatch) return true;
  bool accepted = true;
  server_.in_hook_of(link, [&] { accepted = server_.accepts_schema(*link.client(), *mismatch); });
  if (link.closed()) return false;
  if (!accepted) {
    refuse(link, wire::CloseCode::kSchema, DisconnectReason::kSchemaMismatch, mismatch->text());
  }
  return accepted;
}

MESSI_INLINE void ServerSessions::refuse(SessionLink& link, wire::CloseCode code,
                                         DisconnectReason reason, std::string_view text) {
  link.tell({code, 0, connection::cut_text(text, wire::kMostCloseText)});
  server_.close(link, reason);
}

/// For a client that has lost its link.
MESSI_INLINE std::unique_ptr<SessionLink> ServerSessions::make_ended_link(const SessionLink& link) {
  PeerInfo peer = link.peer();
  peer.origin.clear();  // it is not connected from there any more
  auto ended = make_link(std::make_unique<EndedStream>(std::move(peer)), server_.loop_.now());
  if (link.accepted()) ended->accept();
  if (link.greeted()) ended->greet();
  ended->stage = Stage::kPlain;
  return ended;
}

/// Another client begins on the link. The one before is disconnected.
MESSI_INLINE void ServerSessions::begin_client(SessionLink& link) {
  std::unique_ptr<SessionLink> made = make_ended_link(link);
  SessionLink& ended = *made;
  make_room(server_.unsettled_, server_.table_.size() + 1);
  make_room(server_.settling_, server_.table_.size() + 1);
  const std::uint64_t id = server_.next_id();
  std::unique_ptr<ServerClient> client =
      server_.make_client(ServerClient::Init(std::move(made), id, server_.loop_.now()));
  ServerClient& before = *link.client();
  ServerClient& now = *client;
  server_.table_.add(id, std::move(client));
  server_.admission_->enter({});
  ++server_.hidden_count_;
  std::swap(before.link_, now.link_);
  ended.set_client(before);
  link.set_client(now);
  link.forget_acceptance();
  link.was_provisional = false;
  ended.close(DisconnectReason::kReplaced);
  server_.handle_over(ended);
}

// ---------------------------------------------------------------------------------------------
// The answer

MESSI_INLINE void ServerSessions::accept(SessionLink& link, std::string_view given) {
  if (link.stage == Stage::kIntroduced && link.draining()) {
    return server_.end_now(link, DisconnectReason::kDraining);
  }
  link.accept();
  --server_.hidden_count_;
  server_.publish_size();
  server_.needs_settling(link);
  if (link.stage != Stage::kIntroduced) return make_place();
  bool answered = false;
  const Finally unless_answered([&] {  // if memory has run out
    if (!answered) server_.close(link, DisconnectReason::kGeneralError);
  });
  wire::Welcome welcome;
  welcome.max_payload = static_cast<std::uint32_t>(server_.settings_.max_payload_size);
  if (server_.has_calls()) welcome.features = link.hello().features & wire::kCallsFeature;
  if (link.hello().no_session || !offers_sessions()) {
    link.stage = Stage::kPlain;
    make_place();
    this->welcome(link, welcome);
    answered = true;
    return;
  }
  using Milliseconds = std::chrono::duration<std::int64_t, std::milli>;
  const auto window = std::chrono::duration_cast<Milliseconds>(server_.options_.session_timeout);
  welcome.resume_window_ms =
      static_cast<std::uint32_t>(std::min<std::int64_t>(window.count(), UINT32_MAX));
  welcome.retain = static_cast<std::uint32_t>(server_.settings_.max_pending_bytes);
  const std::string principal =
      given.empty() ? usual_principal(link.peer()) : "principal " + std::string(given);
  if (!link.hello().resume || !resume(link, principal, welcome)) begin(link, principal, welcome);
  answered = true;
}

/// False if a new session must begin.
MESSI_INLINE bool ServerSessions::resume(SessionLink& link, std::string_view principal,
                                         wire::Welcome& welcome) {
  const wire::Hello& hello = link.hello();
  const auto is_lost = [&welcome](SessionLossReason why, std::optional<std::uint64_t> rx) {
    welcome.reason = static_cast<std::uint8_t>(why);
    welcome.prev_rx = rx;
    return false;
  };
  const auto found = sessions_.find(hello.id);
  if (found == sessions_.end()) {
    const Tombstones::Stone* const stone = tombstones_.find(hello.id, server_.loop_.now());
    const bool same = stone != nullptr && same_secret(stone->secret, hello.secret) &&
                      stone->principal == principal;
    if (!same) return is_lost(SessionLossReason::kUnknown, std::nullopt);
    return is_lost(stone->reason, stone->rx);
  }
  ServerSession& session = *found->second;
  if (!session.belongs_to(hello.secret, principal)) {
    return is_lost(SessionLossReason::kUnknown, std::nullopt);
  }
  if (hello.attempt <= session.attempt) {
    // The client has given up this attempt.
    refuse(link, wire::CloseCode::kStale, DisconnectReason::kReplaced);
    return true;
  }
  SessionLink& old = session.link();
  if (old.in_session()) old.leave_session();
  const bool over = old.closed() && !goes_on(old);
  if (!over && !session.attach({hello.rx, hello.retain, hello.max_payload})) {
    lose(session, SessionLossReason::kProtocol, DisconnectReason::kProtocolError);
  }
  if (over) server_.end_now(old, old.reason());
  if (over || session.loss) return is_lost(loss_of(old), session.rx());
  session.attempt = hello.attempt;
  session.replayed = session.written() - hello.rx;
  move(session, link);
  welcome.resumed = true;
  welcome.rx = session.rx();
  welcome.id = session.id();
  welcome.secret = session.secret();
  this->welcome(link, welcome);
  if (session.closing) {
    link.end(old.reason(), server_.loop_.now());
    link.say_close();
  }
  return true;
}

/// The session's client gets the link, and the one that has arrived with it gets the old link,
/// from which nothing more is read. Both dissolve.
MESSI_INLINE void ServerSessions::move(ServerSession& session, SessionLink& link) {
  SessionLink& old = session.link();
  if (!session.closing) stop_waiting(session);
  old.close(DisconnectReason::kReplaced);
  old.abort();
  old.superseded = true;
  server_.needs_settling(old);
  if (!session.told_detached) link.took_over = old.took_over.value_or(old.reason());
  link.pause_when_greeted = old.pause_when_greeted || (old.greeted() && old.stays_paused());
  link.fall_behind_as(old);
  ++server_.hidden_count_;
  std::swap(old.client()->link_, link.client()->link_);
  ServerClient& arrived = *link.client();
  link.set_client(*old.client());
  old.set_client(arrived);
  link.give_session(old.take_session());
}

MESSI_INLINE void ServerSessions::begin(SessionLink& link, std::string_view principal,
                                        wire::Welcome& welcome) {
  const wire::Hello& hello = link.hello();
  for (wire::Token* const token : {&welcome.id, &welcome.secret}) {
    server_.loop_.fill_secret({reinterpret_cast<char*>(token->data()), token->size()});
  }
  if (server_.shard_ != nullptr) welcome.id[0] = static_cast<std::uint8_t>(server_.shard_->index);
  auto session =
      std::make_unique<ServerSession>(server_.settings_, server_.loop_.buffers(), welcome.id,
                                      welcome.secret, std::string(principal));
  session->attempt = hello.attempt;
  session->knows_calls = welcome.features != 0;
  session->attach({0, hello.retain, hello.max_payload});
  sessions_.emplace(welcome.id, session.get());
  make_place();
  link.give_session(std::move(session));
  this->welcome(link, welcome);
}

MESSI_INLINE void ServerSessions::welcome(SessionLink& link, wire::Welcome& welcome) {
  if (schema_tlvs_.empty()) {
    std::string tlvs;  // whole, or not at all if memory runs out
    session::append_schema(tlvs, server_.protocol_schema(), wire::kMostTlvs);
    schema_tlvs_ = std::move(tlvs);
  }
  welcome.tlvs = schema_tlvs_;
  link.welcome(welcome);
}

/// A client more was accepted. Those that wait for that may be anybody, and need no place yet.
MESSI_INLINE void ServerSessions::make_place() {
  if (server_.clients_of_all() <= server_.options_.max_clients) return;
  if (detached_count_ == 0) return server_.make_place_elsewhere();
  ServerSession& first = unconfirmed_.empty() ? *detached_.first() : *unconfirmed_.first();
  lose(first, SessionLossReason::kEvicted, DisconnectReason::kSessionLost);
}

MESSI_INLINE void ServerSessions::greet(SessionLink& link) {
  if (std::exchange(link.pause_when_greeted, false)) server_.pause(link);
  ServerClient& client = *link.client();
  ServerSession* const session = link.its_session();
  if (session == nullptr || !std::exchange(session->told_connected, true)) {
    return server_.tell_connected(client);
  }
  if (link.took_over) {
    session->told_detached = true;
    tell_detached(client, *std::exchange(link.took_over, std::nullopt));
    if (link.closed()) return;
  }
  session->told_detached = false;
  observed(
      server_.observation_.get(),
      [&](Observation& its) { its.resumed(client.id(), session->replayed); },
      [&] { server_.client_resumed(client, session->replayed); });
}

}  // namespace messi

#endif  // MESSI_IMPL_INTRODUCTIONS_H_
