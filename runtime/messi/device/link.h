#ifndef MESSI_DEVICE_LINK_H_
#define MESSI_DEVICE_LINK_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/frame_kind.h"
#include "messi/connection/keepalive.h"
#include "messi/device/input.h"
#include "messi/device/output.h"
#include "messi/wire/call_frame.h"
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

namespace device {

/// What is the same for all clients on devices: the rules of a connection, which are those of
/// connection/connection.h for a client. `Client` derives from it and has the rest, which so needs
/// no table of functions:
///
///     bool hears_calls() const          whether what is said about requests comes, as messages do
///     bool expects(FrameType) const     whether a frame that is no message may come now
///     void handle_frame()               one is complete, or a message
///     void handle_fault(reason)         the server has broken the rules
///     void handle_end(reason)           the connection has ended
template <typename Client>
class Link {
 public:
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Bytes have arrived. Calls hooks.
  void handle_bytes(std::string_view bytes, TimePoint now) {
    keepalive_.handle_received(now);
    while (!bytes.empty() && hears()) {
      if (!input_.cut()) frame_began_ = now;
      if (!input_.take(bytes)) continue;
      if (!check_header()) return;
      if (!input_.complete()) continue;
      input_.clear();
      client().handle_frame();
    }
  }

  /// Time has passed. Returns when to call it again: earlier does no harm. May call hooks.
  TimePoint handle_time(TimePoint now) {
    const connection::KeepaliveSettings settings{options_.ping_interval, options_.pong_timeout};
    if (!linked()) return TimePoint::max();
    if (keepalive_.poll_ping(settings, now)) output_.add_ping();
    TimePoint deadline = keepalive_.deadline(settings);
    if (keepalive_.timed_out(settings, now)) {
      close(DisconnectReason::kKeepAliveTimeout);
    } else if (input_.cut()) {
      const TimePoint end = deadline_after(frame_began_, options_.frame_timeout);
      if (now >= end) close(DisconnectReason::kFrameTooSlow);
      deadline = std::min(deadline, end);
    }
    return linked() ? deadline : TimePoint::max();
  }

  /// Whether there is a connection: from `link_up` until it has ended, or the link has. Then end
  /// the link, and some time later, a random one if there are many devices, make another one and
  /// call `link_up`.
  bool linked() const { return state_ != State::kClosed; }

 protected:
  // kEnding: nothing is heard any more. kLeaving: the server lets its clients go, and no more is
  // accepted for it. What was sent before is still written.
  enum class State : std::uint8_t { kClosed, kEnding, kLeaving, kConnected };

  Link(Space input, Space output, const DeviceOptions& options)
      : options_(options), input_(input), output_(output), keepalive_(TimePoint()) {}
  ~Link() = default;

  const DeviceOptions& options() const { return options_; }
  State state() const { return state_; }
  const Input& input() const { return input_; }
  Output& control() { return output_; }
  const Output& control() const { return output_; }

  void begin(TimePoint now) {
    input_.clear();
    output_.clear();
    keepalive_ = connection::Keepalive(now);
    state_ = State::kConnected;
  }
  void leave() {
    if (state_ == State::kConnected) state_ = State::kLeaving;
  }
  void end() { state_ = State::kEnding; }
  void close(DisconnectReason reason) {
    if (!linked()) return;
    state_ = State::kClosed;
    client().handle_end(reason);
  }

 private:
  Client& client() { return static_cast<Client&>(*this); }
  bool hears() const { return state_ > State::kEnding; }

  bool check_header() {
    const std::size_t size = input_.size();
    const bool call = input_.type() == wire::FrameType::kCall && client().hears_calls();
    switch (call ? connection::FrameKind::kMessage
                 : connection::kind_of(input_.type(), connection::Side::kClient)) {
      case connection::FrameKind::kMessage:
        if (size <= input_.capacity() || (call && size <= kMostFailure)) return true;
        client().handle_fault(DisconnectReason::kMessageTooBig);
        return false;
      case connection::FrameKind::kSignOfLife:
        if (size == 0) return true;
        break;
      case connection::FrameKind::kOther:
        if (client().expects(input_.type()) && size <= wire::kMostServicePayload) return true;
        break;
      case connection::FrameKind::kOwn:
        break;
    }
    client().handle_fault(DisconnectReason::kProtocolError);
    return false;
  }

  // Its text may be cut.
  static constexpr std::size_t kMostFailure = wire::kCallHeadSize + 1 + wire::kMostFailureText;

  const DeviceOptions options_;
  Input input_;
  Output output_;
  connection::Keepalive keepalive_;
  TimePoint frame_began_;
  State state_ = State::kClosed;
};

}  // namespace device
}  // namespace messi

#endif  // MESSI_DEVICE_LINK_H_
