#ifndef MESSI_CALLS_CALL_COUNTS_H_
#define MESSI_CALLS_CALL_COUNTS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/base/time.h"

namespace messi {

/// What becomes of a call.
enum class CallEnd : std::uint8_t {
  kAnswered,
  kFailed,     ///< The callee has said that there is no answer.
  kTimedOut,   ///< There was no answer in time.
  kCancelled,  ///< By the caller's side, which may have been stopped.
  kLost,       ///< With the connection, or the session.
  kNotSent,    ///< The request was not accepted.
};

/// The name in metrics.
constexpr std::string_view name_of(CallEnd how) {
  switch (how) {
    case CallEnd::kAnswered:
      return "answered";
    case CallEnd::kFailed:
      return "failed";
    case CallEnd::kTimedOut:
      return "timed_out";
    case CallEnd::kCancelled:
      return "cancelled";
    case CallEnd::kLost:
      return "lost";
    case CallEnd::kNotSent:
      return "not_sent";
  }
  return "";
}

/// A number for each way in which calls end.
template <typename Number>
class CountsByCallEnd {
 public:
  Number& operator[](CallEnd how) { return counts_[static_cast<std::size_t>(how)]; }
  const Number& operator[](CallEnd how) const { return counts_[static_cast<std::size_t>(how)]; }
  /// Calls `call(how, number)` for each.
  template <typename Call>
  void for_each(Call&& call) const {
    for (std::size_t i = 0; i < kSize; ++i) call(CallEnd{static_cast<std::uint8_t>(i)}, counts_[i]);
  }

 private:
  static constexpr std::size_t kSize = static_cast<std::size_t>(CallEnd::kNotSent) + 1;

  std::array<Number, kSize> counts_{};
};

/// How many durations were at most as long as each bound, and how long all were.
template <typename Number>
class DurationHistogram {
 public:
  struct Bound {
    Duration duration;
    std::string_view seconds;  ///< As text.
  };
  static constexpr std::array<Bound, 11> kBounds = {{
      {std::chrono::microseconds(100), "0.0001"},
      {std::chrono::microseconds(300), "0.0003"},
      {std::chrono::milliseconds(1), "0.001"},
      {std::chrono::milliseconds(3), "0.003"},
      {std::chrono::milliseconds(10), "0.01"},
      {std::chrono::milliseconds(30), "0.03"},
      {std::chrono::milliseconds(100), "0.1"},
      {std::chrono::milliseconds(300), "0.3"},
      {std::chrono::seconds(1), "1.0"},
      {std::chrono::seconds(3), "3.0"},
      {std::chrono::seconds(10), "10.0"},
  }};

  void observe(Duration duration) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && duration > kBounds[bucket].duration) ++bucket;
    ++buckets_[bucket];
    nanoseconds_ += static_cast<std::uint64_t>(std::chrono::nanoseconds(duration).count());
  }

  /// Those that are longer than the bound before, and not longer than this one; behind the last
  /// bound, those that are longer than all.
  const std::array<Number, kBounds.size() + 1>& buckets() const { return buckets_; }
  /// The sum of all.
  const Number& nanoseconds() const { return nanoseconds_; }

  template <typename Other>
  void add(const DurationHistogram<Other>& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets()[i];
    nanoseconds_ += other.nanoseconds();
  }

 private:
  std::array<Number, kBounds.size() + 1> buckets_{};
  Number nanoseconds_{};
};

/// What is counted of calls. All only grow.
template <typename Number>
struct BasicCallCounts {
  /// Calls that were made and are over.
  CountsByCallEnd<Number> calls;
  /// How long they took, if the callee has ended them: kAnswered, kFailed. From the turn of the
  /// loop in which a call was made to the one in which its end was read.
  DurationHistogram<Number> call_duration;
  /// Requests of the other side, when they are answered, or it is known that they will not be.
  CountsByCallEnd<Number> served_calls;
};

}  // namespace messi

#endif  // MESSI_CALLS_CALL_COUNTS_H_
