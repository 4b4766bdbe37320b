#ifndef MESSI_CONNECTION_CONNECTION_H_
#define MESSI_CONNECTION_CONNECTION_H_

// One side of one connection, as a machine without sockets and without a clock:
//
//     in        handle_bytes, handle_spare, handle_time
//     commands  outbox(): messages to send; pause, resume, close, end, leave
//     out       gather, handle_written: bytes to write; deadline(): when to call handle_time
//
// The same code runs on epoll, in the simulator of messi/testing and under the fuzzer.

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/connection/frame_kind.h"
#include "messi/connection/hint.h"
#include "messi/connection/keepalive.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_decoder.h"
#include "messi/wire/frame_queue.h"
#include "messi/wire/outbox.h"

namespace messi::connection {

/// The settings that all connections of one client or server share.
struct ConnectionSettings : wire::OutboxSettings {
  constexpr ConnectionSettings(Side its_side, std::size_t most_payload, std::size_t most_pending,
                               KeepaliveSettings its_keepalive,
                               Duration patience_with_frames = Duration::max(),
                               std::size_t most_pending_in_total = SIZE_MAX)
      : OutboxSettings{its_side == Side::kClient ? wire::FrameType::kClientToServer
                                                 : wire::FrameType::kServerToClient,
                       std::min(most_payload, wire::kMaxPayloadSize),
                       std::min(most_pending, kMaxPendingBytes), 0, most_pending_in_total},
        side(its_side),
        keepalive(its_keepalive),
        frame_timeout(patience_with_frames) {}

  static constexpr std::size_t kMaxPendingBytes = std::size_t{1} << 31;

  wire::FrameType incoming() const {
    return side == Side::kClient ? wire::FrameType::kServerToClient
                                 : wire::FrameType::kClientToServer;
  }

  /// Whether the peer has had enough time for a frame of which `arrived` bytes have come.
  bool too_slow(Duration waited, std::size_t arrived) const {
    return waited - kTimeForUnit * static_cast<Duration::rep>(arrived) / kUnit > frame_timeout;
  }
  /// What counts of the time between two inputs. This process may have been held up, with the
  /// second input in the kernel; one such time alone condemns no peer.
  Duration counted(Duration gap) const {
    return std::min({gap, keepalive.silence_limit, frame_timeout / 2});
  }

  Side side;
  KeepaliveSettings keepalive;
  /// How long the rest of a frame may be waited for; more for what has arrived.
  Duration frame_timeout;

 private:
  static constexpr Duration::rep kUnit = 16 * 1024;
  static constexpr Duration kTimeForUnit = std::chrono::seconds(1);
};

/// How far a connection has come that ends in order.
enum class Ending : std::uint8_t { kNot, kFlushing, kFinished, kOver };

/// Lives as long as the connection; nothing is carried over to the next.
class Connection : private wire::Outbox {
 public:
  /// `settings` and `pool` must outlive the connection. A client's connection begins with a ping.
  Connection(const ConnectionSettings& settings, wire::BufferPool& pool, TimePoint now)
      : Outbox(settings, pool),
        decoder_(pool, settings.max_payload_size),
        keepalive_(now),
        hearing_(Hearing::kAll),
        ending_(Ending::kNot),
        proved_(false),
        paused_(false),
        slow_(false) {
    handle_time(now, now);
  }

  /// Bytes have arrived. Calls `dispatch(payload) -> bool` for each user message; it returns false
  /// if the message cannot be decoded. Stops when the connection is closed, and while it is paused.
  /// An exception from `dispatch` closes it.
  template <typename Dispatch>
  void handle_bytes(std::string_view bytes, TimePoint now, Dispatch&& dispatch) {
    if (paused_) return decoder_.keep(bytes);
    handle_received(now);
    check(decoder_.decode(bytes, frame_handler(dispatch)));
  }

  /// Memory to read into directly, behind a cut frame; `handle_spare` says how much was read.
  Space spare() const { return listens() ? decoder_.spare() : Space{nullptr, 0}; }
  /// For a spare that is not empty: whether it is for a large frame.
  bool spare_is_large() const { return decoder_.spare_is_large(); }
  template <typename Dispatch>
  void handle_spare(std::size_t size, TimePoint now, Dispatch&& dispatch) {
    handle_received(now);
    check(decoder_.decode_spare(size, frame_handler(dispatch)));
  }

