#ifndef MESSI_IO_WEBSOCKET_FRAME_READER_H_
#define MESSI_IO_WEBSOCKET_FRAME_READER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "messi/io/websocket/frame.h"

namespace messi::websocket {

/// How the other side has broken the rules, for the close frame and for people.
struct Violation {
  CloseCode code = CloseCode::kProtocolError;
  const char* what = nullptr;  ///< "a frame is not masked"
};

/// Takes frames apart as their bytes come, and checks them. What messages carry is passed on piece
/// by piece, so a length is only counted down. Only a header and a control frame are kept.
class FrameReader {
 public:
  enum class Kind : std::uint8_t {
    kNothing,  ///< The input is used up.
    kBegin,    ///< A message begins, of `opcode` kText or kBinary.
    kData,     ///< `data` is a piece of the message, which `copy` takes out of the input.
    kEnd,      ///< The message is whole.
    kControl,  ///< A control frame of `opcode` is whole; `data` is its payload until the next call.
    kWrong,    ///< `violation()` says what; nothing may be read any more.
  };
  struct Event {
    Kind kind;
    Opcode opcode = Opcode::kBinary;
    std::string_view data = {};
    std::uint64_t at = 0;  ///< where the piece is in its frame
  };

  /// `side` is the one that reads.
  explicit FrameReader(Side side) : expects_mask_(side == Side::kServer) {}

  /// Takes bytes from the front of `input`, up to the next event.
  inline Event next(std::string_view& input);

  /// Copies a piece of a message, without its mask. `out` may be before it, and overlap.
  void copy(char* out, const Event& piece) const {
    if (expects_mask_)
      return copy_masked(out, piece.data.data(), piece.data.size(), key_, piece.at);
    if (out != piece.data.data()) std::memmove(out, piece.data.data(), piece.data.size());
  }

  const Violation& violation() const { return violation_; }

 private:
  inline bool take_header(std::string_view& input);
  inline void check_beginning();
  inline void begin_frame();
  std::size_t size_bytes() const {
    const int code = header_[1] & 0x7f;
    return code == 126 ? 2 : code == 127 ? 8 : 0;
  }
  void break_off(const char* what) { violation_.what = what; }

  char header_[kMostHeader] = {};
  std::uint8_t in_header_ = 0;  // bytes of it that have come
  char control_[kMostControl] = {};
  const bool expects_mask_;
  bool in_frame_ = false;    // the header is whole
  bool in_message_ = false;  // a message has begun, and its last frame is not over
  bool final_ = false;
  Opcode opcode_ = Opcode::kBinary;  // of the frame
  MaskKey key_{};
  std::uint64_t size_ = 0;  // of the frame's payload
  std::uint64_t left_ = 0;  // what has not come of it
  Violation violation_;
};

// ---------------------------------------------------------------------------------------------

inline FrameReader::Event FrameReader::next(std::string_view& input) {
  for (;;) {
    if (!in_frame_) {
      const bool whole = take_header(input);
      if (whole) begin_frame();
      if (violation_.what != nullptr) return {Kind::kWrong};
      if (!whole) return {Kind::kNothing};
      if (opcode_ == Opcode::kText || opcode_ == Opcode::kBinary) return {Kind::kBegin, opcode_};
    }
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
    const std::string_view piece = input.substr(0, some);
    const std::uint64_t at = size_ - left_;
    input.remove_prefix(some);
    left_ -= some;
    if (is_control(opcode_)) {
      std::copy(piece.begin(), piece.end(), control_ + at);
      if (left_ > 0) return {Kind::kNothing};
      in_frame_ = false;
      const auto size = static_cast<std::size_t>(size_);
      if (expects_mask_) copy_masked(control_, control_, size, key_, 0);
      return {Kind::kControl, opcode_, {control_, size}};
    }
    if (some > 0) return {Kind::kData, opcode_, piece, at};
    if (left_ > 0) return {Kind::kNothing};
    in_frame_ = false;
    if (final_) {
      in_message_ = false;
      return {Kind::kEnd};
    }
  }
}

/// False while there is not all of it, or if it is wrong.
inline bool FrameReader::take_header(std::string_view& input) {
  constexpr std::size_t kBeginning = 2;
  for (;;) {
    std::size_t size = kBeginning;
    if (in_header_ >= kBeginning) size += size_bytes() + (expects_mask_ ? key_.size() : 0);
    if (in_header_ == size) return true;
    const std::size_t some = std::min(size - in_header_, input.size());
    if (some == 0) return false;
    std::copy_n(input.data(), some, header_ + in_header_);
    input.remove_prefix(some);
    in_header_ = static_cast<std::uint8_t>(in_header_ + some);
    if (in_header_ == kBeginning) check_beginning();
    if (violation_.what != nullptr) return false;
  }
}

inline void FrameReader::check_beginning() {
  const auto first = static_cast<std::uint8_t>(header_[0]);
  const auto second = static_cast<std::uint8_t>(header_[1]);
  const bool final = (first & 0x80) != 0;
  const int opcode = first & 0x0f;
  if ((first & 0x70) != 0) return break_off("a reserved bit is set");
  if ((opcode > 2 && opcode < 8) || opcode > 10) return break_off("an opcode is reserved");
  if (((second & 0x80) != 0) != expects_mask_) {
    return break_off(expects_mask_ ? "a frame is not masked" : "a frame is masked");
  }
  if (opcode >= 8) {
    if (!final) return break_off("a control frame is fragmented");
    if ((second & 0x7f) > kMostControl) return break_off("a control frame is too long");
  } else if (opcode == 0) {
    if (!in_message_) return break_off("there is no message to continue");
  } else if (in_message_) {
    return break_off("a message begins inside of another one");
  }
}

inline void FrameReader::begin_frame() {
  opcode_ = static_cast<Opcode>(header_[0] & 0x0f);
  const std::size_t bytes = size_bytes();
  size_ = bytes == 0 ? header_[1] & 0x7f : 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    size_ = size_ << 8 | static_cast<std::uint8_t>(header_[2 + i]);
  }
  if (size_ >> 63 != 0) return break_off("a length has its top bit set");
  if ((bytes == 2 && size_ < 126) || (bytes == 8 && size_ <= 0xffff)) {
    return break_off("a length takes more bytes than it needs");
  }
  if (expects_mask_) std::copy_n(header_ + 2 + bytes, key_.size(), key_.begin());
  left_ = size_;
  in_header_ = 0;
  in_frame_ = true;
  if (is_control(opcode_)) return;
  final_ = (header_[0] & 0x80) != 0;
  in_message_ = true;
}

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_FRAME_READER_H_
