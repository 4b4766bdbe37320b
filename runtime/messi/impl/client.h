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
#include "messi/client.h"

namespace messi {

MESSI_INLINE ClientBase::ClientBase(EventLoop& loop, std::string uri, ClientOptions options)
    : loop_(loop),
      uri_(std::move(uri)),
      options_(options),
      settings_{Side::kClient,
                std::min(options_.max_payload_size, wire::kMaxPayloadSize),
                std::min(options_.max_pending_bytes, ConnectionSettings::kMaxPendingBytes),
                {options_.ping_interval, options_.pong_timeout}},
      backoff_(options_.backoff),
      settle_(loop, [this] { settle(); }),
      timer_(loop, [this] { handle_timer(); }) {}

MESSI_INLINE ClientBase::~ClientBase() {
  assert(!in_hook_ && "a client must not be destroyed by one of its own hooks");
}

MESSI_INLINE void ClientBase::start() {
  if (started_) return;
  started_ = true;
  settle_.schedule();
}

MESSI_INLINE void ClientBase::stop() {
  started_ = false;
  connecting_.reset();
  if (!channel_) return timer_.cancel();
  if (channel_->closed()) return;
  channel_->flush();
  close(DisconnectReason::kStopped);
}

MESSI_INLINE std::uint8_t* ClientBase::reserve(std::size_t payload_size) {
  if (!channel_) return nullptr;
  settle_.schedule();
  return channel_->reserve(payload_size);
}

MESSI_INLINE void ClientBase::gather(wire::Slice* slices, std::size_t count,
                                     std::size_t payload_size) {
  if (!channel_) return;
  settle_.schedule();
  channel_->send_gathered(slices, count, payload_size);
}

MESSI_INLINE std::optional<Duration> ClientBase::on_connect_failure(const absl::Status& error) {
  if (error.code() != absl::StatusCode::kInvalidArgument) return backoff_.next(loop_.random());
  std::fprintf(stderr, "messi: %s\n", std::string(error.message()).c_str());
  return std::nullopt;
}

MESSI_INLINE void ClientBase::connect() {
  connecting_ = loop_.connect(uri_, {options_.socket, &addresses_}, *this);
  timer_.set(deadline_after(loop_.now(), options_.connect_timeout));
}

MESSI_INLINE void ClientBase::handle_stream(std::unique_ptr<Stream> stream) {
  connecting_.reset();
  connected_at_ = loop_.now();
  channel_.emplace(settings_, loop_.buffers(), std::move(stream), connected_at_);
  if (!channel_->start(*this)) {
    channel_.reset();
    return handle_no_stream(absl::ResourceExhaustedError(uri_ + ": cannot watch the socket"));
  }
  timer_.set(channel_->deadline());
  settle_.schedule();
  in_hook([this] { on_connected(); });
}

MESSI_INLINE void ClientBase::handle_no_stream(const absl::Status& why) {
  connecting_.reset();
  timer_.cancel();
  std::optional<Duration> delay;
  in_hook([&] { delay = on_connect_failure(why); });
  if (!started_) return;
  if (delay) {
    timer_.set(deadline_after(loop_.now(), *delay));
  } else {
    started_ = false;
  }
}

MESSI_INLINE wire::Spare ClientBase::spare() { return channel_->spare(); }

MESSI_INLINE void ClientBase::handle_bytes(std::size_t in_spare, std::string_view bytes) {
  in_hook([&] {
    channel_->handle_input(in_spare, bytes, loop_.now(),
                           [this](std::string_view payload) { return dispatch(payload); });
  });
  if (channel_->proved()) backoff_.reset();
  if (channel_->needs_attention()) settle_.schedule();
}

MESSI_INLINE void ClientBase::handle_room() {
  channel_->handle_room();
  settle_.schedule();
}

MESSI_INLINE void ClientBase::handle_end() { close(DisconnectReason::kConnectionClosed); }

MESSI_INLINE void ClientBase::settle() {
  if (channel_) {
    channel_->flush();
    if (channel_->closed()) return finish_connection();
    if (channel_->poll_writable()) in_hook([this] { on_writable(); });
  } else if (started_ && !connecting_ && !timer_.pending()) {
    connect();
  }
}

MESSI_INLINE void ClientBase::finish_connection() {
  const DisconnectReason reason = channel_->reason();
  if (channel_->proved()) backoff_.handle_lost(loop_.now() - connected_at_);
  channel_.reset();
  timer_.cancel();
  if (started_) {
    // Who stopped and started again wants a new connection now.
    if (reason == DisconnectReason::kStopped) {
      connect();
    } else {
      timer_.set(deadline_after(loop_.now(), backoff_.next(loop_.random())));
    }
  }
  in_hook([&] { on_disconnected(reason); });
}

MESSI_INLINE void ClientBase::handle_timer() {
  if (channel_) {
    channel_->handle_time(loop_.now());
    if (!channel_->closed()) timer_.set(channel_->deadline());
    if (channel_->needs_attention()) settle_.schedule();
  } else if (connecting_) {
    handle_no_stream(absl::DeadlineExceededError(uri_ + ": cannot connect: no answer in time"));
  } else {
    connect();
  }
}

MESSI_INLINE void ClientBase::close(DisconnectReason reason) {
  channel_->close(reason);
  settle_.schedule();
}

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_H_
