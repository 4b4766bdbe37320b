#ifndef MESSI_CODEC_FIELDS_H_
#define MESSI_CODEC_FIELDS_H_

// Protobuf's encoding of flat messages: those of proto3 that have only single numbers, enums,
// strings and bytes. Generated code lists the fields, so encoding takes about half of libprotobuf's
// time (doc/performance.md). It handles only the common cases. All else (unknown fields, anything
// wrong) is left to libprotobuf, so the result is the same.
//
// Generated code for a message is a pair of functions:
//
//     static void put_Person(const google::protobuf::MessageLite& from, Fields& out) {
//       const auto& message = static_cast<const Person&>(from);
//       if (!has_only_known_fields(message, 0)) return out.fail();
//       out.put_string(10, message.name());
//       out.put_int32(16, message.age(), message.has_age());
//     }
//
//     static void take_Person(FieldReader& in, google::protobuf::MessageLite& to) {
//       auto& message = static_cast<Person&>(to);
//       while (const std::uint32_t tag = in.next()) {
//         switch (tag) {
//           case 10:
//             in.take_string(*message.mutable_name());
//             break;
//           case 16:
//             message.set_age(in.take_int32());
//             break;
//           default:
//             return in.fail();
//         }
//       }
//     }
//
// Tags are below 2^14: two bytes. Nothing here is a template, and little is inline: there are two
// such functions for each message, used or not, so they should be small.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/utf8.h"
#include "messi/codec/member.h"
#include "messi/codec/varint.h"

namespace messi::codec {

/// A message that is being encoded, as the only member of a payload. Short fields are copied here;
/// long texts stay where they are. Fields without `present` have no presence: they are encoded
/// unless zero or empty.
class Fields {
 public:
  /// Text of this size is worth a system call of its own instead of a copy.
  static constexpr std::size_t kLargeText = 32 * 1024;
  /// The limits; libprotobuf encodes larger messages: so many bytes, without long texts, and so
  /// many long texts.
  static constexpr std::size_t kMostBytes = 512;
  static constexpr std::size_t kMostTexts = 16;
  static constexpr std::size_t kLongText = 64;

