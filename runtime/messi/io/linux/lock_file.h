#ifndef MESSI_IO_LINUX_LOCK_FILE_H_
#define MESSI_IO_LINUX_LOCK_FILE_H_

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "messi/io/linux/file_identity.h"
#include "messi/io/linux/system.h"

namespace messi::io {

/// A file that only one process holds at a time, for the life of the object, which then removes it.
/// Never waits.
class LockFile {
 public:
  /// `path` must outlive the object.
  explicit LockFile(const char* path) : path_(path) {
    // Its last holder may have removed the file after we opened it and before we locked it.
    while (lock() && !is_at_path()) close();
  }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  ~LockFile() {
    if (!held()) return;
    ::unlink(path_);
    close();
  }

  /// If not, errno says why after the constructor: EWOULDBLOCK if another process holds it.
  bool held() const { return file_ != nullptr; }

 private:
  bool lock() {
    constexpr int kExclusiveOrNot = 2 | 4;  // LOCK_EX | LOCK_NB
    file_ = std::fopen(path_, "ae");
    if (!held()) return false;
    if (system::messi_flock(::fileno(file_), kExclusiveOrNot) != 0) close();
    return held();
  }
  bool is_at_path() const {
    const auto held = FileIdentity::of(::fileno(file_));
    return !held || held == FileIdentity::of(path_);
  }
  void close() {
    const int error = errno;
    std::fclose(std::exchange(file_, nullptr));
    errno = error;
  }

  const char* const path_;
  std::FILE* file_ = nullptr;
};

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_LOCK_FILE_H_
