#ifndef MESSI_IO_LINUX_UNIX_SOCKET_FILE_H_
#define MESSI_IO_LINUX_UNIX_SOCKET_FILE_H_

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "messi/io/linux/fd.h"
#include "messi/io/linux/file_identity.h"
#include "messi/io/linux/fork.h"
#include "messi/io/linux/lock_file.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/linux/system.h"

namespace messi::io {

/// The file of a listening Unix socket. The lock `<path>.lock` is held while the file is made or
/// removed. So when a dead server has left its file behind, only one server takes it over, and no
/// server removes the file of another.
class UnixSocketFile {
 public:
  UnixSocketFile() = default;
  UnixSocketFile(const UnixSocketFile&) = delete;
  UnixSocketFile& operator=(const UnixSocketFile&) = delete;
  /// Removes the file, if it is still the one that was made, and not in a child of fork().
  ~UnixSocketFile() {
    if (!made_ || generation_ != fork_generation()) return;
    const LockFile lock(lock_path_.c_str());
    if (lock.held() && FileIdentity::of(path_.c_str()) == made_) ::unlink(path_.c_str());
  }

  /// Binds the socket to `path`. Returns 0 or an errno: EADDRINUSE if a server listens there.
  inline int bind(const Fd& socket, const std::string& path, std::optional<unsigned> mode);

  /// Absolute, so that it is the same file after chdir().
  const std::string& path() const { return path_; }

 private:
  static std::string absolute(const std::string& path);
  bool left_behind(const SocketAddress& address) const;

  std::string path_;
  std::string lock_path_;
  std::optional<FileIdentity> made_;
  unsigned generation_ = fork_generation();
};

// ---------------------------------------------------------------------------------------------

inline int UnixSocketFile::bind(const Fd& socket, const std::string& path,
                                std::optional<unsigned> mode) {
  path_ = absolute(path);
  lock_path_ = path_ + ".lock";
  const LockFile lock(lock_path_.c_str());
  if (!lock.held()) return errno == EWOULDBLOCK ? EADDRINUSE : errno;
  const SocketAddress address = SocketAddress::unix_path(path);
  if (::bind(socket.get(), address.data(), address.size()) != 0) {
    if (errno != EADDRINUSE || !left_behind(address)) return errno;
    ::unlink(path_.c_str());
    if (::bind(socket.get(), address.data(), address.size()) != 0) return errno;
  }
  made_ = FileIdentity::of(path_.c_str());
  // Nobody can connect yet, since the socket does not listen.
  return mode && system::messi_chmod(path_.c_str(), *mode) != 0 ? errno : 0;
}

inline std::string UnixSocketFile::absolute(const std::string& path) {
  if (path.front() == '/') return path;
  char folder[4096];
  return ::getcwd(folder, sizeof(folder)) != nullptr ? folder + ("/" + path) : path;
}

inline bool UnixSocketFile::left_behind(const SocketAddress& address) const {
  const auto there = FileIdentity::of(path_.c_str());
  // Connecting with a socket of another type shows whether somebody listens, without a connection.
  const Fd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const bool dead = there && there->socket && probe.valid() &&
                    ::connect(probe.get(), address.data(), address.size()) != 0 &&
                    errno == ECONNREFUSED;
  errno = EADDRINUSE;
  return dead;
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_UNIX_SOCKET_FILE_H_
