"""From an address to a connected link."""

from __future__ import annotations

import asyncio
from typing import cast

from .connection import ConnectionSettings
from .link import Link
from .uri import TcpAddress, UnixAddress


async def connect(
    address: TcpAddress | UnixAddress, timeout: float, settings: ConnectionSettings
) -> Link:
    """Raises what `asyncio.open_connection` raises, or `asyncio.TimeoutError`."""
    # Host names have many addresses; asyncio tries each. Tests of programs replace
    # `asyncio.open_connection` to see connecting fail, so it is called, and called like that.
    reader, writer = await asyncio.wait_for(
        asyncio.open_unix_connection(address.path)
        if isinstance(address, UnixAddress)
        else asyncio.open_connection(address.host or "localhost", address.port),
        timeout,
    )
    try:
        return await _take_over(reader, writer, settings)
    except BaseException:
        writer.transport.abort()
        raise


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
            transport.resume_reading()
            break
        data = reading.result()
        if data:
            link.data_received(data)
        else:
            link.eof_received()
    return link
