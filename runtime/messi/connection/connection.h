#ifndef MESSI_CONNECTION_CONNECTION_H_
#define MESSI_CONNECTION_CONNECTION_H_

// One side of one connection, as a machine without sockets and without a clock:
//
//     in        handle_bytes, handle_spare, handle_time
//     commands  reserve, share, pause, resume, close
//     out       queue(): bytes to write; deadline(): when to call handle_time
//
// The same code runs on epoll, in the simulator of messi/testing and under the fuzzer.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/hint.h"
#include "messi/connection/keepalive.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_decoder.h"
#include "messi/wire/send_queue.h"

namespace messi::connection {

enum class Side : std::uint8_t { kClient, kServer };

/// What all connections of one client or server have in common.
struct ConnectionSettings {
  Side side;
  std::size_t max_payload_size;   ///< At most wire::kMaxPayloadSize.
  std::size_t max_pending_bytes;  ///< At most kMaxPendingBytes.
  KeepaliveSettings keepalive;

  static constexpr std::size_t kMaxPendingBytes = std::size_t{1} << 31;

  wire::FrameType outgoing() const {
    return side == Side::kClient ? wire::FrameType::kClientToServer
                                 : wire::FrameType::kServerToClient;
  }
  wire::FrameType incoming() const {
    return side == Side::kClient ? wire::FrameType::kServerToClient
                                 : wire::FrameType::kClientToServer;
  }
};

/// Starts with the connection and ends with it; nothing is carried over to the next.
class Connection {
 public:
  /// `settings` and `pool` must outlive the connection. A client's begins with a ping.
  Connection(const ConnectionSettings& settings, wire::BufferPool& pool, TimePoint now)
      : settings_(settings),
        decoder_(pool, settings.max_payload_size),
        queue_(pool),
        keepalive_(now),
        proved_(false),
        paused_(false),
        ending_(false) {
    handle_time(now, now);
  }

  /// Bytes have come. Calls `dispatch(payload) -> bool` for each user message, which returns
  /// false if the message cannot be decoded. Stops as soon as the connection is closed, and for as
  /// long as it is paused; an exception of `dispatch` closes it.
  template <typename Dispatch>
  void handle_bytes(std::string_view bytes, TimePoint now, Dispatch&& dispatch) {
    if (paused_) return decoder_.keep(bytes);
    handle_received(now);
    check(decoder_.decode(bytes, frame_handler(dispatch)));
  }

  /// Memory to read into directly, behind a cut frame; `handle_spare` says how much was read.
  Space spare() const { return listens() ? decoder_.spare() : Space{nullptr, 0}; }
  /// Of a spare that is not empty: whether what it is for is large.
  bool spare_is_large() const { return decoder_.spare_is_large(); }
  template <typename Dispatch>
  void handle_spare(std::size_t size, TimePoint now, Dispatch&& dispatch) {
    handle_received(now);
    check(decoder_.decode_spare(size, frame_handler(dispatch)));
  }

  /// From now on nothing is dispatched, and the peer may be silent: nothing is read of it.
  void pause() { paused_ = true; }
  bool paused() const { return paused_; }
  /// Goes on, with what had been received before `pause`.
  template <typename Dispatch>
  void resume(TimePoint now, Dispatch&& dispatch) {
    paused_ = false;
    keepalive_.handle_received(now);
    check(decoder_.resume(frame_handler(dispatch)));
  }

  /// A server that is not reading cannot answer pings. Its client is told that it lives.
  void handle_time_paused(TimePoint now) {
    if (settings_.side == Side::kServer) queue_.push_control(wire::FrameType::kPong);
    touch(now);
  }

  /// `heard_until` is as Keepalive::timed_out says.
  void handle_time(TimePoint now, TimePoint heard_until) {
    if (keepalive_.poll_ping(settings_.keepalive, now)) {
      queue_.push_control(wire::FrameType::kPing);
    }
    if (!paused_ && keepalive_.timed_out(settings_.keepalive, heard_until)) {
      close(DisconnectReason::kKeepAliveTimeout);
    }
  }
  TimePoint deadline() const {
    return paused_ ? next_ping() : keepalive_.deadline(settings_.keepalive);
  }
  TimePoint next_ping() const { return keepalive_.next_ping(settings_.keepalive); }

  /// Space in the queue for a user message of `payload_size` bytes, to be filled at once; null if
  /// it is not accepted, in which case the connection is, or now gets, closed, with `when_full` if
  /// too much is waiting. An empty queue accepts any message that is not too big.
  std::uint8_t* reserve(std::size_t payload_size,
                        DisconnectReason when_full = DisconnectReason::kSlowReader) {
    if (!accept(payload_size, when_full)) return nullptr;
    std::uint8_t* const frame = queue_.append(wire::kHeaderSize + payload_size);
    return wire::write_header(frame, settings_.outgoing(), payload_size);
  }

  /// Takes back what `reserve(payload_size)` gave just before.
  void retract(std::size_t payload_size) { queue_.retract(wire::kHeaderSize + payload_size); }

  /// As `reserve`, for a frame that was encoded once for many connections.
  bool share(wire::Buffer& buffer, std::uint32_t begin, std::uint32_t end,
             DisconnectReason when_full = DisconnectReason::kSlowReader) {
    if (!accept(end - begin - wire::kHeaderSize, when_full)) return false;
    queue_.append_shared(buffer, begin, end);
    return true;
  }

