#ifndef MESSI_WIRE_FRAME_QUEUE_H_
#define MESSI_WIRE_FRAME_QUEUE_H_

// The frames of one connection that the stream has not taken yet.
//
//     head                                   tail
//     +---------------+   +-----------+   +-----------------+
//     |frame|frame|fra|   |frame|frame|   |frame|frame|frame|      segments: stretches of frames
//     +---------------+   +-----------+   +-----------------+
//          ^ begin: the stream has taken what is before
//
// Frames are encoded once, in place: into a buffer of this queue's own (`reserve`, `commit`), or
// into one that many queues share (`append_shared`, for broadcasts).
//
// Control frames are not in the segments. At most one of each kind waits, and is made when it is
// written: ahead of all messages, but never in the middle of a frame that is partly taken.
//
// A small segment must not hold a large buffer for long, as with a slow reader that has a few bytes
// of each of many broadcasts. So a shared segment that cannot grow any more, and that takes less
// than half of its buffer, is copied into a buffer of the queue. A queue then holds at most twice
// what is pending, its own buffer that is being filled, and the shared one that is being filled.

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"

namespace messi::wire {

/// The kinds of control frames, in the order in which they are written.
enum class Control : std::uint8_t { kOffer, kPing, kPong, kAck };
inline constexpr std::size_t kControls = 4;
/// The largest control frame, with its header.
inline constexpr std::size_t kMostControlSize = 32;

/// The slices offered to the stream at once.
class Batch {
 public:
  static constexpr std::size_t kMostSlices = 64;

  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  const Slice* slices() const { return slices_; }
  std::size_t count() const { return count_; }
  /// The size of all slices, in bytes.
  std::size_t size() const { return size_; }

 private:
  friend class FrameQueue;

  bool full() const { return count_ == kMostSlices; }
  void add(const char* data, std::size_t size) {
    slices_[count_++] = {data, size};
    size_ += size;
  }

  Slice slices_[kMostSlices];
  std::size_t count_ = 0;
  std::size_t size_ = 0;
  std::size_t ahead_ = 0;  // of the control frames: the rest of a frame that is partly taken
  std::uint8_t controls_[kControls * kMostControlSize];
  std::uint8_t control_sizes_[kControls] = {};  // 0: that kind is not in this batch
};

/// One per connection. The caller keeps the bound, at most 2 GiB: check `pending()` before
/// `commit`.
class FrameQueue {
 public:
  /// `pool` must outlive the queue.
  explicit FrameQueue(BufferPool& pool) : pool_(pool), wanted_(0), known_boundary_(0) {}
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;
  ~FrameQueue() { clear(); }

  /// Bytes not yet taken by the stream, with headers, but without control frames that wait.
  std::size_t pending() const { return pending_; }
  /// Whether there is nothing to write.
  bool empty() const { return head_ == nullptr && wanted_ == 0; }

  /// Space for one whole frame of `size` bytes, with its header. `commit(size)` adds it, as the
  /// next call to the queue; otherwise it is forgotten.
  std::uint8_t* reserve(std::size_t size);
  void commit(std::size_t size);

  /// Adds the whole frames at [begin, end) of `buffer`, and holds the buffer as long as needed.
  void append_shared(Buffer& buffer, std::uint32_t begin, std::uint32_t end);

  /// Nothing more will be shared from `buffer`.
  void handle_full(const Buffer* buffer) {
    if (tail_ != nullptr && tail_->owner == buffer) copy_out_if_small(*tail_);
  }

  /// The stream takes no more for now. The rest of the first buffer may be small.
  void handle_blocked() {
    if (head_ != nullptr) copy_out_if_small(*head_);
  }

  /// Writes a control frame soon. No-op while one of its kind waits.
  void want(Control kind) { set_wanted(wanted_ | bit(kind)); }
  /// Whether one of its kind waits.
  bool wants(Control kind) const { return (wanted_ & bit(kind)) != 0; }

  /// Fills `batch`, which is empty, with what to write next. `make(Control, out) -> end` makes a
  /// control frame.
  template <typename Make>
  void gather(Batch& batch, Make&& make);

  /// The stream has taken the first `size` bytes of `batch`. No other call to the queue came in
  /// between.
  void handle_written(const Batch& batch, std::size_t size);
  /// The stream has taken the first `size` bytes of the frames; no control frame waits.
  void take(std::size_t size);
  /// Gives back the buffer that is being filled, if nothing waits.
  void close_if_empty() {
    if (head_ == nullptr && open_ != nullptr) pool_.release(std::exchange(open_, nullptr));
  }

  /// The frames, in stretches; null if there are none. The first may be partly taken.
  const Segment* stretches() const { return head_; }
  /// How many frames of `type` there are that the stream has not yet taken, or only partly.
  std::size_t count_untaken(FrameType type) {
    return count([type](FrameType each) { return each == type; }, true);
  }
  /// How many numbered frames there are that the stream has not begun to take.
  std::size_t count_numbered_unbegun() { return count(&is_numbered, false); }
  /// The same, with one that it has partly taken.
  std::size_t count_numbered_untaken() { return count(&is_numbered, true); }
  /// How many numbered frames there are behind the first `size` bytes, which end a frame.
  std::size_t count_numbered_behind(std::uint32_t size) const;

