#ifndef MESSI_WIRE_BUFFER_POOL_H_
#define MESSI_WIRE_BUFFER_POOL_H_

// The memory behind frame queues and cut frames. A buffer is borrowed only while it has bytes to
// keep, so an idle connection has none. The pool keeps a bounded number of free buffers, so steady
// traffic allocates nothing.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "messi/base/time.h"

namespace messi::wire {

/// A block of bytes with a reference count. Used on one thread only.
class Buffer {
 public:
  char* data() { return reinterpret_cast<char*>(this + 1); }
  std::uint32_t used() const { return used_; }
  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t room() const { return capacity_ - used_; }

  /// For a cut frame: how long its rest has been waited for.
  Duration waited = Duration::zero();

  /// Marks `size` further bytes as used; returns the first.
  char* extend(std::size_t size) {
    assert(size <= room());
    char* const begin = data() + used_;
    used_ += static_cast<std::uint32_t>(size);
    return begin;
  }

 private:
  friend class BufferPool;
  explicit Buffer(std::size_t capacity) : capacity_(static_cast<std::uint32_t>(capacity)) {}

  Buffer* next_ = nullptr;  // in the pool's free list
  std::uint32_t capacity_;
  std::uint32_t used_ = 0;
  std::uint32_t holders_ = 1;
};

/// A run of whole frames in a queue (see frame_queue.h). It is here because the pool keeps it too.
struct Segment {
  Buffer* owner;        ///< Holds the bytes.
  std::uint32_t begin;  ///< The frames are at [begin, end).
  std::uint32_t end;
  Segment* next;
};

/// Lends buffers and segments. One per event loop, used on its thread only. It must outlive what it
/// has lent.
class BufferPool {
 public:
  /// Two sizes are enough for nearly everything: a few small messages, or a stream of them. A
  /// larger frame gets a buffer of its own size. The last used of these are kept, since new memory
  /// from the system takes longer than using it.
  static constexpr std::size_t kSmall = 4 * 1024 - sizeof(Buffer);
  static constexpr std::size_t kLarge = 64 * 1024 + 256;

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  /// An empty buffer for at least `size` bytes, held once by the caller.
  Buffer* take(std::size_t size);
  static void hold(Buffer* buffer) { ++buffer->holders_; }
  void release(Buffer* buffer);

  Segment* take_segment(Buffer* owner, std::uint32_t begin, std::uint32_t end);
  /// Also releases the segment's hold on its buffer.
  void release_segment(Segment* segment);

 private:
  struct FreeList {
    Buffer* first = nullptr;
    std::size_t count = 0;
  };

  // What the pool keeps at the most: 64 * 4 KiB + 16 * 64 KiB + 1.25 MiB + 1,024 * 24 B, about
  // 2.6 MiB. A frame of 1 MiB that comes in takes a buffer of 256 KiB before its own.
  static constexpr std::size_t kSmallKept = 64;
  static constexpr std::size_t kLargeKept = 16;
  static constexpr std::size_t kOwnSizeBytesKept = 1280 * 1024 + 512;
  static constexpr std::size_t kSegmentsKept = 1024;

  static Buffer* allocate(std::size_t capacity) {
    return new (::operator new(sizeof(Buffer) + capacity)) Buffer(capacity);
  }
  static Buffer* take_from(FreeList& list, std::size_t capacity);
  Buffer* take_own_size(std::size_t size);
  void give_back_own_size(Buffer* buffer);
  static void give_back(FreeList& list, std::size_t kept, Buffer* buffer);
  static void drain(FreeList& list);

  FreeList small_;
  FreeList large_;
  FreeList own_size_;  // the last used first
  Segment* segments_ = nullptr;
  std::size_t segment_count_ = 0;
};

// ---------------------------------------------------------------------------------------------

inline BufferPool::~BufferPool() {
  drain(small_);
  drain(large_);
  drain(own_size_);
  while (segments_ != nullptr) {
    Segment* const segment = segments_;
    segments_ = segment->next;
    delete segment;
  }
}

inline Buffer* BufferPool::take(std::size_t size) {
  if (size <= kSmall) return take_from(small_, kSmall);
  if (size <= kLarge) return take_from(large_, kLarge);
  return take_own_size(size);
}

inline void BufferPool::release(Buffer* buffer) {
  if (--buffer->holders_ != 0) return;
  if (buffer->capacity_ == kSmall) {
    give_back(small_, kSmallKept, buffer);
  } else if (buffer->capacity_ == kLarge) {
    give_back(large_, kLargeKept, buffer);
  } else {
    give_back_own_size(buffer);
  }
}

inline Segment* BufferPool::take_segment(Buffer* owner, std::uint32_t begin, std::uint32_t end) {
  Segment* segment = segments_;
  if (segment == nullptr) {
    segment = new Segment;
  } else {
    segments_ = segment->next;
    --segment_count_;
  }
  hold(owner);
  *segment = Segment{owner, begin, end, nullptr};
  return segment;
}

inline void BufferPool::release_segment(Segment* segment) {
  release(segment->owner);
  if (segment_count_ == kSegmentsKept) {
    delete segment;
    return;
  }
  segment->next = segments_;
  segments_ = segment;
  ++segment_count_;
}

inline Buffer* BufferPool::take_from(FreeList& list, std::size_t capacity) {
  if (list.first == nullptr) return allocate(capacity);
  Buffer* const buffer = list.first;
  list.first = buffer->next_;
  --list.count;
  buffer->waited = Duration::zero();
  buffer->used_ = 0;
  buffer->holders_ = 1;
  return buffer;
}

inline Buffer* BufferPool::take_own_size(std::size_t size) {
  Buffer** place = &own_size_.first;
  const auto fits = [size](std::size_t capacity) {
    return capacity >= size && capacity <= 2 * size;
  };
  while (*place != nullptr && !fits((*place)->capacity_)) place = &(*place)->next_;
  FreeList found{*place, 1};
  if (*place != nullptr) *place = (*place)->next_;
  return take_from(found, size);
}

inline void BufferPool::give_back_own_size(Buffer* buffer) {
  buffer->next_ = own_size_.first;
  own_size_.first = buffer;
  std::size_t bytes = 0;
  for (Buffer** place = &own_size_.first; *place != nullptr; place = &(*place)->next_) {
    bytes += (*place)->capacity_;
    if (bytes <= kOwnSizeBytesKept) continue;
    FreeList rest{std::exchange(*place, nullptr), 0};
    return drain(rest);
  }
}

inline void BufferPool::give_back(FreeList& list, std::size_t kept, Buffer* buffer) {
  if (list.count == kept) {
    ::operator delete(buffer);
    return;
  }
  buffer->next_ = list.first;
  list.first = buffer;
  ++list.count;
}

inline void BufferPool::drain(FreeList& list) {
  while (list.first != nullptr) {
    Buffer* const buffer = list.first;
    list.first = buffer->next_;
    ::operator delete(buffer);
  }
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_BUFFER_POOL_H_