  /// Whether `reserve` would succeed; if not, the connection is, or now gets, closed.
  bool accept(std::size_t payload_size, DisconnectReason when_full) {
    if (closed()) return false;
    if (payload_size > settings_.max_payload_size) {
      close(DisconnectReason::kMessageTooBig);
      return false;
    }
    const std::size_t after = queue_.pending() + wire::kHeaderSize + payload_size;
    if (after > settings_.max_pending_bytes && !queue_.empty()) {
      close(when_full);
      return false;
    }
    return true;
  }

  /// Only the first reason counts, and the hint that comes with it.
  void close(DisconnectReason reason, Hint hint = Hint::kNone) {
    if (closed()) return;
    reason_ = reason;
    hint_ = hint;
  }
  bool closed() const { return reason_.has_value(); }

  /// As `close`, but what was sent is still to be written. Until `finish` pings are sent and
  /// answered, so that the peer waits for it; messages that come are dropped.
  void end(DisconnectReason reason);
  void finish() { ending_ = false; }
  /// Whether input still means anything.
  bool listens() const { return !closed() || ending_; }
  DisconnectReason reason() const { return *reason_; }
  Hint hint() const { return hint_; }

  /// True once the peer has answered a ping: it is a server, and it is alive.
  bool proved() const { return proved_; }

  /// When the peer was last heard, or what else is waited for began: see `touch`.
  TimePoint last_heard() const { return keepalive_.last_heard(); }
  void touch(TimePoint now) { keepalive_.handle_received(now); }

  const ConnectionSettings& settings() const { return settings_; }
  wire::SendQueue& queue() { return queue_; }
  const wire::SendQueue& queue() const { return queue_; }

 private:
  template <typename Dispatch>
  auto frame_handler(Dispatch& dispatch) {
    return [this, &dispatch](const wire::Frame& frame) {
      if (frame.type != settings_.incoming()) {
        handle_other(frame);
      } else if (!closed()) {
        dispatch_guarded(dispatch, frame.payload);
      }
      if (!listens()) return wire::Next::kStop;
      return paused_ ? wire::Next::kPause : wire::Next::kGoOn;
    };
  }

  // After an exception what followed in the input is lost, so the connection cannot go on.
  template <typename Dispatch>
  void dispatch_guarded(Dispatch& dispatch, std::string_view payload) {
    bool threw = true;
    const Finally guard([&] {
      if (threw) close(DisconnectReason::kGeneralError, Hint::kHookThrew);
    });
    if (!dispatch(payload)) close(DisconnectReason::kMessageDecodeError);
    threw = false;
  }

  void handle_other(const wire::Frame& frame) {
    const bool server = settings_.side == Side::kServer;
    if (frame.type == (server ? wire::FrameType::kPing : wire::FrameType::kPong)) {
      if (!frame.payload.empty()) return close(DisconnectReason::kProtocolError);
      if (server) {
        queue_.push_control(wire::FrameType::kPong);
      } else {
        proved_ = true;
      }
      return;
    }
    check_type(frame.type);
  }

  // A newer server may say more than this client understands; a client only says what it was
  // offered. What only clients say comes to a client that is connected to another, or to itself.
  void check_type(wire::FrameType type) {
    if (settings_.side == Side::kServer) {
      if (type != wire::FrameType::kPing) close(DisconnectReason::kProtocolError);
    } else if (type == wire::FrameType::kPing || type == wire::FrameType::kClientToServer) {
      close(DisconnectReason::kProtocolError, Hint::kClient);
    }
  }

  void handle_received(TimePoint now) {
    if (!closed()) keepalive_.handle_received(now);
  }

  void check(wire::DecodeResult result) {
    if (closed()) {
      if (result == wire::DecodeResult::kTooBig) ending_ = false;
      return;
    }
    const char* const header = decoder_.unfinished_header();
    if (header == nullptr) return;
    // Somebody who speaks another protocol is told so at once, and not asked for a megabyte first.
    const wire::FrameType type = wire::read_type(header);
    if (type == settings_.incoming()) {
      if (result == wire::DecodeResult::kTooBig) close(DisconnectReason::kMessageTooBig);
      return;
    }
    const Hint foreign = foreign_protocol({header, wire::kHeaderSize});
    if (result == wire::DecodeResult::kTooBig || foreign != Hint::kNone) {
      close(DisconnectReason::kProtocolError, foreign);
    } else {
      check_type(type);
    }
  }

  const ConnectionSettings& settings_;
  wire::FrameDecoder decoder_;
  wire::SendQueue queue_;
  Keepalive keepalive_;
  std::optional<DisconnectReason> reason_;
  Hint hint_ = Hint::kNone;
  bool proved_ : 1;
  bool paused_ : 1;
  bool ending_ : 1;
};

// ---------------------------------------------------------------------------------------------

inline void Connection::end(DisconnectReason reason) {
  if (closed()) return;
  close(reason);
  ending_ = true;
  if (!paused_) return;
  paused_ = false;
  const auto nothing = [](std::string_view /*payload*/) { return true; };
  check(decoder_.resume(frame_handler(nothing)));
}

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_CONNECTION_H_
