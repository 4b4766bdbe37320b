#ifndef MESSI_BASE_STATUS_H_
#define MESSI_BASE_STATUS_H_

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace messi {

/// The canonical codes, with the numbers of Abseil and gRPC.
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// Success, or an error. Clients and servers convert it to absl::Status for their users; the rooms
/// below them do not use Abseil.
class [[nodiscard]] Status {
 public:
  Status() = default;
  /// `system_error` is the system's errno, if there is one.
  Status(StatusCode code, std::string message, int system_error = 0)
      : message_(std::move(message)), system_error_(system_error), code_(code) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }
  /// The system's errno; 0 if there is none.
  int system_error() const { return system_error_; }

 private:
  std::string message_;
  int system_error_ = 0;
  StatusCode code_ = StatusCode::kOk;
};

/// A value, or the error that explains why there is none: `if (auto result = ...) use(*result);`
template <typename Value, typename Why = Status>
class [[nodiscard]] Result {
 public:
  Result(Value&& value) : value_(std::move(value)) {}
  Result(const Value& value) : value_(value) {}
  Result(Why why_not) : status_(std::move(why_not)) {
    assert(!status_.ok() && "without a value there is a reason");
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  /// OK if there is a value.
  const Why& status() const { return status_; }

  /// The value. There must be one.
  Value& operator*() & { return *value_; }
  const Value& operator*() const& { return *value_; }
  Value&& operator*() && { return *std::move(value_); }
  Value* operator->() { return &*value_; }
  const Value* operator->() const { return &*value_; }

 private:
  std::optional<Value> value_;
  Why status_;
};

}  // namespace messi

#endif  // MESSI_BASE_STATUS_H_
