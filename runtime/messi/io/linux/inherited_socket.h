#ifndef MESSI_IO_LINUX_INHERITED_SOCKET_H_
#define MESSI_IO_LINUX_INHERITED_SOCKET_H_

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

#include "messi/base/status.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/system.h"
#include "messi/io/system_error.h"

namespace messi::io {

/// A copy of the listening socket that systemd has opened for this process (sd_listen_fds(3)): the
/// one with FileDescriptorName=`name` in its unit, or the first if `name` is empty.
inline Result<Fd> inherited_socket(const std::string& name, const std::string& uri) {
  constexpr int kFirst = 3;
  constexpr int kSetFdFlags = 2;    // F_SETFD
  constexpr int kCloseOnExec = 1;   // FD_CLOEXEC
  constexpr int kGetFlags = 3;      // F_GETFL
  constexpr int kSetFlags = 4;      // F_SETFL
  constexpr int kDuplicate = 1030;  // F_DUPFD_CLOEXEC

  const auto variable = [](const char* key) {
    const char* const value = std::getenv(key);
    return std::string(value != nullptr ? value : "");
  };
  const bool ours = variable("LISTEN_PID") == std::to_string(::getpid());
  const int count = ours ? std::atoi(variable("LISTEN_FDS").c_str()) : 0;
  const std::string names = variable("LISTEN_FDNAMES") + ":";
  std::size_t begin = 0;
  for (int fd = kFirst; fd < kFirst + count; ++fd) {
    const std::size_t end = names.find(':', begin);
    const bool named = end != std::string::npos && names.substr(begin, end - begin) == name;
    begin = end == std::string::npos ? begin : end + 1;
    if (!name.empty() && !named) continue;

    int listening = 0;
    socklen_t size = sizeof(listening);
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
      return status_of_errno(errno, uri + ": cannot use what systemd has opened");
    }
    if (listening == 0) {
      return Status(StatusCode::kFailedPrecondition,
                    uri + ": nobody can connect to what systemd has opened");
    }
    system::messi_fcntl(fd, kSetFdFlags, kCloseOnExec);
    Fd copy(system::messi_fcntl(fd, kDuplicate, 0));
    if (!copy.valid()) return status_of_errno(errno, uri + ": cannot listen");
    const int flags = system::messi_fcntl(copy.get(), kGetFlags);
    system::messi_fcntl(copy.get(), kSetFlags, flags | SOCK_NONBLOCK);
    return copy;
  }
  return Status(StatusCode::kFailedPrecondition,
                uri + ": systemd has opened no such socket for this process");
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_INHERITED_SOCKET_H_
