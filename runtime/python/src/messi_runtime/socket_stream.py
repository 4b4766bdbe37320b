"""A connected socket on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import select
import socket
import struct
from collections.abc import Callable, Iterable

from . import fork
from .socket_options import SocketOptions, prepare
from .stream import READ_SIZE, PeerCredentials


class SocketStream:
    """The bytes of a socket.

    A write that fails does not end the stream: the system reports the error to the reader too,
    after what can still be read. In a child of `fork`, it only closes the child's own copy.
    """

    def __init__(
        self, connected: socket.socket, options: SocketOptions, early: bytes = b""
    ) -> None:
        """`early` is what has already been read from the socket."""
        prepare(connected, options)
        self._loop = asyncio.get_running_loop()
        self._socket = connected
        self._early = early
        self._handle_readable = _ignore
        self._handle_writable = _ignore
        self._broken = False
        self._reading = False
        self._writing = False
        self._retry: asyncio.TimerHandle | None = None
        self._made_in = fork.generation()

    def start(
        self, handle_readable: Callable[[], None], handle_writable: Callable[[], None]
    ) -> None:
        self._handle_readable = handle_readable
        self._handle_writable = handle_writable

    @property
    def native_handle(self) -> int:
        return self._socket.fileno()

    @property
    def broken(self) -> bool:
        return self._broken or self._foreign

    @property
    def held_output(self) -> int:
        return 0

    @property
    def why_ended(self) -> str:
        return ""

    @property
    def peer_certificate(self) -> None:
        return None

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        if self._socket.family != socket.AF_UNIX or self.native_handle < 0:
            return None
        size = struct.calcsize("3i")
        try:
            data = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        except OSError:
            return None
        return PeerCredentials(*struct.unpack("3i", data))

    def read(self, size: int = READ_SIZE) -> bytes | None:
        fork.refuse_to_run(self._made_in)
        if self._early:
            early, self._early = self._early, b""
            return early
        try:
            return self._socket.recv(size)
        except OSError as error:
            if error.errno in _PASSING:
                return None
            self._broken = True
            return b""

    def want_input(self, wanted: bool) -> None:
        if wanted == self._reading or self._foreign:
            return
        self._reading = wanted
        if wanted:
            self._loop.add_reader(self._socket, self._handle_readable)
            if self._early:
                self._loop.call_soon(self._tell_early)
        else:
            self._loop.remove_reader(self._socket)

    def write(self, parts: Iterable[memoryview]) -> int:
        if self.broken:
            return 0
        try:
            # A program may have restored SIGPIPE, which Python ignores.
            return self._socket.sendmsg(parts, (), socket.MSG_NOSIGNAL)
        except OSError as error:
            if error.errno not in _PASSING:
                self._break()
            elif error.errno not in _NO_ROOM:
                # The socket counts as writable meanwhile.
                self._want_room(False)
                if self._retry is None:
                    self._retry = self._loop.call_later(_MOMENT, self._write_again)
            return 0

    def want_room(self, wanted: bool) -> None:
        if self._retry is None:
            self._want_room(wanted)

    def wait_for_room(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def finish(self) -> None:
        if self.broken:
            return
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._break()

    def close(self) -> None:
        if not self._foreign:
            self.want_input(False)
            self._want_room(False)
            if self._retry is not None:
                self._retry.cancel()
            self._drain()
        self._socket.close()

    @property
    def _foreign(self) -> bool:
        return self._made_in != fork.generation() or self._loop.is_closed()

    def _want_room(self, wanted: bool) -> None:
        if wanted == self._writing or self._foreign:
            return
        self._writing = wanted
        if wanted:
            self._loop.add_writer(self._socket, self._handle_writable)
        else:
            self._loop.remove_writer(self._socket)

    def _tell_early(self) -> None:
        if self._reading and self._early:
            self._handle_readable()

    def _break(self) -> None:
        self._broken = True
        self._want_room(False)

    def _write_again(self) -> None:
        self._retry = None
        self._handle_writable()

    def _drain(self) -> None:
        # If unread input is waiting, Linux answers a close with a reset, and discards what it has
        # not sent yet.
        with contextlib.suppress(OSError):
            for _ in range(_MOST_DRAINED // READ_SIZE):
                if not self._socket.recv(READ_SIZE):
                    break


def _ignore() -> None:
    pass


_MOST_DRAINED = 1024 * 1024

_NO_ROOM = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR}
_PASSING = {*_NO_ROOM, errno.ENOBUFS, errno.ENOMEM}

# The delay before another write if the system has no memory, in seconds.
_MOMENT = 0.05
