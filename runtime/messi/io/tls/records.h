#ifndef MESSI_IO_TLS_RECORDS_H_
#define MESSI_IO_TLS_RECORDS_H_

#include <algorithm>
#include <cstddef>

#include "messi/base/bytes.h"

namespace messi::tls {

/// Cuts slices into records. Small ones share a record, since each costs as much as a thousand
/// bytes.
class Records {
 public:
  /// The most that fits into one.
  static constexpr std::size_t kMost = 16 * 1024;

  Records(const Slice* slices, std::size_t count) : next_(slices), end_(slices + count) {
    skip_empty();
  }

  bool done() const { return next_ == end_; }

  /// How many bytes are left, at most `most`.
  std::size_t size(std::size_t most) const {
    if (done()) return 0;
    std::size_t size = next_->size - taken_;
    for (const Slice* each = next_ + 1; each != end_ && size < most; ++each) size += each->size;
    return std::min(size, most);
  }

  /// The next record: where it lies, if it is in one piece, else gathered in `buffer` of kMost
  /// bytes.
  Slice take(char* buffer) {
    if (next_->size - taken_ >= kMost || next_ + 1 == end_) return advance(kMost);
    std::size_t size = 0;
    while (!done() && size < kMost) {
      const Slice piece = advance(kMost - size);
      std::copy_n(piece.data, piece.size, buffer + size);
      size += piece.size;
    }
    return {buffer, size};
  }

 private:
  Slice advance(std::size_t most) {
    const Slice piece{next_->data + taken_, std::min(most, next_->size - taken_)};
    taken_ += piece.size;
    skip_empty();
    return piece;
  }
  void skip_empty() {
    while (next_ != end_ && taken_ == next_->size) {
      ++next_;
      taken_ = 0;
    }
  }

  const Slice* next_;
  const Slice* const end_;
  std::size_t taken_ = 0;  // of the next
};

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_RECORDS_H_
