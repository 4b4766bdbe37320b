#ifndef MESSI_TEST_SUPPORT_LIVE_BYTES_H_
#define MESSI_TEST_SUPPORT_LIVE_BYTES_H_

#include <cstddef>

namespace messi::test {

/// What the program has allocated with `new` and not deleted yet, in bytes.
/// Only programs that ask have their allocations counted.
std::size_t live_bytes();

/// How often the program has allocated with `new` so far.
std::size_t allocations();

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_LIVE_BYTES_H_