  /// What has arrived and was not handled, for another connection on the same stream.
  std::string take_rest() { return decoder_.take_kept(); }

  /// From now on nothing is dispatched, and the peer may be silent: nothing is read from it.
  void pause() { paused_ = true; }
  bool paused() const { return paused_; }
  /// Goes on with what was received before `pause`.
  template <typename Dispatch>
  void resume(TimePoint now, Dispatch&& dispatch) {
    paused_ = false;
    keepalive_.handle_received(now);
    check(decoder_.resume(frame_handler(dispatch)));
  }

  /// A server that is not reading cannot answer pings. So it sends pongs unasked.
  void handle_time_paused(TimePoint now) {
    if (settings().side == Side::kServer && writes()) frames().want(wire::Control::kPong);
    touch(now);
  }

  /// `heard_until`: see Keepalive::timed_out.
  void handle_time(TimePoint now, TimePoint heard_until) {
    if (writes() && keepalive_.poll_ping(settings().keepalive, now)) {
      frames().want(wire::Control::kPing);
    }
    if (!paused_ && keepalive_.timed_out(settings().keepalive, heard_until)) {
      close(DisconnectReason::kKeepAliveTimeout);
      abort();
    }
  }
  TimePoint deadline() const {
    if (paused_) return next_ping();
    return writes() ? keepalive_.deadline(settings().keepalive)
                    : keepalive_.silence_deadline(settings().keepalive);
  }
  TimePoint next_ping() const {
    return writes() ? keepalive_.next_ping(settings().keepalive) : TimePoint::max();
  }

  /// The way out for messages; null when closed. A message that is not accepted closes the
  /// connection.
  wire::Outbox* outbox() { return closed() ? nullptr : this; }

  /// Fills `batch`, which is empty, with what to write next.
  void gather(wire::Batch& batch) {
    frames().gather(
        batch, [this](wire::Control kind, std::uint8_t* out) { return make_control(kind, out); });
  }
  /// The first `size` bytes of what was gathered have been written.
  using Outbox::handle_written;
  bool has_output() const { return !frames().empty(); }
  /// Bytes of messages that wait to be written, with headers.
  std::size_t pending_bytes() const { return frames().pending(); }

  /// Whether something was left to be written at the end of the last turn. Only then is a peer for
  /// which too much is waiting a slow reader: within a turn it had no chance to read.
  void set_slow(bool slow) { slow_ = slow; }
  bool slow() const { return slow_; }

  /// From now on nothing is sent or dispatched. Only the first reason counts, and its hint.
  void close(DisconnectReason reason, Hint hint = Hint::kNone) {
    hearing_ = Hearing::kNothing;
    if (closed()) return;
    reason_ = reason;
    hint_ = hint;
  }
  /// Whether nothing more is sent.
  bool closed() const { return reason_.has_value(); }
  DisconnectReason reason() const {
    assert(closed());
    return *reason_;
  }
  Hint hint() const { return hint_; }

  /// Like `close`, but what was sent is still written. Until `finish` pings are sent and answered,
  /// so that the peer waits for it; messages that arrive are dropped.
  void end(DisconnectReason reason);
  /// Like `end`, but messages that arrive are still dispatched, until `abort`.
  void leave(DisconnectReason reason) {
    if (closed()) return;
    reason_ = reason;
    ending_ = Ending::kFlushing;
  }
  /// Everything is written.
  void finish() {
    ending_ = Ending::kFinished;
    if (hearing_ == Hearing::kPings) hearing_ = Hearing::kNothing;
  }
  /// Nothing more is waited for.
  void abort() {
    if (ending_ == Ending::kNot) return;
    ending_ = Ending::kOver;
    hearing_ = Hearing::kNothing;
  }
  bool flushing() const { return ending_ == Ending::kFlushing; }
  bool ending() const { return flushing() || ending_ == Ending::kFinished; }
  /// Whether `end` or `leave` closed it.
  bool ended() const { return ending_ != Ending::kNot; }
  bool over() const { return closed() && !ending(); }

