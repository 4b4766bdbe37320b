#ifndef MESSI_SESSION_FRAME_CURSOR_H_
#define MESSI_SESSION_FRAME_CURSOR_H_

#include <algorithm>
#include <cstdint>

#include "messi/wire/buffer_pool.h"
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
    if (segment_->begin + passed_ == segment_->end && segment_->next != nullptr) {
      segment_ = segment_->next;
      passed_ = 0;
    }
    return {segment_->owner, segment_->begin + passed_, segment_->end};
  }
  /// Passes the first `size` bytes of `next`.
  void pass(std::uint32_t size) { passed_ += size; }

  /// Before the first `size` bytes of `first`, the queue's first stretch, are taken.
  void handle_taking(const wire::Segment& first, std::uint32_t size) {
    if (segment_ != &first) return;
    passed_ -= std::min(passed_, size);
    if (first.begin + size == first.end) segment_ = nullptr;
  }

 private:
  const wire::Segment* segment_ = nullptr;  // null: at the front of the queue
  std::uint32_t passed_ = 0;                // bytes of the segment
};

}  // namespace messi::session

#endif  // MESSI_SESSION_FRAME_CURSOR_H_