  // Signed integers and enums are extended to 64 bits with their sign, as in protobuf.
  void put_int32(std::uint32_t tag, std::int32_t value) { put_int32(tag, value, value != 0); }
  void put_int32(std::uint32_t tag, std::int32_t value, bool present) {
    if (present) add_varint(tag, static_cast<std::uint64_t>(std::int64_t{value}));
  }
  void put_int64(std::uint32_t tag, std::int64_t value) { put_int64(tag, value, value != 0); }
  void put_int64(std::uint32_t tag, std::int64_t value, bool present) {
    if (present) add_varint(tag, static_cast<std::uint64_t>(value));
  }
  void put_uint32(std::uint32_t tag, std::uint32_t value) { put_uint32(tag, value, value != 0); }
  void put_uint32(std::uint32_t tag, std::uint32_t value, bool present) {
    if (present) add_varint(tag, value);
  }
  void put_uint64(std::uint32_t tag, std::uint64_t value) { put_uint64(tag, value, value != 0); }
  void put_uint64(std::uint32_t tag, std::uint64_t value, bool present) {
    if (present) add_varint(tag, value);
  }
  void put_bool(std::uint32_t tag, bool value) { put_bool(tag, value, value); }
  void put_bool(std::uint32_t tag, bool value, bool present) {
    if (present) add_varint(tag, value ? 1 : 0);
  }
  void put_sint32(std::uint32_t tag, std::int32_t value) { put_sint32(tag, value, value != 0); }
  void put_sint32(std::uint32_t tag, std::int32_t value, bool present) {
    if (present) add_varint(tag, zigzag(value));
  }
  void put_sint64(std::uint32_t tag, std::int64_t value) { put_sint64(tag, value, value != 0); }
  void put_sint64(std::uint32_t tag, std::int64_t value, bool present) {
    if (present) add_varint(tag, zigzag(value));
  }
  void put_fixed32(std::uint32_t tag, std::uint32_t value) { put_fixed32(tag, value, value != 0); }
  void put_fixed32(std::uint32_t tag, std::uint32_t value, bool present) {
    if (present) add_fixed(tag, value, 4);
  }
  void put_fixed64(std::uint32_t tag, std::uint64_t value) { put_fixed64(tag, value, value != 0); }
  void put_fixed64(std::uint32_t tag, std::uint64_t value, bool present) {
    if (present) add_fixed(tag, value, 8);
  }
  void put_sfixed32(std::uint32_t tag, std::int32_t value) { put_sfixed32(tag, value, value != 0); }
  void put_sfixed32(std::uint32_t tag, std::int32_t value, bool present) {
    if (present) add_fixed(tag, static_cast<std::uint32_t>(value), 4);
  }
  void put_sfixed64(std::uint32_t tag, std::int64_t value) { put_sfixed64(tag, value, value != 0); }
  void put_sfixed64(std::uint32_t tag, std::int64_t value, bool present) {
    if (present) add_fixed(tag, static_cast<std::uint64_t>(value), 8);
  }
  void put_enum(std::uint32_t tag, std::int32_t value) { put_int32(tag, value); }
  void put_enum(std::uint32_t tag, std::int32_t value, bool present) {
    put_int32(tag, value, present);
  }
  // Minus zero is not zero.
  void put_float(std::uint32_t tag, float value) { put_float(tag, value, bits_of(value) != 0); }
  void put_float(std::uint32_t tag, float value, bool present) {
    if (present) add_fixed(tag, bits_of(value), 4);
  }
  void put_double(std::uint32_t tag, double value) { put_double(tag, value, bits_of(value) != 0); }
  void put_double(std::uint32_t tag, double value, bool present) {
    if (present) add_fixed(tag, bits_of(value), 8);
  }
  void put_string(std::uint32_t tag, std::string_view value) {
    put_string(tag, value, !value.empty());
  }
  void put_string(std::uint32_t tag, std::string_view value, bool present) {
    if (present) add_string(tag, value);
  }
  void put_bytes(std::uint32_t tag, std::string_view value) {
    put_bytes(tag, value, !value.empty());
  }
  void put_bytes(std::uint32_t tag, std::string_view value, bool present) {
    if (present) add_bytes(tag, value);
  }

  /// The message has something that this does not handle.
  void fail() { ok_ = false; }
  void fail_for(std::uint32_t bad_tag) {
    ok_ = false;
    bad_tag_ = bad_tag;
  }
  bool ok() const { return ok_; }

  /// The tag of a string that is not UTF-8; 0 if all are.
  std::uint32_t bad_tag() const { return bad_tag_; }

  /// All fields are here, and the message is member `field`.
  void finish(std::uint32_t field) {
    const std::size_t body = static_cast<std::size_t>(at_ - begin_) + texts_size_;
    begin_ -= head_size(field, body);
    write_head(begin_, field, body);
  }

