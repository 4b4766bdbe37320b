#ifndef MESSI_TEST_THREADS_ROUND_H_
#define MESSI_TEST_THREADS_ROUND_H_

#include <cstdint>
#include <string>

namespace messi::random_use {

struct Outcome {
  std::uint64_t messages = 0;  ///< That have arrived.
  std::uint64_t calls = 0;     ///< That have ended.
  std::uint64_t lost = 0;      ///< What did not come although it had to, or was not right.
};

/// A server and clients on some loops, used by some threads until they end. The seed decides how,
/// but not what comes first. `folder` is for sockets.
Outcome play_round(std::uint64_t seed, const std::string& folder);

}  // namespace messi::random_use

#endif  // MESSI_TEST_THREADS_ROUND_H_
