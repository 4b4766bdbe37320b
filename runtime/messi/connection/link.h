#ifndef MESSI_CONNECTION_LINK_H_
#define MESSI_CONNECTION_LINK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/time.h"
#include "messi/connection/connection.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/connection/hint.h"
#include "messi/io/stream.h"
#include "messi/session/session.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/frame_decoder.h"
#include "messi/wire/frame_queue.h"
#include "messi/wire/outbox.h"
#include "messi/wire/sent_numbers.h"
#include "messi/wire/session_frames.h"

namespace messi::connection {

/// A connection on its stream. A client has one, a server one for each stream that it accepts.
///
///     open --end, leave--> flushing --all written--> finished --the peer's end--> over
///       \__________________________ close, abort ____________________________^
// A server has thousands, so members are few. Connection is a base class, so that its padding is
// used.
class Link : private Connection {
 public:
  Link(const ConnectionSettings& settings, wire::BufferPool& pool, std::unique_ptr<Stream> stream,
       TimePoint now)
      : Connection(settings, pool, now),
        unsettled_(false),
        blocked_(false),
        was_high_(false),
        awaits_empty_(false),
        resuming_(false),
        after_large_(false),
        peer_ended_(false),
        told_(false),
        behind_(false),
        tells_(false),
        draining_(false),
        accepted_(false),
        greeted_(false),
        in_session_(false),
        knows_calls_(false),
        counts_(false),
        stream_(std::move(stream)) {}

  using Connection::closed;
  using Connection::deadline;
  using Connection::ended;
  using Connection::ending;
  using Connection::flows;
  using Connection::flushing;
  using Connection::handle_time;
  using Connection::handle_time_paused;
  using Connection::has_output;
  using Connection::hears;
  using Connection::held;
  using Connection::hold;
  using Connection::last_heard;
  using Connection::next_ping;
  using Connection::over;
  using Connection::paused;
  using Connection::pending_bytes;
  using Connection::proved;
  using Connection::reason;
  using Connection::slow;
  using Connection::touch;

  bool start(StreamHandler& handler) { return stream_->start(handler); }

  /// Gives the stream to another loop, and gets `instead`; null if it cannot leave.
  std::unique_ptr<MovingStream> move_out(std::unique_ptr<Stream> instead) {
    std::unique_ptr<MovingStream> moving = stream_->move_out();
    if (moving != nullptr) stream_ = std::move(instead);
    return moving;
  }
  /// What has arrived and was not handled; for a link that is held on another loop.
  using Connection::take_rest;
  void handle_rest(std::string_view rest, TimePoint now) {
    handle_bytes(rest, now, [](std::string_view /*payload*/) { return true; });
    if (paused()) stream_->want_input(false);
  }

  /// Reads from the stream once, and handles the input. Nothing is dispatched when closed.
  /// `scratch` is memory for the time of the call. False if there was only an end.
  template <typename Dispatch>
  bool read(Space scratch, TimePoint now, Dispatch&& dispatch);
  /// There is room in the stream again: the peer reads, also if it has nothing more to say.
  void handle_writable(TimePoint now) {
    blocked_ = false;
    if (peer_ended_ && hears()) touch(now);
  }

  /// Closes at once: what is not written yet is written as far as the stream takes it now.
  using Connection::close;

  /// An orderly end: from now on nothing is sent or dispatched. It is `over` when everything sent
  /// has been written and the peer has ended the stream too. The owner sets a limit for that, and
  /// then calls `abort`. `last_heard` is when it began.
  void end(DisconnectReason reason, TimePoint now) {
    if (!hears()) return;
    // Input is read and dropped. Otherwise the kernel would answer close() with a reset.
    if (paused()) stream_->want_input(true);
    Connection::end(reason);
    touch(now);
  }
  /// As `end`, but messages that arrive are dispatched. The peer may not be silent meanwhile.
  using Connection::leave;
  /// Does not wait for the peer any longer.
  using Connection::abort;