  /// The size of the payload in bytes.
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_) + texts_size_; }

  void write(std::uint8_t* out) const {
    if (texts_count_ > 0) return write_with_texts(out);
    std::memcpy(out, begin_, static_cast<std::size_t>(at_ - begin_));
  }

  /// Whether there is a large text, which should not be copied.
  bool has_large_text() const { return has_large_text_; }

  /// The payload in pieces. The first slice is free, for a frame's header.
  static constexpr std::size_t kMostSlices = 2 * kMostTexts + 2;
  std::size_t slices(Slice (&slices)[kMostSlices]) const;

 private:
  static constexpr std::size_t kMostHead = 10;
  static constexpr std::size_t kMostOfField = 2 + 10 + kLongText;

  struct LongText {
    const std::uint8_t* place;  // the place in `bytes_` that it comes before
    Slice text;
  };

  static std::uint64_t zigzag(std::int64_t value) {
    return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
  }
  static std::uint32_t bits_of(float value) {
    std::uint32_t bits;
    static_assert(sizeof bits == sizeof value);
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }
  static std::uint64_t bits_of(double value) {
    std::uint64_t bits;
    static_assert(sizeof bits == sizeof value);
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }

  bool has_room() {
    if (at_ <= bytes_ + sizeof bytes_ - kMostOfField) return true;
    fail();
    return false;
  }
  [[gnu::noinline]] void add_varint(std::uint32_t tag, std::uint64_t value) {
    if (has_room()) at_ = write_varint(write_varint(at_, tag), value);
  }
  [[gnu::noinline]] void add_fixed(std::uint32_t tag, std::uint64_t bits, int size) {
    if (!has_room()) return;
    at_ = write_varint(at_, tag);
    for (int i = 0; i < size; ++i) *at_++ = static_cast<std::uint8_t>(bits >> (8 * i));
  }
  [[gnu::noinline]] void add_string(std::uint32_t tag, std::string_view text) {
    add_text(tag, text);
    if (!is_utf8(text)) fail_for(tag);
  }
  [[gnu::noinline]] void add_bytes(std::uint32_t tag, std::string_view text) {
    add_text(tag, text);
  }
  void add_text(std::uint32_t tag, std::string_view text) {
    if (tag >= 0x80 || text.size() > kLongText || !has_room()) return add_other_text(tag, text);
    std::uint8_t* const at = at_;
    at_ = at + 2 + text.size();
    at[0] = static_cast<std::uint8_t>(tag);
    at[1] = static_cast<std::uint8_t>(text.size());
    if (!text.empty()) std::memcpy(at + 2, text.data(), text.size());
  }
  [[gnu::noinline]] void add_other_text(std::uint32_t tag, std::string_view text) {
    if (!has_room()) return;
    at_ = write_varint(write_varint(at_, tag), text.size());
    if (text.size() > kLongText) return add_long_text(text);
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void add_long_text(std::string_view text) {
    if (texts_count_ == kMostTexts) return fail();
    texts_[texts_count_++] = {at_, {text.data(), text.size()}};
    texts_size_ += text.size();
    if (text.size() >= kLargeText) has_large_text_ = true;
  }
  void write_with_texts(std::uint8_t* out) const;

  std::uint8_t* at_ = bytes_ + kMostHead;
  std::uint8_t* begin_ = at_;
  std::size_t texts_count_ = 0;
  std::size_t texts_size_ = 0;
  std::uint32_t bad_tag_ = 0;
  bool ok_ = true;
  bool has_large_text_ = false;
  std::uint8_t bytes_[kMostHead + kMostBytes];
  LongText texts_[kMostTexts];
};

