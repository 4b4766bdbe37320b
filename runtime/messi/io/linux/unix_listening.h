#ifndef MESSI_IO_LINUX_UNIX_LISTENING_H_
#define MESSI_IO_LINUX_UNIX_LISTENING_H_

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

#include "messi/base/status.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/inherited_socket.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/linux/unix_socket_file.h"
#include "messi/io/network.h"
#include "messi/io/socket_uri.h"
#include "messi/io/system_error.h"

namespace messi::io {

/// A listening socket that is not TCP's, or one that systemd has opened, for any loop. A socket's
/// file is removed with it, so it goes before the socket, which shows that a server lives there.
class UnixListening {
 public:
  inline Status open(const SocketUri& where, const std::string& uri, const ListenOptions& options);

  /// The descriptor, until it is released.
  int fd() const { return fd_.get(); }
  /// The same, which from now on is the caller's.
  Fd release() { return std::move(fd_); }
  int family() const { return bound_.family(); }
  std::string uri() const {
    return file_.path().empty() ? bound_.to_uri() : "unix://" + file_.path();
  }

 private:
  Fd fd_;
  SocketAddress bound_;
  UnixSocketFile file_;
};

inline Status UnixListening::open(const SocketUri& where, const std::string& uri,
                                  const ListenOptions& options) {
  constexpr int kBacklog = 4096;
  const auto refused = [&uri](int error) {
    return status_of_errno(error, uri + ": cannot listen");
  };
  if (where.scheme == SocketUri::Scheme::kSystemd) {
    Result<Fd> inherited = inherited_socket(where.path, uri);
    if (!inherited.ok()) return inherited.status();
    fd_ = *std::move(inherited);
  } else {
    fd_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_.valid()) return refused(errno);
    if (where.scheme == SocketUri::Scheme::kUnix) {
      if (const int error = file_.bind(fd_, where.path, options.unix_mode); error != 0) {
        return refused(error);
      }
    } else {
      const SocketAddress name = SocketAddress::unix_abstract(where.path);
      if (::bind(fd_.get(), name.data(), name.size()) != 0) return refused(errno);
    }
    if (::listen(fd_.get(), kBacklog) != 0) return refused(errno);
  }
  if (::getsockname(fd_.get(), bound_.writable(), bound_.writable_size()) != 0)
    return refused(errno);
  return {};
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_UNIX_LISTENING_H_
