#ifndef MESSI_GROUP_KEY_H_
#define MESSI_GROUP_KEY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

namespace messi {

/// What a group is called: a text, an integer, or a value of an enum. Each enum has its own groups;
/// all types of integers share theirs.
class GroupKey {
 public:
  GroupKey(std::string_view text) : text_(text) {}
  GroupKey(const std::string& text) : text_(text) {}
  GroupKey(const char* text) : text_(text) {}
  template <typename Number,
            typename = std::enable_if_t<std::is_integral_v<Number> || std::is_enum_v<Number>>>
  GroupKey(Number number) : type_(type_of<Number>()), number_(static_cast<std::uint64_t>(number)) {}

  /// "" if it is a number.
  const std::string& text() const { return text_; }
  /// 0 if it is a text.
  std::uint64_t number() const { return number_; }

  friend bool operator==(const GroupKey& a, const GroupKey& b) {
    return a.type_ == b.type_ && a.number_ == b.number_ && a.text_ == b.text_;
  }
  friend bool operator!=(const GroupKey& a, const GroupKey& b) { return !(a == b); }
  /// Some order.
  friend bool operator<(const GroupKey& a, const GroupKey& b) {
    if (a.type_ != b.type_) return std::less<>()(a.type_, b.type_);
    if (a.number_ != b.number_) return a.number_ < b.number_;
    return a.text_ < b.text_;
  }

 private:
  template <typename Type>
  struct Mark {
    static constexpr char kPlace = 0;  // its address is the type's alone
  };
  template <typename Number>
  static const void* type_of() {
    if constexpr (std::is_enum_v<Number>) return &Mark<Number>::kPlace;
    return &Mark<std::uint64_t>::kPlace;
  }

  const void* type_ = nullptr;  // null for texts
  std::uint64_t number_ = 0;
  std::string text_;
};

}  // namespace messi

#endif  // MESSI_GROUP_KEY_H_
