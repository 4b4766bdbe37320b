#ifndef MESSI_WIRE_SEND_QUEUE_H_
#define MESSI_WIRE_SEND_QUEUE_H_

// The frames of one connection that the transport has not taken yet.
//
//     head                                          tail
//     +---------------+   +------+   +-----------------+
//     |frame|frame|fra|   | pong |   |frame|frame|frame|      segments: stretches of whole frames
//     +---------------+   +------+   +-----------------+
//          ^ begin: the transport has taken what is before
//
// Frames are encoded once, in place: into a buffer of this queue's own (`append`), or into one
// that many queues share (`append_shared`, for broadcasts). A ping or pong goes ahead of all user
// messages, but never into the middle of a frame that is partly taken.
//
// A small stretch must not hold a large buffer for long: a slow reader with a few bytes of each of
// many broadcasts would. So a shared stretch that cannot grow any more, and that takes less than
// half of its buffer, is copied into a buffer of the queue's own. What a queue holds is then at
// most twice what is pending, its own buffer that is being filled, and the shared one that is.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"

namespace messi::wire {

/// One per connection. Bounds are the caller's, 2 GiB at the most: ask `pending()` before `append`.
class SendQueue {
 public:
  /// `pool` must outlive the queue.
  explicit SendQueue(BufferPool& pool) : pool_(pool), control_waiting_(0), known_boundary_(0) {}
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;
  ~SendQueue() { clear(); }

  /// Bytes not yet taken by the transport, headers included.
  std::size_t pending() const { return pending_; }
  bool empty() const { return head_ == nullptr; }

  /// Space for one whole frame of `size` bytes, header included, to be filled before the next call.
  std::uint8_t* append(std::size_t size);

  /// Takes back what `append(size)` gave just before.
  void retract(std::size_t size);

  /// Adds the whole frames at [begin, end) of `buffer`, which is held as long as needed.
  void append_shared(Buffer& buffer, std::uint32_t begin, std::uint32_t end);

  /// Nothing more will be shared from `buffer`.
  void handle_full(const Buffer& buffer) {
    if (tail_ != nullptr && tail_->owner == &buffer) copy_out_if_small(*tail_);
  }

  /// The transport takes no more for now: what is left of the first buffer may be little.
  void handle_blocked() {
    if (head_ != nullptr) copy_out_if_small(*head_);
  }

  /// Adds an empty frame of `type`, ahead of user messages. No-op while one is waiting already.
  void push_control(FrameType type);

  /// Fills in up to `max` slices with what is to be written next; returns how many.
  std::size_t gather(Slice* slices, std::size_t max) const;

  /// Takes away the first `size` bytes, which the transport has taken.
  void consume(std::size_t size);

  void clear();

 private:
  void push_back(Buffer* owner, const char* data, std::uint32_t begin, std::uint32_t end);
  void pop_front();
  Buffer& open_for(std::size_t size);
  void copy_out_if_small(Segment& segment);
  std::uint32_t next_frame_boundary();
  void set_known_boundary(std::uint32_t at) { known_boundary_ = at & 0x7fffffff; }

