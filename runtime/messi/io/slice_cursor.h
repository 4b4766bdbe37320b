#ifndef MESSI_IO_SLICE_CURSOR_H_
#define MESSI_IO_SLICE_CURSOR_H_

#include <algorithm>
#include <cstddef>

#include "messi/base/bytes.h"

namespace messi {

/// Slices, of which some bytes after the other are taken.
class SliceCursor {
 public:
  SliceCursor(const Slice* slices, std::size_t count) : next_(slices), end_(slices + count) {
    skip_empty();
  }

  bool done() const { return next_ == end_; }

  /// How many bytes are left, at most `most`.
  std::size_t size(std::size_t most) const {
    std::size_t size = 0;
    std::size_t skipped = taken_;
    for (const Slice* each = next_; each != end_ && size < most; ++each) {
      size += each->size - skipped;
      skipped = 0;
    }
    return std::min(size, most);
  }

  /// Where the next bytes are, in at most `room` slices and of at most `most` bytes. Returns how
  /// many slices there are.
  std::size_t next(Slice* out, std::size_t room, std::size_t most) const {
    std::size_t count = 0;
    std::size_t skipped = taken_;
    for (const Slice* each = next_; each != end_ && count < room && most > 0; ++each) {
      const std::size_t size = std::min(each->size - skipped, most);
      out[count++] = {each->data + skipped, size};
      most -= size;
      skipped = 0;
    }
    return count;
  }

  void take(std::size_t size) {
    while (size > 0) {
      const std::size_t some = std::min(size, next_->size - taken_);
      taken_ += some;
      size -= some;
      skip_empty();
    }
  }

 private:
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

}  // namespace messi

#endif  // MESSI_IO_SLICE_CURSOR_H_
