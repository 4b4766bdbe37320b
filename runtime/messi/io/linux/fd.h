#ifndef MESSI_IO_LINUX_FD_H_
#define MESSI_IO_LINUX_FD_H_

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace messi::io {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  /// The descriptor, which is the caller's then.
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (valid()) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

/// Repeats a system call while a signal interrupts it.
template <typename Call>
auto retry_on_signal(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_FD_H_
