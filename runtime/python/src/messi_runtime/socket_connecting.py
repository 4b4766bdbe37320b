"""From an address to a connected stream."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections import deque
from typing import NamedTuple, cast

from .address_memory import AddressMemory
from .resolver import Resolver
from .socket_options import SocketOptions
from .socket_stream import SocketStream
from .stream import Stream
from .tls_handshakes import ClientHandshakes
from .uri import TcpAddress, TlsAddress, UnixAddress

# How long an address is tried before the next one is tried too, in seconds.
_HEAD_START = 0.25

# The delay before another attempt at a Unix socket whose queue is full, in seconds.
_MOMENT = 0.05


class Connected(NamedTuple):
    stream: Stream
    address: str
    """Under which the client's `AddressMemory` knows it."""


async def connect(
    address: TcpAddress | UnixAddress,
    memory: AddressMemory,
    options: SocketOptions,
    handshakes: ClientHandshakes,
) -> Connected:
    """Raises what connecting raises. Has no time-out of its own; see `give_up`."""
    if isinstance(address, UnixAddress):
        return Connected(SocketStream(await _connect_unix(address), options), str(address))
    hosts = await Resolver.of_running_loop().resolve(address.host or "localhost")
    hosts = memory.sort(_alternating(hosts))
    connected = await _connect_first(hosts, address.port, memory, options)
    if not isinstance(address, TlsAddress):
        return connected
    try:
        return Connected(await handshakes.shake_hands(connected.stream, address), connected.address)
    except BaseException:
        # An address that fails the handshake is no better than one that does not answer.
        memory.failed(connected.address)
        raise


async def _connect_unix(address: UnixAddress) -> socket.socket:
    unconnected = socket.socket(socket.AF_UNIX)
    try:
        unconnected.setblocking(False)
        while True:
            try:
                unconnected.connect(address.name)
                return unconnected
            except BlockingIOError:
                # asyncio would take this for progress, but the socket is not being connected.
                await asyncio.sleep(_MOMENT)
    except BaseException:
        unconnected.close()
        raise


def _alternating(hosts: list[str]) -> list[str]:
    """The families take turns, beginning with that of the first."""
    first = [host for host in hosts if (":" in host) == (":" in hosts[0])]
    others = [host for host in hosts if host not in first]
    pairs = itertools.zip_longest(first, others)
    return [host for pair in pairs for host in pair if host is not None]


async def _connect_first(
    hosts: list[str], port: int, memory: AddressMemory, options: SocketOptions
) -> Connected:
    """The first connection that comes about. An address that does not answer must not keep the
    others waiting, so each is tried apart (RFC 8305, "Happy Eyeballs")."""
    untried = deque(hosts)
    attempts: dict[asyncio.Future[Connected], str] = {}
    failure: BaseException | None = None
    try:
        while untried or attempts:
            if untried:
                host = untried.popleft()
                attempts[asyncio.ensure_future(_connect_tcp(host, port, options))] = host
            done, _ = await asyncio.wait(
                attempts,
                timeout=_HEAD_START if untried else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for attempt in done:
                failure = attempt.exception()
                if failure is None:
                    connected = attempt.result()
                    del attempts[attempt]
                    return connected
                memory.failed(attempts.pop(attempt))
    finally:
        for attempt, host in attempts.items():
            memory.failed(host)
            give_up(attempt)
    raise failure or OSError("the host has no address")


async def _connect_tcp(host: str, port: int, options: SocketOptions) -> Connected:
    # Tests of programs replace `asyncio.open_connection` to see connecting fail, so it is called,
    # and called with nothing but host and port.
    reader, writer = await asyncio.open_connection(host, port)
    connected, early = await _take_over(reader, writer)
    try:
        # A client that connects to a port where nobody listens may get that port itself, and
        # connect to itself.
        if connected.getsockname() == connected.getpeername():
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connected to itself")
    except BaseException:
        connected.close()
        raise
    return Connected(SocketStream(connected, options, early), host)


async def _take_over(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[socket.socket, bytes]:
    """Takes over the socket from asyncio's streams, with what they have read already."""
    transport = cast(asyncio.Transport, writer.transport)
    transport.pause_reading()
    try:
        connected: socket.socket = transport.get_extra_info("socket").dup()
        try:
            reader.feed_eof()
            return connected, await reader.read()
        except BaseException:
            connected.close()
            raise
    finally:
        transport.abort()


def give_up(attempt: asyncio.Future[Connected]) -> None:
    """Closes a stream that still comes of it."""

    def discard(attempt: asyncio.Future[Connected]) -> None:
        if not attempt.cancelled() and attempt.exception() is None:
            attempt.result().stream.close()

    attempt.cancel()
    attempt.add_done_callback(discard)
