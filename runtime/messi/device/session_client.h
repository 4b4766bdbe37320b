#ifndef MESSI_DEVICE_SESSION_CLIENT_H_
#define MESSI_DEVICE_SESSION_CLIENT_H_

// A client for devices with sessions: what was sent is handled by the server exactly once and in
// order, across lost connections. client.h is the same without; the calls are those.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/harmless.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/codec/member.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/connection/session_ends.h"
#include "messi/device/calls.h"
#include "messi/device/link.h"
#include "messi/device/send.h"
#include "messi/device/session.h"
#include "messi/send_result.h"
#include "messi/session/loss_reason.h"
#include "messi/session/session_mode.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/frame.h"
#include "messi/wire/session_frames.h"

namespace messi {

namespace device {

/// Those of a literal, zeros among them.
template <std::size_t kSize>
constexpr std::string_view bytes_of(const char (&literal)[kSize]) {
  return {literal, kSize - 1};
}

}  // namespace device

struct SessionDeviceOptions : DeviceOptions {
  /// Whether messages outlive the connection on which they were sent.
  SessionMode session = SessionMode::kPrefer;
  /// How long the server may take to welcome this client, from `link_up` on (kKeepAliveTimeout).
  Duration connect_timeout = std::chrono::seconds(5);
  /// For the server's `on_authenticate`, also of a connection without a session; at most 512 bytes,
  /// which must outlive the client. Only for servers that ask for it, and everybody on the way
  /// reads it, unless there is TLS.
  std::string_view auth_token;
  /// What this client says of its schema, also in a connection without a session: `kSchema` of its
  /// class, or nothing. With it `on_schema_mismatch` comes. Only servers that ask for introductions
  /// want to know.
  std::string_view schema;
};

/// As SessionLoss for other clients.
struct DeviceSessionLoss {
  SessionLossReason reason;

  /// The messages of this side that are not known to have been handled, by their numbers in the
  /// session; none if the first is more than the last.
  std::uint64_t first_unacked;
  std::uint64_t last_accepted;

  /// How many messages of this side the peer has handled, if it has said so at the end. Then
  /// `first_unacked` is the next one, and none from there on was handled.
  std::optional<std::uint64_t> peer_handled = std::nullopt;
};

/// The base class of generated clients for devices, with sessions, with calls or without:
/// CallingSessionDeviceBase and SessionDeviceBase. It is used by one thread, and not in interrupts.
template <typename Calls>
class BasicSessionDevice : public device::Link<BasicSessionDevice<Calls>>, protected Calls {
  using Link = device::Link<BasicSessionDevice>;

 public:
  /// The link to the server is there, such as a TCP connection or a serial line. The two sides
  /// introduce themselves, then `on_connected` or `on_resumed` comes, or `on_connect_failure`. Not
  /// in a hook.
  void link_up(TimePoint now) {
    link_down();
    begin(now);
    introduced_by_ = deadline_after(now, connect_timeout_);
    wants_ack_ = close_said_ = false;
  }
  /// It is not there any more.
  void link_down() { close(DisconnectReason::kConnectionClosed); }

  /// Ends the session in order, or a connection without one. Nothing more is accepted, and no hook
  /// gets a message. When the server has handled what was sent before, it is told that this is the
  /// end; then `on_disconnected` comes, mostly with kStopped. If the connection is lost before, or
  /// there is none, another one is needed. No-op if the server has ended it, or lets this client
  /// go.
  void stop() {
    if (departing()) return;
    if (losing_ || (!known_ && session_.all_acknowledged())) {
      return close(DisconnectReason::kStopped);
    }
    session_.stop_dispatching();
    tend();
  }

