#ifndef MESSI_WIRE_SENT_NUMBERS_H_
#define MESSI_WIRE_SENT_NUMBERS_H_

#include <cstdint>

#include "messi/wire/frame_queue.h"

namespace messi::wire {

/// Numbers the messages of a connection without a session, 1, 2, 3... They are counted before they
/// leave the queue, or when somebody asks, and not when they are sent.
class SentNumbers {
 public:
  /// What is in the queue already has no numbers.
  void begin(const FrameQueue& queue) { counted_ = static_cast<std::uint32_t>(queue.pending()); }

  /// The number of the last message that was added to the queue.
  std::uint64_t last(const FrameQueue& queue) {
    last_ += queue.count_numbered_behind(counted_);
    counted_ = static_cast<std::uint32_t>(queue.pending());
    return last_;
  }

  /// After something was taken, or a control frame put to the front. `last` was called before.
  void handle_taken(const FrameQueue& queue) {
    counted_ = static_cast<std::uint32_t>(queue.pending());
  }

 private:
  std::uint64_t last_ = 0;
  std::uint32_t counted_ = 0;  // bytes from the front of the queue, which end a frame
};

}  // namespace messi::wire

#endif  // MESSI_WIRE_SENT_NUMBERS_H_