  /// For a server that does not know the client yet: until `admit` no message is dispatched. The
  /// first one waits, and with it all that follows; `paused` is true then. It may have at most
  /// `max_payload_size` bytes.
  void hold(std::size_t max_payload_size) {
    hearing_ = Hearing::kHeld;
    decoder_.set_max_payload_size(std::min(max_payload_size, settings().max_payload_size));
  }
  void admit() {
    if (!held()) return;
    hearing_ = Hearing::kAll;
    decoder_.set_max_payload_size(settings().max_payload_size);
  }
  bool held() const { return hearing_ == Hearing::kHeld; }
  /// Whether messages that arrive are dispatched at once.
  bool flows() const { return dispatches() && !paused_; }

  /// Whether messages that arrive are dispatched, now or later.
  bool hears() const { return hearing_ >= Hearing::kHeld; }
  /// Whether input is handled.
  bool listens() const { return hearing_ != Hearing::kNothing; }

  /// True when the peer has answered a ping: it is a server, and it is alive.
  bool proved() const { return proved_; }

  /// When the peer was last heard, or another wait began: see `touch`.
  TimePoint last_heard() const { return keepalive_.last_heard(); }
  void touch(TimePoint now) { keepalive_.handle_received(now); }

  const ConnectionSettings& settings() const {
    return static_cast<const ConnectionSettings&>(Outbox::settings());
  }

 protected:
  // A newer server may send frames that this client does not know; a client sends only what the
  // server has offered.
  bool tolerates(wire::FrameType type) const {
    return settings().side == Side::kClient && kind(type) == FrameKind::kOther;
  }
  void handle_service(const wire::Frame& frame) {
    const bool client = settings().side == Side::kClient;
    if (client && frame.type == wire::FrameType::kClose) handle_close(frame.payload);
  }

  using Outbox::commit;
  using Outbox::drop_output;
  using Outbox::frames;
  using Outbox::kWorthWriting;
  using Outbox::too_much;

 private:
  // What of the input is handled.
  enum class Hearing : std::uint8_t { kNothing, kPings, kHeld, kAll };

  /// A client's server has said why it closes the connection.
  virtual void handle_farewell(const wire::CloseFrame& /*frame*/) {}

  /// For one that introduces itself, or has a session: whether a frame of this type may come,
  /// which is neither a message to this side nor a ping to a server or a pong to a client.
  virtual bool expects(wire::FrameType type) const { return tolerates(type); }
  /// Such a frame has come. What follows waits if the connection is paused meanwhile.
  virtual void handle_expected(const wire::Frame& frame) { handle_service(frame); }
  /// Whether both sides say about requests what call_frame.h has; and what becomes of it. False if
  /// it holds a message that cannot be decoded.
  virtual bool knows_calls() const { return false; }
  virtual bool handle_call(std::string_view /*payload*/) { return true; }
  /// Writes an OFFER or an ACK; returns the place behind it.
  virtual std::uint8_t* make_service(wire::Control /*kind*/, std::uint8_t* out) { return out; }

  std::uint8_t* make_control(wire::Control kind, std::uint8_t* out) {
    if (kind == wire::Control::kPing) return wire::write_header(out, wire::FrameType::kPing, 0);
    if (kind == wire::Control::kPong) return wire::write_header(out, wire::FrameType::kPong, 0);
    return make_service(kind, out);
  }

  void handle_refused(wire::Accepted why) final {
    switch (why) {
      case wire::Accepted::kYes:
        return;
      case wire::Accepted::kTooBig:
        return close(DisconnectReason::kMessageTooBig);
      case wire::Accepted::kFull:
        return close(slow_ ? DisconnectReason::kSlowReader : DisconnectReason::kTooMuchAtOnce);
      case wire::Accepted::kInvalid:
        return close(DisconnectReason::kMessageEncodeError);
      case wire::Accepted::kCut:
        drop_output();
        return close(DisconnectReason::kGeneralError);
    }
  }

  template <typename Dispatch>
  auto frame_handler(Dispatch& dispatch) {
    return [this, &dispatch](const wire::Frame& frame) {
      if (frame.type != settings().incoming()) {
        if (const auto next = handle_unusual(frame)) return *next;
      } else if (dispatches()) {
        dispatch_guarded(dispatch, frame.payload);
      } else if (held()) {
        paused_ = true;
        return wire::Next::kKeep;
      }
      if (!listens()) return wire::Next::kStop;
      return paused_ ? wire::Next::kPause : wire::Next::kGoOn;
    };
  }

