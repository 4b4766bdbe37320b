#ifndef MESSI_WIRE_OUTBOX_H_
#define MESSI_WIRE_OUTBOX_H_

// The one way out for user messages. Every message passes here: its size is checked, its header is
// written, and it goes into the queue of frames, or to the stream at once. So what all messages
// need, such as a number, belongs here.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "messi/base/bytes.h"
#include "messi/base/finally.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_queue.h"

namespace messi::wire {

/// Whether a message was accepted for sending. Without a connection there is no outbox.
enum class Accepted : std::uint8_t {
  kYes,
  kTooBig,   ///< It is larger than `max_payload_size`.
  kFull,     ///< Too much is waiting before it.
  kInvalid,  ///< It cannot be encoded.
  kCut,      ///< Memory ran out when a part of it had been written, so nothing can follow.
};

/// What all outboxes of one client or server share.
struct OutboxSettings {
  FrameType outgoing;             ///< The type of user messages.
  std::size_t max_payload_size;   ///< At most kMaxPayloadSize.
  std::size_t max_pending_bytes;  ///< At most 2 GiB.

  /// What waits in all of them together, in bytes.
  mutable std::size_t pending = 0;
  /// The bound for it, of which `ask` takes care. Others may exceed it; their owner sees to that.
  std::size_t max_total_pending_bytes = SIZE_MAX;
  bool total_fits(std::size_t frame_size) const {
    return pending == 0 || pending + frame_size <= max_total_pending_bytes;
  }
};

/// A whole frame that was encoded once for many outboxes.
struct SharedFrame {
  Buffer* buffer;
  std::uint32_t begin;
  std::uint32_t end;
};

class Outbox {
 public:
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Space for a payload. Fill it at once, then commit it or forget it. Null if the message is not
  /// accepted. If nothing is waiting, an outbox accepts any message that is not too big.
  std::uint8_t* reserve(std::size_t payload_size);
  void commit(std::size_t payload_size) {
    frames_.commit(kHeaderSize + payload_size);
    settings_.pending += kHeaderSize + payload_size;
  }

  /// The same for what is said about a request, with a message of `message_size` bytes at its end.
  /// Space for the whole payload.
  std::uint8_t* reserve_call(std::size_t message_size) {
    if (accept(message_size) != Accepted::kYes) return nullptr;
    const std::size_t payload_size = kCallHeadSize + message_size;
    return write_header(frames_.reserve(kHeaderSize + payload_size), FrameType::kCall,
                        payload_size);
  }
  void commit_call(std::size_t message_size) { commit(kCallHeadSize + message_size); }

  /// Sends a payload in pieces, pieces[1] to pieces[count - 1]; pieces[0] is for the header. They
  /// are copied only if the stream does not take them at once.
  Accepted send(Slice* pieces, std::size_t count, std::size_t payload_size);

  /// The frame is not too big, see SharedFrames.
  Accepted send(const SharedFrame& frame);

  /// Sends the frame if then at most `most` bytes wait, or only this frame.
  bool offer(const SharedFrame& frame, std::size_t most);

  /// Adds whole frames that were encoded elsewhere and are not too big, if then at most half of
  /// each bound waits, or only these frames. The other half is for messages that cannot wait
  /// elsewhere.
  bool offer(Slice frames);
  /// How much to offer at once, unless one frame is more: small steps find room sooner.
  std::size_t most_offered() const {
    return std::min(settings_.max_pending_bytes, settings_.max_total_pending_bytes) / 8;
  }
  /// The same, whatever waits.
  void add(Slice frames);

  /// Whether a payload would be accepted, now that as much as possible was written. One that would
  /// not is not refused, and others do not suffer from one that would.
  Accepted ask(std::size_t payload_size);

  /// A message is not accepted.
  Accepted refuse(Accepted why) {
    handle_refused(why);
    return why;
  }

 protected:
  Outbox(const OutboxSettings& settings, BufferPool& pool) : settings_(settings), frames_(pool) {}
  virtual ~Outbox() { settings_.pending -= frames_.pending(); }

