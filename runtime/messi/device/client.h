#ifndef MESSI_DEVICE_CLIENT_H_
#define MESSI_DEVICE_CLIENT_H_

// A client for devices: no event loop, no heap, no exceptions, no RTTI, no clock. The main loop of
// the firmware moves bytes and tells the time:
//
//     in        link_up, link_down, handle_bytes, handle_time
//     commands  try_send, in the generated class
//     out       output, handle_written: bytes to write; handle_time says when to call it again
//
// doc/devices.md is the page about it. session_client.h is the same with sessions.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/codec/member.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/device/calls.h"
#include "messi/device/link.h"
#include "messi/device/send.h"
#include "messi/send_result.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/frame.h"

namespace messi {

/// The base class of generated clients for devices, with calls or without: CallingDeviceBase and
/// DeviceBase. It is used by one thread, and not in interrupts.
template <typename Calls>
class BasicDevice : public device::Link<BasicDevice<Calls>>, protected Calls {
  using Link = device::Link<BasicDevice>;

 public:
  /// The link to the server is there, such as a TCP connection or a serial line. Calls
  /// `on_connected`. Whatever was sent or has arrived in part before is forgotten. Not in a hook.
  void link_up(TimePoint now) {
    if constexpr (Calls::kHasCalls) link_down();  // with which its calls end
    begin(now);
    on_connected();
  }
  /// It is not there any more.
  void link_down() { close(DisconnectReason::kConnectionClosed); }

  /// Time has passed. Returns when to call it again: earlier does no harm. May call hooks.
  TimePoint handle_time(TimePoint now) {
    const TimePoint deadline = Link::handle_time(now);
    return std::min(deadline, this->end_late_calls(now, [](std::uint64_t /*number*/) {}));
  }

  using Link::linked;

  /// What is to be written next, in this order; all of it or a part. The bytes stay where they are
  /// until `handle_written`, or the connection has ended; more may follow behind them.
  std::string_view output() const { return linked() ? control().waiting() : std::string_view(); }
  /// The first `size` bytes of `output()` have been written. May call `on_disconnected`.
  void handle_written(std::size_t size) {
    if (!linked()) return;
    control().handle_written(size);
    end_if_left();
  }

  /// Whether messages can be sent.
  bool connected() const { return state() == State::kConnected; }

  /// The link is up. Nothing has come from the server yet.
  virtual void on_connected() {}
  /// The connection has ended. Unless it was `link_down`, end the link too.
  virtual void on_disconnected(DisconnectReason /*reason*/) {}

 protected:
  /// A message of the server fits into `incoming`, a message to it with its frame and a ping
  /// into `outgoing` (8 bytes and up to 10 for the member). Both belong to the user, and must
  /// outlive the client.
  BasicDevice(Space incoming, Space outgoing, const DeviceOptions& options,
              typename Calls::CallRoom calls = {})
      : Link(incoming, outgoing, options), Calls(calls) {}
  ~BasicDevice() = default;

  /// Sends `message` as member `field`.
  template <typename T>
  SendResult put_member(std::uint32_t field, const T& message) {
    if (!connected()) return SendResult::kNotConnected;
    return device::try_send(control(), field, message);
  }

  // Calls: the server does not know that this client has some, so answers come in order.

  /// Sends a request. If it is accepted, `handle_result` follows, once.
  template <typename T>
  SendResult make_call(codec::Reply pair, const T& request, TimePoint deadline,
                       std::uintptr_t context) {
    if (!connected()) return SendResult::kNotConnected;
    if (!this->prepare_call()) return SendResult::kFull;
    const SendResult sent = put_member(pair.request, request);
    if (sent == SendResult::kOk) this->begin_call(0, pair.number, deadline, context);
    return sent;
  }
  template <typename T>
  SendResult put_member(codec::Reply pair, const T& message) {
    return put_member(pair.number, message);
  }
  bool end_call_of(std::uintptr_t context) {
    return this->cancel_first_call(context, [](std::uint64_t /*number*/) {});
  }
  template <typename T>
  SendResult put_answer(DeviceRequest to, codec::Reply pair, const T& message) {
    if (!this->number_of_request(to)) return SendResult::kNotConnected;
    return put_member(pair.number, message);
  }
  /// The server waits until its time is up.
  SendResult put_failure(DeviceRequest to, StatusCode /*code*/, std::string_view /*text*/) {
    return this->number_of_request(to) ? SendResult::kOk : SendResult::kNotConnected;
  }

 private:
  friend Link;

  using Link::begin;
  using Link::close;
  using Link::control;
  using Link::input;
  using Link::leave;
  using Link::state;
  using State = typename Link::State;

  /// Passes a payload to its hook; false if it is not what the schema says. Not pure, since that
  /// takes a function of C++'s library.
  virtual bool dispatch(std::string_view /*payload*/) { return false; }

  // A newer server may send frames that this client does not know.
  bool expects(wire::FrameType /*type*/) const { return true; }
  void handle_fault(DisconnectReason reason) { close(reason); }
  bool hears_calls() const { return false; }
  void handle_end(DisconnectReason reason) {
    this->end_calls(StatusCode::kUnavailable);
    on_disconnected(reason);
  }

  void handle_frame() {
    if (input().type() == wire::FrameType::kServerToClient) {
      this->begin_dispatch(0);
      const bool decoded = dispatch(input().payload());
      this->end_dispatch();
      if (!decoded) close(DisconnectReason::kMessageDecodeError);
    } else if (input().type() == wire::FrameType::kClose) {
      handle_close();
    }
  }

  void handle_close() {
    const std::string_view payload = input().payload();
    if (payload.size() < wire::kCloseFixedSize) return close(DisconnectReason::kProtocolError);
    const auto code = static_cast<wire::CloseCode>(payload.front());
    const DisconnectReason reason = connection::reason_of(code);
    if (reason != DisconnectReason::kDraining) return close(reason);
    leave();
    end_if_left();
  }

  void end_if_left() {
    if (state() == State::kLeaving && control().empty()) close(DisconnectReason::kDraining);
  }
};

using DeviceBase = BasicDevice<device::NoCalls>;
using CallingDeviceBase = BasicDevice<device::Calls>;

}  // namespace messi

#endif  // MESSI_DEVICE_CLIENT_H_
