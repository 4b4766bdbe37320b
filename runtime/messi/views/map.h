#ifndef MESSI_VIEWS_MAP_H_
#define MESSI_VIEWS_MAP_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "messi/views/encoding.h"
#include "messi/views/reader.h"
#include "messi/views/repeated.h"

namespace messi {

namespace views {

/// An entry of a map: a message with the key as field 1 and the value as field 2.
template <typename Key, typename Mapped>
struct Entry {
  using Value = std::pair<typename Key::Value, typename Mapped::Value>;
  static constexpr std::uint32_t kWireType = kDelimited;
  static constexpr bool kIsMessage = true;

  static Value read(Reader& in) {
    Value entry = {};
    Reader inside = in.enter();
    bool has_value = false;
    while (const std::uint32_t tag = inside.next()) {
      if (tag == (1 << 3 | Key::kWireType)) {
        entry.first = Key::read(inside);
      } else if (tag == (2 << 3 | Mapped::kWireType)) {
        if (Mapped::kIsMessage && has_value) inside.fail();
        has_value = true;
        entry.second = Mapped::read(inside);
      } else {
        inside.skip(tag);
      }
    }
    in.leave(inside);
    return entry;
  }
  template <typename Out>
  static void put(const Value& entry, Out& out) {
    out.delimited([&entry](auto& inside) {
      inside.varint(1 << 3 | Key::kWireType);
      Key::put(entry.first, inside);
      inside.varint(2 << 3 | Mapped::kWireType);
      Mapped::put(entry.second, inside);
    });
  }
};

}  // namespace views

/// A map: a range of pairs, as they were sent. If a key is there more than once, the last counts.
template <typename K, typename V, typename Key = typename views::DefaultEncoding<K>::Type,
          typename Mapped = typename views::DefaultEncoding<V>::Type>
class Map : public Repeated<std::pair<K, V>, views::Entry<Key, Mapped>> {
 public:
  using Repeated<std::pair<K, V>, views::Entry<Key, Mapped>>::Repeated;

  /// The value of a key; nothing if it is not there. Looks at all entries.
  std::optional<V> find(const K& key) const {
    std::optional<V> found;
    for (const std::pair<K, V>& entry : *this) {
      if (entry.first == key) found = entry.second;
    }
    return found;
  }
};

}  // namespace messi

#endif  // MESSI_VIEWS_MAP_H_