  /// Enough to be worth a system call.
  static constexpr std::uint32_t kWorthWriting = 64 * 1024;
  static constexpr std::uint32_t kNever = UINT32_MAX;

  /// When so many bytes wait, `finds_room` is called for each message.
  std::uint32_t much() const { return much_; }
  void set_much(std::uint32_t bytes) { much_ = bytes; }

  /// Whether with a frame of this size more than `most` bytes would wait, and not only this frame.
  bool too_much(std::size_t frame_size, std::size_t most) const {
    return frames_.pending() + frame_size > most && frames_.pending() > 0;
  }

  const OutboxSettings& settings() const { return settings_; }
  FrameQueue& frames() { return frames_; }
  const FrameQueue& frames() const { return frames_; }

  /// See FrameQueue. What waits changes only here and where messages are sent.
  void handle_written(const Batch& batch, std::size_t size) {
    const std::size_t before = frames_.pending();
    frames_.handle_written(batch, size);
    settings_.pending += frames_.pending() - before;
  }
  /// The first `size` bytes of what waits are done with.
  void forget(std::size_t size) {
    frames_.take(size);
    frames_.close_if_empty();
    settings_.pending -= size;
  }
  /// What waits is not sent any more.
  void drop_output() {
    settings_.pending -= frames_.pending();
    frames_.clear();
  }

 private:
  Accepted accept(std::size_t payload_size);
  bool has_room(std::size_t frame_size, std::size_t most);
  void append(const SharedFrame& frame) {
    frames_.append_shared(*frame.buffer, frame.begin, frame.end);
    settings_.pending += frame.end - frame.begin;
  }

  /// What the other side accepts too, as far as that is known.
  virtual std::size_t most_payload() const { return settings_.max_payload_size; }
  /// `much` waits, or `too_much`: writes what it can now. Whether there is room then.
  virtual bool finds_room(std::size_t frame_size, std::size_t most) {
    return !too_much(frame_size, most);
  }
  /// Writes a frame at once, if nothing waits before it; returns how much of it was written.
  virtual std::size_t write_past(const Slice* /*slices*/, std::size_t /*count*/) { return 0; }
  virtual void handle_refused(Accepted why) = 0;
  /// Who has asked waits until it is told to be writable.
  virtual void handle_no_room() {}
  /// The same, but it is all outboxes together where too much waits for such a frame.
  virtual void handle_no_room_in_all(std::size_t /*frame_size*/) {}

  const OutboxSettings& settings_;
  FrameQueue frames_;
  std::uint32_t much_ = kWorthWriting;
};

/// Encodes frames for many outboxes, one after the other. The buffer stays open from turn to turn:
/// a peer that reads slowly holds whole buffers, so they should be full.
class SharedFrames {
 public:
  SharedFrames(const OutboxSettings& settings, BufferPool& pool)
      : settings_(settings), pool_(pool) {}
  SharedFrames(const SharedFrames&) = delete;
  SharedFrames& operator=(const SharedFrames&) = delete;
  ~SharedFrames() {
    if (buffer_ != nullptr) pool_.release(buffer_);
  }

  /// False if a payload is too big.
  bool accepts(std::size_t payload_size) const {
    return payload_size <= settings_.max_payload_size;
  }

  /// The buffer of the frames; null if there is none.
  const Buffer* buffer() const { return buffer_; }
  /// Whether there is room for a payload. If not, the next one goes into another buffer.
  bool has_room(std::size_t payload_size) const {
    return buffer_ != nullptr && buffer_->room() >= kHeaderSize + payload_size;
  }

  /// Space for a payload. Fill it at once, then commit it or forget it.
  std::uint8_t* reserve(std::size_t payload_size);
  SharedFrame commit(std::size_t payload_size) {
    const std::uint32_t begin = buffer_->used();
    buffer_->extend(kHeaderSize + payload_size);
    return {buffer_, begin, buffer_->used()};
  }