  /// Time has passed. Returns when to call it again, if no bytes arrive until then; earlier does no
  /// harm. May call hooks.
  TimePoint handle_time(TimePoint now) {
    TimePoint deadline = Link::handle_time(now);
    if (stage_ != Stage::kDone) {
      if (now >= introduced_by_) close(DisconnectReason::kKeepAliveTimeout);
      deadline = std::min(deadline, introduced_by_);
    } else if (in_session_) {
      if (session_.wants_ack(now, !output().empty())) wants_ack_ = true;
      if (!wants_ack_) deadline = std::min(deadline, session_.ack_deadline());
    }
    tend();
    if (!linked()) deadline = TimePoint::max();
    return std::min(deadline, expire_calls(now));
  }

  using Link::linked;

  /// What is to be written next, in this order; all of it or a part. The bytes stay where they are
  /// until `handle_written`, or the connection has ended; more may follow behind them.
  std::string_view output() const {
    if (!linked()) return {};
    return session_.writing() ? session_.waiting() : control().waiting();
  }
  /// The first `size` bytes of `output()` have been written. May call hooks.
  void handle_written(std::size_t size) {
    if (!linked()) return;
    if (session_.writing()) {
      session_.handle_written(size);
      if (!in_session_ && !session_.writing()) session_.forget_written();
    } else {
      control().handle_written(size);
    }
    tend();
  }

  /// True from `on_connected` until the session is lost, given up or stopped, also while there is
  /// no connection; without a session until the connection is.
  bool connected() const { return connected_ && !departing() && !stopping(); }
  /// Whether there is a session and no connection that carries it: from `on_detached` until
  /// `on_resumed` or `on_disconnected`.
  bool detached() const { return known_ && !in_session_; }
  /// The messages that were sent and that the server is not known to have handled, and those that
  /// wait for a session.
  std::uint64_t unacknowledged() const {
    return session_.last_accepted() - session_.acknowledged();
  }

  /// There is a new session, or a connection without one.
  virtual void on_connected() {}
  /// The connection has ended, and the session goes on: what is sent now is kept. Unless it was
  /// `link_down`, end the link, and make another one.
  virtual void on_detached(DisconnectReason /*reason*/) {}
  /// The session goes on in a new connection. `replayed` messages are sent again, which the server
  /// has not handled.
  virtual void on_resumed(std::uint64_t /*replayed*/) {}
  /// The session has ended, and not everything was handled, or that is not known. Nothing can be
  /// sent here. `on_disconnected` follows, if `on_connected` has come before.
  virtual void on_session_lost(const DeviceSessionLoss& /*loss*/) {}
  /// The session has ended, or a connection without one. There may be a connection, with the next
  /// session.
  virtual void on_disconnected(DisconnectReason /*reason*/) {}
  /// The server's schema is not that of this client, before `on_connected`. Returns whether to go
  /// on; false ends the link (kSchemaMismatch). Only if `incoming` has room for what the server
  /// says of its schema: 76 bytes and the size of `schema`.
  virtual bool on_schema_mismatch() { return true; }
  /// A link has ended before the server had welcomed this client.
  virtual void on_connect_failure(DisconnectReason /*reason*/) {}

 protected:
  /// A message of the server fits into `incoming`, which has at least 72 bytes; `outgoing` has at
  /// least 64, and for `auth_token` and `schema` 4 and their size; and a message to the server fits
  /// into `kept` (4 bytes and up to 10 for the member), which holds what is not acknowledged. All
  /// belong to the user, and must outlive the client.
  BasicSessionDevice(Space incoming, Space outgoing, Space kept,
                     const SessionDeviceOptions& options, typename Calls::CallRoom calls = {})
      : Link(incoming, outgoing, options),
        Calls(calls),
        mode_(options.session),
        connect_timeout_(options.connect_timeout),
        auth_token_(options.auth_token),
        schema_(options.schema),
        session_(kept) {}
  ~BasicSessionDevice() = default;

  /// Sends `message` as member `field`. What is sent before there is a connection is kept.
  template <typename T>
  SendResult put_member(std::uint32_t field, const T& message) {
    if (!accepts()) return SendResult::kNotConnected;
    const SendResult result = device::try_send(session_, field, message);
    tend();
    return result;
  }

