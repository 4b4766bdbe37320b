#ifndef MESSI_IO_SOCKET_OPTIONS_H_
#define MESSI_IO_SOCKET_OPTIONS_H_

#include "messi/base/time.h"

namespace messi {

/// Options for each socket. Zero leaves an option to the system.
struct SocketOptions {
  int send_buffer = 0;     ///< SO_SNDBUF, in bytes. The system doubles it, and has a limit.
  int receive_buffer = 0;  ///< SO_RCVBUF, in bytes. The system doubles it, and has a limit.
  /// TCP_USER_TIMEOUT: the system ends a TCP connection when the peer does not acknowledge what was
  /// sent, or has no room for it, for this long. So it also ends a connection whose peer lives but
  /// does not read. Zero, the default: off; messi's own time-outs decide, which any byte from the
  /// peer satisfies. Unix sockets have nothing of the kind.
  Duration tcp_user_timeout = Duration::zero();
};

}  // namespace messi

#endif  // MESSI_IO_SOCKET_OPTIONS_H_
