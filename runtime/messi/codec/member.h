#ifndef MESSI_CODEC_MEMBER_H_
#define MESSI_CODEC_MEMBER_H_

// A payload is an encoded ClientToServer or ServerToClient. Nearly always it has one member:
//
//     +-------------------------+---------------+-------------------+
//     | tag: field << 3 | 2     | length        | the member        |
//     +-------------------------+---------------+-------------------+
//
// That is the plain form. Other forms are legal too: see normalise in received.h.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/codec/varint.h"

namespace messi::codec {

/// The only member of a payload; `field` is 0 if the payload has another form.
struct Member {
  std::uint32_t field;
  std::string_view bytes;
};

/// A pair, by the numbers of its members.
struct Reply {
  std::uint32_t request;
  std::uint32_t number;
};

constexpr std::uint32_t kLengthDelimited = 2;

/// Like protobuf's own parser, which ignores the bits of a tag above 32.
inline std::uint32_t field_number(std::uint64_t tag) {
  return static_cast<std::uint32_t>(tag) >> 3;
}

/// Removes a length-delimited field from the front of `bytes`; false if there is none.
inline bool read_member(std::string_view& bytes, Member& member) {
  std::uint64_t tag = 0;
  std::uint64_t size = 0;
  if (!read_varint<5>(bytes, tag) || (tag & 7) != kLengthDelimited ||
      !read_varint<5>(bytes, size) || size > bytes.size()) {
    return false;
  }
  member = {field_number(tag), {bytes.data(), static_cast<std::size_t>(size)}};
  bytes.remove_prefix(member.bytes.size());
  return true;
}

/// Splits a payload of the plain form.
inline Member single_member(std::string_view payload) {
  Member member;
  if (!read_member(payload, member) || !payload.empty()) return {0, {}};
  return member;
}

/// The same, if tag and length have one byte each.
inline Member short_member(std::string_view payload) {
  const auto byte = [&payload](std::size_t i) { return static_cast<std::uint8_t>(payload[i]); };
  if (payload.size() < 2 || payload.size() >= 2 + 0x80 || byte(1) != payload.size() - 2 ||
      (byte(0) & 0x87) != kLengthDelimited) {
    return {0, {}};
  }
  return {static_cast<std::uint32_t>(byte(0)) >> 3, {payload.data() + 2, payload.size() - 2}};
}

/// The number of the first field in `payload`; 0 if there is none.
inline std::uint32_t first_field(std::string_view payload) {
  std::uint64_t tag = 0;
  return read_varint<5>(payload, tag) ? field_number(tag) : 0;
}

/// The bytes before member `field`: tag and length.
inline std::size_t head_size(std::uint32_t field, std::size_t size) {
  return varint_size(field << 3 | kLengthDelimited) + varint_size(size);
}
inline std::uint8_t* write_head(std::uint8_t* out, std::uint32_t field, std::size_t size) {
  return write_varint(write_varint(out, field << 3 | kLengthDelimited), size);
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_MEMBER_H_
