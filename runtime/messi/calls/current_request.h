#ifndef MESSI_CALLS_CURRENT_REQUEST_H_
#define MESSI_CALLS_CURRENT_REQUEST_H_

#include <cstdint>
#include <optional>

namespace messi::calls {

/// The request whose hook is running, until it is answered.
class CurrentRequest {
 public:
  /// The number of a request whose answer has no way out.
  static constexpr std::uint64_t kUnanswerable = UINT64_MAX;

  /// A message is dispatched; 0: messages have no numbers.
  void begin(std::uint64_t number) {
    number_ = number;
    member_ = 0;
  }
  /// It is a request.
  void set_member(std::uint32_t member) { member_ = member; }

  /// Its number, if it is this one.
  std::optional<std::uint64_t> find(std::uint32_t member) const {
    return member_ == member ? std::optional(number_) : std::nullopt;
  }
  bool answerable() const { return number_ != kUnanswerable; }
  /// It is answered, or will be.
  void take() { member_ = 0; }

 private:
  std::uint64_t number_ = 0;
  std::uint32_t member_ = 0;
};

}  // namespace messi::calls

#endif  // MESSI_CALLS_CURRENT_REQUEST_H_
