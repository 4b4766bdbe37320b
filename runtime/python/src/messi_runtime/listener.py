"""Where connections arrive."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable

from .uri import TcpAddress, UnixAddress

# Many clients come at once when a server is back.
_BACKLOG = 4096


class Listener:
    def __init__(
        self, address: TcpAddress | UnixAddress, protocol: Callable[[], asyncio.Protocol]
    ) -> None:
        self._address = address
        self._protocol = protocol
        self._server: asyncio.Server | None = None
        self._stopped = False

    async def start(self) -> None:
        """Raises `OSError` if the address cannot be listened at."""
        loop = asyncio.get_running_loop()
        address = self._address
        if isinstance(address, UnixAddress):
            _remove_stale_socket(address.path)
            self._server = await loop.create_unix_server(
                self._protocol, address.path, backlog=_BACKLOG
            )
        else:
            listening = await _listen(address)
            self._address = TcpAddress(address.host, listening.getsockname()[1])
            self._server = await loop.create_server(
                self._protocol, sock=listening, backlog=_BACKLOG
            )
        if self._stopped:
            self.stop()

    def stop(self) -> None:
        self._stopped = True
        if self._server is None:
            return
        self._server.close()
        self._server = None
        if isinstance(self._address, UnixAddress):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._address.path)

    @property
    def uri(self) -> str:
        return str(self._address)

    @property
    def port(self) -> int:
        return self._address.port if isinstance(self._address, TcpAddress) else 0


async def _listen(address: TcpAddress) -> socket.socket:
    """One socket, so that there is one port: asyncio would open one for each address of a host."""
    if not address.host:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(("", address.port), family=family, dualstack_ipv6=both)
    failure: OSError | None = None
    for family, _, _, _, where in await asyncio.get_running_loop().getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        try:
            return socket.create_server((str(where[0]), address.port), family=family)
        except OSError as error:
            failure = failure or error
    raise failure or OSError(f"{address.host} has no address")


def _remove_stale_socket(path: str) -> None:
    """asyncio would also remove the socket of a server that is alive."""
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
