#ifndef MESSI_DEVICE_CLIENT_H_
#define MESSI_DEVICE_CLIENT_H_

// A client for devices: no event loop, no heap, no exceptions, no RTTI, no clock. The main loop of
// the firmware moves bytes and tells the time:
//
//     in        link_up, link_down, handle_bytes, handle_time
//     commands  try_send, in the generated class
//     out       output, handle_written: bytes to write; handle_time says when to call it again
//
// doc/devices.md is the page about it.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/time.h"
#include "messi/codec/member.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/connection/keepalive.h"
#include "messi/device/input.h"
#include "messi/device/output.h"
#include "messi/device/writer.h"
#include "messi/send_result.h"
#include "messi/views/writer.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/frame.h"

namespace messi {

struct DeviceOptions {
  /// The time between pings. It must be less than `pong_timeout`.
  Duration ping_interval = std::chrono::seconds(2);
  /// The connection ends when no byte has arrived from the server for this long
  /// (kKeepAliveTimeout).
  Duration pong_timeout = std::chrono::seconds(4);
  /// How long a frame may take to arrive (kFrameTooSlow).
  Duration frame_timeout = std::chrono::seconds(10);
  /// How many levels of messages may be nested in a message that arrives, with itself (else
  /// kMessageDecodeError). Each level takes stack.
  int max_decode_depth = 16;
};

/// The base class of generated clients for devices. It is used by one thread, and not in
/// interrupts.
class DeviceBase {
 public:
  DeviceBase(const DeviceBase&) = delete;
  DeviceBase& operator=(const DeviceBase&) = delete;

  /// The link to the server is there, such as a TCP connection or a serial line. Calls
  /// `on_connected`. Whatever was sent or has arrived in part before is forgotten. Not in a hook.
  void link_up(TimePoint now) {
    input_.clear();
    output_.clear();
    keepalive_ = connection::Keepalive(now);
    state_ = State::kConnected;
    on_connected();
  }
  /// It is not there any more.
  void link_down() { close(DisconnectReason::kConnectionClosed); }

  /// Bytes have arrived. Calls hooks.
  void handle_bytes(std::string_view bytes, TimePoint now) {
    keepalive_.handle_received(now);
    while (!bytes.empty() && state_ != State::kClosed) {
      if (!input_.cut()) frame_began_ = now;
      if (!input_.take(bytes)) continue;
      if (!check_header()) return;
      if (!input_.complete()) continue;
      input_.clear();
      handle_frame();
    }
  }

  /// Time has passed. Returns when to call it again: earlier does no harm. May call
  /// `on_disconnected`.
  TimePoint handle_time(TimePoint now) {
    const connection::KeepaliveSettings settings{options_.ping_interval, options_.pong_timeout};
    if (state_ == State::kClosed) return TimePoint::max();
    if (keepalive_.poll_ping(settings, now)) output_.add_ping();
    TimePoint deadline = keepalive_.deadline(settings);
    if (keepalive_.timed_out(settings, now)) {
      close(DisconnectReason::kKeepAliveTimeout);
    } else if (input_.cut()) {
      const TimePoint end = deadline_after(frame_began_, options_.frame_timeout);
      if (now >= end) close(DisconnectReason::kFrameTooSlow);
      deadline = std::min(deadline, end);
    }
    return state_ == State::kClosed ? TimePoint::max() : deadline;
  }

  /// What is to be written next, in this order; all of it or a part. The bytes stay where they are
  /// until `handle_written` or `link_up`; more may follow behind them.
  std::string_view output() const {
    return state_ == State::kClosed ? std::string_view() : output_.waiting();
  }
  /// The first `size` bytes of `output()` have been written. May call `on_disconnected`.
  void handle_written(std::size_t size) {
    if (state_ == State::kClosed) return;
    output_.handle_written(size);
    end_if_left();
  }

  /// Whether messages can be sent.
  bool connected() const { return state_ == State::kConnected; }

  /// The link is up. Nothing has come from the server yet.
  virtual void on_connected() {}
  /// The connection has ended. Unless it was `link_down`, end the link too. Some time later, a
  /// random one if there are many devices, make another one and call `link_up`.
  virtual void on_disconnected(DisconnectReason /*reason*/) {}

 protected:
  /// A message of the server fits into `input`, a message to it with its frame and a ping into
  /// `output` (8 bytes and up to 10 for the member). Both belong to the user, and must outlive the
  /// client.
  DeviceBase(Space input, Space output, const DeviceOptions& options)
      : options_(options), input_(input), output_(output), keepalive_(TimePoint()) {}
  ~DeviceBase() = default;

  const DeviceOptions& options() const { return options_; }

  /// Sends `message` as member `field`.
  template <typename T>
  SendResult try_send_member(std::uint32_t field, const T& message) {
    if (!connected()) return SendResult::kNotConnected;
    views::Sizer body;
    messi_put(message, body);
    const std::size_t size = codec::head_size(field, body.size()) + body.size();
    if (size > output_.most_payload()) return SendResult::kTooBig;
    std::uint8_t* const out = output_.reserve(wire::FrameType::kClientToServer, size);
    if (out == nullptr) return SendResult::kFull;
    device::Writer writer(codec::write_head(out, field, body.size()));
    messi_put(message, writer);
    if (!writer.ok()) return SendResult::kInvalid;
    output_.commit(size);
    return SendResult::kOk;
  }

 private:
  // kLeaving: the server lets its clients go. What was sent before is still written.
  enum class State : std::uint8_t { kClosed, kConnected, kLeaving };

  /// Passes a payload to its hook; false if it is not what the schema says. Not pure, since that
  /// takes a function of C++'s library.
  virtual bool dispatch(std::string_view /*payload*/) { return false; }

  /// The rules are those of connection/connection.h for a client.
  bool check_header() {
    switch (input_.type()) {
      case wire::FrameType::kServerToClient:
        if (input_.size() <= input_.capacity()) return true;
        close(DisconnectReason::kMessageTooBig);
        return false;
      case wire::FrameType::kPong:
        if (input_.size() == 0) return true;
        break;
      case wire::FrameType::kPing:
      case wire::FrameType::kClientToServer:
        break;
      default:  // a newer server's
        if (input_.size() <= wire::kMostServicePayload) return true;
    }
    close(DisconnectReason::kProtocolError);
    return false;
  }

  void handle_frame() {
    if (input_.type() == wire::FrameType::kServerToClient) {
      if (!dispatch(input_.payload())) close(DisconnectReason::kMessageDecodeError);
    } else if (input_.type() == wire::FrameType::kClose) {
      handle_close();
    }
  }

  void handle_close() {
    const std::string_view payload = input_.payload();
    if (payload.size() < wire::kCloseFixedSize) return close(DisconnectReason::kProtocolError);
    const auto code = static_cast<wire::CloseCode>(payload.front());
    const DisconnectReason reason = connection::reason_of(code);
    if (reason != DisconnectReason::kDraining) return close(reason);
    if (state_ == State::kConnected) state_ = State::kLeaving;
    end_if_left();
  }

  void end_if_left() {
    if (state_ == State::kLeaving && output_.empty()) close(DisconnectReason::kDraining);
  }

  void close(DisconnectReason reason) {
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    on_disconnected(reason);
  }

  const DeviceOptions options_;
  device::Input input_;
  device::Output output_;
  connection::Keepalive keepalive_;
  TimePoint frame_began_;
  State state_ = State::kClosed;
};

}  // namespace messi

#endif  // MESSI_DEVICE_CLIENT_H_
