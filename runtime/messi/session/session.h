#ifndef MESSI_SESSION_SESSION_H_
#define MESSI_SESSION_SESSION_H_

// One side of a session: what was sent and is not acknowledged, and how far each side got. It
// outlives the connections that carry it.
//
//     acknowledged      kept                              accepted
//          |             |                                   |
//     -----+-------------+------------------+----------------+
//                        frames()           next_: handed to the connection up to here
//
// Messages are numbered 1, 2, 3... in each direction, implicitly: a stream begins behind the number
// that the peer has named. Messages stay in the session's queue until they are acknowledged. The
// connection's queue gets them from there, a stretch at a time: it shares the buffers, and nothing
// is copied. They are counted when a number is asked for, since that is a look at each of them.

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "messi/session/frame_cursor.h"
#include "messi/session/kept_messages.h"
#include "messi/session/progress.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_queue.h"
#include "messi/wire/outbox.h"
#include "messi/wire/session_frames.h"

namespace messi::session {

/// Messages are sent through it as through any outbox, with or without a connection. In what
/// follows, `link` is the queue of the connection that it is attached to.
class Session : public wire::Outbox, public Progress {
 public:
  Session(const wire::OutboxSettings& settings, wire::BufferPool& pool) : Outbox(settings, pool) {
    set_much(kNever);  // there is nowhere to write to
  }

  // What was sent.

  /// The number of the last message that was accepted.
  std::uint64_t last_accepted() {
    accepted_.go_on(frames(), frames().pending());
    return accepted_.number();
  }
  /// How many messages were accepted and not acknowledged.
  std::uint64_t unacknowledged() { return last_accepted() - acknowledged(); }
  bool all_acknowledged() const { return frames().pending() == 0; }
  /// The bytes of those messages, with headers. This is what `max_pending_bytes` bounds.
  std::size_t kept_bytes() const { return frames().pending(); }
  /// Those messages. Valid until something is sent or acknowledged.
  KeptMessages kept() const { return {frames().stretches(), acknowledged() + 1}; }

  /// Nothing more will be shared from `buffer`.
  void handle_buffer_full(const wire::Buffer* buffer) { frames().handle_full(buffer); }

  /// Whether more than half of the bound is kept.
  bool is_high() const { return frames().pending() > settings().max_pending_bytes / 2; }
  /// True once, when less than half of the bound is kept, after it was more or a message was not
  /// accepted; then that one fits.
  bool poll_writable();
  /// Something was left out: `poll_writable` shall say when there is room.
  void note_left_out() { was_high_ = true; }

  // The connection that carries it.

  bool attached() const { return attached_; }
  /// A connection begins to carry it. What the peer has handled is acknowledged by that, and the
  /// rest will be handed over again. False if that cannot be: the peer names a message that it has
  /// acknowledged before, or one that was never written. Then nothing has happened.
  bool attach(const PeerState& peer);
  /// The connection is gone, or the session goes away from it; `link` has what was not written.
  void detach(wire::FrameQueue& link);

  /// Adds the next messages to `link`; false if there are none, or the next one is more than the
  /// peer accepts.
  bool hand_over(wire::FrameQueue& link);
  bool has_more() const { return frames().pending() > next_.passed(); }
  /// The number of the last message that was handed over.
  std::uint64_t handed() {
    handed_.go_on(frames(), next_.passed());
    return handed_.number();
  }
  /// Whether a message is larger than the peer accepts; then the session cannot go on.
  bool exceeds_limit() const { return exceeds_limit_; }
  /// The largest payload that both sides accept.
  std::size_t most_payload() const final {
    return std::min<std::size_t>(settings().max_payload_size, peer_max_payload());
  }

  /// The ACK to write now, before all messages that `link` has not begun to write.
  wire::Ack make_ack(wire::FrameQueue& link);
  /// The peer has acknowledged. False if that cannot be.
  bool handle_ack(const wire::Ack& ack, wire::FrameQueue& link);
  /// The same without a connection: the peer has said how far it got when the session was lost.
  bool handle_last_rx(std::uint64_t rx);

 private:
  // So much at a time, or a buffer more, and only when all before is written: then the frames that
  // are not written are quickly counted.
  static constexpr std::size_t kMostAtOnce = 256 * 1024;

  // Outbox
  // "inline" here already: see MESSI_INLINE in flavour.h.
  inline bool finds_room(std::size_t frame_size, std::size_t most) final;
  /// Much is waiting that was not handed over: it may be written now.
  virtual void write_early() = 0;