  /// For a server: tells the client why it closes, behind all that was sent before. No-op if it was
  /// told something before.
  void tell(DisconnectReason reason, std::string_view text);
  /// The same, of a link that is closed; not to a peer that speaks another protocol.
  void tell_why() {
    if (Connection::hint() == Hint::kNone) tell(reason(), usual_text(reason()));
  }

  /// For a server that lets its clients go: the client is told. It may still be sent messages.
  void drain() {
    draining_ = true;
    if (!closed()) tell(DisconnectReason::kDraining, usual_text(DisconnectReason::kDraining));
  }
  bool draining() const { return draining_; }
  /// Whether the peer says no more. While it is draining it may still read.
  bool peer_ended() const { return peer_ended_; }

  /// For a server: whether the user has accepted the client, and was told that it is connected.
  bool accepted() const { return accepted_; }
  void accept() {
    accepted_ = true;
    resuming_ = held();
  }
  bool greeted() const { return greeted_; }
  /// Another client begins on the same stream.
  void forget_acceptance() { accepted_ = greeted_ = false; }
  /// What was accepted is connected from now on.
  void greet() {
    greeted_ = true;
    resuming_ = false;
    admit();
  }

  void pause() {
    resuming_ = false;
    if (!hears() || paused()) return;
    Connection::pause();
    stream_->want_input(false);
  }
  /// What was received before the pause is dispatched by `handle_resumed`, from the loop.
  void resume() {
    if (paused()) resuming_ = true;
  }
  template <typename Dispatch>
  void handle_resumed(TimePoint now, Dispatch&& dispatch) {
    resuming_ = false;
    stream_->want_input(true);
    Connection::resume(now, dispatch);
  }
  bool resuming() const { return resuming_ && hears(); }
  /// Whether a session that goes on without the link is paused.
  bool stays_paused() const { return paused() && !resuming_; }

  /// From now on the link carries `session()`, which is attached, until `leave_session`. Only the
  /// frames of a session may come. What the link has to write does not count as waiting meanwhile,
  /// since the session counts what it keeps.
  void enter_session();
  /// The session goes on without the link.
  void leave_session();
  bool in_session() const { return in_session_; }
  /// The peer's program shall be told what was dispatched, if that is due. At the end of a turn,
  /// before `settle`, and at the session's `ack_deadline`.
  void tend_session(TimePoint now);

  /// From now on both sides say about requests what wire/call_frame.h has. Without a session
  /// messages are numbered from here on.
  void begin_calls(bool in_session) {
    knows_calls_ = true;
    counts_ = !in_session;
    if (counts_) sent_numbers()->begin(frames());
  }
  bool knows_calls() const final { return knows_calls_; }
  /// Whether it numbers messages itself, and the number of the last one that was sent.
  bool counts() const { return counts_; }
  std::uint64_t last_sent() { return sent_numbers()->last(frames()); }

  /// The way out for messages; null when closed. It writes early if much is waiting, so that a
  /// stream of messages within one turn is written in the meantime.
  using Connection::outbox;
  /// Nothing more will be shared from `buffer`.
  void handle_full(const wire::Buffer* buffer) { frames().handle_full(buffer); }

  /// Writes what the stream takes; with `more`, something is about to be added.
  void flush(bool more = false);

  /// At the end of a turn: writes what the stream takes, and brings an orderly end forward.
  void settle();

  /// True once, when much was waiting and much of it has been written.
  bool poll_writable() {
    if (!was_high_ || !is_low() || (awaits_empty_ && has_output())) return false;
    was_high_ = awaits_empty_ = false;
    return true;
  }
  /// Whether little is waiting.
  bool is_low() const { return pending_bytes() <= high_mark(); }

  /// What waits is not sent any more.
  using Connection::drop_output;

