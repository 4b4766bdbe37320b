"""A `Connection` on an asyncio transport."""

from __future__ import annotations

import asyncio
import enum
import socket
from collections import deque
from typing import cast

from .connection import Connection, ConnectionSettings
from .disconnect_reason import DisconnectReason
from .frame import HEADER_SIZE


class Signal(enum.Enum):
    WRITABLE = enum.auto()
    """Half of `max_pending_bytes` is free again after more than that was waiting."""


class Link(asyncio.Protocol):
    """One connected transport.

    Reading goes on while a hook runs, so that pings are answered and time-outs judged however long
    it takes; the messages wait in an inbox. A full inbox stops the reading, which stops the peer.
    """

    def __init__(self, settings: ConnectionSettings, keeps: object = None) -> None:
        """`keeps` lives as long as the link."""
        self._loop = asyncio.get_running_loop()
        self._connection = Connection(settings, self._loop.time())
        self._keeps = keeps
        self._transport: asyncio.Transport
        self._timer: asyncio.Handle | None = None
        self._max_pending_bytes = settings.max_pending_bytes

        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._reading = True
        self._handed_out = 0
        self._wanted: asyncio.Future[None] | None = None

        self._flushing_soon = False
        self._transport_takes_more = True
        self._crowded = False
        self._writable = False

        self._closing = False
        self._lost = self._loop.create_future()

    def start(self) -> None:
        """Timers begin, with the loop's next turn: what is sent before then goes ahead of the first
        ping."""
        self._timer = self._loop.call_soon(self._handle_time)

    def begin_reading(self) -> None:
        """For a transport that was paused, when what had come before has been handed over. That may
        have been so much that reading has to wait."""
        if self._reading:
            self._transport.resume_reading()

    @property
    def closed(self) -> bool:
        return self._connection.closed

    @property
    def reason(self) -> DisconnectReason:
        """Why the link is closed; asked for only when it is."""
        assert self._connection.reason is not None
        return self._connection.reason

    @property
    def proved(self) -> bool:
        return self._connection.proved

    @property
    def pending_bytes(self) -> int:
        return 0 if self.closed else self._connection.queue.pending_bytes + self._unwritten()

    def send(self, payload: bytes | None) -> None:
        """Written at the end of the loop's turn, together with what else is sent in it.

        `None` stands for a message that cannot be encoded, which ends the connection.
        """
        if self.closed:
            return
        if payload is None:
            self._connection.close(DisconnectReason.MESSAGE_ENCODE_ERROR)
        else:
            # Only who does not take what is offered is a slow reader.
            if self.pending_bytes + HEADER_SIZE + len(payload) > self._max_pending_bytes:
                self._flush()
            self._connection.send(payload, self._unwritten())
        if self.closed:
            self._forget_inbox()
            self._close_transport()
            return
        if self.pending_bytes > self._max_pending_bytes // 2:
            self._crowded = True
        if self._connection.queue.pending_bytes > _WRITE_SIZE:
            self._flush()
        elif not self._flushing_soon:
            self._flushing_soon = True
            self._loop.call_soon(self._flush)

    def close(self, reason: DisconnectReason) -> None:
        """Our side has had enough: what has been received but not handed out is dropped."""
        self._connection.close(reason)
        self._forget_inbox()
        self._close_transport()

    async def next_event(self) -> bytes | Signal | None:
        """The payload of the next message, or a signal, or `None` when no more can come."""
        if self._handed_out >= _FAIR_SHARE:
            self._handed_out = 0
            await asyncio.sleep(0)
        while not self._inbox and not self._writable and not self.closed:
            self._handed_out = 0
            self._wanted = self._loop.create_future()
            await self._wanted

        if self._writable and not self.closed:
            self._writable = False
            return Signal.WRITABLE
        if not self._inbox:
            return None
        self._handed_out += 1
        payload = self._inbox.popleft()
        self._inbox_bytes -= len(payload) + _MESSAGE_OVERHEAD
        if not self._reading and self._inbox_bytes < _INBOX_SIZE // 2:
            self._reading = True
            self._connection.handle_life(self._loop.time())
            self._transport.resume_reading()
        return payload

    async def wait_lost(self) -> None:
        """Until the transport is closed, and has written what it could."""
        await asyncio.wait({self._lost}, timeout=2 * _LINGER)

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_SIZE)
        _send_at_once(self._transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        if self.closed:
            return
        for payload in self._connection.handle_bytes(data, self._loop.time()):
            self._inbox.append(payload)
            self._inbox_bytes += len(payload) + _MESSAGE_OVERHEAD
        if self._inbox_bytes > _INBOX_SIZE and self._reading:
            self._reading = False
            self._transport.pause_reading()
        if self._inbox:
            self._wake()
        self._flush()

    def eof_received(self) -> None:
        self._connection.close(DisconnectReason.CONNECTION_CLOSED)
        self._close_transport()

    def connection_lost(self, _exception: Exception | None) -> None:
        self.eof_received()
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        self._transport_takes_more = False

    def resume_writing(self) -> None:
        self._transport_takes_more = True
        self._flush()

    # Helpers

    def _handle_time(self) -> None:
        # What was sent in the turn of `start` goes out before the early ping.
        self._flush()
        now = self._loop.time()
        if not self._reading:
            self._connection.handle_life(now)
        self._connection.handle_time(now)
        self._flush()
        if not self.closed:
            self._timer = self._loop.call_at(self._connection.deadline(), self._handle_time)

    def _flush(self) -> None:
        self._flushing_soon = False
        queue = self._connection.queue
        if self.closed:
            self._close_transport()
            return
        while queue and self._transport_takes_more:
            self._transport.write(queue.take(_WRITE_SIZE))
        if self._crowded and self.pending_bytes <= self._max_pending_bytes // 2:
            self._crowded = False
            self._writable = True
            self._wake()

    def _close_transport(self) -> None:
        if self._closing:
            return
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self.reason in _PEER_IS_GONE:
            self._transport.abort()
        else:
            while self._connection.queue:
                self._transport.write(self._connection.queue.take(_WRITE_SIZE))
            self._transport.close()
            self._loop.call_later(_LINGER, self._transport.abort)
        self._connection.queue.clear()
        self._wake()

    def _forget_inbox(self) -> None:
        self._inbox.clear()
        self._inbox_bytes = 0

    def _unwritten(self) -> int:
        return self._transport.get_write_buffer_size()

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)


_TCP = (socket.AF_INET, socket.AF_INET6)


def _send_at_once(transport_socket: socket.socket | None) -> None:
    # asyncio does this for some sockets, but not for those of a listener that it did not open.
    if transport_socket is not None and transport_socket.family in _TCP:
        transport_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


# How much the transport is given ahead of what the kernel takes. A ping waits behind that much.
_WRITE_SIZE = 64 * 1024

# How much may wait for the hooks before reading stops, and what a message costs besides its bytes.
_INBOX_SIZE = 256 * 1024
_MESSAGE_OVERHEAD = 64

# How many messages of one connection are handed out before the others have their turn.
_FAIR_SHARE = 64

# How long a closed transport may go on writing, in seconds.
_LINGER = 1.0

_PEER_IS_GONE = {
    DisconnectReason.CONNECTION_CLOSED,
    DisconnectReason.KEEP_ALIVE_TIMEOUT,
    DisconnectReason.SLOW_READER,
}
