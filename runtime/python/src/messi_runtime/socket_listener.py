"""Listening sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from .inherited_socket import address_of, inherited_socket
from .resolver import Resolver
from .socket_acceptor import SocketAcceptor
from .unix_socket_file import UnixSocketFile
from .uri import InheritedAddress, TcpAddress, UnixAddress

# Many clients come at once when a server is back.
_BACKLOG = 4096

_TRIES_AT_ONE_PORT_FOR_ALL = 10

# A name may have an address of a family that this host does not have.
_NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class SocketListener:
    """Listens at all addresses of a URI."""

    def __init__(
        self,
        address: TcpAddress | UnixAddress | InheritedAddress,
        unix_mode: int | None,
        handle_accept: Callable[[socket.socket, str], None],
        handle_out_of_descriptors: Callable[[], None],
    ) -> None:
        """For the last two, see `SocketAcceptor`."""
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._unix_mode = unix_mode
        self._handle_accept = handle_accept
        self._handle_out_of_descriptors = handle_out_of_descriptors
        self._listening: _Listening | None = None
        self._acceptors: list[SocketAcceptor] = []
        self._stopped = False

    async def start(self) -> None:
        """Raises `OSError` if the address cannot be used."""
        listening = await _listen(self._address, self._unix_mode, lambda: not self._stopped)
        if listening is None:
            return
        self._listening = listening
        self._acceptors = [
            SocketAcceptor(self._loop, each, self._handle_accept, self._handle_out_of_descriptors)
            for each in listening.sockets
        ]

    def stop(self) -> None:
        """Never raises. Also cancels a `start` that is under way."""
        self._stopped = True
        if self._listening is None:
            return
        listening, self._listening = self._listening, None
        for each in self._acceptors:
            each.stop()
        listening.close()

    @property
    def uri(self) -> str:
        return str(self._address if self._listening is None else self._listening.address)

    @property
    def port(self) -> int:
        address = self._address if self._listening is None else self._listening.address
        return address.port if isinstance(address, TcpAddress) else 0


class _Listening(NamedTuple):
    sockets: list[socket.socket]
    address: TcpAddress | UnixAddress
    """With the port that was chosen."""

    file: UnixSocketFile | None = None

    def close(self) -> None:
        """Never raises."""
        for listening in self.sockets:
            listening.close()
        if self.file is not None:
            self.file.remove()


async def _listen(
    address: TcpAddress | UnixAddress | InheritedAddress,
    unix_mode: int | None,
    wanted: Callable[[], bool],
) -> _Listening | None:
    """`None` if `stop` came before the host's addresses were known. Raises `OSError` if one of the
    addresses cannot be used.
    """
    if isinstance(address, TcpAddress):
        hosts = await Resolver.of_running_loop().resolve(address.host) if address.host else []
        return _listen_tcp(address, hosts) if wanted() else None
    if isinstance(address, InheritedAddress):
        inherited = inherited_socket(address)
        return _Listening([inherited], address_of(inherited))
    return _listen_unix(address, unix_mode)


def _listen_unix(address: UnixAddress, mode: int | None) -> _Listening:
    file: UnixSocketFile | None = None
    listening = socket.socket(socket.AF_UNIX)
    try:
        if address.abstract:
            listening.bind(address.name)
        else:
            file = UnixSocketFile(listening, address.name, mode)
        listening.listen(_BACKLOG)
    except OSError as error:
        _Listening([listening], address, file).close()
        raise OSError(error.errno, error.strerror, str(address)) from None
    return _Listening([listening], address, file)


def _listen_tcp(address: TcpAddress, hosts: list[str]) -> _Listening:
    if not address.host:
        sockets = [_listen_everywhere(address.port)]
    else:
        for tries_left in reversed(range(_TRIES_AT_ONE_PORT_FOR_ALL)):
            try:
                sockets = _listen_at_all(hosts, address.port)
                break
            except OSError as error:
                # Port 0 is chosen for the first address, and may be taken at the next.
                if address.port or error.errno != errno.EADDRINUSE or not tries_left:
                    raise
    return _Listening(sockets, replace(address, port=sockets[0].getsockname()[1]))


def _listen_everywhere(port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    return socket.create_server(("", port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)


def _listen_at_all(hosts: list[str], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    try:
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                failure = error
                continue
            sockets.append(listening)
            port = listening.getsockname()[1]
    except OSError:
        for listening in sockets:
            listening.close()
        raise
    if not sockets:
        raise failure or OSError("the host has no address")
    return sockets
