#ifndef MESSI_DEVICE_INPUT_H_
#define MESSI_DEVICE_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/wire/frame.h"

namespace messi::device {

/// From bytes to frames, in memory of the user's. Of a payload that is larger than the memory only
/// the beginning is kept.
class Input {
 public:
  explicit Input(Space memory) : memory_(memory) {}

  std::size_t capacity() const { return memory_.size; }
  /// Whether a frame has begun.
  bool cut() const { return header_used_ > 0; }
  void clear() { header_used_ = 0; }

  /// Removes bytes from the front of `bytes`, which is not empty. True if they complete the header
  /// of a frame, or the frame.
  bool take(std::string_view& bytes) {
    if (header_used_ < wire::kHeaderSize) {
      header_[header_used_++] = bytes.front();
      bytes.remove_prefix(1);
      if (header_used_ < wire::kHeaderSize) return false;
      missing_ = wire::read_size(header_);
      used_ = 0;
      return true;
    }
    const std::size_t taken = std::min(missing_, bytes.size());
    const std::size_t kept = std::min(taken, memory_.size - used_);
    std::memcpy(memory_.data + used_, bytes.data(), kept);
    used_ += kept;
    missing_ -= taken;
    bytes.remove_prefix(taken);
    return missing_ == 0;
  }

  /// After a true `take`: what the header says, and whether the frame is complete.
  wire::FrameType type() const { return wire::read_type(header_); }
  std::size_t size() const { return wire::read_size(header_); }
  bool complete() const { return missing_ == 0; }
  std::string_view payload() const { return {memory_.data, used_}; }
  char* payload_end() const { return memory_.data + used_; }

 private:
  Space memory_;
  std::size_t used_ = 0;     // of the memory
  std::size_t missing_ = 0;  // of the payload
  char header_[wire::kHeaderSize] = {};
  std::uint8_t header_used_ = 0;
};

}  // namespace messi::device

#endif  // MESSI_DEVICE_INPUT_H_