  void clear();

 private:
  static constexpr unsigned kWantedBits = 6;
  static_assert(kControls <= kWantedBits);
  static constexpr unsigned bit(Control kind) { return 1u << static_cast<unsigned>(kind); }

  template <typename Make>
  void gather_controls(Batch& batch, Make&& make);
  std::size_t handle_controls_written(const Batch& batch, std::size_t size);
  // It cannot be undone: without memory the program ends.
  void keep_rest(const std::uint8_t* frame, std::size_t size, std::size_t taken) noexcept;
  void push_back(Buffer* owner, std::uint32_t begin, std::uint32_t end);
  void pop_front();
  bool fits(std::size_t size) const { return open_ != nullptr && open_->room() >= size; }
  void open_for(std::size_t size);
  void copy_out_if_small(Segment& segment);
  std::uint32_t next_frame_boundary();
  template <typename Counts>
  std::size_t count(Counts&& counts, bool with_begun);
  void set_wanted(unsigned bits) { wanted_ = bits & ((1u << kWantedBits) - 1); }
  void set_known_boundary(std::uint32_t at) {
    known_boundary_ = at & ((1u << (32 - kWantedBits)) - 1);
    assert(known_boundary_ == at);
  }

  BufferPool& pool_;
  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  Buffer* open_ = nullptr;  // where `reserve` goes on
  std::uint32_t pending_ = 0;
  std::uint32_t wanted_ : kWantedBits;               // control frames, a bit for each kind
  std::uint32_t known_boundary_ : 32 - kWantedBits;  // in the head: some frame up to begin starts
};

// ---------------------------------------------------------------------------------------------

// For each message; g++ would call it.
[[gnu::always_inline]] inline std::uint8_t* FrameQueue::reserve(std::size_t size) {
  if (tail_ != nullptr && tail_->owner != open_) copy_out_if_small(*tail_);
  if (!fits(size)) open_for(size);
  return reinterpret_cast<std::uint8_t*>(open_->data() + open_->used());
}

inline void FrameQueue::commit(std::size_t size) {
  const std::uint32_t begin = open_->used();
  open_->extend(size);
  if (tail_ != nullptr && tail_->owner == open_ && tail_->end == begin) {
    tail_->end = open_->used();
  } else {
    push_back(open_, begin, open_->used());
  }
  pending_ += static_cast<std::uint32_t>(size);
}

inline void FrameQueue::append_shared(Buffer& buffer, std::uint32_t begin, std::uint32_t end) {
  if (tail_ != nullptr && tail_->owner == &buffer && tail_->end == begin) {
    tail_->end = end;
  } else {
    if (tail_ != nullptr) copy_out_if_small(*tail_);
    push_back(&buffer, begin, end);
  }
  pending_ += end - begin;
}

/// Another buffer is filled from now on, which has room for `size` bytes.
inline void FrameQueue::open_for(std::size_t size) {
  // The first buffer may be small, since most turns send little. When it is full, this is a stream
  // of messages.
  Buffer* const fresh = pool_.take(open_ == nullptr ? size : std::max(size, BufferPool::kLarge));
  if (open_ != nullptr) pool_.release(open_);
  open_ = fresh;
}

inline void FrameQueue::copy_out_if_small(Segment& segment) {
  if (segment.owner == open_) return;
  std::uint32_t from = segment.begin;
  // A frame that is partly taken is copied whole, so that its end can be found.
  if (&segment == head_ && next_frame_boundary() != segment.begin) from = known_boundary_;
  const std::uint32_t size = segment.end - from;
  if (segment.owner->capacity() < BufferPool::kLarge || size > segment.owner->capacity() / 2)
    return;
  if (!fits(size)) open_for(size);
  const std::uint32_t moved_to = open_->used();
  std::memcpy(open_->extend(size), segment.owner->data() + from, size);
  BufferPool::hold(open_);
  pool_.release(segment.owner);
  segment.owner = open_;
  segment.begin = moved_to + (segment.begin - from);
  segment.end = open_->used();
  if (&segment == head_) set_known_boundary(moved_to);
}

template <typename Make>
void FrameQueue::gather(Batch& batch, Make&& make) {
  const Segment* segment = head_;
  std::uint32_t begin = segment != nullptr ? segment->begin : 0;
  if (wanted_ != 0) {
    if (segment != nullptr && next_frame_boundary() != begin) {
      const std::uint32_t boundary = next_frame_boundary();
      batch.ahead_ = boundary - begin;
      batch.add(segment->owner->data() + begin, batch.ahead_);
      begin = boundary;
    }
    gather_controls(batch, make);
  }
  while (segment != nullptr && !batch.full()) {
    if (begin != segment->end) batch.add(segment->owner->data() + begin, segment->end - begin);
    segment = segment->next;
    if (segment != nullptr) begin = segment->begin;
  }
}

template <typename Make>
void FrameQueue::gather_controls(Batch& batch, Make&& make) {
  std::uint8_t* out = batch.controls_;
  for (std::size_t i = 0; i < kControls; ++i) {
    const auto kind = static_cast<Control>(i);
    if ((wanted_ & bit(kind)) == 0) continue;
    std::uint8_t* const end = make(kind, out);
    assert(end - out <= static_cast<std::ptrdiff_t>(kMostControlSize));
    batch.control_sizes_[i] = static_cast<std::uint8_t>(end - out);
    out = end;
  }
  batch.add(reinterpret_cast<const char*>(batch.controls_),
            static_cast<std::size_t>(out - batch.controls_));
}

inline void FrameQueue::handle_written(const Batch& batch, std::size_t size) {
  if (wanted_ != 0) size = handle_controls_written(batch, size);
  take(size);
  close_if_empty();
}

/// What is ahead of the control frames has been taken too. Returns how much of what follows them
/// was taken.
inline std::size_t FrameQueue::handle_controls_written(const Batch& batch, std::size_t size) {
  const std::size_t ahead = std::min(size, batch.ahead_);
  take(ahead);
  size -= ahead;
  const std::uint8_t* frame = batch.controls_;
  for (std::size_t i = 0; i < kControls && size > 0; ++i) {
    const std::size_t frame_size = batch.control_sizes_[i];
    if (frame_size == 0) continue;
    set_wanted(wanted_ & ~bit(static_cast<Control>(i)));
    if (size < frame_size) {
      keep_rest(frame, frame_size, size);
      return 0;
    }
    size -= frame_size;
    frame += frame_size;
  }
  return size;
}

/// A control frame that is partly taken becomes a frame like others.
inline void FrameQueue::keep_rest(const std::uint8_t* frame, std::size_t size,
                                  std::size_t taken) noexcept {
  Buffer* const own = pool_.take(size);
  std::memcpy(own->extend(size), frame, size);
  Segment* const segment = pool_.take_segment(own, static_cast<std::uint32_t>(taken), own->used());
  pool_.release(own);
  segment->next = std::exchange(head_, segment);
  if (tail_ == nullptr) tail_ = segment;
  set_known_boundary(0);
  pending_ += segment->end - segment->begin;
}

inline void FrameQueue::take(std::size_t size) {
  pending_ -= static_cast<std::uint32_t>(size);
  while (size > 0) {
    const std::size_t left = head_->end - head_->begin;
    if (size < left) {
      head_->begin += static_cast<std::uint32_t>(size);
      return;
    }
    size -= left;
    pop_front();
  }
}

inline void FrameQueue::clear() {
  while (head_ != nullptr) pop_front();
  if (open_ != nullptr) pool_.release(std::exchange(open_, nullptr));
  pending_ = 0;
  wanted_ = 0;
}

inline void FrameQueue::push_back(Buffer* owner, std::uint32_t begin, std::uint32_t end) {
  Segment* const segment = pool_.take_segment(owner, begin, end);
  if (tail_ != nullptr) {
    tail_->next = segment;
  } else {
    head_ = segment;
    set_known_boundary(begin);
  }
  tail_ = segment;
}

inline void FrameQueue::pop_front() {
  Segment* const gone = head_;
  head_ = gone->next;
  if (head_ == nullptr) {
    tail_ = nullptr;
  } else {
    set_known_boundary(head_->begin);
  }
  pool_.release_segment(gone);
}

// Walks from frame to frame, on from where the last walk ended, so that each frame is met once.
inline std::uint32_t FrameQueue::next_frame_boundary() {
  std::uint32_t boundary = known_boundary_;
  while (boundary < head_->begin) {
    set_known_boundary(boundary);
    boundary += frame_size(head_->owner->data() + boundary);
  }
  return boundary;
}

template <typename Counts>
std::size_t FrameQueue::count(Counts&& counts, bool with_begun) {
  if (head_ == nullptr) return 0;
  std::size_t count = 0;
  std::uint32_t at = next_frame_boundary();
  const bool begun = at != head_->begin;
  if (begun && with_begun && counts(read_type(head_->owner->data() + known_boundary_))) ++count;
  for (const Segment* segment = head_; segment != nullptr;) {
    const char* const data = segment->owner->data();
    for (; at < segment->end; at += frame_size(data + at)) count += counts(read_type(data + at));
    segment = segment->next;
    if (segment != nullptr) at = segment->begin;
  }
  return count;
}

inline std::size_t FrameQueue::count_numbered_behind(std::uint32_t size) const {
  std::size_t count = 0;
  for (const Segment* segment = head_; segment != nullptr; segment = segment->next) {
    const std::uint32_t passed = std::min(size, segment->end - segment->begin);
    size -= passed;
    const char* const data = segment->owner->data();
    for (std::uint32_t at = segment->begin + passed; at < segment->end;
         at += frame_size(data + at)) {
      count += is_numbered(read_type(data + at));
    }
  }
  return count;
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_FRAME_QUEUE_H_
