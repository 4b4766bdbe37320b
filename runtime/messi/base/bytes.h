#ifndef MESSI_BASE_BYTES_H_
#define MESSI_BASE_BYTES_H_

#include <cstddef>

namespace messi {

/// Bytes somewhere else.
struct Slice {
  const char* data;
  std::size_t size;
};

/// Room for bytes, somewhere else.
struct Space {
  char* data;
  std::size_t size;
};

}  // namespace messi

#endif  // MESSI_BASE_BYTES_H_
