#ifndef TEST_SESSIONS_PARCELS_H_
#define TEST_SESSIONS_PARCELS_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <string_view>

/// What is in the parcels 1, 2, 3... of each direction: the number, and bytes that depend on it.
/// Most are short, and one in a thousand takes more than a read. Also in parcels.py.
class Parcels {
 public:
  Parcels() {
    std::uint32_t value = 1;
    for (char& byte : block_) {
      value = value * 1664525 + 1013904223;
      byte = static_cast<char>(value >> 24);
    }
  }

  std::string make(std::uint64_t number) const {
    std::string content = std::to_string(number) + ' ';
    return content.append(block_.data() + number % kOffsets, size(number));
  }

  /// The number of a parcel; 0 if it is not what was made.
  std::uint64_t number(std::string_view content) const {
    const std::uint64_t number =
        std::strtoull(std::string(content.substr(0, 20)).c_str(), nullptr, 10);
    return content == make(number) ? number : 0;
  }

 private:
  static constexpr std::uint64_t kOffsets = 251;
  static constexpr std::size_t kMost = 120'000;

  static std::size_t size(std::uint64_t number) {
    const std::uint64_t mixed = (number * 0x9e3779b97f4a7c15) >> 32;
    const std::uint64_t kind = mixed % 1000;
    const std::uint64_t most = kind < 900 ? 200 : kind < 990 ? 2'000 : kind < 999 ? 16'000 : kMost;
    return (mixed >> 10) % most;
  }

  std::string block_ = std::string(kMost + kOffsets, '\0');
};

/// What was wrong with the parcels that have arrived, which should be 1, 2, 3...
class Arrivals {
 public:
  void note(std::uint64_t number) {
    if (number == 0) {
      ++changed_;
    } else if (number == next_) {
      ++next_;
    } else if (number > next_) {
      while (next_ < number) missing_.insert(next_++);
      ++next_;
    } else if (missing_.erase(number) == 1) {
      ++reordered_;
    } else {
      ++duplicated_;
    }
  }

  /// The highest number.
  std::uint64_t last() const { return next_ - 1; }
  std::size_t lost() const { return missing_.size(); }
  std::uint64_t duplicated() const { return duplicated_; }
  std::uint64_t reordered() const { return reordered_; }
  std::uint64_t changed() const { return changed_; }

 private:
  std::uint64_t next_ = 1;
  std::set<std::uint64_t> missing_;
  std::uint64_t duplicated_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t changed_ = 0;
};

#endif  // TEST_SESSIONS_PARCELS_H_