  BufferPool& pool_;
  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  Buffer* open_ = nullptr;  // where `append` goes on
  std::uint32_t pending_ = 0;
  std::uint32_t control_waiting_ : 1;
  std::uint32_t known_boundary_ : 31;  // in the head segment, where some frame up to begin starts
};

// ---------------------------------------------------------------------------------------------

inline std::uint8_t* SendQueue::append(std::size_t size) {
  if (tail_ != nullptr && tail_->owner != open_) copy_out_if_small(*tail_);
  if (open_ == nullptr || open_->room() < size) open_for(size);
  const std::uint32_t begin = open_->used();
  char* const out = open_->extend(size);
  if (tail_ != nullptr && tail_->owner == open_ && tail_->end == begin) {
    tail_->end = open_->used();
  } else {
    push_back(open_, open_->data(), begin, open_->used());
  }
  pending_ += static_cast<std::uint32_t>(size);
  return reinterpret_cast<std::uint8_t*>(out);
}

inline void SendQueue::retract(std::size_t size) {
  pending_ -= static_cast<std::uint32_t>(size);
  open_->shrink(size);
  tail_->end -= static_cast<std::uint32_t>(size);
  if (tail_->begin < tail_->end) return;
  if (head_ == tail_) {
    pop_front();
    return pool_.release(std::exchange(open_, nullptr));
  }
  Segment* before = head_;
  while (before->next != tail_) before = before->next;
  before->next = nullptr;
  pool_.release_segment(std::exchange(tail_, before));
}

inline void SendQueue::append_shared(Buffer& buffer, std::uint32_t begin, std::uint32_t end) {
  if (tail_ != nullptr && tail_->owner == &buffer && tail_->end == begin) {
    tail_->end = end;
  } else {
    if (tail_ != nullptr) copy_out_if_small(*tail_);
    push_back(&buffer, buffer.data(), begin, end);
  }
  pending_ += end - begin;
}

/// The buffer that is being filled, with room for `size` bytes.
inline Buffer& SendQueue::open_for(std::size_t size) {
  if (open_ == nullptr || open_->room() < size) {
    // The first buffer may be small: most turns send little. Who has filled it sends a stream.
    Buffer* const fresh = pool_.take(open_ == nullptr ? size : std::max(size, BufferPool::kLarge));
    if (open_ != nullptr) pool_.release(open_);
    open_ = fresh;
  }
  return *open_;
}

inline void SendQueue::copy_out_if_small(Segment& segment) {
  if (segment.owner == nullptr || segment.owner == open_) return;
  std::uint32_t from = segment.begin;
  // A frame that is partly taken is copied whole, so that its end can be found.
  if (&segment == head_ && next_frame_boundary() != segment.begin) from = known_boundary_;
  const std::uint32_t size = segment.end - from;
  if (segment.owner->capacity() < BufferPool::kLarge || size > segment.owner->capacity() / 2)
    return;
  Buffer& own = open_for(size);
  const std::uint32_t moved_to = own.used();
  std::memcpy(own.extend(size), segment.data + from, size);
  BufferPool::hold(&own);
  pool_.release(segment.owner);
  segment.owner = &own;
  segment.data = own.data();
  segment.begin = moved_to + (segment.begin - from);
  segment.end = own.used();
  if (&segment == head_) set_known_boundary(moved_to);
}

inline void SendQueue::push_control(FrameType type) {
  static constexpr char kPing[kHeaderSize] = {static_cast<char>(FrameType::kPing), 0, 0, 0};
  static constexpr char kPong[kHeaderSize] = {static_cast<char>(FrameType::kPong), 0, 0, 0};
  if (control_waiting_ != 0) return;
  control_waiting_ = 1;
  pending_ += static_cast<std::uint32_t>(kHeaderSize);
  Segment* const control = pool_.take_segment(type == FrameType::kPing ? kPing : kPong, nullptr, 0,
                                              static_cast<std::uint32_t>(kHeaderSize));
  if (head_ == nullptr) {
    head_ = tail_ = control;
    known_boundary_ = 0;
    return;
  }
  const std::uint32_t boundary = next_frame_boundary();
  if (boundary == head_->begin) {
    control->next = std::exchange(head_, control);
    known_boundary_ = 0;
    return;
  }
  if (boundary < head_->end) {
    Segment* const rest = pool_.take_segment(head_->data, head_->owner, boundary, head_->end);
    rest->next = head_->next;
    head_->next = rest;
    head_->end = boundary;
    if (tail_ == head_) tail_ = rest;
  }
  control->next = std::exchange(head_->next, control);
  if (tail_ == head_) tail_ = control;
}

inline std::size_t SendQueue::gather(Slice* slices, std::size_t max) const {
  std::size_t count = 0;
  for (const Segment* segment = head_; segment != nullptr && count < max; segment = segment->next) {
    slices[count++] = {segment->data + segment->begin, segment->end - segment->begin};
  }
  return count;
}

inline void SendQueue::consume(std::size_t size) {
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
  if (head_ == nullptr && open_ != nullptr) pool_.release(std::exchange(open_, nullptr));
}

inline void SendQueue::clear() {
  while (head_ != nullptr) pop_front();
  if (open_ != nullptr) pool_.release(std::exchange(open_, nullptr));
  pending_ = 0;
}

inline void SendQueue::push_back(Buffer* owner, const char* data, std::uint32_t begin,
                                 std::uint32_t end) {
  Segment* const segment = pool_.take_segment(data, owner, begin, end);
  if (tail_ != nullptr) {
    tail_->next = segment;
  } else {
    head_ = segment;
    set_known_boundary(begin);
  }
  tail_ = segment;
}

inline void SendQueue::pop_front() {
  Segment* const gone = head_;
  if (gone->owner == nullptr) control_waiting_ = 0;
  head_ = gone->next;
  if (head_ == nullptr) {
    tail_ = nullptr;
  } else {
    set_known_boundary(head_->begin);
  }
  pool_.release_segment(gone);
}

// Walks from frame to frame, on from where the last walk ended, so that each frame is met once.
inline std::uint32_t SendQueue::next_frame_boundary() {
  std::uint32_t boundary = known_boundary_;
  while (boundary < head_->begin) {
    set_known_boundary(boundary);
    boundary += static_cast<std::uint32_t>(kHeaderSize + read_size(head_->data + boundary));
  }
  return boundary;
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_SEND_QUEUE_H_
