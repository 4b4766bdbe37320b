#ifndef MESSI_VIEWS_FIELDS_H_
#define MESSI_VIEWS_FIELDS_H_

// What generated code does with the fields of a message, beyond reading and putting a value:
//
//     inline void messi_read(::messi::views::Reader& in, Person& message) {
//       namespace views = ::messi::views;
//       while (const ::std::uint32_t tag = in.next()) {
//         switch (tag) {
//           case 10:
//             views::read<views::Text>(in, message.name);
//             break;
//           case 18:
//             views::read<views::Nested<Address>>(in, message.address);
//             break;
//           case 24:
//           case 26:
//             views::read_repeated(in, tag, message.numbers);
//             break;
//           default:
//             in.skip(tag);
//             break;
//         }
//       }
//     }
//
//     template <typename Out>
//     void messi_put(const Person& message, Out& out) {
//       namespace views = ::messi::views;
//       views::put<views::Text>(10, message.name, out);
//       views::put<views::Nested<Address>>(18, message.address, out);
//       views::put_packed(26, message.numbers, out);
//     }

#include <cstdint>
#include <optional>

#include "messi/views/reader.h"
#include "messi/views/repeated.h"

namespace messi::views {

/// Reads a field that occurs once. Of a number or text the last counts. A message that comes twice
/// would have to be merged from two places, which nobody sends: it is refused.
template <typename Encoding, typename T>
void read(Reader& in, T& value) {
  if constexpr (Encoding::kIsMessage) {
    if (value) return in.fail();
  }
  value = Encoding::read(in);
}

struct Elements {
  template <typename Range>
  static void read(Reader& in, std::uint32_t tag, Range& elements) {
    elements.read(in, tag);
  }
  template <typename Range, typename Out>
  static void put(std::uint32_t tag, const Range& elements, Out& out) {
    elements.put(tag, out);
  }
  template <typename Range, typename Out>
  static void put_packed(std::uint32_t tag, const Range& elements, Out& out) {
    elements.put_packed(tag, out);
  }
};

/// Reads elements of a repeated field or entries of a map.
template <typename T, typename Encoding>
void read_repeated(Reader& in, std::uint32_t tag, Repeated<T, Encoding>& elements) {
  Elements::read(in, tag, elements);
}

/// Reads a member of a oneof, which replaces the one before it.
template <auto kCase, typename AnyOneOf, typename Encoding>
void read_member(Reader& in, AnyOneOf& one_of, Encoding /*encoding*/) {
  if (Encoding::kIsMessage && one_of.which() == kCase) return in.fail();
  one_of.template set<kCase>(Encoding::read(in));
}

/// A field without presence.
// g++ would call it, which takes longer than the work.
template <typename Encoding, typename Out>
[[gnu::always_inline]] inline void put(std::uint32_t tag, const typename Encoding::Value& value,
                                       Out& out) {
  if (Encoding::is_zero(value)) return;
  out.varint(tag);
  Encoding::put(value, out);
}
/// A field that is there unless it is null.
template <typename Encoding, typename Out>
void put(std::uint32_t tag, const typename Encoding::Value* value, Out& out) {
  if (value == nullptr) return;
  out.varint(tag);
  Encoding::put(*value, out);
}
template <typename Encoding, typename Out>
void put(std::uint32_t tag, const std::optional<typename Encoding::Value>& value, Out& out) {
  put<Encoding>(tag, value ? &*value : nullptr, out);
}

template <typename T, typename Encoding, typename Out>
void put_repeated(std::uint32_t tag, const Repeated<T, Encoding>& elements, Out& out) {
  Elements::put(tag, elements, out);
}
/// Numbers, all in one field.
template <typename T, typename Encoding, typename Out>
void put_packed(std::uint32_t tag, const Repeated<T, Encoding>& elements, Out& out) {
  Elements::put_packed(tag, elements, out);
}

}  // namespace messi::views

#endif  // MESSI_VIEWS_FIELDS_H_
