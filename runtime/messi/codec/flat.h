#ifndef MESSI_CODEC_FLAT_H_
#define MESSI_CODEC_FLAT_H_

// Protobuf's encoding of flat messages, those of proto3 that have only single numbers, enums,
// strings and bytes: generated code tells the fields, so that encoding is straight code and takes
// about half of libprotobuf's time (doc/performance.md). It knows the plain cases only. Whatever
// else comes (unknown fields, anything wrong) is libprotobuf's, so that the outcome is too.
//
// Generated code for a message is a pair of functions:
//
//     template <typename Out>
//     static void encode(const Person& message, Out& out) {
//       out.string(10, message.name());
//       out.varint(16, message.age(), message.has_age());
//     }
//
//     static bool decode(messi::codec::FlatReader in, Person& message) {
//       while (in.more()) {
//         switch (in.tag()) {
//           case 10:
//             in.string(*message.mutable_name());
//             break;
//           case 16:
//             message.set_age(in.varint());
//             break;
//           default:
//             return false;
//         }
//       }
//       return in.ok();
//     }
//
// `Out` is FlatSize to measure and FlatWriter to write. Tags are below 2^14: two bytes.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "messi/base/bytes.h"
#include "messi/codec/utf8.h"
#include "messi/codec/varint.h"

namespace messi::codec {

namespace internal {

template <std::size_t kSize>
using Unsigned = std::conditional_t<kSize == 4, std::uint32_t, std::uint64_t>;

template <typename Number>
auto bits_of(Number number) {
  Unsigned<sizeof(Number)> bits;
  static_assert(sizeof bits == sizeof number);
  std::memcpy(&bits, &number, sizeof bits);
  return bits;
}

/// Signed numbers and enums as 64 bits, as protobuf does.
template <typename Number>
std::uint64_t extended(Number number) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(number));
}

inline std::uint64_t zigzag(std::int64_t number) {
  return static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
}

/// What was read as an integer is whatever number or enum the field is.
struct Integer {
  std::uint64_t value;

  template <typename Number>
  operator Number() const {
    return static_cast<Number>(value);
  }
};

/// What was read as bits is whatever number has as many.
template <typename Bits>
struct Fixed {
  Bits bits;

  template <typename Number>
  operator Number() const {
    static_assert(sizeof(Number) == sizeof bits);
    Number number;
    std::memcpy(&number, &bits, sizeof number);
    return number;
  }
};

}  // namespace internal

/// The kinds of fields. Fields without `present` have no presence: they are encoded unless zero or
/// empty. `Out` has `put_varint`, `put_fixed(bits)` and `put_text(text, is_string)`, all of which
/// take the tag first.
template <typename Out>
class FlatFields {
 public:
  /// int32, int64, uint32, uint64, bool, and enums.
  template <typename Number>
  void varint(std::uint32_t tag, Number value) {
    varint(tag, value, value != Number());
  }
  template <typename Number>
  void varint(std::uint32_t tag, Number value, bool present) {
    if (present) out().put_varint(tag, internal::extended(value));
  }

  /// sint32 and sint64.
  void zigzag(std::uint32_t tag, std::int64_t value) { zigzag(tag, value, value != 0); }
  void zigzag(std::uint32_t tag, std::int64_t value, bool present) {
    if (present) out().put_varint(tag, internal::zigzag(value));
  }

  /// float, double, and integers of fixed size. Minus zero is not zero.
  template <typename Number>
  void fixed(std::uint32_t tag, Number value) {
    fixed(tag, value, internal::bits_of(value) != 0);
  }
  template <typename Number>
  void fixed(std::uint32_t tag, Number value, bool present) {
    if (present) out().put_fixed(tag, internal::bits_of(value));
  }

  void string(std::uint32_t tag, std::string_view value) { string(tag, value, !value.empty()); }
  void string(std::uint32_t tag, std::string_view value, bool present) {
    if (present) out().put_text(tag, value, /*is_string=*/true);
  }

  void bytes(std::uint32_t tag, std::string_view value) { bytes(tag, value, !value.empty()); }
  void bytes(std::uint32_t tag, std::string_view value, bool present) {
    if (present) out().put_text(tag, value, /*is_string=*/false);
  }

 private:
  Out& out() { return static_cast<Out&>(*this); }
};

/// A message in pieces: its large texts where they lie, and `between` with what is around them.
struct FlatPieces {
  /// Text of this size is worth a system call of its own, and not to be copied for it.
  static constexpr std::size_t kLargeText = 32 * 1024;
  static constexpr std::size_t kMostTexts = 3;
  static constexpr std::size_t kMostBetween = 512;

  std::uint8_t between[kMostBetween];
  Slice slices[2 * kMostTexts + 2];  ///< The first is left free, for a frame's header.
  std::size_t count = 1;
  const std::uint8_t* begin = between;  ///< Of what is not in a slice yet.

  /// What has come into `between` since the last slice, up to `end`, is a slice.
  void end_slice(const std::uint8_t* end) {
    const auto size = static_cast<std::size_t>(end - begin);
    if (size > 0) add({reinterpret_cast<const char*>(begin), size});
    begin = end;
  }
  void add(Slice slice) { slices[count++] = slice; }
};

