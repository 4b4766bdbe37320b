#ifndef MESSI_VIEWS_ENCODING_H_
#define MESSI_VIEWS_ENCODING_H_

// What a value is on the wire. An encoding is a type with
//
//     Value        what it is in C++
//     kWireType
//     kIsMessage   whether it is a message, which cannot come twice
//     read(in)     reads it behind its tag
//     put(value, out)   puts it into a Sizer or Writer
//     is_zero(value)    whether it need not be there in a field without presence

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "messi/views/reader.h"

namespace messi::views {

/// int32, int64, uint32, uint64, bool and enums: signed numbers are extended to 64 bits.
template <typename T>
struct Varint {
  using Value = T;
  static constexpr std::uint32_t kWireType = kVarint;
  static constexpr bool kIsMessage = false;

  template <typename In>
  static T read(In& in) {
    if constexpr (std::is_same_v<T, bool>) return in.varint() != 0;
    if constexpr (std::is_enum_v<T>) return static_cast<T>(static_cast<std::int32_t>(in.varint()));
    return static_cast<T>(in.varint());
  }
  template <typename Out>
  static void put(T value, Out& out) {
    if constexpr (std::is_signed_v<T> || std::is_enum_v<T>) {
      out.varint(static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
    } else {
      out.varint(value);
    }
  }
  static bool is_zero(T value) { return value == T{}; }
};

/// sint32 and sint64: small negative numbers are short.
template <typename T>
struct Zigzag {
  using Value = T;
  static constexpr std::uint32_t kWireType = kVarint;
  static constexpr bool kIsMessage = false;

  template <typename In>
  static T read(In& in) {
    const auto bits = static_cast<std::make_unsigned_t<T>>(in.varint());
    return static_cast<T>(bits >> 1 ^ (0 - (bits & 1)));
  }
  template <typename Out>
  static void put(T value, Out& out) {
    using Bits = std::make_unsigned_t<T>;
    out.varint(static_cast<Bits>(static_cast<Bits>(value) << 1 ^ (value < 0 ? ~Bits{0} : Bits{0})));
  }
  static bool is_zero(T value) { return value == 0; }
};

/// fixed32, fixed64, sfixed32, sfixed64, float and double.
template <typename T>
struct Fixed {
  using Value = T;
  static constexpr std::uint32_t kWireType = sizeof(T) == 4 ? kFixed32 : kFixed64;
  static constexpr bool kIsMessage = false;

  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  static Bits bits_of(T value) {
    Bits bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }

  template <typename In>
  static T read(In& in) {
    Bits bits;
    if constexpr (sizeof(T) == 4) {
      bits = in.fixed32();
    } else {
      bits = in.fixed64();
    }
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  template <typename Out>
  static void put(T value, Out& out) {
    if constexpr (sizeof(T) == 4) {
      out.fixed32(bits_of(value));
    } else {
      out.fixed64(bits_of(value));
    }
  }
  // Minus zero is not zero.
  static bool is_zero(T value) { return bits_of(value) == 0; }
};

struct Text {
  using Value = std::string_view;
  static constexpr std::uint32_t kWireType = kDelimited;
  static constexpr bool kIsMessage = false;

  template <typename In>
  static Value read(In& in) {
    return in.text();
  }
  template <typename Out>
  static void put(Value value, Out& out) {
    out.text(value);
  }
  static bool is_zero(Value value) { return value.empty(); }
};

struct Bytes {
  using Value = std::string_view;
  static constexpr std::uint32_t kWireType = kDelimited;
  static constexpr bool kIsMessage = false;

  template <typename In>
  static Value read(In& in) {
    return in.bytes();
  }
  template <typename Out>
  static void put(Value value, Out& out) {
    out.bytes(value);
  }
  static bool is_zero(Value value) { return value.empty(); }
};

/// A message. Generated code has `messi_read(in, message)`, and `messi_put(message, out)`.
template <typename T>
struct Nested {
  using Value = T;
  static constexpr std::uint32_t kWireType = kDelimited;
  static constexpr bool kIsMessage = true;

  static T read(Reader& in) {
    T message;
    Reader inside = in.enter();
    message.original_bytes = inside.rest();
    messi_read(inside, message);
    in.leave(inside);
    return message;
  }
  template <typename Out>
  static void put(const T& message, Out& out) {
    out.delimited([&message](auto& inside) { messi_put(message, inside); });
  }
};

/// The encoding of a type if no other is said.
template <typename T, typename = void>
struct DefaultEncoding {
  using Type = Nested<T>;
};
template <typename T>
struct DefaultEncoding<T, std::enable_if_t<std::is_integral_v<T> || std::is_enum_v<T>>> {
  using Type = Varint<T>;
};
template <typename T>
struct DefaultEncoding<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  using Type = Fixed<T>;
};
template <>
struct DefaultEncoding<std::string_view> {
  using Type = Text;
};

// By the names of protobuf's types.
using Int32 = Varint<std::int32_t>;
using Int64 = Varint<std::int64_t>;
using Uint32 = Varint<std::uint32_t>;
using Uint64 = Varint<std::uint64_t>;
using Bool = Varint<bool>;
using Sint32 = Zigzag<std::int32_t>;
using Sint64 = Zigzag<std::int64_t>;
using Fixed32 = Fixed<std::uint32_t>;
using Fixed64 = Fixed<std::uint64_t>;
using Sfixed32 = Fixed<std::int32_t>;
using Sfixed64 = Fixed<std::int64_t>;
using Float = Fixed<float>;
using Double = Fixed<double>;

}  // namespace messi::views

#endif  // MESSI_VIEWS_ENCODING_H_
