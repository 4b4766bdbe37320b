#ifndef MESSI_IO_TLS_RECORDS_H_
#define MESSI_IO_TLS_RECORDS_H_

#include <algorithm>
#include <cstddef>

#include "messi/base/bytes.h"
#include "messi/io/slice_cursor.h"

namespace messi::tls {

/// Cuts slices into records. Small ones share a record, since each costs as much as a thousand
/// bytes.
class Records {
 public:
  /// The most that fits into one.
  static constexpr std::size_t kMost = 16 * 1024;

  Records(const Slice* slices, std::size_t count) : left_(slices, count) {}

  bool done() const { return left_.done(); }

  /// How many bytes are left, at most `most`.
  std::size_t size(std::size_t most) const { return left_.size(most); }

  /// The next record: where it lies, if it is in one piece, else gathered in `buffer` of kMost
  /// bytes.
  Slice take(char* buffer) {
    const std::size_t size = left_.size(kMost);
    Slice piece{};
    left_.next(&piece, 1, kMost);
    if (piece.size == size) {
      left_.take(size);
      return piece;
    }
    for (std::size_t done = 0; done < size; done += piece.size) {
      left_.next(&piece, 1, size - done);
      std::copy_n(piece.data, piece.size, buffer + done);
      left_.take(piece.size);
    }
    return {buffer, size};
  }

 private:
  SliceCursor left_;
};

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_RECORDS_H_
