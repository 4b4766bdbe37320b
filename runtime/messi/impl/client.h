#ifndef MESSI_IMPL_CLIENT_H_
#define MESSI_IMPL_CLIENT_H_

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/client.h"
#include "messi/impl/calls.h"
#include "messi/impl/client_lanes.h"
#include "messi/impl/observation.h"
#include "messi/impl/to_user.h"
#include "messi/io/networks.h"

namespace messi {

/// What is wrong with the options; "" if nothing is.
inline std::string find_contradiction(const ClientOptions& options) {
  if (options.pong_timeout <= Duration::zero()) return "pong_timeout must be more than zero";
  if (options.connect_timeout <= Duration::zero()) return "connect_timeout must be more than zero";
  if (options.max_payload_size == 0) return "max_payload_size must be more than zero";
  if (options.linger < Duration::zero()) return "linger must not be less than zero";
  if (options.max_decode_depth <= 0) return "max_decode_depth must be more than zero";
  if (options.max_open_calls == 0) return "max_open_calls must be more than zero";
  if (options.frame_timeout <= Duration::zero()) return "frame_timeout must be more than zero";
  if (options.auth_token.size() > wire::kMostAuthToken) {
    return "auth_token must have at most 512 bytes";
  }
  if (options.pong_timeout == Duration::max()) return "";
  if (options.ping_interval == Duration::zero()) {
    return "with ping_interval zero, which is never, the server has nothing to answer; "
           "pong_timeout must be Duration::max()";
  }
  if (options.ping_interval < options.pong_timeout) return "";
  return "ping_interval must be less than pong_timeout, which ends the connection before the "
         "server can answer";
}

MESSI_INLINE ClientBase::ClientBase(EventLoop& loop, std::string uri, ClientOptions options)
    : loop_(loop),
      options_(std::move(options)),
      settings_(connection::Side::kClient, options_.max_payload_size, options_.max_pending_bytes,
                {options_.ping_interval, options_.pong_timeout}, options_.frame_timeout),
      observation_(Observation::wanted_by(options_, loop, settings_)),
      attempts_(std::move(uri), options_.more_uris, options_.backoff),
      settle_(loop, Observation::settling(observation_.get(), [this] { settle(); })),
      timer_(loop, [this] { handle_event(connection::ClientEvent::kTimer); }),
      linger_(options_.linger) {
  if (!wants_session() && !options_.handshake && options_.auth_token.empty()) return;
  sessions_ = std::make_unique<ClientSessions>(
      loop, [this] { finish_closing(connection::ClientEvent::kStopNow); });
  renew_session();
}

MESSI_INLINE ClientBase::~ClientBase() {
  assert(!in_hook_ && "a client must not be destroyed by one of its own hooks");
  if (lanes_ != nullptr) lanes_->close();
}

MESSI_INLINE void ClientBase::start() {
  if (sessions_ && sessions_->closing) {
    sessions_->restarts = true;
    return;
  }
  handle_event(connection::ClientEvent::kStart);
}

MESSI_INLINE void ClientBase::close(Duration linger) {
  if (!in_state(connection::ClientState::kEnding)) linger_ = linger;
  if (wire::Outbox* const outbox = open_outbox(); outbox != nullptr && lanes_ != nullptr) {
    lanes_->take_all(*outbox);
  }
  if (sessions_) return begin_closing(linger);
  handle_event(connection::ClientEvent::kStop);
}

MESSI_INLINE void ClientBase::stop_now() {
  if (!sessions_) return handle_event(connection::ClientEvent::kStopNow);
  sessions_->restarts = false;
  finish_closing(connection::ClientEvent::kStopNow);
}

MESSI_INLINE void ClientBase::handle_event(connection::ClientEvent event,
                                           const EventDetail& detail) {
  const Finally last([this] {
    if (stopped()) handle_stopped();
  });
  const connection::ClientActions actions = machine_.handle(event);
  std::size_t begun = 0;
  const Finally rest([&] {  // hooks come last, also if memory has run out before
    while (begun < actions.size()) perform_action(actions[begun++], detail);
  });
  while (begun < actions.size()) perform_action(actions[begun++], detail);
  tend_lanes();
  assert(consistent());
}

MESSI_INLINE void ClientBase::perform_action(connection::ClientAction action,
                                             const EventDetail& detail) {
  using Action = connection::ClientAction;
  switch (action) {
    case Action::kNothing:
      return;
    case Action::kBegin:
      return attempts_.begin_round();
    case Action::kWait:
      return timer_.set(deadline_after(loop_.now(), detail.delay));
    case Action::kConnect:
      return connect();
    case Action::kDrop:
      connecting_.reset();
      link_.reset();
      tend_lanes();
      return timer_.cancel();
    case Action::kIntroduce:
      return settle_.schedule();
    case Action::kServe:
      return serve_link();
    case Action::kTend:
      return tend_link();
    case Action::kEnd:
      link_->end(DisconnectReason::kStopped, loop_.now());
      set_timer();
      return settle_.schedule();
    case Action::kLinger:
      return linger_on_link();
    case Action::kAbort:
      link_->end(DisconnectReason::kStopped, loop_.now());
      link_->abort();
      return settle_.schedule();
    case Action::kAsk:
      return ask_how_to_go_on(detail);
    case Action::kTell:
      return tell(detail.reason);
  }
}

MESSI_INLINE bool ClientBase::consistent() const {
  const connection::ClientState state = machine_.state();
  return timer_.pending() == has_timer(state) && link_.has_value() == has_link(state) &&
         (connecting_ == nullptr || has_attempt(state));
}

template <typename Note, typename Hook>
void ClientBase::in_hook(Note&& note, Hook&& hook) {
  in_hook([&] { observed(observation_.get(), note, hook); });
}

MESSI_INLINE void ClientBase::tell(DisconnectReason reason) {
  if (sessions_) return tell_of_link(reason);
  tell_disconnected(reason);
}

MESSI_INLINE void ClientBase::tell_disconnected(DisconnectReason reason) {
  in_hook(
      [&](Observation& its) { its.disconnected(its.last(), reason, hint_, its.has_detached()); },
      [&] { on_disconnected(reason); });
}

MESSI_INLINE void ClientBase::pause() {
  if (sessions_) sessions_->paused = connected();
  if (!link_ || !link_->introduced()) return;
  link_->pause();
  set_timer();
}

MESSI_INLINE void ClientBase::resume() {
  if (sessions_) sessions_->paused = false;
  if (!link_ || !link_->introduced()) return;
  link_->resume();
  settle_.schedule();
}

MESSI_INLINE wire::Outbox* ClientBase::outbox() {
  wire::Outbox* const outbox = open_outbox();
  if (outbox != nullptr) settle_.schedule();
  return outbox;
}

MESSI_INLINE wire::Outbox* ClientBase::open_outbox() {
  if (sessions_) return open_session_outbox();
  return link_ ? link_->outbox() : nullptr;
}

/// Whether there is a connection for what other threads send, or one no more, or room in it.
MESSI_INLINE void ClientBase::tend_lanes() {
  if (lanes_ == nullptr) return;
  const bool takes = open_outbox() != nullptr;
  // What was sent in a session is lost with it, if it is.
  if (!takes && lanes_->takes() && sessions_ && sessions_->current) {
    lanes_->take_all(*sessions_->current);
  }
  lanes_->set_takes(takes);
  lanes_->go_on();
}

MESSI_INLINE std::shared_ptr<SendLanes> ClientBase::make_lanes() {
  if (lanes_ == nullptr) {
    lanes_ = std::make_shared<ClientLanes>(*this, loop_, settings_, open_outbox() != nullptr);
  }
  return lanes_;
}

MESSI_INLINE void ClientLanes::taken() { client_.settle_.schedule(); }

MESSI_INLINE wire::Outbox* ClientLanes::its_outbox() { return client_.open_outbox(); }

MESSI_INLINE void ClientBase::connect() {
  if (const std::string wrong = find_contradiction(options_); !wrong.empty()) {
    return handle_no_stream(Status(StatusCode::kInvalidArgument, uri() + ": " + wrong));
  }
  if (options_.shuffle_uris) attempts_.shuffle([this] { return loop_.random(); });
  // First: an attempt that finds no memory has no answer in time.
  timer_.set(deadline_after(loop_.now(), options_.connect_timeout));
  connecting_ = loop_.networks().connect(uri(), {options_.socket, &addresses_}, *this);
}

MESSI_INLINE void ClientBase::handle_stream(std::unique_ptr<Stream> stream) {
  connecting_.reset();
  connected_at_ = loop_.now();
  if (observation_) stream = observation_->observe_next(std::move(stream));
  link_.emplace(settings_, loop_.buffers(), std::move(stream), connected_at_);
  const Finally unless_it_began([this] {  // if memory has run out
    if (machine_.state() == connection::ClientState::kConnecting) link_.reset();
  });
  if (sessions_) link_->introduce(*this, settings_.max_payload_size);
  if (link_->start(*this)) {
    return handle_event(sessions_ ? connection::ClientEvent::kOpened
                                  : connection::ClientEvent::kStream);
  }
  handle_no_stream(Status(StatusCode::kResourceExhausted, uri() + ": cannot watch the socket"));
}

MESSI_INLINE void ClientBase::handle_no_stream(const Status& error) {
  handle_event(connection::ClientEvent::kNoStream, {{}, {}, &error});
}

MESSI_INLINE void ClientBase::ask_how_to_go_on(const EventDetail& detail) {
  attempts_.handle_failed();
  Duration delay = options_.backoff.initial;  // if the hook throws
  bool never = false;
  const Finally after([&] {
    if (sessions_) settle_.schedule();
    if (never) return handle_event(connection::ClientEvent::kGiveUp);
    handle_event(connection::ClientEvent::kRetry, {delay, {}, nullptr});
  });
  const Status error =
      detail.error != nullptr
          ? *detail.error
          : Status(StatusCode::kDeadlineExceeded, uri() + ": cannot connect: no answer in time");
  in_hook([&](Observation& its) { its.connect_failed(error); },
          [&] {
            const std::optional<Duration> answer = on_connect_failure(to_user(error));
            if (answer) delay = std::max(*answer, detail.delay);
            never = !answer;
          });
}

MESSI_INLINE std::optional<Duration> ClientBase::on_connect_failure(const UserStatus& error) {
  if (static_cast<StatusCode>(error.code()) != StatusCode::kInvalidArgument) {
    return attempts_.delay_after_failure(loop_.random());
  }
  std::fprintf(stderr, "messi: %s\n", std::string(error.message()).c_str());
  return std::nullopt;
}

MESSI_INLINE void ClientBase::serve_link() {
  tend_lanes();
  set_timer();
  settle_.schedule();
  if (sessions_ && std::exchange(sessions_->resumed, false)) {
    return in_hook([this](Observation& its) { its.resumed(its.last(), sessions_->replayed); },
                   [this] { on_resumed(sessions_->replayed); });
  }
  in_hook([this](Observation& its) { its.connected(its.last(), uri(), its.was_connected()); },
          [this] { on_connected(); });
}

MESSI_INLINE void ClientBase::handle_readable() {
  const Finally after([this] {
    request_.take();
    if (link_->needs_attention() || sessions_) settle_.schedule();
  });
  in_hook([&] {
    if (sessions_) {
      link_->read(loop_.scratch(), loop_.now(),
                  [this](std::string_view payload) { return receive(payload); });
    } else {
      link_->read(loop_.scratch(), loop_.now(),
                  [this](std::string_view payload) { return dispatch(payload); });
    }
  });
}

MESSI_INLINE void ClientBase::handle_writable() {
  link_->handle_writable(loop_.now());
  settle_.schedule();
}

MESSI_INLINE void ClientBase::settle() {
  if (sessions_) return settle_with_sessions();
  if (!link_) return;
  if (link_->resuming()) {
    handle_resumed();
    return settle_.schedule();
  }
  bool settled = false;
  const Finally again([&] {  // if memory has run out
    if (!settled) settle_.schedule();
  });
  link_->settle();
  settled = true;
  tend_lanes();
  if (link_->over()) return handle_over();
  if (!link_->closed() && link_->poll_writable()) in_hook([this] { on_writable(); });
}

MESSI_INLINE void ClientBase::handle_resumed() {
  const Finally after([this] { request_.take(); });
  in_hook([this] {
    link_->handle_resumed(loop_.now(), [this](std::string_view payload) {
      return sessions_ ? receive(payload) : dispatch(payload);
    });
  });
  set_timer();
}

MESSI_INLINE void ClientBase::handle_over() {
  const Finally again([this] {  // if memory has run out
    if (link_ && link_->over()) settle_.schedule();
  });
  DisconnectReason reason = link_->reason();
  hint_ = link_->hint();
  if (!sessions_ || carried_session() == nullptr) {
    end_calls(calls_.get(), reason);
    ++epoch_;
  }
  if (sessions_) reason = leave_session(reason);
  const Duration delay = delay_after_end(reason);
  if (reason == DisconnectReason::kStopped) {
    return handle_event(connection::ClientEvent::kEnded, {delay, reason, nullptr});
  }
  handle_event(connection::ClientEvent::kLost, {delay, reason, nullptr});
}

/// How long to wait before the next attempt, and to which URI that is.
MESSI_INLINE Duration ClientBase::delay_after_end(DisconnectReason reason) {
  const bool proved = link_->proved();
  if (proved) addresses_.worked(link_->peer().address);
  if (proved && !link_->refused()) attempts_.handle_proved();
  // A stopped connection tells nothing about its server.
  if (reason == DisconnectReason::kStopped) return Duration::zero();
  if (!proved) addresses_.failed(link_->peer().address);
  if (proved && reason == DisconnectReason::kDraining) {
    return std::max(attempts_.delay_after_drain(loop_.random()), link_->retry_after());
  }
  if (proved && !link_->refused()) {
    return attempts_.delay_after_loss(loop_.now() - connected_at_, loop_.random());
  }
  attempts_.handle_failed();
  return std::max(attempts_.delay_after_failure(loop_.random()), link_->retry_after());
}

MESSI_INLINE void ClientBase::tend_link() {
  link_->handle_time(loop_.now(), loop_.input_until());
  set_timer();
  if (link_->needs_attention() || sessions_) settle_.schedule();
}

MESSI_INLINE void ClientBase::linger_on_link() {
  const TimePoint now = loop_.now();
  if (deadline_after(link_->last_heard(), linger_) <= now) {
    link_->abort();
  } else if (link_->flushing()) {
    link_->handle_time(now, TimePoint::min());  // for pings only
  }
  set_timer();
  if (link_->needs_attention()) settle_.schedule();
}

MESSI_INLINE void ClientBase::set_timer() {
  TimePoint next = TimePoint::max();
  if (link_->hears()) {
    next = link_->deadline();
  } else if (link_->ending()) {
    next = std::min(deadline_after(link_->last_heard(), linger_), link_->next_ping());
  }
  if (sessions_) sessions_->next_tick = next = std::min(next, session_deadline());
  timer_.set(next);
}

MESSI_INLINE void ClientBase::close_link(DisconnectReason reason, Hint hint) {
  link_->close(reason, hint);
  settle_.schedule();
}

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_H_
