"""Accepts connections from one listening socket."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import socket
from collections.abc import Callable

from . import fork

# The most that one turn accepts, so that many new clients do not starve the connected ones.
_ACCEPTS_PER_TURN = 64

_PAUSE_WHEN_OUT_OF_MEMORY = 0.1


class SocketAcceptor:
    """It does not use asyncio to accept: without descriptors, asyncio would try as often as the
    backlog is long, log each failure, and begin again, while the clients hang."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        handle_accept: Callable[[socket.socket, str], None],
        handle_out_of_descriptors: Callable[[], None],
    ) -> None:
        """`handle_accept` is given the socket and the peer's address. `handle_out_of_descriptors`:
        a client was turned away because the process has no descriptor left for it."""
        self._loop = loop
        self._listening = listening
        self._handle_accept = handle_accept
        self._handle_out_of_descriptors = handle_out_of_descriptors
        # Closed for a moment when descriptors run out, so that a client can be accepted and turned
        # away.
        self._spare = _open_spare()
        self._pause: asyncio.TimerHandle | None = None
        self._stopped = False
        self._made_in = fork.generation()
        listening.setblocking(False)
        self._watch()

    def stop(self) -> None:
        """The socket is still to be closed."""
        self._stopped = True
        if self._made_in == fork.generation() and not self._loop.is_closed():
            self._loop.remove_reader(self._listening)
        if self._spare is not None:
            self._spare.close()
        if self._pause is not None:
            self._pause.cancel()

    def _watch(self) -> None:
        self._loop.add_reader(self._listening, self._handle_ready)

    def _resume(self) -> None:
        self._pause = None
        try:
            self._watch()
        except OSError:  # the system has no memory for it
            self._resume_later()

    def _handle_ready(self) -> None:
        fork.refuse_to_run(self._made_in)
        for _ in range(_ACCEPTS_PER_TURN):
            # A hook may have stopped it.
            if self._stopped or not self._accept_one():
                return

    def _accept_one(self) -> bool:
        """False if there is nothing to accept, or no way to accept now."""
        try:
            accepted, name = self._listening.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                return self._turn_one_away()
            if error.errno in (errno.ENOBUFS, errno.ENOMEM):
                return self._wait()
            return True  # the client closed before it was accepted
        self._handle_accept(accepted, _peer_address(name))
        return True

    def _turn_one_away(self) -> bool:
        self._spare = self._spare or _open_spare()
        if self._spare is None:
            return self._wait()
        self._spare.close()
        try:
            self._listening.accept()[0].close()
        except BlockingIOError:
            # Linux reports a lack of descriptors even when there is nothing to accept.
            return False
        except OSError:
            return self._wait()
        finally:
            self._spare = _open_spare()
        self._handle_out_of_descriptors()
        return True

    def _wait(self) -> bool:
        # The socket stays readable, so going on at once would be a busy loop.
        self._loop.remove_reader(self._listening)
        self._resume_later()
        return False

    def _resume_later(self) -> None:
        self._pause = self._loop.call_later(_PAUSE_WHEN_OUT_OF_MEMORY, self._resume)


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
