#ifndef MESSI_VIEWS_READER_H_
#define MESSI_VIEWS_READER_H_

// Reads an encoded message field by field. What a Reader has read without an error can be read
// again by a Reader that trusts the bytes: it does not look again at text and at what is below
// repeated fields.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/base/utf8.h"

namespace messi::views {

/// The low three bits of a tag.
enum WireType : std::uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kDelimited = 2,
  kGroup = 3,
  kEndOfGroup = 4,
  kFixed32 = 5,
};

/// How many levels of messages may be nested below one. It is protobuf's own limit.
inline constexpr int kMostLevels = 100;

/// If something is wrong, the bytes end, and it is not ok.
class Reader {
 public:
  /// At most `levels` of messages may be nested below this one.
  Reader(std::string_view bytes, int levels) : Reader(bytes, levels, false) {}
  /// One that trusts the bytes.
  explicit Reader(std::string_view bytes) : Reader(bytes, kMostLevels, true) {}

  bool ok() const { return ok_; }
  bool trusts() const { return trusts_; }
  void fail() {
    at_ = end_;
    ok_ = false;
  }

  /// The next field's tag; 0 at the end.
  std::uint32_t next() {
    field_ = at_;
    if (at_ == end_) return 0;
    const std::uint32_t tag = *at_;
    if (tag < 8 || tag >= 0x80) return long_tag();
    ++at_;
    return tag;
  }
  /// Where that field begins, and where it ends if it was read.
  const std::uint8_t* field() const { return field_; }
  const std::uint8_t* at() const { return at_; }
  /// All that was not read.
  std::string_view rest() const {
    return {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(end_ - at_)};
  }

  // What follows the tag.

  std::uint64_t varint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return long_varint<10>();
  }
  std::uint32_t fixed32() { return static_cast<std::uint32_t>(fixed<4>()); }
  std::uint64_t fixed64() { return fixed<8>(); }
  std::string_view bytes() {
    const std::uint64_t size = varint_of_size();
    const std::uint8_t* const begin = at_;
    if (size > static_cast<std::size_t>(end_ - begin)) {
      fail();
      return {};
    }
    at_ = begin + size;
    return {reinterpret_cast<const char*>(begin), static_cast<std::size_t>(size)};
  }
  std::string_view text() {
    const std::string_view text = bytes();
    if (!trusts_ && !is_utf8(text)) fail();
    return text;
  }
  /// A message, to be read by its own Reader; then call `leave`.
  Reader enter() {
    if (levels_ <= 0 && !trusts_) fail();
    const std::string_view message = bytes();
    return Reader(message, levels_ - 1, trusts_);
  }
  void leave(const Reader& message) {
    if (!message.ok()) fail();
  }

  /// Skips the field with that tag, which is not known.
  void skip(std::uint32_t tag) {
    switch (tag & 7) {
      case kVarint:
        varint();
        return;
      case kFixed64:
        fixed64();
        return;
      case kDelimited:
        bytes();
        return;
      case kGroup:
        return skip_group(tag);
      case kFixed32:
        fixed32();
        return;
      default:
        return fail();
    }
  }

 private:
  Reader(std::string_view bytes, int levels, bool trusts)
      : at_(reinterpret_cast<const std::uint8_t*>(bytes.data())),
        end_(at_ + bytes.size()),
        levels_(levels),
        trusts_(trusts) {}

  // Of a tag that has more than 32 bits, protobuf ignores the others.
  std::uint32_t long_tag() {
    const auto tag = static_cast<std::uint32_t>(long_varint<5>());
    if (tag < 8) fail();
    return ok_ ? tag : 0;
  }
  std::uint64_t varint_of_size() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return long_varint<5>();
  }

  struct Varint {
    std::uint64_t value;
    const std::uint8_t* end;  // null if it does not end
  };
  template <int kMost>
  [[gnu::noinline]] static Varint varint_of(const std::uint8_t* at, const std::uint8_t* end) {
    std::uint64_t value = 0;
    for (int i = 0; i < kMost && at != end; ++i) {
      const std::uint8_t byte = *at++;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) return {value, at};
    }
    return {0, nullptr};
  }
  template <int kMost>
  std::uint64_t long_varint() {
    const Varint varint = varint_of<kMost>(at_, end_);
    if (varint.end == nullptr) {
      fail();
    } else {
      at_ = varint.end;
    }
    return varint.value;
  }

  template <std::size_t kSize>
  std::uint64_t fixed() {
    if (static_cast<std::size_t>(end_ - at_) < kSize) {
      fail();
      return 0;
    }
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < kSize; ++i) bits |= static_cast<std::uint64_t>(at_[i]) << (8 * i);
    at_ += kSize;
    return bits;
  }

  [[gnu::noinline]] void skip_group(std::uint32_t tag) {
    if (levels_ <= 0 && !trusts_) return fail();
    --levels_;
    const std::uint32_t end = (tag & ~7U) | kEndOfGroup;
    while (true) {
      const std::uint32_t next_tag = next();
      if (next_tag == end) break;
      if (next_tag == 0) return fail();
      skip(next_tag);
    }
    ++levels_;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const std::uint8_t* field_ = nullptr;
  int levels_;
  bool trusts_;
  bool ok_ = true;
};

}  // namespace messi::views

#endif  // MESSI_VIEWS_READER_H_
