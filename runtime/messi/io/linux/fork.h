#ifndef MESSI_IO_LINUX_FORK_H_
#define MESSI_IO_LINUX_FORK_H_

#include <pthread.h>

#include <atomic>

namespace messi::io {

/// A number that differs between a child of fork() and its parent. An object for something outside
/// of the process, such as a file or a descriptor that the kernel watches, keeps the number from
/// when it was made. If the number is another one, the thing belongs to the parent, and the object
/// does not touch it. Costs no system call.
inline unsigned fork_generation() {
  static std::atomic<unsigned> generation{0};
  [[maybe_unused]] static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1); });
  return generation.load(std::memory_order_relaxed);
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_FORK_H_