  void note_high() {
    if (is_high()) was_high_ = true;
  }
  FrameCursor::Stretch acceptable(FrameCursor::Stretch stretch);
  FrameCounter count_up_to(std::uint64_t rx, std::size_t size) const;
  void acknowledge(const FrameCounter& last);

  FrameCursor next_;       // what is handed over next
  FrameCounter handed_;    // up to there, or less
  FrameCounter accepted_;  // to the end, or less
  bool attached_ = false;
  bool exceeds_limit_ = false;
  bool was_high_ = false;
  std::size_t awaited_ = 0;  // the frame that was not accepted; 0 if there was none
};

// ---------------------------------------------------------------------------------------------

inline bool Session::poll_writable() {
  note_high();
  if (!was_high_ || is_high() || too_much(awaited_, settings().max_pending_bytes)) return false;
  was_high_ = false;
  awaited_ = 0;
  return true;
}

inline bool Session::attach(const PeerState& peer) {
  assert(!attached_);
  if (!handle_last_rx(peer.rx)) return false;
  attached_ = true;
  next_ = FrameCursor();
  handed_ = FrameCounter(acknowledged());
  set_much(kWorthWriting);
  exceeds_limit_ = false;
  begin_connection(peer);
  return true;
}

inline void Session::detach(wire::FrameQueue& link) {
  assert(attached_);
  attached_ = false;
  set_much(kNever);
  end_connection(handed() - link.count_numbered_untaken());
  frames().handle_blocked();  // what is kept of broadcasts may be little
}

inline bool Session::hand_over(wire::FrameQueue& link) {
  std::size_t added = 0;
  while (added < kMostAtOnce && !exceeds_limit_) {
    const FrameCursor::Stretch stretch = acceptable(next_.next(frames()));
    const std::uint32_t size = stretch.end - stretch.begin;
    if (size == 0) break;
    link.append_shared(*stretch.buffer, stretch.begin, stretch.end);
    next_.pass(size);
    added += size;
  }
  set_much(next_.passed() + kWorthWriting);
  return added > 0;
}

/// The part of it that is not larger than the peer accepts.
inline FrameCursor::Stretch Session::acceptable(FrameCursor::Stretch stretch) {
  if (peer_max_payload() >= settings().max_payload_size) return stretch;
  std::uint32_t end = stretch.begin;
  for (; end < stretch.end; end += wire::frame_size(stretch.buffer->data() + end)) {
    if (wire::message_size(stretch.buffer->data() + end) <= peer_max_payload()) continue;
    exceeds_limit_ = true;
    break;
  }
  stretch.end = end;
  return stretch;
}

inline wire::Ack Session::make_ack(wire::FrameQueue& link) {
  return say_rx(handed() - link.count_numbered_unbegun());
}

inline bool Session::handle_ack(const wire::Ack& ack, wire::FrameQueue& link) {
  if (!may_be(ack)) return false;
  if (ack.rx > acknowledged()) {
    const FrameCounter last = count_up_to(ack.rx, next_.passed());
    if (last.number() < ack.rx) return false;
    // Surely written, unless as much is waiting; and that may be more than messages.
    if (last.passed() + link.pending() > next_.passed() &&
        ack.rx > handed() - link.count_numbered_untaken()) {
      return false;
    }
    acknowledge(last);
  }
  confirm();
  return true;
}

inline bool Session::handle_last_rx(std::uint64_t rx) {
  if (!may_have_handled(rx)) return false;
  acknowledge(count_up_to(rx, frames().pending()));
  return true;
}

/// From the front on, at most `size` bytes.
inline FrameCounter Session::count_up_to(std::uint64_t rx, std::size_t size) const {
  FrameCounter counter(acknowledged());
  counter.go_on(frames(), size, rx);
  return counter;
}

inline void Session::acknowledge(const FrameCounter& last) {
  note_high();
  const std::uint32_t size = last.passed();
  set_acknowledged(last.number());
  forget(size);
  next_.handle_taken(frames(), size);
  handed_.handle_taken(frames(), size, acknowledged());
  accepted_.handle_taken(frames(), size, acknowledged());
  if (attached_) set_much(much() - size);
}

inline bool Session::finds_room(std::size_t frame_size, std::size_t most) {
  if (frames().pending() >= much()) {
    write_early();
    set_much(static_cast<std::uint32_t>(frames().pending()) + kWorthWriting);
  }
  if (!too_much(frame_size, most)) return true;
  was_high_ = true;
  awaited_ = frame_size;
  return false;
}

}  // namespace messi::session

#endif  // MESSI_SESSION_SESSION_H_
