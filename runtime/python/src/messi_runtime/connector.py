"""From an address to a connected link."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import deque
from typing import cast

from .connection import ConnectionSettings
from .link import Link
from .uri import TcpAddress, UnixAddress

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# How long an address is tried before the next one is tried as well, in seconds.
_HEAD_START = 0.25


async def connect(
    address: TcpAddress | UnixAddress, timeout: float, settings: ConnectionSettings
) -> Link:
    """Raises what `asyncio.open_connection` raises, or `asyncio.TimeoutError`."""
    reader, writer = await asyncio.wait_for(_open(address), timeout)
    try:
        return await _take_over(reader, writer, settings)
    except BaseException:
        writer.transport.abort()
        raise


async def _open(address: TcpAddress | UnixAddress) -> Streams:
    if isinstance(address, UnixAddress):
        return await asyncio.open_unix_connection(address.path)
    hosts = await _resolve(address.host or "localhost", address.port)
    return await _open_first(hosts, address.port)


async def _resolve(host: str, port: int) -> list[str]:
    try:
        ipaddress.ip_address(host)
        return [host]
    except ValueError:
        pass
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [_numeric(info[4]) for info in infos]


def _numeric(where: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> str:
    scope = where[3] if len(where) == 4 else 0
    return f"{where[0]}%{scope}" if scope else str(where[0])


async def _open_first(hosts: list[str], port: int) -> Streams:
    """The first connection that comes about. An address that does not answer must not keep the
    others waiting, and `asyncio.open_connection` tries one after the other: so each is tried apart.

    Tests of programs replace `asyncio.open_connection` to see connecting fail, so it is called, and
    called with nothing but host and port.
    """
    untried = deque(hosts)
    attempts: set[asyncio.Future[Streams]] = set()
    failure: BaseException | None = None
    try:
        while untried or attempts:
            if untried:
                attempts.add(
                    asyncio.ensure_future(asyncio.open_connection(untried.popleft(), port))
                )
            done, _ = await asyncio.wait(
                attempts,
                timeout=_HEAD_START if untried else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for attempt in done:
                attempts.remove(attempt)
                failure = attempt.exception()
                if failure is None:
                    return attempt.result()
    finally:
        for attempt in attempts:
            _give_up(attempt)
    raise failure or OSError("the host has no address")


def _give_up(attempt: asyncio.Future[Streams]) -> None:
    def discard(attempt: asyncio.Future[Streams]) -> None:
        if not attempt.cancelled() and attempt.exception() is None:
            attempt.result()[1].transport.abort()

    attempt.cancel()
    attempt.add_done_callback(discard)


async def _take_over(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: ConnectionSettings
) -> Link:
    """Moves a connection from asyncio's streams to a link."""
    transport = cast(asyncio.Transport, writer.transport)
    transport.pause_reading()
    # A writer that is forgotten closes its transport.
    link = Link(settings, keeps=writer)
    transport.set_protocol(link)
    link.connection_made(transport)

    # Bytes that came before the change of protocol are in the reader.
    while not link.closed:
        reading = asyncio.ensure_future(reader.read(64 * 1024))
        await asyncio.sleep(0)
        if not reading.done():
            reading.cancel()
            link.begin_reading()
            break
        data = reading.result()
        if data:
            link.data_received(data)
        else:
            link.eof_received()
    return link
