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

#include "absl/status/status.h"
#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/client.h"
#include "messi/impl/to_absl.h"

namespace messi {

/// What in the options cannot be meant; "" if nothing.
inline std::string find_contradiction(const ClientOptions& options) {
  if (options.pong_timeout <= Duration::zero()) return "pong_timeout must be more than zero";
  if (options.connect_timeout <= Duration::zero()) return "connect_timeout must be more than zero";
  if (options.max_payload_size == 0) return "max_payload_size must be more than zero";
  if (options.linger < Duration::zero()) return "linger must not be less than zero";
  if (options.pong_timeout == Duration::max()) return "";
  if (options.ping_interval == Duration::zero()) {
    return "with ping_interval zero, which is never, the server has nothing to answer; "
           "pong_timeout "
           "must be Duration::max()";
  }
  if (options.ping_interval < options.pong_timeout) return "";
  return "ping_interval must be less than pong_timeout, which ends the connection before the "
         "server "
         "can answer";
}

MESSI_INLINE ClientBase::ClientBase(EventLoop& loop, std::string uri, ClientOptions options)
    : loop_(loop),
      uris_{std::move(uri)},
      options_(std::move(options)),
      settings_{
          connection::Side::kClient,
          std::min(options_.max_payload_size, wire::kMaxPayloadSize),
          std::min(options_.max_pending_bytes, connection::ConnectionSettings::kMaxPendingBytes),
          {options_.ping_interval, options_.pong_timeout}},
      backoff_(options_.backoff),
      settle_(loop, [this] { settle(); }),
      timer_(loop, [this] { handle_timer(); }) {
  uris_.insert(uris_.end(), options_.more_uris.begin(), options_.more_uris.end());
}

MESSI_INLINE ClientBase::~ClientBase() {
  assert(!in_hook_ && "a client must not be destroyed by one of its own hooks");
}

MESSI_INLINE void ClientBase::start() {
  if (started_) return;
  started_ = true;
  uris_failed_ = 0;
  settle_.schedule();
}

MESSI_INLINE void ClientBase::stop() {
  started_ = false;
  connecting_.reset();
  if (!channel_) return timer_.cancel();
  if (channel_->closed()) return;
  channel_->end(DisconnectReason::kStopped, loop_.now());
  set_timer();
  settle_.schedule();
}

MESSI_INLINE void ClientBase::stop_now() {
  stop();
  if (!channel_) return;
  channel_->abort();
  settle_.schedule();
}

MESSI_INLINE void ClientBase::pause() {
  if (!channel_) return;
  channel_->pause();
  set_timer();
}

MESSI_INLINE void ClientBase::resume() {
  if (!channel_) return;
  channel_->resume();
  settle_.schedule();
}

MESSI_INLINE std::uint8_t* ClientBase::reserve(std::size_t payload_size) {
  if (!channel_) return nullptr;
  settle_.schedule();
  return channel_->reserve(payload_size);
}

MESSI_INLINE void ClientBase::gather(Slice* slices, std::size_t count, std::size_t payload_size) {
  if (!channel_) return;
  settle_.schedule();
  channel_->send_gathered(slices, count, payload_size);
}

MESSI_INLINE std::optional<Duration> ClientBase::on_connect_failure(const absl::Status& error) {
  if (error.code() != absl::StatusCode::kInvalidArgument) return next_delay();
  std::fprintf(stderr, "messi: %s\n", std::string(error.message()).c_str());
  return std::nullopt;
}

// No delay while there are URIs that have not been tried.
MESSI_INLINE Duration ClientBase::next_delay() {
  if (uris_failed_ < uris_.size()) return Duration::zero();
  uris_failed_ = 0;
  return backoff_.next(loop_.random());
}

MESSI_INLINE void ClientBase::next_uri() {
  uri_ = (uri_ + 1) % uris_.size();
  ++uris_failed_;
}

MESSI_INLINE void ClientBase::connect() {
  if (const std::string wrong = find_contradiction(options_); !wrong.empty()) {
    return handle_no_stream(Status(StatusCode::kInvalidArgument, uri() + ": " + wrong));
  }
  if (options_.shuffle_uris && uris_failed_ == 0) {
    for (std::size_t left = uris_.size(); left > 1; --left) {
      std::swap(uris_[left - 1], uris_[loop_.random() % left]);
    }
  }
  connecting_ = loop_.connect(uri(), {options_.socket, &addresses_}, *this);
  timer_.set(deadline_after(loop_.now(), options_.connect_timeout));
}

MESSI_INLINE void ClientBase::connect_after(Duration delay) {
  if (started_) timer_.set(deadline_after(loop_.now(), delay));
}

MESSI_INLINE void ClientBase::handle_stream(std::unique_ptr<Stream> stream) {
  connecting_.reset();
  connected_at_ = loop_.now();
  channel_.emplace(settings_, loop_.buffers(), std::move(stream), connected_at_);
  if (!channel_->start(*this)) {
    channel_.reset();
    return handle_no_stream(
        Status(StatusCode::kResourceExhausted, uri() + ": cannot watch the socket"));
  }
  set_timer();
  settle_.schedule();
  in_hook([this] { on_connected(); });
}

MESSI_INLINE void ClientBase::handle_no_stream(const Status& why) {
  connecting_.reset();
  timer_.cancel();
  next_uri();
  Duration delay = options_.backoff.initial;  // if the hook throws
  const Finally after([&] { connect_after(delay); });
  in_hook([&] {
    if (const std::optional<Duration> chosen = on_connect_failure(to_absl(why))) {
      delay = *chosen;
    } else {
      started_ = false;
    }
  });
}

MESSI_INLINE void ClientBase::handle_readable() {
  const Finally after([this] {
    if (channel_->needs_attention()) settle_.schedule();
  });
  in_hook([&] {
    channel_->handle_readable(loop_.scratch(), loop_.now(),
                              [this](std::string_view payload) { return dispatch(payload); });
  });
  if (channel_->proved()) {
    backoff_.reset();
    uris_failed_ = 0;
  }
}

MESSI_INLINE void ClientBase::handle_writable() {
  channel_->handle_writable();
  settle_.schedule();
}

MESSI_INLINE void ClientBase::settle() {
  if (channel_) {
    if (channel_->resuming()) {
      handle_resumed();
      return settle_.schedule();
    }
    channel_->settle();
    if (channel_->over()) return finish_connection();
    if (!channel_->closed() && channel_->poll_writable()) in_hook([this] { on_writable(); });
  } else if (started_ && !connecting_ && !timer_.pending()) {
    connect();
  }
}

MESSI_INLINE void ClientBase::handle_resumed() {
  in_hook([this] {
    channel_->handle_resumed(loop_.now(),
                             [this](std::string_view payload) { return dispatch(payload); });
  });
  set_timer();
}

MESSI_INLINE void ClientBase::finish_connection() {
  const DisconnectReason reason = channel_->reason();
  const bool proved = channel_->proved();
  const bool stopped = reason == DisconnectReason::kStopped;
  hint_ = channel_->hint();
  if (proved) {
    backoff_.handle_lost(loop_.now() - connected_at_);
    addresses_.worked(channel_->peer().address);
  } else if (!stopped) {
    addresses_.failed(channel_->peer().address);
    next_uri();
  }
  channel_.reset();
  timer_.cancel();
  // Who stopped and started again wants a new connection now.
  if (started_ && stopped) {
    connect();
  } else {
    connect_after(proved ? backoff_.next(loop_.random()) : next_delay());
  }
  in_hook([&] { on_disconnected(reason); });
}

MESSI_INLINE void ClientBase::handle_timer() {
  if (channel_) {
    const TimePoint now = loop_.now();
    if (!channel_->ending()) {
      channel_->handle_time(now, loop_.input_until());
    } else if (deadline_after(channel_->last_heard(), options_.linger) <= now) {
      channel_->abort();
    } else if (channel_->flushing()) {
      channel_->handle_time(now, TimePoint::min());  // for pings only
    }
    set_timer();
    if (channel_->needs_attention()) settle_.schedule();
  } else if (connecting_) {
    handle_no_stream(
        Status(StatusCode::kDeadlineExceeded, uri() + ": cannot connect: no answer in time"));
  } else {
    connect();
  }
}

MESSI_INLINE void ClientBase::set_timer() {
  TimePoint next = TimePoint::max();
  if (channel_->ending()) next = deadline_after(channel_->last_heard(), options_.linger);
  if (channel_->flushing()) next = std::min(next, channel_->next_ping());
  if (!channel_->closed()) next = channel_->deadline();
  timer_.set(next);
}

MESSI_INLINE void ClientBase::close(DisconnectReason reason, Hint hint) {
  channel_->close(reason, hint);
  settle_.schedule();
}

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_H_
