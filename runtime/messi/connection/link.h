#ifndef MESSI_CONNECTION_LINK_H_
#define MESSI_CONNECTION_LINK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/time.h"
#include "messi/connection/connection.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/hint.h"
#include "messi/io/stream.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame_decoder.h"
#include "messi/wire/frame_queue.h"
#include "messi/wire/outbox.h"

namespace messi::connection {

/// A connection on its stream. A client has one, a server one for each stream that it accepts.
///
///     open --end(reason)--> flushing --all written--> finished --the peer's end--> over
///       \__________________________ close(reason), abort() _______________________^
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
        resuming_(false),
        after_large_(false),
        ending_(Ending::kNot),
        stream_(std::move(stream)) {}

  using Connection::closed;
  using Connection::deadline;
  using Connection::handle_time;
  using Connection::handle_time_paused;
  using Connection::last_heard;
  using Connection::next_ping;
  using Connection::paused;
  using Connection::pending_bytes;
  using Connection::proved;
  using Connection::reason;
  using Connection::touch;

  bool start(StreamHandler& handler) { return stream_->start(handler); }

  /// Reads from the stream once, and handles the input. Nothing is dispatched when closed.
  /// `scratch` is memory for the time of the call. False if there was only an end.
  template <typename Dispatch>
  bool read(Space scratch, TimePoint now, Dispatch&& dispatch);
  void handle_writable() { blocked_ = false; }

  /// Closes at once: what is not written yet is written as far as the stream takes it now.
  using Connection::close;

  /// An orderly end: from now on nothing is sent or dispatched. It is `over` when everything sent
  /// has been written and the peer has ended the stream too. The owner sets a limit for that, and
  /// then calls `abort`. `last_heard` is when it began.
  void end(DisconnectReason reason, TimePoint now) {
    if (closed()) return;
    // Input is read and dropped. Otherwise the kernel would answer close() with a reset.
    if (paused()) stream_->want_input(true);
    Connection::end(reason);
    ending_ = Ending::kFlushing;
    touch(now);
  }
  /// Does not wait for the peer any longer.
  void abort() {
    Connection::finish();
    if (ended()) ending_ = Ending::kOver;
  }
  bool ending() const { return ending_ == Ending::kFlushing || ending_ == Ending::kFinished; }
  bool flushing() const { return ending_ == Ending::kFlushing; }
  bool over() const { return closed() && !ending(); }
  /// Whether `end` closed it.
  bool ended() const { return ending_ != Ending::kNot; }

  void pause() {
    resuming_ = false;
    if (closed() || paused()) return;
    Connection::pause();
    stream_->want_input(false);
  }
  /// What was received before the pause is dispatched by `handle_resumed`, from the loop.
  void resume() {
    if (!closed() && paused()) resuming_ = true;
  }
  template <typename Dispatch>
  void handle_resumed(TimePoint now, Dispatch&& dispatch) {
    resuming_ = false;
    stream_->want_input(true);
    Connection::resume(now, dispatch);
  }
  bool resuming() const { return resuming_ && !closed(); }

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
    if (!was_high_ || pending_bytes() > high_mark()) return false;
    was_high_ = false;
    return true;
  }

  /// True if there is something to write that the stream may take, or to clean up.
  bool needs_attention() const { return closed() || (!blocked_ && has_output()); }

  /// Whether the owner has put it on its list of links to write and clean up.
  bool unsettled() const { return unsettled_; }
  void set_unsettled(bool unsettled) { unsettled_ = unsettled; }

  /// More about why it was closed, as a sentence, or "". The text lives as long as the link.
  std::string_view hint() const {
    if (Connection::hint() != Hint::kNone) return to_string(Connection::hint());
    return reason() == DisconnectReason::kConnectionClosed ? stream_->why_ended() : "";
  }

  PeerInfo peer() const { return stream_->peer(); }
  int native_handle() const { return stream_->native_handle(); }

 private:
  enum class Ending : std::uint8_t { kNot, kFlushing, kFinished, kOver };

  std::size_t high_mark() const { return settings().max_pending_bytes / 2; }

  // Outbox
  // "inline" here already: see MESSI_INLINE in flavour.h.
  inline void make_room(std::size_t frame_size) final;
  inline std::size_t write_past(const Slice* slices, std::size_t count) final;

  bool unsettled_ : 1;
  bool blocked_ : 1;   // the stream took less than it was given: handle_writable will come
  bool was_high_ : 1;  // more than the high mark was waiting since the last poll_writable
  bool resuming_ : 1;
  bool after_large_ : 1;  // the last read was for a large frame
  Ending ending_ : 2;
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
  if (result.kind == IoResult::Kind::kEnd) {
    close(DisconnectReason::kConnectionClosed);
    abort();
  }
  const std::size_t in_spare = std::min(result.size, spare.size);
  if (listens() && in_spare > 0) handle_spare(in_spare, now, dispatch);
  if (listens() && result.size > in_spare) {
    handle_bytes({scratch.data, result.size - in_spare}, now, dispatch);
  }
  return result.size > 0;
}

inline void Link::flush(bool more) {
  if (pending_bytes() > high_mark()) was_high_ = true;
  while (!blocked_ && has_output()) {
    wire::Batch batch;
    gather(batch);
    const std::size_t written = stream_->write(batch.slices(), batch.count(), more).size;
    handle_written(batch, written);
    blocked_ = written < batch.size();
  }
}

// A peer is a slow reader only if it does not take what is offered.
inline void Link::make_room(std::size_t frame_size) {
  flush(/*more=*/true);
  // A peer has had no chance to read what is sent within one turn. So the system gets time to pass
  // it on.
  while (too_much(frame_size) && !slow() && stream_->wait_for_room()) {
    blocked_ = false;
    flush(/*more=*/true);
  }
}

inline std::size_t Link::write_past(const Slice* slices, std::size_t count) {
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
  } else if (ending_ == Ending::kFlushing) {
    ending_ = Ending::kFinished;
    Connection::finish();
    stream_->finish();
  } else if (over() && !ended()) {
    stream_->finish();  // nothing is lost, and the peer can tell
  }
}

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_LINK_H_