  // Calls

  /// Sends a request. If it is accepted, `handle_result` follows, once.
  template <typename T>
  SendResult make_call(codec::Reply pair, const T& request, TimePoint deadline,
                       std::uintptr_t context) {
    if (!accepts()) return SendResult::kNotConnected;
    if (!this->prepare_call()) return SendResult::kFull;
    const SendResult sent = device::try_send(session_, pair.request, request);
    if (sent == SendResult::kOk) {
      this->begin_call(session_.last_accepted(), pair.number, deadline, context);
    }
    tend();
    return sent;
  }
  bool end_call_of(std::uintptr_t context) {
    const bool found =
        this->cancel_first_call(context, [this](std::uint64_t call) { say_given_up(call); });
    tend();
    return found;
  }
  /// Sends a message that may be a reply: in the hook of its request it is the answer.
  template <typename T>
  SendResult put_member(codec::Reply pair, const T& message) {
    const std::optional<std::uint64_t> request = this->find_request(pair.request);
    const SendResult sent = try_answer(request.value_or(0), pair.number, message);
    if (sent == SendResult::kOk && request) this->take_request();
    return sent;
  }
  template <typename T>
  SendResult put_answer(DeviceRequest to, codec::Reply pair, const T& message) {
    const std::optional<std::uint64_t> request = this->number_of_request(to);
    if (!request) return SendResult::kNotConnected;
    return try_answer(*request, pair.number, message);
  }
  /// A server that does not know calls waits until its time is up.
  SendResult put_failure(DeviceRequest to, StatusCode code, std::string_view text) {
    const std::optional<std::uint64_t> request = this->number_of_request(to);
    if (!request || !accepts()) return SendResult::kNotConnected;
    if (*request == 0) return SendResult::kOk;
    const SendResult said = device::try_fail(session_, *request, code, text);
    tend();
    return said;
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

  enum class Stage : std::uint8_t { kAwaitsOffer, kAwaitsWelcome, kDone };

  // How a session ends.
  struct End {
    DisconnectReason reason;
    SessionLossReason loss;
    std::optional<std::uint64_t> peer_handled = std::nullopt;
  };

  /// Passes a payload to its hook; false if it is not what the schema says. Not pure, since that
  /// takes a function of C++'s library.
  virtual bool dispatch(std::string_view /*payload*/) { return false; }

  bool departing() const { return linked() && state() != State::kConnected; }
  bool stopping() const { return !session_.dispatches(); }
  bool accepts() const { return !departing() && !stopping() && !losing_; }

  // Link

  bool hears_calls() const {
    if constexpr (Calls::kHasCalls) return stage_ == Stage::kDone && this->calls_numbered();
    return false;
  }
  bool expects(wire::FrameType type) const {
    return !in_session_ || type == wire::FrameType::kAck || type == wire::FrameType::kClose;
  }
  void handle_fault(DisconnectReason reason) {
    if (in_session_) return lose(reason);
    close(reason);
  }
  void handle_frame() {
    switch (input().type()) {
      case wire::FrameType::kServerToClient:
        return handle_message();
      case wire::FrameType::kPong:
        if (stage_ == Stage::kAwaitsOffer) go_without_session();
        return;
      case wire::FrameType::kOffer:
        if (stage_ == Stage::kAwaitsOffer) handle_offer();
        return;
      case wire::FrameType::kWelcome:
        if (stage_ == Stage::kAwaitsWelcome) handle_welcome();
        return;
      case wire::FrameType::kAck:
        if (in_session_) handle_ack();
        return;
      case wire::FrameType::kClose:
        return handle_close();
      case wire::FrameType::kCall:
        if constexpr (Calls::kHasCalls) {
          if (hears_calls()) handle_call();
        }
        return;
      default:
        return;
    }
  }
  void handle_end(DisconnectReason reason) {
    const bool introduced = std::exchange(stage_, Stage::kAwaitsOffer) == Stage::kDone;
    const bool carried = std::exchange(in_session_, false);
    if (carried) session_.detach();
    if (end_) return end_session(*std::exchange(end_, std::nullopt));
    if (carried) return on_detached(reason);
    if (!introduced) return on_connect_failure(reason);
    end_all_calls(reason);
    session_.restart();
    connected_ = false;
    on_disconnected(reason);
  }

  // What arrives

  void handle_message() {
    if (stage_ == Stage::kAwaitsWelcome) return;  // it is not for this client yet
    if (stage_ == Stage::kAwaitsOffer) go_without_session();
    if (stage_ != Stage::kDone || stopping()) return;
    session_.handle_dispatched(input().payload().size());
    deliver(input().payload(), session_.rx());
  }
  void deliver(std::string_view message, std::uint64_t number) {
    this->begin_dispatch(number);
    const bool decoded = dispatch(message);
    this->end_dispatch();
    if (decoded) return;
    session_.handle_undecodable();
    handle_fault(DisconnectReason::kMessageDecodeError);
  }

  void handle_call() {
    if (stopping()) return;
    session_.handle_dispatched(input().payload().size());
    const std::optional<wire::CallFrame> frame = wire::read_call(input().payload());
    if (!frame || frame->request == 0) return handle_fault(DisconnectReason::kProtocolError);
    const bool cancel = frame->kind == wire::CallKind::kCancel;
    if (frame->request > (cancel ? session_.rx() - 1 : session_.handed())) {
      return handle_fault(DisconnectReason::kProtocolError);
    }
    if (cancel) return this->hear_cancel(frame->request);
    if (frame->kind == wire::CallKind::kFailure) {
      make_harmless(input().payload_end() - frame->text.size(), frame->text.size());
      return this->hear_failure(frame->request, frame->code, frame->text);
    }
    if (input().size() > input().payload().size()) {
      session_.handle_undecodable();
      return handle_fault(DisconnectReason::kMessageTooBig);
    }
    const std::uint32_t member = codec::single_member(frame->message).field;
    switch (this->hear_answer(frame->request, member)) {
      case Calls::HeardAnswer::kYes:
        return deliver(frame->message, 0);
      case Calls::HeardAnswer::kLate:
        return;
      case Calls::HeardAnswer::kWrong:
        return handle_fault(DisconnectReason::kProtocolError);
    }
  }

  void handle_offer() {
    const std::optional<wire::Offer> offer = wire::read_offer(input().payload());
    if (!offer) return close(DisconnectReason::kProtocolError);
    const bool session = offer->sessions && mode_ != SessionMode::kOff;
    const bool introduces = Calls::kHasCalls || !auth_token_.empty() || !schema_.empty();
    const bool says_hello = session || (introduces && mode_ != SessionMode::kRequired);
    if (!says_hello || offer->min_version > wire::kSessionVersion ||
        offer->max_version < wire::kSessionVersion) {
      return go_without_session();
    }
    wire::Hello hello;
    hello.attempt = ++attempt_;
    hello.max_payload = static_cast<std::uint32_t>(input().capacity() - kMostHead);
    if constexpr (Calls::kHasCalls) hello.features = wire::kCallsFeature;
    hello.no_session = asked_none_ = !session;
    if (session) {
      hello.resume = known_;
      hello.retain = static_cast<std::uint32_t>(session_.capacity());
      hello.rx = session_.rx();
      hello.id = id_;
      hello.secret = secret_;
    }
    const std::size_t size = wire::kHelloFixedSize + tlv_size(auth_token_) + tlv_size(schema_);
    std::uint8_t* out = control().reserve(wire::FrameType::kHello, size);
    if (out == nullptr || auth_token_.size() > wire::kMostAuthToken) {
      return close(DisconnectReason::kGeneralError);
    }
    out = wire::write_hello_head(out, hello);
    put_tlv(put_tlv(out, wire::kAuthTokenTlv, auth_token_), wire::kProtocolTlv, schema_);
    control().commit(size);
    stage_ = Stage::kAwaitsWelcome;
  }

  static std::size_t tlv_size(std::string_view value) {
    return value.empty() ? 0 : wire::kTlvHeaderSize + value.size();
  }
  static std::uint8_t* put_tlv(std::uint8_t* out, std::uint16_t type, std::string_view value) {
    if (value.empty()) return out;
    return std::copy(value.begin(), value.end(), wire::write_tlv_header(out, type, value.size()));
  }
  /// Whether WELCOME, as much of it as there was room for, has another schema.
  bool has_other_schema() const {
    std::string_view tlvs = input().payload();
    tlvs.remove_prefix(wire::kWelcomeFixedSize);
    bool other = false;
    wire::for_each_tlv(tlvs, [&](std::uint16_t type, std::string_view value) {
      if (type != wire::kProtocolTlv) return true;
      other = value.size() < schema_.size() ||
              std::memcmp(value.data(), schema_.data(), schema_.size()) != 0;
      return false;
    });
    return other;
  }

  void handle_welcome() {
    const std::string_view payload = input().payload();
    if (payload.size() < wire::kWelcomeFixedSize) return close(DisconnectReason::kProtocolError);
    // Without its TLVs, of which there may be only the beginning.
    const auto welcome = wire::read_welcome({payload.data(), wire::kWelcomeFixedSize});
    if (!welcome || welcome->version != wire::kSessionVersion) {
      return close(DisconnectReason::kProtocolError);
    }
    if (!schema_.empty() && has_other_schema() && !on_schema_mismatch()) {
      close(DisconnectReason::kSchemaMismatch);
    }
    if (!linked()) return;
    const bool knows_calls = (welcome->features & wire::kCallsFeature) != 0;
    if (asked_none_) return go_without_session(knows_calls);
    const std::uint64_t written = session_.written();
    if (welcome->resumed ? !resume(*welcome) : !begin_session(*welcome)) return;
    stage_ = Stage::kDone;
    in_session_ = connected_ = wants_ack_ = true;
    this->set_calls_numbered(knows_calls);
    if (welcome->resumed) {
      on_resumed(written - welcome->rx);
    } else {
      on_connected();
    }
    tend();
  }

  static session::PeerState state_of(const wire::Welcome& welcome) {
    return {welcome.rx, welcome.retain, welcome.max_payload};
  }

  // Both return false if the link has ended.
  bool resume(const wire::Welcome& welcome) {
    const bool same = known_ && welcome.id == id_;
    if (same && session_.attach(state_of(welcome))) return true;
    if (same) end_ = End{DisconnectReason::kProtocolError, SessionLossReason::kProtocol};
    close(DisconnectReason::kProtocolError);
    return false;
  }
  bool begin_session(const wire::Welcome& welcome) {
    if (welcome.rx != 0 || welcome.id == wire::Token{} || welcome.secret == wire::Token{}) {
      close(DisconnectReason::kProtocolError);
      return false;
    }
    if (known_) {
      const auto loss = session_ends::loss_of(static_cast<wire::CloseCode>(welcome.reason));
      End end{DisconnectReason::kSessionLost, loss.value_or(SessionLossReason::kUnknown)};
      if (welcome.prev_rx && session_.handle_last_rx(*welcome.prev_rx)) {
        end.peer_handled = welcome.prev_rx;
      }
      if (stopping()) {
        end.reason = DisconnectReason::kStopped;
        end_ = end;
        say_close(wire::CloseCode::kClosed, /*reply=*/false, {});  // the server has begun another
        this->end();
        tend();
        return false;
      }
      end_session(end);
      if (!linked()) return false;
    }
    id_ = welcome.id;
    secret_ = welcome.secret;
    known_ = true;
    return session_.attach(state_of(welcome));
  }

  /// The server has no sessions, or this client does not want one.
  void go_without_session(bool numbered = false) {
    if (mode_ == SessionMode::kRequired) return close(DisconnectReason::kProtocolError);
    if (known_) {
      if (stopping()) {
        end_ = End{DisconnectReason::kStopped, SessionLossReason::kDowngraded};
        return close(DisconnectReason::kStopped);
      }
      end_session({DisconnectReason::kSessionLost, SessionLossReason::kDowngraded});
      if (!linked()) return;
    }
    stage_ = Stage::kDone;
    connected_ = true;
    this->set_calls_numbered(numbered);
    on_connected();
    tend();
  }

  void handle_ack() {
    const std::optional<wire::Ack> ack = wire::read_ack(input().payload());
    if (!ack || !session_.handle_ack(*ack)) lose(DisconnectReason::kProtocolError);
  }

  void handle_close() {
    const std::optional<wire::CloseFrame> frame = wire::read_close(input().payload());
    if (!frame) return handle_fault(DisconnectReason::kProtocolError);
    const DisconnectReason reason = connection::reason_of(frame->code);
    if (!in_session_) {
      if (stage_ != Stage::kDone || reason != DisconnectReason::kDraining) return close(reason);
      leave();
      return tend();
    }
    // It may have waited while an ACK went ahead.
    const std::uint64_t rx = std::max(frame->rx, session_.acknowledged());
    // The answer to a CLOSE of this side, or one that has crossed it.
    const bool last = frame->code == wire::CloseCode::kClosed && stopping() && close_said_;
    if ((frame->reply && !last) || !session_.handle_ack({rx, frame->tx})) {
      return lose(DisconnectReason::kProtocolError);
    }
    const std::optional<SessionLossReason> loss = session_ends::loss_of(frame->code);
    if (last) {
      end_ = End{DisconnectReason::kStopped, *loss, rx};
      return close(DisconnectReason::kStopped);
    }
    if (reason == DisconnectReason::kDraining) {
      if (stopping()) return;  // this side goes anyway
      leave();
      end_ = End{reason, SessionLossReason::kClosed};
    } else if (frame->code == wire::CloseCode::kClosed) {
      say_close(frame->code, /*reply=*/true);
      const DisconnectReason why = end_         ? end_->reason
                                   : stopping() ? DisconnectReason::kStopped
                                                : DisconnectReason::kConnectionClosed;
      end_ = End{why, *loss, rx};
      this->end();
    } else {
      if (loss) end_ = End{DisconnectReason::kSessionLost, *loss, rx};
      return close(reason);
    }
    tend();
  }

  // How a session ends

  /// What this side has found ends the connection, and mostly the session.
  void lose(DisconnectReason reason) {
    const std::optional<SessionLossReason> loss = session_ends::loss_of(reason);
    if (!loss) return close(reason);
    end_ = End{reason, *loss};
    if (!std::exchange(close_said_, true)) {
      say_close(session_ends::code_of(*loss), /*reply=*/false);
    }
    this->end();
    tend();
  }
  void end_session(const End& end) {
    end_all_calls(end.reason);
    if (end.loss != SessionLossReason::kClosed || !session_.all_acknowledged()) {
      losing_ = true;
      on_session_lost(
          {end.loss, session_.acknowledged() + 1, session_.last_accepted(), end.peer_handled});
      losing_ = false;
    }
    session_.restart();
    known_ = false;
    id_ = secret_ = {};
    if (std::exchange(connected_, false)) on_disconnected(end.reason);
  }

  // Calls

  TimePoint expire_calls(TimePoint now) {
    if constexpr (Calls::kHasCalls) {
      const TimePoint next =
          this->end_late_calls(now, [this](std::uint64_t call) { say_given_up(call); });
      tend();
      return next;
    } else {
      return TimePoint::max();
    }
  }
  void end_all_calls(DisconnectReason reason) {
    if constexpr (Calls::kHasCalls) {
      const bool stopped = reason == DisconnectReason::kStopped;
      losing_ = true;
      this->end_calls(stopped ? StatusCode::kCancelled : StatusCode::kUnavailable);
      losing_ = false;
    }
  }
  template <typename T>
  SendResult try_answer(std::uint64_t request, std::uint32_t field, const T& message) {
    if (request == 0) return put_member(field, message);
    if (!accepts()) return SendResult::kNotConnected;
    const SendResult sent = device::try_answer(session_, request, field, message);
    tend();
    return sent;
  }
  void say_given_up(std::uint64_t call) {
    if (this->calls_numbered() && accepts()) device::say_given_up(session_, call);
  }

  // What is written

  /// It is left out if there is no room for it: the server then finds out by itself.
  void say_close(wire::CloseCode code, bool reply) { say_close(code, reply, session_.make_ack()); }
  void say_close(wire::CloseCode code, bool reply, const wire::Ack& ack) {
    std::uint8_t* const out = control().reserve(wire::FrameType::kClose, wire::kCloseFixedSize);
    if (out == nullptr) return;
    wire::CloseFrame frame{code};
    frame.reply = reply;
    frame.rx = ack.rx;
    frame.tx = ack.tx;
    wire::write_close(out - wire::kHeaderSize, frame);
    control().commit(wire::kCloseFixedSize);
  }

  /// When nothing is being written: decides what is next. Messages come last.
  void tend() {
    if (!output().empty() || !linked()) return;
    if (state() == State::kEnding) return close(end_->reason);
    if (stage_ != Stage::kDone) return;
    if (std::exchange(wants_ack_, false)) {
      std::uint8_t* const out = control().reserve(wire::FrameType::kAck, wire::kAckSize);
      if (out == nullptr) return;
      wire::write_ack(out - wire::kHeaderSize, session_.make_ack());
      control().commit(wire::kAckSize);
    } else if (session_.has_more()) {
      if (session_.exceeds_limit()) return lose(DisconnectReason::kMessageTooBig);
      session_.hand_over();
    } else if (state() == State::kLeaving || stopping()) {
      const bool leaving = state() == State::kLeaving;
      if (!in_session_) {
        return close(leaving ? DisconnectReason::kDraining : DisconnectReason::kStopped);
      }
      if (std::exchange(close_said_, true)) return;
      say_close(leaving ? wire::CloseCode::kDrain : wire::CloseCode::kClosed, /*reply=*/leaving);
    }
  }

  /// Of what is said about requests. It does not count for what the server thinks fits.
  static constexpr std::size_t kMostHead = Calls::kHasCalls ? wire::kCallHeadSize : 0;

  const SessionMode mode_;
  const Duration connect_timeout_;
  const std::string_view auth_token_;
  const std::string_view schema_;
  device::Session session_;
  wire::Token id_ = {};
  wire::Token secret_ = {};
  std::optional<End> end_;  // the session of this connection ends
  TimePoint introduced_by_;
  std::uint32_t attempt_ = 0;
  Stage stage_ = Stage::kAwaitsOffer;
  bool known_ = false;       // by a server
  bool in_session_ = false;  // the connection carries it
  bool connected_ = false;   // between on_connected and on_disconnected
  bool losing_ = false;
  bool wants_ack_ = false;
  bool close_said_ = false;  // on this connection
  bool asked_none_ = false;  // no session, only an introduction
};

using SessionDeviceBase = BasicSessionDevice<device::NoCalls>;
using CallingSessionDeviceBase = BasicSessionDevice<device::Calls>;

}  // namespace messi

#endif  // MESSI_DEVICE_SESSION_CLIENT_H_
