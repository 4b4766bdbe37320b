#ifndef MESSI_SESSION_CONNECTION_H_
#define MESSI_SESSION_CONNECTION_H_

// One side of one connection, as a machine without sockets and without a clock:
//
//     in        handle_bytes, handle_spare, handle_time
//     commands  reserve, close
//     out       queue(): bytes to write; deadline(): when to call handle_time
//
// The same code runs on epoll, in the simulator of messi/testing and under the fuzzer.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "messi/session/disconnect_reason.h"
#include "messi/session/keepalive.h"
#include "messi/session/time.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_decoder.h"
#include "messi/wire/send_queue.h"

namespace messi {

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
        keepalive_(now) {
    handle_time(now);
  }

  /// Bytes have come. Calls `dispatch(payload) -> bool` for each user message, which returns
  /// false if the message cannot be decoded. Stops as soon as the connection is closed.
  template <typename Dispatch>
  void handle_bytes(std::string_view bytes, TimePoint now, Dispatch&& dispatch) {
    keepalive_.handle_received(now);
    check(decoder_.decode(bytes, frame_handler(dispatch)));
  }

  /// Memory that the transport may read into; `handle_spare` says how much it has read.
  wire::Spare spare() const { return closed() ? wire::Spare{nullptr, 0} : decoder_.spare(); }
  template <typename Dispatch>
  void handle_spare(std::size_t size, TimePoint now, Dispatch&& dispatch) {
    keepalive_.handle_received(now);
    check(decoder_.decode_spare(size, frame_handler(dispatch)));
  }

  void handle_time(TimePoint now) {
    if (keepalive_.poll_ping(settings_.keepalive, now)) {
      queue_.push_control(wire::FrameType::kPing);
    }
    if (keepalive_.timed_out(settings_.keepalive, now)) close(DisconnectReason::kKeepAliveTimeout);
  }
  TimePoint deadline() const { return keepalive_.deadline(settings_.keepalive); }

  /// Space in the queue for a user message of `payload_size` bytes, to be filled at once; null if
  /// it is not accepted, in which case the connection is, or now gets, closed. An empty queue
  /// accepts any message that is not too big.
  std::uint8_t* reserve(std::size_t payload_size) {
    if (!accept(payload_size)) return nullptr;
    std::uint8_t* const frame = queue_.append(wire::kHeaderSize + payload_size);
    return wire::write_header(frame, settings_.outgoing(), payload_size);
  }

  /// Takes back what `reserve(payload_size)` gave just before.
  void retract(std::size_t payload_size) { queue_.retract(wire::kHeaderSize + payload_size); }

  /// As `reserve`, for a frame that was encoded once for many connections.
  bool share(wire::Buffer& buffer, std::uint32_t begin, std::uint32_t end) {
    if (!accept(end - begin - wire::kHeaderSize)) return false;
    queue_.append_shared(buffer, begin, end);
    return true;
  }

  /// Whether `reserve` would succeed; if not, the connection is, or now gets, closed.
  bool accept(std::size_t payload_size) {
    if (closed()) return false;
    if (payload_size > settings_.max_payload_size) {
      close(DisconnectReason::kMessageTooBig);
      return false;
    }
    const std::size_t after = queue_.pending() + wire::kHeaderSize + payload_size;
    if (after > settings_.max_pending_bytes && !queue_.empty()) {
      close(DisconnectReason::kSlowReader);
      return false;
    }
    return true;
  }

  /// Only the first reason counts.
  void close(DisconnectReason reason) {
    if (!closed()) reason_ = reason;
  }
  bool closed() const { return reason_.has_value(); }
  DisconnectReason reason() const { return *reason_; }

  /// True once the peer has answered a ping: it is a server, and it is alive.
  bool proved() const { return proved_; }

  const ConnectionSettings& settings() const { return settings_; }
  wire::SendQueue& queue() { return queue_; }
  const wire::SendQueue& queue() const { return queue_; }

 private:
  template <typename Dispatch>
  auto frame_handler(Dispatch& dispatch) {
    return [this, &dispatch](const wire::Frame& frame) {
      if (frame.type == settings_.incoming()) {
        if (!dispatch(frame.payload)) close(DisconnectReason::kMessageDecodeError);
      } else {
        handle_other(frame);
      }
      return !closed();
    };
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
    // A newer server may say more than this client understands; a client only says what it was
    // offered.
    if (server) close(DisconnectReason::kProtocolError);
  }

  void check(wire::DecodeResult result) {
    if (result == wire::DecodeResult::kTooBig) close(DisconnectReason::kMessageTooBig);
  }

  const ConnectionSettings& settings_;
  wire::FrameDecoder decoder_;
  wire::SendQueue queue_;
  Keepalive keepalive_;
  std::optional<DisconnectReason> reason_;
  bool proved_ = false;
};

}  // namespace messi

#endif  // MESSI_SESSION_CONNECTION_H_
