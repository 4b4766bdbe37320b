"""Where connections arrive."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import socket
from collections.abc import Callable

from . import fork
from .listening import Listening, listen
from .uri import InheritedAddress, TcpAddress, UnixAddress

# What one turn accepts at the most, so that a herd does not starve the clients that are there.
_ACCEPTS_PER_TURN = 64

_PAUSE_WHEN_OUT_OF_MEMORY = 0.1


class Listener:
    """Accepts by itself: without descriptors, asyncio would try as often as the backlog is long,
    log each failure, and begin again, while the clients hang."""

    def __init__(
        self,
        address: TcpAddress | UnixAddress | InheritedAddress,
        unix_mode: int | None,
        on_accept: Callable[[socket.socket, str], None],
        on_out_of_descriptors: Callable[[], None],
    ) -> None:
        """`on_accept` is given the socket and the peer's address. `on_out_of_descriptors`: a client
        was turned away because the process has no descriptor left for it."""
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._unix_mode = unix_mode
        self._on_accept = on_accept
        self._on_out_of_descriptors = on_out_of_descriptors
        self._listening: Listening | None = None
        # Given up for a moment when descriptors run out, to turn a client away with.
        self._spare: io.FileIO | None = None
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._stopped = False
        self._made_in = fork.generation()

    async def start(self) -> None:
        """Raises `OSError` if the address cannot be listened at."""
        listening = await listen(self._address, self._unix_mode, lambda: not self._stopped)
        if listening is None:
            return
        self._listening = listening
        self._spare = _open_spare()
        for each in listening.sockets:
            each.setblocking(False)
            self._resume(each)

    def stop(self) -> None:
        """Never raises. What of `start` is still to come does not happen."""
        self._stopped = True
        if self._listening is None:
            return
        listening, self._listening = self._listening, None
        if self._made_in == fork.generation() and not self._loop.is_closed():
            for each in listening.sockets:
                self._loop.remove_reader(each)
        listening.close()
        if self._spare is not None:
            self._spare.close()
        for pause in self._pauses.values():
            pause.cancel()

    @property
    def uri(self) -> str:
        return str(self._address if self._listening is None else self._listening.address)

    @property
    def port(self) -> int:
        address = self._address if self._listening is None else self._listening.address
        return address.port if isinstance(address, TcpAddress) else 0

    def _resume(self, listening: socket.socket) -> None:
        self._pauses.pop(listening, None)
        self._loop.add_reader(listening, self._handle_ready, listening)

    def _handle_ready(self, listening: socket.socket) -> None:
        fork.refuse_to_run(self._made_in)
        for _ in range(_ACCEPTS_PER_TURN):
            # What is called on the way may have stopped the listener.
            if self._listening is None or not self._accept_one(listening):
                return

    def _accept_one(self, listening: socket.socket) -> bool:
        """False if there is nobody to accept, or no way to accept anybody now."""
        try:
            accepted, name = listening.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                return self._turn_one_away(listening)
            if error.errno in (errno.ENOBUFS, errno.ENOMEM):
                return self._wait(listening)
            return True  # the client has gone before it was accepted
        self._on_accept(accepted, _peer_address(name))
        return True

    def _turn_one_away(self, listening: socket.socket) -> bool:
        self._spare = self._spare or _open_spare()
        if self._spare is None:
            return self._wait(listening)
        self._spare.close()
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            # Linux says that there is no descriptor even when there is nobody to accept.
            return False
        except OSError:
            return self._wait(listening)
        finally:
            self._spare = _open_spare()
        self._on_out_of_descriptors()
        return True

    def _wait(self, listening: socket.socket) -> bool:
        # The socket stays readable, so going on at once would be a busy loop.
        self._loop.remove_reader(listening)
        self._pauses[listening] = self._loop.call_later(
            _PAUSE_WHEN_OUT_OF_MEMORY, self._resume, listening
        )
        return False


def _open_spare() -> io.FileIO | None:
    try:
        return io.FileIO(os.devnull)
    except OSError:
        return None


def _peer_address(name: object) -> str:
    """The other end, as "127.0.0.1:5000", "[::1]:5000" or "unix"."""
    if not isinstance(name, tuple):
        return "unix"
    host, port = name[:2]
    if "." in host:  # an IPv4 peer of a socket that serves both
        host = host.removeprefix("::ffff:")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