 private:
  const OutboxSettings& settings_;
  BufferPool& pool_;
  Buffer* buffer_ = nullptr;
};

// ---------------------------------------------------------------------------------------------

// For each message; g++ would call it.
[[gnu::always_inline]] inline Accepted Outbox::accept(std::size_t payload_size) {
  if (payload_size > settings_.max_payload_size) return refuse(Accepted::kTooBig);
  if (has_room(kHeaderSize + payload_size, settings_.max_pending_bytes)) return Accepted::kYes;
  return refuse(Accepted::kFull);
}

inline Accepted Outbox::ask(std::size_t payload_size) {
  if (payload_size > most_payload()) return Accepted::kTooBig;
  const std::size_t frame_size = kHeaderSize + payload_size;
  if (!has_room(frame_size, settings_.max_pending_bytes)) {
    handle_no_room();
    return Accepted::kFull;
  }
  if (settings_.total_fits(frame_size)) return Accepted::kYes;
  handle_no_room_in_all(frame_size);
  return Accepted::kFull;
}

inline bool Outbox::has_room(std::size_t frame_size, std::size_t most) {
  if (frames_.pending() < much_ && !too_much(frame_size, most)) return true;
  return finds_room(frame_size, most);
}

inline std::uint8_t* Outbox::reserve(std::size_t payload_size) {
  if (accept(payload_size) != Accepted::kYes) return nullptr;
  std::uint8_t* const frame = frames_.reserve(kHeaderSize + payload_size);
  return write_header(frame, settings_.outgoing, payload_size);
}

inline Accepted Outbox::send(Slice* pieces, std::size_t count, std::size_t payload_size) {
  const Accepted accepted = accept(payload_size);
  if (accepted != Accepted::kYes) return accepted;
  const std::size_t frame_size = kHeaderSize + payload_size;
  std::uint8_t header[kHeaderSize];
  write_header(header, settings_.outgoing, payload_size);
  pieces[0] = {reinterpret_cast<const char*>(header), kHeaderSize};
  const std::size_t written = write_past(pieces, count);
  if (written == frame_size) return accepted;
  bool queued = false;
  const Finally unless_queued([&] {
    if (!queued && written > 0) refuse(Accepted::kCut);
  });
  // Whole, since the queue holds whole frames.
  std::uint8_t* out = frames_.reserve(frame_size);
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(out, pieces[i].data, pieces[i].size);
    out += pieces[i].size;
  }
  commit(payload_size);
  frames_.take(written);
  settings_.pending -= written;
  queued = true;
  return accepted;
}

// For each broadcast there are many.
[[gnu::always_inline]] inline Accepted Outbox::send(const SharedFrame& frame) {
  if (!has_room(frame.end - frame.begin, settings_.max_pending_bytes)) {
    return refuse(Accepted::kFull);
  }
  append(frame);
  return Accepted::kYes;
}

inline bool Outbox::offer(const SharedFrame& frame, std::size_t most) {
  if (!has_room(frame.end - frame.begin, most)) return false;
  append(frame);
  return true;
}

inline bool Outbox::offer(Slice frames) {
  has_room(frames.size, SIZE_MAX);  // writes early
  if (too_much(frames.size, settings_.max_pending_bytes / 2)) return false;
  const std::size_t most_in_total = settings_.max_total_pending_bytes / 2;
  if (settings_.pending > 0 && settings_.pending + frames.size > most_in_total) return false;
  add(frames);
  return true;
}

inline void Outbox::add(Slice frames) {
  std::memcpy(frames_.reserve(frames.size), frames.data, frames.size);
  frames_.commit(frames.size);
  settings_.pending += frames.size;
}

inline std::uint8_t* SharedFrames::reserve(std::size_t payload_size) {
  const std::size_t size = kHeaderSize + payload_size;
  if (!has_room(payload_size)) {
    if (buffer_ != nullptr) pool_.release(buffer_);
    buffer_ = pool_.take(std::max(size, BufferPool::kLarge));
  }
  auto* const frame = reinterpret_cast<std::uint8_t*>(buffer_->data() + buffer_->used());
  return write_header(frame, settings_.outgoing, payload_size);
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_OUTBOX_H_