  /// A frame that is no user message. What is said about requests comes in order with messages.
  [[gnu::noinline]] std::optional<wire::Next> handle_unusual(const wire::Frame& frame) {
    if (frame.type != wire::FrameType::kCall || !knows_calls()) {
      handle_other(frame);
    } else if (dispatches()) {
      const auto hear = [this](std::string_view payload) { return handle_call(payload); };
      dispatch_guarded(hear, frame.payload);
    } else if (held()) {
      paused_ = true;
      return wire::Next::kKeep;
    }
    return std::nullopt;
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
    const bool server = settings().side == Side::kServer;
    if (kind(frame.type) == FrameKind::kSignOfLife) {
      if (!frame.payload.empty()) return close(DisconnectReason::kProtocolError);
      if (server) {
        if (!closed() && !keepalive_.handle_ping(settings().keepalive)) {
          return close(DisconnectReason::kTooManyPings);
        }
        if (writes()) frames().want(wire::Control::kPong);
      } else {
        proved_ = true;
      }
      return;
    }
    if (check_type(frame.type)) handle_expected(frame);
  }

  FrameKind kind(wire::FrameType type) const { return kind_of(type, settings().side); }

  void handle_close(std::string_view payload) {
    const std::optional<wire::CloseFrame> frame = wire::read_close(payload);
    if (!frame) return close(DisconnectReason::kProtocolError);
    if (closed()) return;
    const DisconnectReason reason = reason_of(frame->code);
    if (reason == DisconnectReason::kDraining) {
      leave(reason);
    } else {
      close(reason);
    }
    handle_farewell(*frame);
  }

  bool check_type(wire::FrameType type) {
    if (expects(type)) return true;
    // A client is connected to another client, or to itself.
    const bool client = settings().side == Side::kClient && kind(type) == FrameKind::kOwn;
    close(DisconnectReason::kProtocolError, client ? Hint::kClient : Hint::kNone);
    return false;
  }

  // While it ends or is held, `last_heard` is when that began.
  void handle_received(TimePoint now) {
    if (!dispatches()) return;
    if (decoder_.cut()) decoder_.add_waited(settings().counted(now - last_heard()));
    keepalive_.handle_received(now);
  }

  bool dispatches() const { return hearing_ == Hearing::kAll; }
  bool writes() const { return !closed() || flushing(); }

  void check(wire::DecodeResult result) {
    if (closed()) {
      if (result == wire::DecodeResult::kTooBig) hearing_ = Hearing::kNothing;
      return;
    }
    const char* const header = decoder_.unfinished_header();
    if (header == nullptr) return;
    // A peer that speaks another protocol is refused at once, not after a megabyte of payload.
    const wire::FrameType type = wire::read_type(header);
    const bool too_big = result == wire::DecodeResult::kTooBig;
    if (type != settings().incoming()) {
      const Hint foreign = foreign_protocol({header, wire::kHeaderSize});
      if (too_big || foreign != Hint::kNone)
        return close(DisconnectReason::kProtocolError, foreign);
      if (kind(type) != FrameKind::kSignOfLife && !check_type(type)) return;
    }
    if (too_big) return close(DisconnectReason::kMessageTooBig);
    if (settings().too_slow(decoder_.waited(), decoder_.cut_size())) {
      close(DisconnectReason::kFrameTooSlow);
    }
  }

  wire::FrameDecoder decoder_;
  Keepalive keepalive_;
  std::optional<DisconnectReason> reason_;
  Hint hint_ = Hint::kNone;
  Hearing hearing_ : 2;
  Ending ending_ : 2;
  bool proved_ : 1;
  bool paused_ : 1;
  bool slow_ : 1;
};

// ---------------------------------------------------------------------------------------------

inline void Connection::end(DisconnectReason reason) {
  if (!hears()) return;
  leave(reason);
  hearing_ = flushing() ? Hearing::kPings : Hearing::kNothing;
  if (!paused_) return;
  paused_ = false;
  const auto nothing = [](std::string_view /*payload*/) { return true; };
  check(decoder_.resume(frame_handler(nothing)));
}

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_CONNECTION_H_
