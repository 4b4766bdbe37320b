#ifndef MESSI_VIEWS_OWNED_H_
#define MESSI_VIEWS_OWNED_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "messi/views/reader.h"
#include "messi/views/writer.h"

namespace messi {

/// A copy of a message that owns all that the message has views of, in one allocation. It can
/// outlive the hook.
template <typename T>
class Owned {
 public:
  explicit Owned(const T& message) : message_(copy_of(message)) {}
  Owned(const Owned& other) : Owned(*other) {}
  /// `other` can then only be assigned to, or destroyed.
  Owned(Owned&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  Owned& operator=(Owned other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~Owned() { ::operator delete(message_); }

  const T& operator*() const { return *message_; }
  const T* operator->() const { return message_; }

 private:
  static_assert(std::is_trivially_destructible_v<T>);

  // The message, and behind it its bytes.
  static T* copy_of(const T& message) {
    views::Sizer sizer;
    messi_put(message, sizer);
    void* const place = ::operator new(sizeof(T) + sizer.size());
    T* const copy = new (place) T{};
    auto* const bytes = reinterpret_cast<std::uint8_t*>(copy + 1);
    views::Writer writer(bytes);
    messi_put(message, writer);
    copy->original_bytes = {reinterpret_cast<const char*>(bytes), sizer.size()};
    views::Reader in(copy->original_bytes);
    messi_read(in, *copy);
    return copy;
  }

  T* message_;
};

}  // namespace messi

#endif  // MESSI_VIEWS_OWNED_H_