/// Reads a message. If something is unexpected, it ends, and is not ok.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes)
      : at_(reinterpret_cast<const std::uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  bool ok() const { return ok_; }
  void fail() {
    at_ = end_;
    ok_ = false;
  }

  /// The tag of the next field; 0 if there is none, or if it cannot be the tag of a flat field.
  std::uint32_t next() {
    if (at_ == end_) return 0;
    const std::uint8_t tag = *at_;
    if (tag == 0 || tag >= 0x80) return next_of_two_bytes();
    ++at_;
    return tag;
  }

  std::int32_t take_int32() { return static_cast<std::int32_t>(take_varint()); }
  std::int64_t take_int64() { return static_cast<std::int64_t>(take_varint()); }
  std::uint32_t take_uint32() { return static_cast<std::uint32_t>(take_varint()); }
  std::uint64_t take_uint64() { return take_varint(); }
  bool take_bool() { return take_varint() != 0; }
  std::int32_t take_sint32() {
    const std::uint32_t value = take_uint32();
    return static_cast<std::int32_t>(value >> 1 ^ (0 - (value & 1)));
  }
  std::int64_t take_sint64() {
    const std::uint64_t value = take_varint();
    return static_cast<std::int64_t>(value >> 1 ^ (0 - (value & 1)));
  }
  std::uint32_t take_fixed32() { return static_cast<std::uint32_t>(take_fixed(4)); }
  std::uint64_t take_fixed64() { return take_fixed(8); }
  std::int32_t take_sfixed32() { return static_cast<std::int32_t>(take_fixed32()); }
  std::int64_t take_sfixed64() { return static_cast<std::int64_t>(take_fixed64()); }
  float take_float() {
    const std::uint32_t bits = take_fixed32();
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  double take_double() {
    const std::uint64_t bits = take_fixed64();
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  /// Converts to an enum of any type.
  struct EnumNumber {
    std::int32_t number;
    template <typename Enum>
    operator Enum() const {
      return static_cast<Enum>(number);
    }
  };
  EnumNumber take_enum() { return {take_int32()}; }
  void take_string(std::string& value);
  void take_bytes(std::string& value);

 private:
  std::uint32_t next_of_two_bytes();
  std::uint64_t take_varint();
  std::uint64_t take_fixed(std::size_t size);
  std::string_view take_text();
  std::size_t take_size();

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

// ---------------------------------------------------------------------------------------------

[[gnu::noinline]] inline void Fields::write_with_texts(std::uint8_t* out) const {
  const auto copy = [&out](const void* from, std::size_t size) {
    std::memcpy(out, from, size);
    out += size;
  };
  const std::uint8_t* from = begin_;
  for (std::size_t i = 0; i < texts_count_; ++i) {
    const LongText& each = texts_[i];
    copy(from, static_cast<std::size_t>(each.place - from));
    copy(each.text.data, each.text.size);
    from = each.place;
  }
  copy(from, static_cast<std::size_t>(at_ - from));
}

inline std::size_t Fields::slices(Slice (&slices)[kMostSlices]) const {
  std::size_t count = 1;
  const std::uint8_t* from = begin_;
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

[[gnu::noinline]] inline std::uint32_t FieldReader::next_of_two_bytes() {
  if (end_ - at_ >= 2 && at_[0] >= 0x80 && at_[1] < 0x80) {
    const std::uint32_t tag = (at_[0] & 0x7fU) | static_cast<std::uint32_t>(at_[1]) << 7;
    at_ += 2;
    if (tag != 0) return tag;
  }
  fail();
  return 0;
}

[[gnu::noinline]] inline std::uint64_t FieldReader::take_varint() {
  std::string_view bytes(reinterpret_cast<const char*>(at_), static_cast<std::size_t>(end_ - at_));
  std::uint64_t value = 0;
  if (read_varint<10>(bytes, value)) {
    at_ = end_ - bytes.size();
  } else {
    fail();
  }
  return value;
}

[[gnu::noinline]] inline std::uint64_t FieldReader::take_fixed(std::size_t size) {
  std::uint64_t bits = 0;
  if (static_cast<std::size_t>(end_ - at_) < size) {
    fail();
    return bits;
  }
  for (std::size_t i = 0; i < size; ++i) bits |= static_cast<std::uint64_t>(at_[i]) << (8 * i);
  at_ += size;
  return bits;
}

inline std::string_view FieldReader::take_text() {
  std::size_t size;
  if (at_ != end_ && *at_ < 0x80) {
    size = *at_++;
  } else {
    size = take_size();
  }
  const std::uint8_t* const at = at_;
  if (size > static_cast<std::size_t>(end_ - at)) {
    fail();
    return {};
  }
  at_ = at + size;
  return {reinterpret_cast<const char*>(at), size};
}

[[gnu::noinline]] inline std::size_t FieldReader::take_size() {
  std::string_view bytes(reinterpret_cast<const char*>(at_), static_cast<std::size_t>(end_ - at_));
  std::uint64_t size = 0;
  if (read_varint<5>(bytes, size)) {
    at_ = end_ - bytes.size();
  } else {
    fail();
  }
  return static_cast<std::size_t>(size);
}

// `assign` takes twice as long for short texts.
inline void set(std::string& value, std::string_view text) {
  value.clear();
  value.append(text.data(), text.size());
}

[[gnu::noinline]] inline void FieldReader::take_string(std::string& value) {
  const std::string_view text = take_text();
  set(value, text);
  if (!is_utf8(text)) fail();
}

[[gnu::noinline]] inline void FieldReader::take_bytes(std::string& value) {
  set(value, take_text());
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_FIELDS_H_