/// How many bytes a message takes.
class FlatSize : public FlatFields<FlatSize> {
 public:
  std::size_t size() const { return size_; }

  /// Whether the message has large texts, and FlatPieces room for it with `head` bytes before it.
  bool in_pieces(std::size_t head) const {
    return large_texts_ > 0 && large_texts_ <= FlatPieces::kMostTexts &&
           head + size_ - large_size_ <= FlatPieces::kMostBetween;
  }

 private:
  friend FlatFields;
  void put_varint(std::uint32_t tag, std::uint64_t value) {
    size_ += varint_size(tag) + varint_size(value);
  }
  template <typename Bits>
  void put_fixed(std::uint32_t tag, Bits bits) {
    size_ += varint_size(tag) + sizeof bits;
  }
  void put_text(std::uint32_t tag, std::string_view text, bool /*is_string*/) {
    size_ += varint_size(tag) + varint_size(text.size()) + text.size();
    if (text.size() >= FlatPieces::kLargeText) {
      ++large_texts_;
      large_size_ += text.size();
    }
  }

  std::size_t size_ = 0;
  std::size_t large_texts_ = 0;
  std::size_t large_size_ = 0;
};

/// Writes a message to where there is room for it, or in pieces.
class FlatWriter : public FlatFields<FlatWriter> {
 public:
  /// With `pieces`, `out` is in their `between`, and large texts are not written there.
  explicit FlatWriter(std::uint8_t* out, FlatPieces* pieces = nullptr)
      : out_(out), pieces_(pieces) {}

  /// The end of what was written.
  std::uint8_t* end() const { return out_; }

  /// The tag of a string that was not UTF-8; 0 if all were.
  std::uint32_t bad_tag() const { return bad_tag_; }

 private:
  friend FlatFields;
  void put_varint(std::uint32_t tag, std::uint64_t value) {
    out_ = write_varint(write_varint(out_, tag), value);
  }
  template <typename Bits>
  void put_fixed(std::uint32_t tag, Bits bits) {
    out_ = write_varint(out_, tag);
    for (std::size_t i = 0; i < sizeof bits; ++i) {
      *out_++ = static_cast<std::uint8_t>(bits >> (8 * i));
    }
  }
  void put_text(std::uint32_t tag, std::string_view text, bool is_string) {
    if (is_string && !is_utf8(text)) bad_tag_ = tag;
    out_ = write_varint(write_varint(out_, tag), text.size());
    if (pieces_ != nullptr && text.size() >= FlatPieces::kLargeText) {
      pieces_->end_slice(out_);
      pieces_->add({text.data(), text.size()});
      return;
    }
    if (!text.empty()) std::memcpy(out_, text.data(), text.size());
    out_ += text.size();
  }

  std::uint8_t* out_;
  FlatPieces* pieces_;
  std::uint32_t bad_tag_ = 0;
};

/// Reads a message. Once something was not as expected there is nothing more, and it is not ok.
class FlatReader {
 public:
  explicit FlatReader(std::string_view bytes) : bytes_(bytes) {}

  bool more() const { return !bytes_.empty(); }
  bool ok() const { return ok_; }

  /// 0 for one that is of no flat field.
  std::uint32_t tag() {
    std::uint64_t tag = 0;
    return read_varint<2>(bytes_, tag) ? static_cast<std::uint32_t>(tag) : 0;
  }

  internal::Integer varint() { return {take_varint()}; }
  internal::Integer zigzag32() {
    const auto value = static_cast<std::uint32_t>(take_varint());
    return {value >> 1 ^ (0 - (value & 1))};
  }
  internal::Integer zigzag64() {
    const std::uint64_t value = take_varint();
    return {value >> 1 ^ (0 - (value & 1))};
  }
  internal::Fixed<std::uint32_t> fixed32() { return {take_fixed<std::uint32_t>()}; }
  internal::Fixed<std::uint64_t> fixed64() { return {take_fixed<std::uint64_t>()}; }

  void string(std::string& value) {
    const std::string_view text = take_text();
    if (is_utf8(text)) {
      value.assign(text);
    } else {
      fail();
    }
  }
  void bytes(std::string& value) { value.assign(take_text()); }

 private:
  void fail() {
    bytes_ = {};
    ok_ = false;
  }

  std::uint64_t take_varint() {
    std::uint64_t value = 0;
    if (!read_varint<10>(bytes_, value)) fail();
    return value;
  }

  template <typename Bits>
  Bits take_fixed() {
    Bits bits = 0;
    if (bytes_.size() < sizeof bits) {
      fail();
      return bits;
    }
    for (std::size_t i = 0; i < sizeof bits; ++i) {
      bits |= static_cast<Bits>(static_cast<std::uint8_t>(bytes_[i])) << (8 * i);
    }
    bytes_.remove_prefix(sizeof bits);
    return bits;
  }

  std::string_view take_text() {
    std::uint64_t size = 0;
    if (!read_varint<5>(bytes_, size) || size > bytes_.size()) {
      fail();
      return {};
    }
    const std::string_view text(bytes_.data(), static_cast<std::size_t>(size));
    bytes_.remove_prefix(text.size());
    return text;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace messi::codec

#endif  // MESSI_CODEC_FLAT_H_
