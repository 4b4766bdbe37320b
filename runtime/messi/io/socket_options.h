#ifndef MESSI_IO_SOCKET_OPTIONS_H_
#define MESSI_IO_SOCKET_OPTIONS_H_

#include "messi/base/time.h"

namespace messi {

/// What to ask of the system for each socket. What is zero is left to the system.
struct SocketOptions {
  int send_buffer = 0;     ///< SO_SNDBUF, in bytes. The system doubles it, and has a limit.
  int receive_buffer = 0;  ///< SO_RCVBUF, in bytes. The system doubles it, and has a limit.
  /// TCP_USER_TIMEOUT: the system ends a TCP connection when what was sent to the peer is not
  /// acknowledged, or the peer has no room for it, for this long. Zero, the default: messi's own
  /// time-outs decide, which any byte from the peer satisfies. With it a peer that is there but
  /// does not read for this long is cut too. Nothing of the kind exists for Unix sockets.
  Duration tcp_user_timeout = Duration::zero();
};

}  // namespace messi

#endif  // MESSI_IO_SOCKET_OPTIONS_H_
