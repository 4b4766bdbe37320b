#ifndef MESSI_VIEWS_ONE_OF_H_
#define MESSI_VIEWS_ONE_OF_H_

#include <cstddef>
#include <utility>
#include <variant>

namespace messi {

/// A member of a oneof and its value; see `choose`.
template <auto kCase, typename Value>
struct Choice {
  Value value;
};

/// A oneof's value to be sent, as in `Shape{choose<Shape::KindCase::kName>("square")}`.
template <auto kCase, typename Value>
inline Choice<kCase, Value> choose(Value value) {
  return {std::move(value)};
}

/// A oneof: none or one of its members. `Case` is an enum of them, in which 0 is none.
template <typename Case, typename... Values>
class OneOf {
 public:
  /// None.
  OneOf() = default;
  template <Case kCase, typename Value>
  OneOf(Choice<kCase, Value> choice) {
    set<kCase>(std::move(choice.value));
  }

  /// Which of its members is there.
  Case which() const { return static_cast<Case>(value_.index()); }

  /// The member; null if it is not the one that is there.
  template <Case kCase>
  const auto* get() const {
    return std::get_if<static_cast<std::size_t>(kCase)>(&value_);
  }
  /// Makes it the one that is there.
  template <Case kCase, typename Value>
  void set(Value&& value) {
    value_.template emplace<static_cast<std::size_t>(kCase)>(std::forward<Value>(value));
  }
  void clear() { value_ = std::monostate(); }

 private:
  std::variant<std::monostate, Values...> value_;
};

}  // namespace messi

#endif  // MESSI_VIEWS_ONE_OF_H_
