#ifndef MESSI_VIEWS_PIECES_H_
#define MESSI_VIEWS_PIECES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/utf8.h"
#include "messi/codec/member.h"
#include "messi/codec/varint.h"
#include "messi/views/writer.h"

namespace messi::views {

/// A payload that was measured, as pieces: large texts where they lie, and the rest, which must be
/// small. To write it whole is the other way, and as good for all else.
class Pieces {
 public:
  /// Text of this size is worth a system call of its own instead of a copy.
  static constexpr std::size_t kLargeText = 32 * 1024;
  /// The limits: so many other bytes, and so many large texts.
  static constexpr std::size_t kMostBytes = 512;
  static constexpr std::size_t kMostTexts = 4;

  /// The payload is member `field`, of `size` bytes.
  void begin(std::uint32_t field, std::size_t size) {
    at_ = codec::write_head(bytes_, field, size);
    texts_count_ = 0;
    ok_ = true;
  }
  /// Whether it is within the limits, its text is UTF-8, and it has a large one.
  bool ok() const { return ok_ && texts_count_ > 0; }

  void varint(std::uint64_t value) {
    if (has_room(10)) at_ = codec::write_varint(at_, value);
  }
  void fixed32(std::uint32_t bits) {
    if (has_room(4)) put([bits](Writer& out) { out.fixed32(bits); });
  }
  void fixed64(std::uint64_t bits) {
    if (has_room(8)) put([bits](Writer& out) { out.fixed64(bits); });
  }
  void bytes(std::string_view bytes) {
    varint(bytes.size());
    if (bytes.size() >= kLargeText) return add_large(bytes);
    if (!has_room(bytes.size())) return;
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void text(std::string_view text) {
    if (ok_ && !is_utf8(text)) ok_ = false;
    bytes(text);
  }
  template <typename Put>
  void delimited(const Put& put) {
    Sizer sizer;
    put(sizer);
    varint(sizer.size());
    put(*this);
  }

  static constexpr std::size_t kMostSlices = 2 * kMostTexts + 2;
  /// Beginning with the second; returns the number of all.
  std::size_t slices(Slice (&slices)[kMostSlices]) const {
    std::size_t count = 1;
    const std::uint8_t* from = bytes_;
    const auto add_bytes_to = [&](const std::uint8_t* end) {
      const auto size = static_cast<std::size_t>(end - from);
      if (size > 0) slices[count++] = {reinterpret_cast<const char*>(from), size};
      from = end;
    };
    for (std::size_t i = 0; i < texts_count_; ++i) {
      add_bytes_to(texts_[i].place);
      slices[count++] = texts_[i].text;
    }
    add_bytes_to(at_);
    return count;
  }

 private:
  struct Text {
    const std::uint8_t* place;  // the place in `bytes_` that it comes before
    Slice text;
  };

  bool has_room(std::size_t size) {
    if (size > static_cast<std::size_t>(bytes_ + sizeof bytes_ - at_)) ok_ = false;
    return ok_;
  }
  template <typename Put>
  void put(const Put& put) {
    Writer out(at_);
    put(out);
    at_ = out.at();
  }
  void add_large(std::string_view text) {
    if (texts_count_ == kMostTexts) ok_ = false;
    if (ok_) texts_[texts_count_++] = {at_, {text.data(), text.size()}};
  }

  std::uint8_t* at_;
  std::size_t texts_count_;
  bool ok_;
  std::uint8_t bytes_[kMostBytes];
  Text texts_[kMostTexts];
};

}  // namespace messi::views

#endif  // MESSI_VIEWS_PIECES_H_
