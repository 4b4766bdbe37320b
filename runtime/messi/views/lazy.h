#ifndef MESSI_VIEWS_LAZY_H_
#define MESSI_VIEWS_LAZY_H_

#include <cstdint>
#include <string_view>

#include "messi/views/encoding.h"
#include "messi/views/lifetime.h"
#include "messi/views/reader.h"

namespace messi {

namespace views {
template <typename T>
struct Late;
}  // namespace views

/// A message inside one of its own kind, which cannot hold it by value. It owns nothing. Of a
/// received message it is in its bytes, and decoded each time that it is asked for. Of a message to
/// be sent it is one of yours, which must outlive this.
template <typename T>
class Lazy {
 public:
  /// Absent.
  Lazy() = default;
  Lazy(const T& message MESSI_LIFETIMEBOUND) : place_(&message), is_there_(true) {}

  bool has_value() const { return is_there_; }
  explicit operator bool() const { return is_there_; }

  /// The message; an empty one if it is absent.
  T operator*() const {
    if (place_ != nullptr && !is_encoded_) return *static_cast<const T*>(place_);
    T message = {};
    message.original_bytes = bytes();
    views::Reader in(bytes());
    messi_read(in, message);
    return message;
  }

 private:
  friend struct views::Late<T>;

  void read(views::Reader& in) {
    const views::Reader at_size = in;
    if (in.trusts()) {
      set(in.bytes());
      return;
    }
    views::Nested<T>::read(in);
    views::Reader again = at_size;
    if (in.ok()) set(again.bytes());
  }
  template <typename Out>
  void put(Out& out) const {
    if (place_ != nullptr && !is_encoded_) {
      views::Nested<T>::put(*static_cast<const T*>(place_), out);
    } else {
      out.bytes(bytes());
    }
  }
  void set(std::string_view bytes) {
    place_ = bytes.data();
    size_ = static_cast<std::uint32_t>(bytes.size());
    is_there_ = true;
    is_encoded_ = true;
  }
  std::string_view bytes() const { return {static_cast<const char*>(place_), size_}; }

  const void* place_ = nullptr;
  std::uint32_t size_ = 0;
  bool is_there_ = false;
  bool is_encoded_ = false;
};

namespace views {

/// A message as a Lazy.
template <typename T>
struct Late {
  using Value = Lazy<T>;
  static constexpr std::uint32_t kWireType = kDelimited;
  static constexpr bool kIsMessage = true;

  static Value read(Reader& in) {
    Value message;
    message.read(in);
    return message;
  }
  template <typename Out>
  static void put(const Value& message, Out& out) {
    message.put(out);
  }
  static bool is_zero(const Value& message) { return !message; }
};

}  // namespace views
}  // namespace messi

#endif  // MESSI_VIEWS_LAZY_H_
