#ifndef MESSI_VIEWS_WRITER_H_
#define MESSI_VIEWS_WRITER_H_

// The two passes of encoding: a Sizer measures a message, and then a Writer writes it. The second
// one checks text, since it looks at it anyway.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "messi/base/utf8.h"
#include "messi/codec/varint.h"

namespace messi::views {

class Sizer {
 public:
  std::size_t size() const { return size_; }

  void varint(std::uint64_t value) { size_ += codec::varint_size(value); }
  void fixed32(std::uint32_t /*bits*/) { size_ += 4; }
  void fixed64(std::uint64_t /*bits*/) { size_ += 8; }
  void bytes(std::string_view bytes) {
    varint(bytes.size());
    size_ += bytes.size();
  }
  void text(std::string_view text) { bytes(text); }
  /// Something with its size in front: `put` puts it into a Sizer or Writer.
  template <typename Put>
  void delimited(const Put& put) {
    const std::size_t before = size_;
    put(*this);
    varint(size_ - before);
  }

 private:
  std::size_t size_ = 0;
};

/// Writes what a Sizer has measured.
class Writer {
 public:
  explicit Writer(std::uint8_t* out) : at_(out) {}

  std::uint8_t* at() const { return at_; }
  /// False if a text is not UTF-8.
  bool ok() const { return ok_; }

  void varint(std::uint64_t value) { at_ = codec::write_varint(at_, value); }
  void fixed32(std::uint32_t bits) { fixed<4>(bits); }
  void fixed64(std::uint64_t bits) { fixed<8>(bits); }
  void bytes(std::string_view bytes) {
    varint(bytes.size());
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void text(std::string_view text) {
    std::uint8_t* const begin = codec::write_varint(at_, text.size());
    ok_ &= copy_utf8(text, begin);
    at_ = begin + text.size();
  }
  template <typename Put>
  void delimited(const Put& put) {
    Sizer sizer;
    put(sizer);
    varint(sizer.size());
    put(*this);
  }

 private:
  template <int kSize>
  void fixed(std::uint64_t bits) {
    for (int i = 0; i < kSize; ++i) at_[i] = static_cast<std::uint8_t>(bits >> (8 * i));
    at_ += kSize;
  }

  std::uint8_t* at_;
  bool ok_ = true;
};

}  // namespace messi::views

#endif  // MESSI_VIEWS_WRITER_H_
