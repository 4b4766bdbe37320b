#ifndef MESSI_IO_WEBSOCKET_FRAME_WRITER_H_
#define MESSI_IO_WEBSOCKET_FRAME_WRITER_H_

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/io/websocket/frame.h"

namespace messi::websocket {

/// Puts what is written into frames, however little of it is taken at a time. Bytes of messages are
/// not kept: what is known is how many the message that has begun still lacks. Whatever comes next
/// is the rest of it.
class FrameWriter {
 public:
  /// `side` is the one that writes.
  explicit FrameWriter(Side side) : masks_(side == Side::kClient) {}

  /// What goes before all else: the rest of a header or of a control frame.
  std::string_view output() const { return {output_ + begin_, std::size_t{end_} - begin_}; }
  /// The first `size` bytes of it are on their way.
  void handle_output(std::size_t size) { begin_ = static_cast<std::uint8_t>(begin_ + size); }

  /// Whether a frame may begin.
  bool between_frames() const { return owed_ == 0 && output().empty(); }

  /// A message begins. `key` is new for each frame, if this side masks.
  void begin_message(std::size_t size, MaskKey key) {
    owed_ = message_size_ = size;
    begin(Opcode::kBinary, size, key);
  }
  /// If nothing of it is on its way.
  void take_back_message() {
    if (begin_ == 0 && owed_ == message_size_) owed_ = begin_ = end_ = 0;
  }
  /// What the message still lacks.
  std::size_t owed() const { return owed_; }
  /// The next bytes of the message, as they are sent; for a side that masks.
  void mask(char* out, const char* in, std::size_t size, std::size_t ahead) const {
    copy_masked(out, in, size, key_, message_size_ - owed_ + ahead);
  }
  /// The first `size` bytes of those are on their way.
  void handle_message(std::size_t size) { owed_ -= size; }

  void write_control(Opcode opcode, std::string_view payload, MaskKey key) {
    begin(opcode, payload.size(), key);
    char* const out = output_ + end_;
    if (masks_) {
      copy_masked(out, payload.data(), payload.size(), key, 0);
    } else {
      std::copy(payload.begin(), payload.end(), out);
    }
    end_ = static_cast<std::uint8_t>(end_ + payload.size());
  }

 private:
  void begin(Opcode opcode, std::size_t size, MaskKey key) {
    assert(output().empty() && "a frame begins when the last one is over");
    key_ = key;
    begin_ = 0;
    end_ = static_cast<std::uint8_t>(write_header(output_, opcode, size, masks_ ? &key : nullptr));
  }

  // A control frame's header is shorter than a message's may be.
  char output_[kMostHeader + kMostControl];
  std::uint8_t begin_ = 0;
  std::uint8_t end_ = 0;
  const bool masks_;
  MaskKey key_{};
  std::size_t owed_ = 0;
  std::size_t message_size_ = 0;
};

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_FRAME_WRITER_H_
