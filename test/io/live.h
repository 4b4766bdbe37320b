#ifndef MESSI_TEST_IO_LIVE_H_
#define MESSI_TEST_IO_LIVE_H_

// Real sockets in real time: nothing waits for longer than it takes, and nothing for ever.

#include <chrono>

#include "messi/io/epoll_loop.h"
#include "test/catch.h"

namespace messi::test {

/// Far more than anything here takes, even on a machine that has much else to do.
inline constexpr auto kPatience = std::chrono::seconds(30);

/// Runs the loop until `done()`; fails if that takes for ever.
template <typename Done>
void run_until(EpollLoop& loop, Done done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done() && std::chrono::steady_clock::now() < end) {
    loop.poll(std::chrono::milliseconds(100));
  }
  REQUIRE(done());
}

}  // namespace messi::test

#endif  // MESSI_TEST_IO_LIVE_H_
