"""One side of one connection, as a machine without sockets and without a clock.

    in        handle_bytes, handle_time
    commands  send, close
    out       queue: bytes to write; deadline(): when to call handle_time

The same code runs on asyncio and, with time that a test moves by hand, in the tests.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from .disconnect_reason import DisconnectReason
from .frame import HEADER_SIZE, Frame, FrameDecoder, FrameTooBig, FrameType
from .keepalive import Keepalive, KeepaliveSettings
from .send_queue import SendQueue


class Side(enum.Enum):
    CLIENT = enum.auto()
    SERVER = enum.auto()


@dataclass(frozen=True)
class ConnectionSettings:
    """What all connections of one client or server have in common."""

    side: Side
    max_payload_size: int
    max_pending_bytes: int
    keepalive: KeepaliveSettings

    @property
    def outgoing(self) -> FrameType:
        if self.side is Side.CLIENT:
            return FrameType.CLIENT_TO_SERVER
        return FrameType.SERVER_TO_CLIENT

    @property
    def incoming(self) -> FrameType:
        if self.side is Side.CLIENT:
            return FrameType.SERVER_TO_CLIENT
        return FrameType.CLIENT_TO_SERVER


class Connection:
    """Starts with the connection and ends with it; nothing is carried over to the next."""

    def __init__(self, settings: ConnectionSettings, now: float) -> None:
        self.queue = SendQueue(settings.outgoing)
        self.reason: DisconnectReason | None = None
        """Why the connection is closed; `None` while it is not."""

        self.proved = False
        """True once the peer has answered a ping: it is a server, and it is alive."""

        self._settings = settings
        self._incoming = settings.incoming
        self._decoder = FrameDecoder(settings.max_payload_size)
        self._keepalive = Keepalive(settings.keepalive, now)

    @property
    def closed(self) -> bool:
        return self.reason is not None

    def handle_bytes(self, data: bytes, now: float) -> Iterator[bytes]:
        """Bytes have come. The payloads of the user messages that they complete.

        Stops as soon as the connection is closed.
        """
        self.handle_life(now)
        try:
            for frame in self._decoder.decode(data):
                if frame.type == self._incoming:
                    yield frame.payload
                else:
                    self._handle_other(frame)
                if self.closed:
                    return
        except FrameTooBig:
            self.close(DisconnectReason.MESSAGE_TOO_BIG)

    def handle_life(self, now: float) -> None:
        """The peer is known to be alive, or cannot be heard since we do not read."""
        self._keepalive.handle_received(now)

    def handle_time(self, now: float) -> None:
        if self._keepalive.poll_ping(now):
            self.queue.push_control(FrameType.PING)
        if self._keepalive.timed_out(now):
            self.close(DisconnectReason.KEEP_ALIVE_TIMEOUT)

    def deadline(self) -> float:
        return self._keepalive.deadline()

    def send(self, payload: bytes, unwritten: int) -> None:
        """Queues a user message, or closes the connection if it is not accepted.

        `unwritten` is how many bytes have left the queue but are still in the transport's buffer.
        When nothing is pending, any message that is not too big is accepted.
        """
        if self.closed:
            return
        pending = self.queue.pending_bytes + unwritten
        if len(payload) > self._settings.max_payload_size:
            self.close(DisconnectReason.MESSAGE_TOO_BIG)
        elif pending > 0 and (
            pending + HEADER_SIZE + len(payload) > self._settings.max_pending_bytes
        ):
            self.close(DisconnectReason.SLOW_READER)
        else:
            self.queue.append(payload)

    def close(self, reason: DisconnectReason) -> None:
        """Only the first reason counts."""
        if self.reason is None:
            self.reason = reason

    def _handle_other(self, frame: Frame) -> None:
        server = self._settings.side is Side.SERVER
        if frame.type == (FrameType.PING if server else FrameType.PONG):
            if frame.payload:
                self.close(DisconnectReason.PROTOCOL_ERROR)
            elif server:
                self.queue.push_control(FrameType.PONG)
            else:
                self.proved = True
        elif server:
            # A newer server may say more than this client understands; a client only says what it
            # was offered.
            self.close(DisconnectReason.PROTOCOL_ERROR)
