#ifndef MESSI_DEVICE_OUTPUT_H_
#define MESSI_DEVICE_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/wire/frame.h"

namespace messi::device {

/// Frames that wait to be written, in memory of the user's. At most one ping waits, and there is
/// always room for it.
class Output {
 public:
  explicit Output(Space memory) : memory_(memory) {}

  /// All that waits. It stays where it is until `handle_written`.
  std::string_view waiting() const { return {memory_.data, used_}; }
  bool empty() const { return used_ == 0; }

  /// The largest payload for which there is ever room.
  std::size_t most_payload() const {
    const std::size_t others = 2 * wire::kHeaderSize;
    return memory_.size > others ? memory_.size - others : 0;
  }
  /// Space for a payload: fill it at once, then commit it or forget it. Null if there is no room.
  std::uint8_t* reserve(wire::FrameType type, std::size_t payload_size) {
    const std::size_t ping = ping_end_ > 0 ? 0 : wire::kHeaderSize;
    if (used_ + wire::kHeaderSize + payload_size + ping > memory_.size) return nullptr;
    return wire::write_header(reinterpret_cast<std::uint8_t*>(memory_.data) + used_, type,
                              payload_size);
  }
  void commit(std::size_t payload_size) { used_ += wire::kHeaderSize + payload_size; }

  void add_ping() {
    if (ping_end_ > 0 || memory_.size < wire::kHeaderSize) return;
    wire::write_header(reinterpret_cast<std::uint8_t*>(memory_.data) + used_,
                       wire::FrameType::kPing, 0);
    commit(0);
    ping_end_ = used_;
  }

  /// The first `size` bytes of what waits have been written.
  void handle_written(std::size_t size) {
    used_ -= size;
    ping_end_ -= ping_end_ < size ? ping_end_ : size;
    std::memmove(memory_.data, memory_.data + size, used_);
  }
  void clear() {
    used_ = 0;
    ping_end_ = 0;
  }

 private:
  Space memory_;
  std::size_t used_ = 0;
  std::size_t ping_end_ = 0;  // where the ping that waits ends; 0 if none does
};

}  // namespace messi::device

#endif  // MESSI_DEVICE_OUTPUT_H_
