"""Where connections arrive."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import socket
import stat
from collections.abc import Callable

from .uri import TcpAddress, UnixAddress

# Many clients come at once when a server is back.
_BACKLOG = 4096

# What one turn accepts at the most, so that a herd does not starve the clients that are there.
_ACCEPTS_PER_TURN = 64

_PAUSE_WHEN_OUT_OF_MEMORY = 0.1


class Listener:
    """Accepts by itself: without descriptors, asyncio would try as often as the backlog is long,
    log each failure, and begin again, while the clients hang."""

    def __init__(
        self,
        address: TcpAddress | UnixAddress,
        on_accept: Callable[[socket.socket, str], None],
        on_out_of_descriptors: Callable[[], None],
    ) -> None:
        """`on_accept` is given the socket and the peer's address. `on_out_of_descriptors`: a client
        was turned away because the process has no descriptor left for it."""
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._on_accept = on_accept
        self._on_out_of_descriptors = on_out_of_descriptors
        self._socket: socket.socket | None = None
        # Given up for a moment when descriptors run out, to turn a client away with.
        self._spare: io.FileIO | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._stopped = False

    async def start(self) -> None:
        """Raises `OSError` if the address cannot be listened at."""
        address = self._address
        if isinstance(address, UnixAddress):
            self._socket = _listen_unix(address)
        else:
            self._socket = await _listen_tcp(address)
            self._address = TcpAddress(address.host, self._socket.getsockname()[1])
        self._socket.setblocking(False)
        self._spare = _open_spare()
        self._resume()
        if self._stopped:
            self.stop()

    def stop(self) -> None:
        self._stopped = True
        if self._socket is None:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        if self._spare is not None:
            self._spare.close()
        if self._pause is not None:
            self._pause.cancel()
        if isinstance(self._address, UnixAddress):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._address.path)

    @property
    def uri(self) -> str:
        return str(self._address)

    @property
    def port(self) -> int:
        return self._address.port if isinstance(self._address, TcpAddress) else 0

    def _resume(self) -> None:
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._handle_ready)

    def _handle_ready(self) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            # What is called on the way may have stopped the listener.
            if self._socket is None or not self._accept_one(self._socket):
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
        self._pause = self._loop.call_later(_PAUSE_WHEN_OUT_OF_MEMORY, self._resume)
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


async def _listen_tcp(address: TcpAddress) -> socket.socket:
    """One socket, so that there is one port: asyncio would open one for each address of a host."""
    if not address.host:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(
            ("", address.port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    failure: OSError | None = None
    for family, _, _, _, where in await asyncio.get_running_loop().getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        try:
            return socket.create_server(
                (str(where[0]), address.port), family=family, backlog=_BACKLOG
            )
        except OSError as error:
            failure = failure or error
    raise failure or OSError(f"{address.host} has no address")


def _listen_unix(address: UnixAddress) -> socket.socket:
    _remove_stale_socket(address.path)
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(address.path)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, address.path) from None
    return listening


def _remove_stale_socket(path: str) -> None:
    """What a server that died has left behind; not the socket of one that is alive."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
