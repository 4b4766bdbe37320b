#ifndef MESSI_VIEWS_REPEATED_H_
#define MESSI_VIEWS_REPEATED_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

#include "messi/views/encoding.h"
#include "messi/views/lifetime.h"
#include "messi/views/reader.h"

namespace messi {

namespace views {

/// Walks over a repeated field in the bytes of a message, which a Reader has read. Between its
/// elements may be other fields.
class Walk {
 public:
  Walk() : in_(std::string_view()), run_(std::string_view()) {}
  /// From the first field with this number to the end of the last.
  Walk(std::string_view bytes, std::uint32_t number) : in_(bytes), run_({}), number_(number) {}

  /// The next element; there must be one.
  template <typename Encoding>
  typename Encoding::Value next() {
    if constexpr (Encoding::kWireType != kDelimited) {
      if (!run_.rest().empty()) return Encoding::read(run_);
    }
    while (const std::uint32_t tag = in_.next()) {
      const std::uint32_t type = tag & 7;
      if (tag >> 3 == number_) {
        if (type == Encoding::kWireType) return Encoding::read(in_);
        if constexpr (Encoding::kWireType != kDelimited) {
          if (type == kDelimited) {  // a packed run, which may be empty
            run_ = Reader(in_.bytes());
            if (!run_.rest().empty()) return Encoding::read(run_);
            continue;
          }
        }
      }
      in_.skip(tag);
    }
    return {};
  }

 private:
  Reader in_;
  Reader run_;
  std::uint32_t number_ = 0;
};

/// What fields.h does with them.
struct Elements;

}  // namespace views

/// The elements of a repeated field: a range, of elements by value. It does not own them. Of a
/// received message they are in its bytes; each pass over them decodes them again. Of a message to
/// be sent they are in an array or container of yours, which must outlive this.
template <typename T, typename Encoding = typename views::DefaultEncoding<T>::Type>
class Repeated {
 public:
  using value_type = T;
  class Iterator;

  /// None.
  Repeated() = default;
  Repeated(std::initializer_list<T> elements MESSI_LIFETIMEBOUND)
      : Repeated(elements.begin(), elements.size()) {}
  template <std::size_t kSize>
  Repeated(const T (&elements)[kSize] MESSI_LIFETIMEBOUND) : Repeated(elements, kSize) {}
  Repeated(const T* elements MESSI_LIFETIMEBOUND, std::size_t size)
      : place_(elements), count_(static_cast<std::uint32_t>(size)) {
    element_ = [](const void* place, std::size_t i) { return static_cast<const T*>(place)[i]; };
  }
  /// Anything with `size()` and `[i]`, whose elements convert to T.
  template <
      typename Container,
      typename = std::enable_if_t<std::is_convertible_v<
          decltype(std::declval<const Container&>()[std::declval<const Container&>().size()]), T>>>
  Repeated(const Container& elements MESSI_LIFETIMEBOUND)
      : place_(&elements), count_(static_cast<std::uint32_t>(elements.size())) {
    element_ = [](const void* place, std::size_t i) -> T {
      return (*static_cast<const Container*>(place))[i];
    };
  }

  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return Iterator(*this, 0); }
  Iterator end() const { return Iterator(*this, count_); }

 private:
  friend struct views::Elements;

  /// Adds a field with this tag, whose elements `in` now looks at.
  void read(views::Reader& in, std::uint32_t tag) {
    if (count_ == 0) place_ = in.field();
    number_ = tag >> 3;
    if ((tag & 7) == Encoding::kWireType) {
      check_element(in);
    } else {
      read_run(in);
    }
    end_ = in.at();
  }
  template <typename Out>
  void put(std::uint32_t tag, Out& out) const {
    for_each([&](const T& element) {
      out.varint(tag);
      Encoding::put(element, out);
    });
  }
  template <typename Out>
  void put_packed(std::uint32_t tag, Out& out) const {
    if (empty()) return;
    out.varint(tag);
    out.delimited(
        [this](auto& run) { this->for_each([&run](const T& each) { Encoding::put(each, run); }); });
  }
  void check_element(views::Reader& in) {
    ++count_;
    if constexpr (Encoding::kIsMessage) {
      if (in.trusts()) {
        in.bytes();
        return;
      }
    }
    Encoding::read(in);
  }
  void read_run(views::Reader& in) {
    views::Reader run(in.bytes(), 0);
    while (!run.rest().empty()) {
      Encoding::read(run);
      ++count_;
    }
    in.leave(run);
  }

  std::string_view bytes() const {
    const auto* const begin = static_cast<const std::uint8_t*>(place_);
    return {reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end_ - begin)};
  }
  T element(views::Walk& walk, std::uint32_t i) const {
    return number_ == 0 ? element_(place_, i) : walk.template next<Encoding>();
  }
  views::Walk walk() const { return number_ == 0 ? views::Walk() : views::Walk(bytes(), number_); }
  template <typename Visit>
  void for_each(const Visit& visit) const {
    views::Walk walking = walk();
    for (std::uint32_t i = 0; i < count_; ++i) visit(element(walking, i));
  }

  // A container and how to get an element of it; or, if there is a number, the fields in a
  // message's bytes, from the first to the end of the last.
  const void* place_ = nullptr;
  union {
    T (*element_)(const void* place, std::size_t i) = nullptr;
    const std::uint8_t* end_;
  };
  std::uint32_t count_ = 0;
  std::uint32_t number_ = 0;
};

/// An input iterator.
template <typename T, typename Encoding>
class Repeated<T, Encoding>::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = const T*;
  using reference = const T&;

  const T& operator*() const { return element_; }
  const T* operator->() const { return &element_; }
  Iterator& operator++() {
    ++index_;
    load();
    return *this;
  }
  Iterator operator++(int) {
    Iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }
  friend bool operator!=(const Iterator& a, const Iterator& b) { return a.index_ != b.index_; }

 private:
  friend class Repeated;
  Iterator(const Repeated& all, std::uint32_t index) : all_(all), index_(index) {
    if (index_ < all_.count_) walk_ = all_.walk();
    load();
  }
  void load() {
    if (index_ < all_.count_) element_ = all_.element(walk_, index_);
  }

  Repeated all_;  // a copy, since it is small and may be a temporary
  views::Walk walk_;
  std::uint32_t index_;
  T element_ = {};
};

}  // namespace messi

#endif  // MESSI_VIEWS_REPEATED_H_
