#ifndef MESSI_TEST_FUZZ_FUZZED_INPUT_H_
#define MESSI_TEST_FUZZ_FUZZED_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace messi::fuzz {

/// What a target claims. Ends the program if it does not hold, with a word about what that was.
inline void require(bool condition, const char* claim) {
  if (condition) return;
  std::fprintf(stderr, "It does not hold that %s\n", claim);
  std::abort();
}

/// The bytes of an input, as the choices that a target makes. At the end of the input all choices
/// are 0.
class FuzzedInput {
 public:
  FuzzedInput(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }

  /// A number from 0 to limit - 1, from one byte if that is enough for all of them.
  std::size_t below(std::size_t limit) {
    std::size_t number = byte();
    for (std::size_t reach = 256; reach < limit; reach *= 256) number = number << 8 | byte();
    return number % limit;
  }

  /// True for few inputs; never at the end.
  bool one_in(std::size_t n) { return below(n) == n - 1; }

  /// The next bytes, at most so many, and how many comes first.
  std::string bytes(std::size_t most) {
    const std::size_t wanted = below(most + 1);
    const std::size_t size = std::min(wanted, rest_.size());
    const std::string bytes(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return bytes;
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// The same choices again and again, for what is done to a long input in pieces.
class Script {
 public:
  explicit Script(std::string steps) : steps_(std::move(steps)) {
    if (steps_.empty()) steps_ = '\0';
  }
  std::uint8_t next() {
    const auto step = static_cast<std::uint8_t>(steps_[at_]);
    at_ = (at_ + 1) % steps_.size();
    return step;
  }

 private:
  std::string steps_;
  std::size_t at_ = 0;
};

}  // namespace messi::fuzz

#endif  // MESSI_TEST_FUZZ_FUZZED_INPUT_H_
