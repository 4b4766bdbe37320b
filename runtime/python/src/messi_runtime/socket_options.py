"""Options for each socket."""

from __future__ import annotations

import contextlib
import math
import socket
from dataclasses import dataclass

from .duration import check_durations


@dataclass(frozen=True)
class SocketOptions:
    """Zero leaves an option to the system."""

    send_buffer: int = 0
    """SO_SNDBUF, in bytes. The system doubles it, and has a limit."""

    receive_buffer: int = 0
    """SO_RCVBUF, in bytes. The system doubles it, and has a limit."""

    tcp_user_timeout: float = 0.0
    """TCP_USER_TIMEOUT, in seconds: the system ends a TCP connection when the peer does not
    acknowledge what was sent, or has no room for it, for this long. So it also ends a connection
    whose peer lives but does not read. 0, the default: off; messi's own time-outs decide, which any
    byte from the peer satisfies. Unix sockets have nothing of the kind."""

    def __post_init__(self) -> None:
        check_durations(tcp_user_timeout=self.tcp_user_timeout)
        for name in ("send_buffer", "receive_buffer"):
            if not 0 <= getattr(self, name) < 1 << 31:
                raise ValueError(f"{name} is 0 to 2^31 - 1 bytes, but got {getattr(self, name)}.")


def prepare(connected: socket.socket, options: SocketOptions) -> None:
    """Prepares a socket for a stream."""
    connected.setblocking(False)
    wanted = [
        (socket.SOL_SOCKET, socket.SO_SNDBUF, options.send_buffer),
        (socket.SOL_SOCKET, socket.SO_RCVBUF, options.receive_buffer),
    ]
    if connected.family in (socket.AF_INET, socket.AF_INET6):
        wanted += [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _milliseconds(options.tcp_user_timeout)),
        ]
    for level, option, value in wanted:
        if value > 0:
            # The connection has ended already; reading will report it.
            with contextlib.suppress(OSError):
                connected.setsockopt(level, option, value)


def _milliseconds(seconds: float) -> int:
    return 0 if math.isinf(seconds) else min(math.ceil(seconds * 1000), (1 << 31) - 1)
