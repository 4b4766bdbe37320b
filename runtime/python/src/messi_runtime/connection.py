"""One side of one connection, as a machine without sockets and without a clock.

    in        handle_bytes, handle_time
    commands  encode, send, close
    out       queue: bytes to write; deadline(): when to call handle_time

The same code runs on asyncio and, with time that a test moves by hand, in the tests.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from . import hint
from .disconnect_reason import DisconnectReason
from .frame import Frame, FrameDecoder, FrameTooBig, FrameType, encode_frame
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

    @cached_property
    def outgoing(self) -> FrameType:
        if self.side is Side.CLIENT:
            return FrameType.CLIENT_TO_SERVER
        return FrameType.SERVER_TO_CLIENT

    @cached_property
    def incoming(self) -> FrameType:
        if self.side is Side.CLIENT:
            return FrameType.SERVER_TO_CLIENT
        return FrameType.CLIENT_TO_SERVER

    def encode(self, payload: bytes | None) -> bytes | DisconnectReason:
        """A user message as a frame, which any number of connections can share; or why it cannot be
        sent. `None` stands for a message that cannot be encoded."""
        if payload is None:
            return DisconnectReason.MESSAGE_ENCODE_ERROR
        if len(payload) > self.max_payload_size:
            return DisconnectReason.MESSAGE_TOO_BIG
        return encode_frame(self.outgoing, payload)


class Connection:
    """Starts with the connection and ends with it; nothing is carried over to the next."""

    def __init__(self, settings: ConnectionSettings, now: float) -> None:
        self.queue = SendQueue()
        self.reason: DisconnectReason | None = None
        """Why the connection is closed; `None` while it is not."""

        self.hint = ""
        """What more is known of it."""

        self.proved = False
        """True once the peer has answered a ping: it is a server, and it is alive."""

        self._settings = settings
        self._server = settings.side is Side.SERVER
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
        self._keepalive.handle_received(now)
        too_big = False
        try:
            for frame in self._decoder.decode(data):
                if frame.type == self._incoming:
                    yield frame.payload
                else:
                    self._handle_other(frame)
                if self.closed:
                    return
        except FrameTooBig:
            too_big = True
        if header := self._decoder.unfinished_header:
            self._check_header(header, too_big)

    def handle_farewell(self, data: bytes) -> None:
        """Bytes have come after our side has closed. Pings are still answered, so that the peer
        waits for what is being written; all else is dropped."""
        try:
            for frame in self._decoder.decode(data):
                if self._server and frame.type == FrameType.PING and self.queue:
                    self.queue.push_control(FrameType.PONG)
        except FrameTooBig:
            self._decoder = FrameDecoder(self._settings.max_payload_size)

    def excuse_silence(self, now: float) -> None:
        """The peer cannot be heard, or must not be judged, since it is us who do not read."""
        self._keepalive.handle_received(now)

    def say_alive(self) -> None:
        """A server that does not read does not answer pings either: its client must not give it
        up."""
        if self._server:
            self.queue.push_control(FrameType.PONG)

    def handle_time(self, now: float) -> None:
        if self._keepalive.poll_ping(now):
            self.queue.push_control(FrameType.PING)

    def judge_silence(self, now: float) -> None:
        """To be called when all that had come by `now` has been read."""
        if self._keepalive.timed_out(now):
            self.close(DisconnectReason.KEEP_ALIVE_TIMEOUT)

    def silent(self, now: float) -> bool:
        return self._keepalive.timed_out(now)

    def deadline(self) -> float:
        return self._keepalive.next_ping() if self.closed else self._keepalive.deadline()

    def has_room(self, size: int) -> bool:
        """Whether a frame of that size may be sent. When nothing is pending, any may."""
        pending = self.queue.pending_bytes
        return pending == 0 or pending + size <= self._settings.max_pending_bytes

    def close(self, reason: DisconnectReason, hint: str = "") -> None:
        """Only the first reason counts, and the hint that comes with it."""
        if self.reason is None:
            self.reason = reason
            self.hint = hint

    def _handle_other(self, frame: Frame) -> None:
        if frame.type == (FrameType.PING if self._server else FrameType.PONG):
            if frame.payload:
                self.close(DisconnectReason.PROTOCOL_ERROR)
            elif self._server:
                self.queue.push_control(FrameType.PONG)
            else:
                self.proved = True
        else:
            self._check_type(frame.type)

    def _check_type(self, frame_type: int) -> None:
        # A newer server may say more than this client understands; a client only says what it was
        # offered. What only clients say comes to a client that is connected to another, or to
        # itself.
        if self._server:
            if frame_type != FrameType.PING:
                self.close(DisconnectReason.PROTOCOL_ERROR)
        elif frame_type in (FrameType.PING, FrameType.CLIENT_TO_SERVER):
            self.close(DisconnectReason.PROTOCOL_ERROR, hint.CLIENT)

    def _check_header(self, header: bytes, too_big: bool) -> None:
        # Who speaks another protocol is told so at once, and not asked for a megabyte first.
        if header[0] == self._incoming:
            if too_big:
                self.close(DisconnectReason.MESSAGE_TOO_BIG)
            return
        foreign = hint.foreign_protocol(header)
        if too_big or foreign:
            self.close(DisconnectReason.PROTOCOL_ERROR, foreign)
        else:
            self._check_type(header[0])
