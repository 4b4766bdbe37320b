#ifndef MESSI_IO_ASIO_USABLE_H_
#define MESSI_IO_ASIO_USABLE_H_

#include "messi/io/asio/asio.h"

#ifndef _WIN32
#include <fcntl.h>
#endif

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// Has a socket not block, and not stay open in other programs that this one begins.
template <typename Socket>
void make_usable(Socket& socket) {
  ErrorCode ignored;
  socket.non_blocking(true, ignored);
#ifndef _WIN32
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
#endif
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_USABLE_H_
