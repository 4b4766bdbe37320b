#ifndef MESSI_TEST_SUPPORT_SOCKETS_H_
#define MESSI_TEST_SUPPORT_SOCKETS_H_

// Sockets by hand, for peers that do what ours never would; and a loop that is run until something
// has happened.

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "messi/base/time.h"
#include "messi/io/linux/fd.h"

namespace messi::test {

/// Runs the loop until `condition()`; false if that takes far too long.
template <typename Loop, typename Condition>
bool run_until(Loop& loop, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= Duration::zero()) return false;
    loop.poll(std::min<Duration>(left, std::chrono::seconds(1)));
  }
  return true;
}

/// Runs the loop for a while, and tells how many turns it took.
template <typename Loop>
int run_for(Loop& loop, Duration duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  int turns = 0;
  for (;; ++turns) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= Duration::zero()) return turns;
    loop.poll(left);
  }
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline io::Fd tcp_socket() { return io::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)); }

/// Begins to connect; true unless that fails at once.
inline bool connect_to(const io::Fd& fd, std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  const int result =
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return result == 0 || errno == EINPROGRESS;
}

inline io::Fd connected_socket(std::uint16_t port) {
  io::Fd fd = tcp_socket();
  if (!connect_to(fd, port)) std::abort();
  return fd;
}

/// A listening socket on 127.0.0.1 that nobody accepts from.
class RawListener {
 public:
  explicit RawListener(int backlog = 100) : fd_(tcp_socket()) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_.get(), generic, size) != 0 || ::listen(fd_.get(), backlog) != 0 ||
        ::getsockname(fd_.get(), generic, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }
  std::string uri() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  int fd() const { return fd_.get(); }
  /// Not valid if nobody has connected.
  io::Fd accept() { return io::Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK)); }

 private:
  io::Fd fd_;
  std::uint16_t port_;
};

/// All that can be read at once.
inline std::string read_all(const io::Fd& fd) {
  std::string result;
  char bytes[65536];
  for (;;) {
    const ssize_t size = ::recv(fd.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    if (size <= 0) return result;
    result.append(bytes, static_cast<std::size_t>(size));
  }
}

/// True if the other side has closed or reset the connection, and all has been read.
inline bool at_end(const io::Fd& fd) {
  char byte;
  const ssize_t size = ::recv(fd.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
  return size == 0 || (size < 0 && errno != EAGAIN);
}

/// Writes as much as the system takes; returns how much.
inline std::size_t write_some(const io::Fd& fd, std::string_view bytes) {
  const ssize_t size = ::send(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

/// Closes with a reset instead of an orderly end.
inline void reset(io::Fd& fd) {
  const linger now{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fd.reset();
}

/// The numbers of all open descriptors.
inline std::vector<int> open_descriptors() {
  std::vector<int> result;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) std::abort();
  while (const dirent* const entry = ::readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] != '.' && fd != ::dirfd(directory)) result.push_back(fd);
  }
  ::closedir(directory);
  return result;
}

/// As long as it lives, the process may have descriptors with numbers below this.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit changed = before_;
    changed.rlim_cur = std::min(limit, changed.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &changed);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  static DescriptorLimit raised() { return DescriptorLimit(RLIM_INFINITY); }

 private:
  rlimit before_{};
};

/// Takes all descriptors that are left.
inline std::vector<io::Fd> take_all_descriptors() {
  std::vector<io::Fd> taken;
  for (;;) {
    io::Fd fd(::open("/dev/null", O_RDONLY));
    if (!fd.valid()) return taken;
    taken.push_back(std::move(fd));
  }
}

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_SOCKETS_H_
