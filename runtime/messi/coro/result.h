#ifndef MESSI_CORO_RESULT_H_
#define MESSI_CORO_RESULT_H_

#include <cassert>
#include <optional>
#include <utility>

#include "absl/status/status.h"

namespace messi::coro {

/// A value, or why there is none: `while (auto result = co_await ...) use(*result);`
template <typename Value>
class [[nodiscard]] Result {
 public:
  Result(Value value) : value_(std::move(value)) {}
  Result(absl::Status why_not) : status_(std::move(why_not)) {
    assert(!status_.ok() && "without a value there is a reason");
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  /// OK if there is a value.
  const absl::Status& status() const { return status_; }

  /// The value. There must be one.
  Value& operator*() & { return *value_; }
  const Value& operator*() const& { return *value_; }
  Value&& operator*() && { return *std::move(value_); }
  Value* operator->() { return &*value_; }
  const Value* operator->() const { return &*value_; }

 private:
  std::optional<Value> value_;
  absl::Status status_;
};

}  // namespace messi::coro

#endif  // MESSI_CORO_RESULT_H_