  /// Too much is waiting for broadcasts; the owner leaves them out until little is.
  void fall_behind() {
    if (!behind_) tells_ = true;
    behind_ = was_high_ = true;
  }
  bool behind() const { return behind_; }
  /// It goes on where `other` was.
  void fall_behind_as(const Link& other) {
    behind_ = other.behind_;
    tells_ = other.tells_;
  }
  void catch_up() { behind_ = false; }
  /// True once after it has fallen behind.
  bool poll_behind() {
    const bool tells = tells_;
    tells_ = false;
    return tells;
  }

  /// True if there is something to write that the stream may take, or to clean up.
  bool needs_attention() const { return closed() || (!blocked_ && has_output()); }

  /// Whether the owner has put it on its list of links to write and clean up.
  bool unsettled() const { return unsettled_; }
  void set_unsettled(bool unsettled) { unsettled_ = unsettled; }

  /// More about why it was closed, as a sentence, or "". The text lives as long as the link.
  std::string_view hint() const {
    if (Connection::hint() != Hint::kNone) return to_string(Connection::hint());
    const bool by_peer = closed() && reason() == DisconnectReason::kConnectionClosed;
    return by_peer ? stream_->why_ended() : "";
  }

  PeerInfo peer() const { return stream_->peer(); }
  int native_handle() const { return stream_->native_handle(); }

 protected:
  using Connection::settings;

  /// An ACK is written soon, whether it is due or not, unless something waits that says the same.
  void want_ack();
  /// OFFER, the first of all frames, is written soon.
  void want_offer() { frames().want(wire::Control::kOffer); }
  /// Tells the client why it closes. No-op if it was told something before.
  void tell(const wire::CloseFrame& frame) {
    if (!told_) add_close(frame);
    told_ = true;
  }
  /// Adds a frame of `size` bytes: `write(out)` writes it.
  template <typename Write>
  void add_frame(std::size_t size, Write&& write) {
    write(frames().reserve(size));
    frames().commit(size);
    if (!in_session_) settings().pending += size;
  }
  void add_close(wire::CloseFrame frame);
  /// Adds an ACK behind all that is in the queue, as the first word in a session.
  void add_ack() {
    add_frame(wire::kHeaderSize + wire::kAckSize,
              [this](std::uint8_t* out) { make_service(wire::Control::kAck, out); });
  }
  /// Sends what was given to a session that no peer knows, without a session.
  void adopt(session::Session& session) {
    const std::size_t before = pending_bytes();
    session.attach({0, 0, UINT32_MAX});
    take_all_of(session);
    settings().pending += pending_bytes() - before;
  }
  /// Adds the messages that `session()` has not handed over yet, all of them.
  void take_all() { take_all_of(*session()); }

 private:
  void take_all_of(session::Session& session) {
    while (session.hand_over(frames())) {
    }
  }

  // For links that may know of calls.
  virtual wire::SentNumbers* sent_numbers() { return nullptr; }

  // For links that may carry a session.
  virtual session::Session* session() { return nullptr; }
  /// Whether OFFER, HELLO or WELCOME may come now, and what becomes of it.
  virtual bool expects_introduction(wire::FrameType /*type*/) const { return false; }
  virtual void handle_introduction(const wire::Frame& /*frame*/) {}
  virtual wire::Offer offer() const { return {}; }
  /// The peer wants to end the session. What it acknowledges with that is noted.
  virtual void handle_session_close(const wire::CloseFrame& /*frame*/) {}

  std::size_t high_mark() const { return settings().max_pending_bytes / 2; }

  // Outbox
  // "inline" here already: see MESSI_INLINE in flavour.h.
  inline bool finds_room(std::size_t frame_size, std::size_t most) final;
  inline std::size_t write_past(const Slice* slices, std::size_t count) final;
  inline void handle_no_room() final;

  // Connection
  inline bool expects(wire::FrameType type) const final;
  inline void handle_expected(const wire::Frame& frame) final;
  inline std::uint8_t* make_service(wire::Control kind, std::uint8_t* out) final;

