#ifndef MESSI_SESSION_FRAME_CURSOR_H_
#define MESSI_SESSION_FRAME_CURSOR_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_queue.h"

namespace messi::session {

/// A place between two frames of a queue from which only whole frames are taken. The frames before
/// it are passed.
class FrameCursor {
 public:
  /// Frames that lie one after the other, in a buffer.
  struct Stretch {
    wire::Buffer* buffer;
    std::uint32_t begin;
    std::uint32_t end;
  };

  /// What follows; empty at the end.
  Stretch next(const wire::FrameQueue& queue) {
    if (segment_ == nullptr) segment_ = queue.stretches();
    if (segment_ == nullptr) return {nullptr, 0, 0};
    if (segment_->begin + in_segment_ == segment_->end && segment_->next != nullptr) {
      segment_ = segment_->next;
      in_segment_ = 0;
    }
    return {segment_->owner, segment_->begin + in_segment_, segment_->end};
  }
  /// Passes the first `size` bytes of `next`.
  void pass(std::uint32_t size) {
    in_segment_ += size;
    passed_ += size;
  }
  /// The bytes of the frames before it.
  std::uint32_t passed() const { return passed_; }

  /// The first `size` bytes of the queue were taken.
  void handle_taken(const wire::FrameQueue& queue, std::uint32_t size) {
    if (size >= passed_) {
      *this = FrameCursor();
      return;
    }
    passed_ -= size;
    if (segment_ == queue.stretches()) in_segment_ = passed_;
  }

 private:
  const wire::Segment* segment_ = nullptr;  // null: at the front of the queue
  std::uint32_t in_segment_ = 0;            // the bytes of the segment before it
  std::uint32_t passed_ = 0;                // a queue has at most 2 GiB
};

/// The same, and how many frames were passed, or taken before.
class FrameCounter {
 public:
  FrameCounter() = default;
  /// At the front, when so many were taken.
  explicit FrameCounter(std::uint64_t number) : number_(number) {}

  std::uint64_t number() const { return number_; }
  std::uint32_t passed() const { return cursor_.passed(); }

  /// Goes on until `size` bytes are passed, which end a frame, or the frame with number `last`.
  void go_on(const wire::FrameQueue& queue, std::size_t size, std::uint64_t last = UINT64_MAX) {
    while (cursor_.passed() < size && number_ < last) {
      const FrameCursor::Stretch stretch = cursor_.next(queue);
      const char* const data = stretch.buffer->data();
      const auto left = static_cast<std::uint32_t>(size - cursor_.passed());
      const std::uint32_t end = stretch.begin + std::min(left, stretch.end - stretch.begin);
      std::uint32_t at = stretch.begin;
      while (at < end && number_ < last) {
        const std::uint32_t header = header_at(data + at);
        const std::uint32_t frame = wire::frame_size(data + at);
        // Many in a row have the same size. Then where they are does not depend on what is read.
        do {
          at += frame;
          ++number_;
        } while (at < end && number_ < last && header_at(data + at) == header);
      }
      cursor_.pass(at - stretch.begin);
    }
  }

  /// The first `size` bytes of the queue were taken, the frames up to number `last`.
  void handle_taken(const wire::FrameQueue& queue, std::uint32_t size, std::uint64_t last) {
    cursor_.handle_taken(queue, size);
    number_ = std::max(number_, last);
  }

 private:
  static std::uint32_t header_at(const char* data) {
    std::uint32_t header;
    static_assert(sizeof header == wire::kHeaderSize);
    std::memcpy(&header, data, sizeof header);
    return header;
  }

  FrameCursor cursor_;
  std::uint64_t number_ = 0;
};

}  // namespace messi::session

#endif  // MESSI_SESSION_FRAME_CURSOR_H_
