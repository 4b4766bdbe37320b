#ifndef MESSI_IO_LINUX_FORK_H_
#define MESSI_IO_LINUX_FORK_H_

#include <pthread.h>

#include <atomic>

namespace messi::io {

/// A number that is another one in a child of fork() than in its parent: what stands for something
/// outside of the process, such as a file or what the kernel watches, compares it with the number
/// of the day it was made, and leaves the parent's things alone. Costs no system call.
inline unsigned fork_generation() {
  static std::atomic<unsigned> generation{0};
  [[maybe_unused]] static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1); });
  return generation.load(std::memory_order_relaxed);
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_FORK_H_
