#ifndef MESSI_IO_LINUX_FILE_IDENTITY_H_
#define MESSI_IO_LINUX_FILE_IDENTITY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "messi/io/linux/system.h"

namespace messi::io {

/// The identity of the file at a path. Later the path may lead to another file.
struct FileIdentity {
  std::uint64_t device;
  std::uint64_t inode;
  bool socket;

  friend bool operator==(const FileIdentity& a, const FileIdentity& b) {
    return std::tie(a.device, a.inode) == std::tie(b.device, b.inode);
  }

  static std::optional<FileIdentity> of(const char* path) {
    constexpr int kCurrentFolder = -100;  // AT_FDCWD
    constexpr int kNotFollowing = 0x100;  // AT_SYMLINK_NOFOLLOW
    return ask(kCurrentFolder, path, kNotFollowing);
  }
  static std::optional<FileIdentity> of(int fd) {
    constexpr int kFdItself = 0x1000;  // AT_EMPTY_PATH
    return ask(fd, "", kFdItself);
  }

 private:
  static std::optional<FileIdentity> ask(int folder, const char* path, int flags) {
    constexpr unsigned kTypeOfFile = 0170000;
    constexpr unsigned kSocket = 0140000;
    struct statx status {};
    if (system::messi_statx(folder, path, flags, STATX_TYPE | STATX_INO, &status) != 0) return {};
    const std::uint64_t major = status.stx_dev_major;
    return FileIdentity{major << 32 | status.stx_dev_minor, status.stx_ino,
                        (status.stx_mode & kTypeOfFile) == kSocket};
  }
};

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_FILE_IDENTITY_H_
