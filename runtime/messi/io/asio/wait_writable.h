#ifndef MESSI_IO_ASIO_WAIT_WRITABLE_H_
#define MESSI_IO_ASIO_WAIT_WRITABLE_H_

#include <chrono>

#include "messi/base/time.h"
#include "messi/io/asio/asio.h"

#ifndef _WIN32
#include <poll.h>
#endif

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// Waits until the socket is writable; false if it is not in this time. Asio can wait only without
/// an end.
inline bool wait_writable(AsioSocket::native_handle_type socket, Duration patience) {
  const auto timeout =
      static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(patience).count());
#ifdef _WIN32
  WSAPOLLFD waited_for{socket, POLLWRNORM, 0};
  return ::WSAPoll(&waited_for, 1, timeout) > 0 && (waited_for.revents & POLLWRNORM) != 0;
#else
  pollfd waited_for{socket, POLLOUT, 0};
  return ::poll(&waited_for, 1, timeout) > 0 && (waited_for.revents & POLLOUT) != 0;
#endif
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_WAIT_WRITABLE_H_
