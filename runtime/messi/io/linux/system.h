#ifndef MESSI_IO_LINUX_SYSTEM_H_
#define MESSI_IO_LINUX_SYSTEM_H_

// Functions of the system whose headers would bring macros into the user's file, such as st_mtime,
// h_addr and NO_DATA, which are also good names for fields and enum values. They are declared here
// under other names for the same symbols, so that they do not conflict if the user includes the
// headers.

#include <linux/stat.h>

namespace messi::io::system {

extern "C" {
int messi_chmod(const char* path, unsigned mode) noexcept __asm__("chmod");
int messi_fcntl(int fd, int command, ...) __asm__("fcntl");
int messi_flock(int fd, int operation) noexcept __asm__("flock");
unsigned messi_if_nametoindex(const char* name) noexcept __asm__("if_nametoindex");
int messi_statx(int folder, const char* path, int flags, unsigned mask,
                struct statx* result) noexcept __asm__("statx");
}

}  // namespace messi::io::system

#endif  // MESSI_IO_LINUX_SYSTEM_H_