  void handle_written(const wire::Batch& batch, std::size_t size);
  bool take_over();
  // Whether an orderly end still waits for the stream to pass on what it has taken.
  bool holds_output() const { return ending() && stream_->holds_output(); }
  void handle_end();
  void handle_all_written();

  bool unsettled_ : 1;
  bool blocked_ : 1;       // the stream took less than it was given: handle_writable will come
  bool was_high_ : 1;      // more than the high mark was waiting since the last poll_writable
  bool awaits_empty_ : 1;  // the same, and what did not fit needs more than the other half
  bool resuming_ : 1;
  bool after_large_ : 1;  // the last read was for a large frame
  bool peer_ended_ : 1;
  bool told_ : 1;
  bool behind_ : 1;
  bool tells_ : 1;  // that it has fallen behind
  bool draining_ : 1;
  bool accepted_ : 1;
  bool greeted_ : 1;
  bool in_session_ : 1;
  bool knows_calls_ : 1;
  bool counts_ : 1;
  std::unique_ptr<Stream> stream_;
};

// ---------------------------------------------------------------------------------------------

template <typename Dispatch>
bool Link::read(Space scratch, TimePoint now, Dispatch&& dispatch) {
  const Space spare = Connection::spare();
  const bool in_large = spare.size > 0 && spare_is_large();
  // After a large frame, only so much is read that the next one gets a buffer of its own, so that
  // most of it is read in place too.
  if (in_large || (spare.size == 0 && after_large_)) {
    scratch.size = std::min(scratch.size, wire::FrameDecoder::kTrusted);
  }
  after_large_ = in_large;
  const Space spaces[] = {spare, scratch};
  const IoResult result = spare.size > 0 ? stream_->read(spaces, 2) : stream_->read(&scratch, 1);
  if (result.kind == IoResult::Kind::kEnd) handle_end();
  const std::size_t in_spare = std::min(result.size, spare.size);
  if (listens() && in_spare > 0) handle_spare(in_spare, now, dispatch);
  if (listens() && result.size > in_spare) {
    handle_bytes({scratch.data, result.size - in_spare}, now, dispatch);
  }
  if (held() && paused()) stream_->want_input(false);
  return result.size > 0;
}

inline void Link::tell(DisconnectReason reason, std::string_view text) {
  if (told_) return;
  told_ = true;
  const std::optional<wire::CloseFrame> frame = farewell(reason, text, settings().max_payload_size);
  if (frame) add_close(*frame);
}

/// In a session it also says how far that got.
inline void Link::add_close(wire::CloseFrame frame) {
  if (in_session_) {
    frame.rx = session()->rx();
    frame.tx = session()->handed();
  }
  add_frame(wire::close_size(frame), [&](std::uint8_t* out) { wire::write_close(out, frame); });
}

// The peer says no more, but it may still read.
inline void Link::handle_end() {
  peer_ended_ = true;
  if (flushing() || holds_output() || (draining_ && !closed())) {
    blocked_ = false;  // it may be gone altogether, which the next write will tell
    return;
  }
  close(DisconnectReason::kConnectionClosed);
  abort();
}

inline void Link::flush(bool more) {
  if (pending_bytes() > high_mark()) was_high_ = true;
  while (!blocked_ && (has_output() || take_over())) {
    wire::Batch batch;
    gather(batch);
    const IoResult result = stream_->write(batch.slices(), batch.count(), more);
    handle_written(batch, result.size);
    blocked_ = result.size < batch.size();
    // Nobody else will say so.
    if (blocked_ && result.kind == IoResult::Kind::kEnd && peer_ended_) abort();
  }
}

/// The queue is empty: gets the session's next messages, if there are any.
inline bool Link::take_over() { return in_session_ && !over() && session()->hand_over(frames()); }

/// In a session only the session counts what waits.
inline void Link::handle_written(const wire::Batch& batch, std::size_t size) {
  if (!in_session_ && !counts_) return Connection::handle_written(batch, size);
  const std::size_t pending = settings().pending;
  if (counts_) sent_numbers()->last(frames());
  Connection::handle_written(batch, size);
  if (counts_) sent_numbers()->handle_taken(frames());
  if (in_session_) settings().pending = pending;
}

inline void Link::enter_session() {
  in_session_ = true;
  settings().pending -= pending_bytes();
}

inline void Link::leave_session() {
  session()->detach(frames());
  settings().pending += pending_bytes();
  in_session_ = false;
}

inline void Link::tend_session(TimePoint now) {
  if (closed()) return;
  if (!blocked_ && pending_bytes() == 0) take_over();
  const bool writes = !blocked_ && has_output();
  if (session()->wants_ack(now, writes)) want_ack();
}

// It must not overtake the first one, or a CLOSE, which say what was true when they were queued.
inline void Link::want_ack() {
  if (frames().wants(wire::Control::kAck)) return;
  if (frames().count_untaken(wire::FrameType::kAck) > 0) return;
  if (frames().count_untaken(wire::FrameType::kClose) > 0) return;
  frames().want(wire::Control::kAck);
}

inline bool Link::expects(wire::FrameType type) const {
  if (type == wire::FrameType::kCall && knows_calls_) return true;
  if (in_session_) return type == wire::FrameType::kAck || type == wire::FrameType::kClose;
  return expects_introduction(type) || tolerates(type);
}

inline void Link::handle_expected(const wire::Frame& frame) {
  if (!in_session_) {
    return expects_introduction(frame.type) ? handle_introduction(frame) : handle_service(frame);
  }
  if (frame.type == wire::FrameType::kAck) {
    const std::optional<wire::Ack> ack = wire::read_ack(frame.payload);
    if (ack && session()->handle_ack(*ack, frames())) return;
  } else if (const std::optional<wire::CloseFrame> close = wire::read_close(frame.payload)) {
    // It may have waited while an ACK went ahead.
    const std::uint64_t rx = std::max(close->rx, session()->acknowledged());
    if (session()->handle_ack({rx, close->tx}, frames())) {
      return handle_session_close(*close);
    }
  }
  close(DisconnectReason::kProtocolError);
}

inline std::uint8_t* Link::make_service(wire::Control kind, std::uint8_t* out) {
  return kind == wire::Control::kOffer ? wire::write_offer(out, offer())
                                       : wire::write_ack(out, session()->make_ack(frames()));
}

// A peer is a slow reader only if it does not take what is offered.
inline bool Link::finds_room(std::size_t frame_size, std::size_t most) {
  flush(/*more=*/true);
  // A peer has had no chance to read what is sent within one turn. So the system gets time to pass
  // it on.
  while (too_much(frame_size, most) && !slow() && stream_->wait_for_room()) {
    blocked_ = false;
    flush(/*more=*/true);
  }
  return !too_much(frame_size, most);
}

inline void Link::handle_no_room() {
  was_high_ = true;
  if (is_low()) awaits_empty_ = true;
}

inline std::size_t Link::write_past(const Slice* slices, std::size_t count) {
  if (counts_) return 0;  // it is counted in the queue
  flush(/*more=*/true);
  if (blocked_ || has_output()) return 0;
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) size += slices[i].size;
  const std::size_t written = stream_->write(slices, count, /*more=*/false).size;
  blocked_ = written < size;
  return written;
}

inline void Link::settle() {
  flush();
  set_slow(has_output());
  if (slow()) {
    frames().handle_blocked();
  } else if (closed()) {
    handle_all_written();
  }
}

inline void Link::handle_all_written() {
  if (flushing()) {
    stream_->finish();
    finish();
  } else if (over() && !ended()) {
    stream_->finish();  // nothing is lost, and the peer can tell
  }
  if (peer_ended_ && !holds_output()) abort();
}

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_LINK_H_
