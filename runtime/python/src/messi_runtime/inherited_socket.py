"""Sockets that systemd has opened, as `sd_listen_fds(3)` says."""

from __future__ import annotations

import errno
import os
import socket

from .uri import InheritedAddress, TcpAddress, UnixAddress

_FIRST = 3


def inherited_socket(address: InheritedAddress) -> socket.socket:
    """A copy of the descriptor, so that it can be used again."""
    descriptor = _find(address)
    os.set_inheritable(descriptor, False)
    copy = socket.socket(fileno=os.dup(descriptor))
    if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 0:
        copy.close()
        raise OSError(errno.EINVAL, f"{address} is a socket that does not listen")
    return copy


def address_of(listening: socket.socket) -> TcpAddress | UnixAddress:
    name = listening.getsockname()
    if isinstance(name, tuple):
        return TcpAddress(name[0], name[1])
    return UnixAddress(os.fsdecode(name))


def _find(address: InheritedAddress) -> int:
    environment = os.environ
    count = 0
    if environment.get("LISTEN_PID") == str(os.getpid()):
        count = int(environment.get("LISTEN_FDS") or 0)
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    for position in range(count):
        if not address.name or names[position : position + 1] == [address.name]:
            return _FIRST + position
    raise OSError(errno.ENOENT, f"{address}: systemd has handed over no such socket")
