#ifndef MESSI_WIRE_LATEST_FRAMES_H_
#define MESSI_WIRE_LATEST_FRAMES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "messi/wire/buffer_pool.h"
#include "messi/wire/outbox.h"

namespace messi::wire {

/// Frames for a reader that is behind: of each kind the latest, in the order in which they came.
/// They are part of what waits in the outboxes of `settings`.
class LatestFrames {
 public:
  LatestFrames(const OutboxSettings& settings, BufferPool& pool)
      : settings_(settings), pool_(pool) {}
  LatestFrames(const LatestFrames&) = delete;
  LatestFrames& operator=(const LatestFrames&) = delete;
  ~LatestFrames() { clear(); }

  bool empty() const { return kept_.empty(); }
  /// In bytes.
  std::size_t size() const { return size_; }

  /// Keeps the frame that is all of `buffer`. True if it takes the place of another.
  bool keep(std::uint64_t kind, Buffer& buffer) {
    const auto before = std::find_if(kept_.begin(), kept_.end(),
                                     [kind](const Kept& each) { return each.kind == kind; });
    const bool replaces = before != kept_.end();
    if (replaces) drop(before);
    kept_.push_back({kind, &buffer});
    BufferPool::hold(&buffer);
    size_ += buffer.used();
    settings_.pending += buffer.used();
    return replaces;
  }

  SharedFrame first() const { return {kept_.front().buffer, 0, kept_.front().buffer->used()}; }
  void drop_first() { drop(kept_.begin()); }
  void clear() {
    while (!empty()) drop_first();
  }

 private:
  struct Kept {
    std::uint64_t kind;
    Buffer* buffer;
  };

  void drop(std::vector<Kept>::iterator kept) {
    size_ -= kept->buffer->used();
    settings_.pending -= kept->buffer->used();
    pool_.release(kept->buffer);
    kept_.erase(kept);
  }

  const OutboxSettings& settings_;
  BufferPool& pool_;
  std::vector<Kept> kept_;
  std::size_t size_ = 0;
};

}  // namespace messi::wire

#endif  // MESSI_WIRE_LATEST_FRAMES_H_
