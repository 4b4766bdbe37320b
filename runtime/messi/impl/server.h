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

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/base/token_rate.h"
#include "messi/impl/admission.h"
#include "messi/impl/calls.h"
#include "messi/impl/observation.h"
#include "messi/impl/server_lanes.h"
#include "messi/impl/server_session.h"
#include "messi/impl/server_sessions.h"
#include "messi/impl/session_link.h"
#include "messi/impl/shards.h"
#include "messi/impl/to_user.h"
#include "messi/io/networks.h"
#include "messi/server.h"

namespace messi {

// The original's client gives up a server whose pong takes 2 s.
inline constexpr Duration kPongWhilePaused = std::chrono::seconds(1);

// What piles up while a client, the network or this process is held up, a client that pings ten
// times a second.
inline constexpr Duration kSavedPings = std::chrono::seconds(10);
inline constexpr Duration kSavedAccepts = std::chrono::seconds(1);

/// What is wrong with the options; "" if nothing is.
inline std::string find_contradiction(const ServerOptions& options) {
  if (options.client_timeout <= Duration::zero()) return "client_timeout must be more than zero";
  if (options.max_payload_size == 0) return "max_payload_size must be more than zero";
  if (options.linger < Duration::zero()) return "linger must not be less than zero";
  if (options.max_decode_depth <= 0) return "max_decode_depth must be more than zero";
  if (options.frame_timeout <= Duration::zero()) return "frame_timeout must be more than zero";
  if (options.max_pings_per_second == 0) return "max_pings_per_second must be more than zero";
  if (options.max_open_calls == 0) return "max_open_calls must be more than zero";
  if (options.max_clients_per_address == 0) return "max_clients_per_address must be more than zero";
  if (options.max_total_pending_bytes == 0) return "max_total_pending_bytes must be more than zero";
  if (options.max_accepts_per_second == 0) return "max_accepts_per_second must be more than zero";
  if (options.authentication_timeout <= Duration::zero()) {
    return "authentication_timeout must be more than zero";
  }
  if (options.offer_wait < Duration::zero()) return "offer_wait must not be less than zero";
  if (options.offer_wait == Duration::zero() && options.session == SessionMode::kRequired) {
    return "offer_wait must be more than zero if a session is required";
  }
  if (options.session_timeout < Duration::zero()) {
    return "session_timeout must not be less than zero";
  }
  return "";
}

/// Whom the options let in.
MESSI_INLINE std::shared_ptr<Admission> ServerBase::make_admission(const ServerOptions& options) {
  return std::make_shared<Admission>(
      options.max_clients, options.max_clients_per_address,
      TokenRate::per_second(options.max_accepts_per_second, kSavedAccepts));
}

inline bool asks_clients(const ServerOptions& options) {
  return options.handshake || options.session != SessionMode::kOff;
}

MESSI_INLINE ServerBase::ServerBase(EventLoop& loop, std::string uri, ServerOptions options)
    : loop_(loop),
      uri_(std::move(uri)),
      options_(options),
      settings_(*this, connection::Side::kServer, options_.max_payload_size,
                options_.max_pending_bytes,
                connection::KeepaliveSettings{
                    Duration::zero(), options_.client_timeout,
                    TokenRate::per_second(options_.max_pings_per_second, kSavedPings)},
                options_.frame_timeout, options_.max_total_pending_bytes),
      observation_(Observation::wanted_by(options_, loop, settings_)),
      settle_(loop, Observation::settling(observation_.get(), [this] { settle(); })),
      timer_(loop, [this] { handle_timer(); }),
      admission_(make_admission(options_)),
      slow_readers_(settings_, loop.buffers()),
      silence_(options_.client_timeout),
      paused_(kPongWhilePaused),
      ending_(options_.linger),
      arriving_(options_.authentication_timeout),
      shared_(settings_, loop.buffers()),
      sessions_(asks_clients(options_) ? std::make_unique<ServerSessions>(*this) : nullptr) {}

MESSI_INLINE ServerBase::~ServerBase() {
  assert(!in_hook_ && "a server must not be destroyed by one of its own hooks");
  leave_shards();
}

MESSI_INLINE UserStatus ServerBase::start() {
  if (listener_ != nullptr) return UserStatus();
  if (const std::string wrong = find_contradiction(options_); !wrong.empty()) {
    return to_user({StatusCode::kInvalidArgument, uri_ + ": " + wrong});
  }
  ListenOptions how{options_.socket, options_.unix_mode};
  if (shard_ != nullptr) {
    how.distribution = shard_->all->distribution();
    how.seat = shard_->index;
  }
  Result<std::unique_ptr<Listener>> listener = loop_.networks().listen(uri_, how, *this);
  if (!listener.ok()) return to_user(listener.status());
  listener_ = *std::move(listener);
  return UserStatus();
}

MESSI_INLINE void ServerBase::stop() {
  listener_.reset();
  drain_half_ = drain_end_ = TimePoint::max();
  table_.for_each([this](ServerClient& client) { end(*client.link_, DisconnectReason::kStopped); });
  set_timer();
}

MESSI_INLINE void ServerBase::stop_now() {
  listener_.reset();
  table_.for_each(
      [this](ServerClient& client) { give_up(*client.link_, DisconnectReason::kStopped); });
  set_timer();
}

MESSI_INLINE void ServerBase::drain(Duration deadline) {
  listener_.reset();
  drain_half_ = deadline_after(loop_.now(), deadline / 2);
  drain_end_ = deadline_after(loop_.now(), deadline);
  table_.for_each([this](ServerClient& client) {
    AcceptedLink& link = *client.link_;
    if (sessions_ != nullptr) {
      sessions_->drain(static_cast<SessionLink&>(link));
    } else {
      link.drain();
    }
    needs_settling(link);
  });
  set_timer();
}

MESSI_INLINE ServerSession* ServerBase::session_of(const AcceptedLink& link) const {
  return sessions_ == nullptr ? nullptr : static_cast<const SessionLink&>(link).its_session();
}

/// Null if its client is not connected.
MESSI_INLINE wire::Outbox* ServerBase::outbox_of(AcceptedLink& link) {
  ServerSession* const session = session_of(link);
  if (session == nullptr) return link.outbox();
  return link.closed() && !link.goes_on() ? nullptr : session;
}

MESSI_INLINE bool ServerBase::is_low(const AcceptedLink& link) const {
  const ServerSession* const session = session_of(link);
  return session == nullptr ? link.is_low() : !session->is_high();
}

MESSI_INLINE bool ServerBase::poll_writable(AcceptedLink& link) {
  ServerSession* const session = session_of(link);
  return session == nullptr ? link.poll_writable() : session->poll_writable();
}

MESSI_INLINE std::size_t ServerBase::kept_bytes(const AcceptedLink& link) const {
  const ServerSession* const session = session_of(link);
  return session == nullptr ? link.pending_bytes() : session->counted_bytes();
}

MESSI_INLINE std::size_t ServerBase::pending_bytes(const AcceptedLink& link) {
  const std::size_t pending = kept_bytes(link);
  if (!link.behind()) return pending;
  const SlowReaders::Row* const row = slow_readers_.find(link.client()->id());
  return pending + (row != nullptr ? row->latest.size() : 0);
}

MESSI_INLINE void ServerBase::handle_readable(AcceptedLink& link) {
  const Finally after([&] {
    current_ = nullptr;
    if (link.needs_attention() || sessions_ != nullptr) needs_settling(link);
  });
  Space scratch = loop_.scratch();
  if (link.held()) scratch.size = std::min(scratch.size, wire::BufferPool::kSmall);
  bool heard = false;
  in_hook_of(link, [&] {
    if (sessions_ != nullptr) {
      auto& its_link = static_cast<SessionLink&>(link);
      ServerSession* const session = its_link.its_session();
      heard = link.read(scratch, loop_.now(), [&, session](std::string_view payload) {
        return dispatch_introduced(its_link, session, payload);
      });
    } else {
      heard = link.read(scratch, loop_.now(),
                        [&](std::string_view payload) { return dispatch_from(link, payload); });
    }
  });
  if (heard && link.flows()) {
    silence_.push_back(link);
  } else if (link.held() && link.paused()) {
    wait_for_resume(link);
  } else if (link.peer_ended() && !link.closed()) {
    leave(link);
  }
}

MESSI_INLINE bool ServerBase::dispatch_from(AcceptedLink& link, std::string_view payload) {
  current_ = link.client();
  return dispatch(*current_, payload);
}

/// What a message counts is counted before. `session` is null if the link has none.
MESSI_INLINE bool ServerBase::dispatch_introduced(SessionLink& link, ServerSession* session,
                                                  std::string_view payload) {
  if (session == nullptr) {
    link.handle_message();
    request_.begin(link.counts() ? link.count_received() : 0);
    return dispatch_from(link, payload);
  }
  session->handle_dispatched(payload.size());
  request_.begin(link.knows_calls() ? session->rx() : 0);
  if (dispatch_from(link, payload)) return true;
  session->handle_undecodable();
  return false;
}

template <typename Hook>
void ServerBase::in_hook_of(AcceptedLink& link, Hook&& hook) {
  bool threw = true;
  const Finally guard([&] {
    if (threw) close(link, DisconnectReason::kGeneralError, Hint::kHookThrew);
  });
  in_hook(hook);
  threw = false;
}

template <typename Note, typename Hook>
void ServerBase::in_hook(Note&& note, Hook&& hook) {
  in_hook([&] { observed(observation_.get(), note, hook); });
}

template <typename Note, typename Hook>
void ServerBase::in_hook_of(AcceptedLink& link, Note&& note, Hook&& hook) {
  in_hook_of(link, [&] { observed(observation_.get(), note, hook); });
}

MESSI_INLINE void ServerBase::close(AcceptedLink& link, DisconnectReason reason, Hint hint) {
  link.close(reason, hint);
  needs_settling(link);
}

MESSI_INLINE void ServerBase::end(AcceptedLink& link, DisconnectReason reason) {
  if (!link.hears() && session_of(link) == nullptr) return;
  take_lanes(link, outbox_of(link));
  if (link.behind() && !link.closed()) catch_up(link, settings_.kMaxPendingBytes);
  if (sessions_ != nullptr && sessions_->end(static_cast<SessionLink&>(link), reason)) return;
  if (link.accepted() && !link.ended()) ++hidden_count_;
  link.end(reason, loop_.now());
  wait_in(ending_, link);
  needs_settling(link);
}

/// The client has said all it wants to, or does not know that it should. What it says is handled.
MESSI_INLINE void ServerBase::leave(AcceptedLink& link) {
  if (link.closed()) return;
  take_lanes(link, outbox_of(link));
  if (link.behind()) catch_up(link, settings_.kMaxPendingBytes);
  if (link.accepted()) ++hidden_count_;
  link.leave(DisconnectReason::kDraining);
  if (link.peer_ended()) link.stop_waiting();
  needs_settling(link);
}

MESSI_INLINE void ServerBase::end_now(AcceptedLink& link, DisconnectReason reason) {
  link.stop_waiting();
  if (link.over()) return;
  link.close(reason);
  link.abort();
  needs_settling(link);
}

/// The user does not want to wait for it, nor for its session.
MESSI_INLINE void ServerBase::give_up(AcceptedLink& link, DisconnectReason reason) {
  if (ServerSession* const session = session_of(link)) {
    sessions_->lose(*session, SessionLossReason::kClosed, reason);
  } else {
    end_now(link, reason);
  }
}

MESSI_INLINE void ServerBase::pause(AcceptedLink& link) {
  // One that does not hear any more may have a session that goes on.
  if (!link.greeted() || !link.hears()) return pause_when_greeted(link, true);
  const bool begins = !link.paused();
  link.pause();
  if (begins && !is_detached(link)) wait_for_resume(link);
}

MESSI_INLINE void ServerBase::wait_for_resume(AcceptedLink& link) {
  link.touch(loop_.now());
  wait_in(paused_, link);
}

MESSI_INLINE void ServerBase::resume(AcceptedLink& link) {
  pause_when_greeted(link, false);
  if (!link.greeted()) return;
  if (is_detached(link)) {
    const auto nothing = [](std::string_view /*payload*/) { return true; };
    if (link.paused()) link.handle_resumed(loop_.now(), nothing);
    return;
  }
  link.resume();
  if (link.resuming()) needs_settling(link);
}

/// The client may have been connected before, in a session.
MESSI_INLINE void ServerBase::pause_when_greeted(AcceptedLink& link, bool pauses) {
  const ServerSession* const session = session_of(link);
  if (session == nullptr || !session->told_connected) return;
  static_cast<SessionLink&>(link).pause_when_greeted = pauses;
}

MESSI_INLINE bool ServerBase::is_paused(const AcceptedLink& link) const {
  if (link.greeted() && link.stays_paused()) return true;
  return session_of(link) != nullptr && static_cast<const SessionLink&>(link).pause_when_greeted;
}

MESSI_INLINE void ServerBase::wait_in(DeadlineQueue<AcceptedLink>& queue, AcceptedLink& link) {
  if (queue.push_back(link)) set_timer();
}

MESSI_INLINE void ServerBase::needs_settling(AcceptedLink& link) {
  if (link.unsettled()) return;
  link.set_unsettled(true);
  unsettled_.push_back(&link);
  settle_.schedule();
}

MESSI_INLINE void ServerBase::settle() {
  // What hooks add meanwhile waits for the next turn.
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
  if (lanes_ != nullptr) lanes_->go_on();
  if (awaited_room_.size() > 0) tell_of_room();
}

/// Those that were refused a message, since too much waited for all together.
MESSI_INLINE void ServerBase::tell_of_room() {
  for (std::size_t left = awaited_room_.size(); left > 0 && !half_full(); --left) {
    if (awaited_room_.size() == 0) return;  // a hook may do anything
    const std::uint64_t id =
        awaited_room_.next([this](std::size_t size) { return settings_.total_fits(size); });
    ServerClient* const client = table_.find(id);
    if (client == nullptr || !client->connected()) continue;
    // One that is behind is told when it has caught up.
    if (!client->link_->behind()) in_hook_of(*client->link_, [&] { client_writable(*client); });
  }
}

MESSI_INLINE void ServerBase::settle(AcceptedLink& link) {
  link.set_unsettled(false);
  if (sessions_ != nullptr && sessions_->decide(static_cast<SessionLink&>(link))) return;
  if (link.resuming()) {
    if (link.greeted()) {
      handle_resumed(link);
    } else {
      greet(link);
    }
    return needs_settling(link);
  }
  bool settled = false;
  const Finally again([&] {  // if memory has run out
    if (!settled) needs_settling(link);
  });
  if (sessions_ != nullptr) {
    sessions_->settle(static_cast<SessionLink&>(link));
  } else {
    if (link.over()) link.tell_why();
    link.settle();
  }
  settled = true;
  if (link.unsettled()) return;  // it is on the list for the next turn
  if (link.over()) return handle_over(link);
  if (link.closed() || !link.greeted()) return;
  if (link.behind()) {
    if (link.poll_behind()) {
      needs_settling(link);
      return in_hook_of(
          link, [&](Observation& its) { its.behind(link.client()->id()); },
          [&] { client_behind(*link.client()); });
    }
    if (!is_low(link) || (half_full() && kept_bytes(link) > 0)) return;
    if (!catch_up(link, most_for_broadcasts())) return;
  }
  if (poll_writable(link)) in_hook_of(link, [&] { client_writable(*link.client()); });
}

MESSI_INLINE void ServerBase::handle_over(AcceptedLink& link) {
  DisconnectReason reason = link.reason();
  bool was_connected = link.greeted();
  if (sessions_ != nullptr) {
    auto& its_link = static_cast<SessionLink&>(link);
    if (sessions_->keep_client(its_link)) return;
    reason = sessions_->reason_of(its_link);
    was_connected = sessions_->was_connected(its_link);
  }
  if (!calls_.empty()) end_calls(link, reason);
  // Marked, so that a hook cannot bring it back to the list.
  link.set_unsettled(true);
  link.stop_waiting();
  if (!link.accepted() || link.ended()) --hidden_count_;
  admission_->leave(origin_of(link));
  if (lanes_ != nullptr) lanes_->close(link.client()->id());
  const std::unique_ptr<ServerClient> client = table_.remove(link.client()->id());
  if (stopped()) set_timer();
  publish_size();
  const Finally after([&] {
    slow_readers_.remove(client->id());
    groups_.leave_all(client->id());
    if (lanes_ != nullptr) lanes_->close(client->id());  // the hook may have made a sender
    calls_.erase(client->id());
  });
  awaited_room_.remove(client->id());
  if (!was_connected) return tell_refused(client->id(), client->peer_address(), reason);
  in_hook(
      [&](Observation& its) {
        its.disconnected(client->id(), reason, link.hint(), is_told_detached(link));
      },
      [&] { client_disconnected(*client, reason); });
}

MESSI_INLINE void ServerBase::handle_resumed(AcceptedLink& link) {
  link.touch(loop_.now());
  wait_in(silence_, link);
  const Finally after([this] { current_ = nullptr; });
  in_hook_of(link, [&] {
    ServerSession* const session = session_of(link);
    link.handle_resumed(loop_.now(), [&](std::string_view payload) {
      if (sessions_ == nullptr) return dispatch_from(link, payload);
      return dispatch_introduced(static_cast<SessionLink&>(link), session, payload);
    });
  });
}

/// An end of the link follows.
MESSI_INLINE void ServerBase::take_lanes(const AcceptedLink& link, wire::Outbox* outbox) {
  if (lanes_ != nullptr && outbox != nullptr) lanes_->take_all(link.client()->id(), *outbox);
}

/// Whether the user was told that, and not yet that it is resumed.
MESSI_INLINE bool ServerBase::is_told_detached(const AcceptedLink& link) const {
  const ServerSession* const session = session_of(link);
  return session != nullptr && session->told_detached;
}

MESSI_INLINE bool ServerBase::is_detached(const AcceptedLink& link) const {
  return session_of(link) != nullptr && (link.closed() || !link.in_session());
}

/// From where it counts, where clients of one address are counted.
MESSI_INLINE std::string ServerBase::origin_of(const AcceptedLink& link) const {
  return admission_->knows_origins() ? link.peer().origin : std::string();
}

MESSI_INLINE void ServerBase::handle_timer() {
  const TimePoint now = loop_.now();
  // Only after all input that had arrived by its deadline was read.
  while (silence_.deadline() <= loop_.input_until()) {
    end_now(*silence_.first(), DisconnectReason::kKeepAliveTimeout);
  }
  while (arriving_.deadline() <= now) {
    AcceptedLink& link = *arriving_.first();
    link.stop_waiting();
    refuse(link, {});
  }
  while (ending_.deadline() <= now) end_now(*ending_.first(), DisconnectReason::kDisconnected);
  while (paused_.deadline() <= now) {
    AcceptedLink& link = *paused_.first();
    link.handle_time_paused(now);
    paused_.push_back(link);
    needs_settling(link);
    const TimePoint arrived = link.client()->connected_since();
    if (deadline_after(arrived, options_.authentication_timeout) <= now) refuse(link, {});
  }
  handle_drain(now);
  if (sessions_ != nullptr) sessions_->handle_timer(now);
  set_timer();
}

MESSI_INLINE void ServerBase::handle_drain(TimePoint now) {
  if (drain_half_ <= now) {
    drain_half_ = TimePoint::max();
    table_.for_each([this](ServerClient& client) {
      if (client.link_->draining() && client.link_->greeted()) leave(*client.link_);
    });
  }
  if (drain_end_ <= now) {
    drain_end_ = TimePoint::max();
    table_.for_each([this](ServerClient& client) {
      if (client.link_->draining()) end_now(*client.link_, DisconnectReason::kDraining);
    });
  }
}

MESSI_INLINE void ServerBase::set_timer() {
  // There may be a loop that runs for as long as a timer is set.
  if (stopped()) return timer_.cancel();
  TimePoint next = std::min({silence_.deadline(), ending_.deadline(), paused_.deadline(),
                             arriving_.deadline(), drain_half_, drain_end_});
  if (sessions_ != nullptr) next = std::min(next, sessions_->deadline());
  if (next != TimePoint::max()) timer_.set(next);
}

MESSI_INLINE void AcceptedLink::receive() { server().handle_readable(*this); }

MESSI_INLINE void AcceptedLink::go_on() {
  Link::handle_writable(server().loop().now());
  server().needs_settling(*this);
}

MESSI_INLINE void AcceptedLink::await_room(std::size_t frame_size) {
  server().awaited_room_.add(client_->id(), frame_size);
}

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_H_
