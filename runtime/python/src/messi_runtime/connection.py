"""One side of one connection, as a machine without sockets and without a clock.

    in        handle_bytes, handle_time
    commands  outbox.send, close
    out       outbox.frames: bytes to write; deadline(): when to call handle_time

The same code runs on asyncio and, in virtual time, in the tests.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cached_property

from .close_frame import decode_close
from .disconnect_reason import DisconnectReason
from .farewell import farewell, harmless, reason_of_code
from .frame import FrameType
from .frame_decoder import Frame, FrameDecoder, FrameTooBig
from .frame_queue import Control, FrameQueue
from .hint import Hint, foreign_protocol
from .keepalive import Keepalive, KeepaliveSettings
from .outbox import Accepted, Outbox, OutboxSettings


class Side(enum.Enum):
    CLIENT = enum.auto()
    SERVER = enum.auto()


@dataclass(frozen=True)
class ConnectionSettings:
    """The settings that all connections of one client or server share."""

    side: Side
    max_payload_size: int
    max_pending_bytes: int
    keepalive: KeepaliveSettings
    max_payload_before_accept: int = 0
    """The limit for a peer that is not admitted yet."""

    frame_timeout: float = math.inf
    """How long the rest of a frame may be waited for; more for what has arrived."""

    def too_slow(self, waited: float, arrived: int) -> bool:
        """Whether the peer has had enough time for a frame of which `arrived` bytes have come."""
        return waited - arrived / _BYTES_PER_SECOND > self.frame_timeout

    def counted(self, gap: float) -> float:
        """What counts of the time between two inputs. This process may have been held up, with the
        second input in the kernel; one such time alone condemns no peer."""
        return min(gap, self.keepalive.silence_limit, self.frame_timeout / 2)

    @cached_property
    def outbox(self) -> OutboxSettings:
        client = self.side is Side.CLIENT
        return OutboxSettings(
            outgoing=FrameType.CLIENT_TO_SERVER if client else FrameType.SERVER_TO_CLIENT,
            max_payload_size=self.max_payload_size,
            max_pending_bytes=self.max_pending_bytes,
        )

    @cached_property
    def incoming(self) -> FrameType:
        if self.side is Side.CLIENT:
            return FrameType.SERVER_TO_CLIENT
        return FrameType.CLIENT_TO_SERVER


def reason_of(refused: Accepted, slow: bool = False) -> DisconnectReason:
    """The reason for the end of a connection whose message was not accepted. `slow`: something has
    been waiting since an earlier turn."""
    if refused is Accepted.INVALID:
        return DisconnectReason.MESSAGE_ENCODE_ERROR
    if refused is Accepted.TOO_BIG:
        return DisconnectReason.MESSAGE_TOO_BIG
    return DisconnectReason.SLOW_READER if slow else DisconnectReason.TOO_MUCH_AT_ONCE


class Connection:
    """Lives as long as the connection; nothing is carried over to the next."""

    def __init__(
        self,
        settings: ConnectionSettings,
        now: float,
        make_room: Callable[[int, int], None] = lambda frame_size, most: None,
        admitted: bool = True,
        frames: FrameQueue | None = None,
        exempt: Container[int] = (),
    ) -> None:
        """`make_room` and `frames` are the outbox's, `exempt` is the decoder's. A peer that is not
        admitted has to wait for `admit`."""
        self.outbox = Outbox(settings.outbox, make_room, frames)
        self.reason: DisconnectReason | None = None
        """Why the connection is closed, so that nothing more is sent; `None` while it is open."""

        self.hint = ""
        """More about the reason, as a sentence."""

        self.proved = False
        """True when the peer has answered a ping: it is a server, and it is alive."""

        self.hears = True
        """Whether messages that arrive are handed out; perhaps also when nothing more is sent."""

        self.draining = False
        """On a server: the client has been told that it may go."""

        self.turned_away = False
        """On a client: the server has closed the connection, and has said why."""

        self.retry_after = 0.0
        """How long the server wants not to see this client, in seconds."""

        self._settings = settings
        self._server = settings.side is Side.SERVER
        self._incoming = settings.incoming
        if admitted:
            self._decoder = FrameDecoder(settings.max_payload_size, exempt=exempt)
        else:
            limit = min(settings.max_payload_before_accept, settings.max_payload_size)
            self._decoder = FrameDecoder(limit, self._incoming, exempt)
        self._keepalive = Keepalive(settings.keepalive, now)

    @property
    def closed(self) -> bool:
        return self.reason is not None

    def handle_bytes(self, data: bytes, now: float) -> Iterator[bytes]:
        """Bytes have arrived. Yields the payloads of the user messages that they complete. Stops
        when the connection is closed.
        """
        if self._decoder.cut_size:
            self._decoder.waited += self._settings.counted(now - self._keepalive.last_heard)
        self._keepalive.handle_received(now)
        too_big = False
        try:
            for frame in self._decoder.decode(data):
                if frame.type == self._incoming:
                    yield frame.payload
                else:
                    self._handle_other(frame)
                if not self.hears:
                    return
        except FrameTooBig:
            too_big = True
        if header := self._decoder.unfinished_header:
            self._check_header(header, too_big)

    @property
    def waiting(self) -> bool:
        """A message waits for `admit`; no further bytes may be handled."""
        return self._decoder.waiting

    def admit(self) -> None:
        """Messages are handed out with the next bytes."""
        self._decoder.release(self._settings.max_payload_size)

    def handle_farewell(self, data: bytes) -> None:
        """Bytes have arrived after this side has closed. Pings are still answered, so that the peer
        waits for what is being written; all else is dropped."""
        self.admit()
        try:
            for frame in self._decoder.decode(data):
                if self._server and frame.type == FrameType.PING and self.outbox.frames:
                    self.outbox.frames.want(Control.PONG)
        except FrameTooBig:
            self._decoder = FrameDecoder(self._settings.max_payload_size)

    def touch(self, now: float) -> None:
        """The peer's silence must not be judged, since this side does not read."""
        self._keepalive.handle_received(now)

    def say_alive(self) -> None:
        """A server that does not read cannot answer pings. So it sends pongs unasked."""
        if self._server:
            self.outbox.frames.want(Control.PONG)

    def handle_time(self, now: float, heard_until: float) -> None:
        """`heard_until`: all input before that moment has been read."""
        if self._keepalive.poll_ping(now):
            self.outbox.frames.want(Control.PING)
        if self._keepalive.timed_out(heard_until):
            self.close(DisconnectReason.KEEP_ALIVE_TIMEOUT)

    def timed_out(self, now: float) -> bool:
        """Whether to give up the peer, if all input has been read."""
        return self._keepalive.timed_out(now)

    def deadline(self) -> float:
        return self._keepalive.deadline() if self.hears else self._keepalive.next_ping()

    def close(self, reason: DisconnectReason, hint: str = "") -> None:
        """From now on nothing is sent or handed out. Only the first reason counts, and its hint. A
        server tells its client of some reasons, behind what else waits to be written."""
        self.hears = False
        if self.closed:
            return
        self.reason = reason
        self.hint = hint or self.hint
        # A peer that speaks another protocol would not understand it.
        if not (reason is DisconnectReason.PROTOCOL_ERROR and hint):
            self._say_farewell(reason, hint)

    def leave(self, reason: DisconnectReason) -> None:
        """Like `close`, but messages that arrive are still handed out."""
        if not self.closed:
            self.reason = reason

    def drain(self) -> None:
        """A server tells its client that it may go."""
        self.draining = True
        self._say(farewell(DisconnectReason.DRAINING, "", self._settings.max_payload_size))

    def _handle_other(self, frame: Frame) -> None:
        if frame.type == (FrameType.PING if self._server else FrameType.PONG):
            if frame.payload:
                self.close(DisconnectReason.PROTOCOL_ERROR)
            elif not self._server:
                self.proved = True
            elif self._keepalive.handle_ping():
                self.outbox.frames.want(Control.PONG)
            else:
                self.close(DisconnectReason.TOO_MANY_PINGS)
        elif frame.type == FrameType.CLOSE and not self._server:
            self._handle_close(frame.payload)
        else:
            self._check_type(frame.type)

    def _handle_close(self, payload: bytes) -> None:
        frame = decode_close(payload)
        if frame is None:
            self.close(DisconnectReason.PROTOCOL_ERROR)
            return
        if self.closed:
            return
        reason = reason_of_code(frame.code)
        self.hint = harmless(frame.text)
        if reason is DisconnectReason.DRAINING:
            self.leave(reason)
            return
        self.turned_away = True
        self.retry_after = min(frame.retry_after, _MOST_RETRY_AFTER)
        self.close(reason)

    def _say_farewell(self, reason: DisconnectReason, hint: str) -> None:
        if self._server and not self.draining:
            self._say(farewell(reason, hint, self._settings.max_payload_size))

    def _say(self, frame: bytes) -> None:
        if frame:
            self.outbox.frames.append(frame)

    def _check_begun(self, frame_type: int) -> None:
        """The header of a frame that is not a message has arrived."""
        self._check_type(frame_type)

    def _check_type(self, frame_type: int) -> None:
        # A newer server may send frames that this client does not know; a client sends only what
        # the server has offered. A frame that only clients send arrives when a client is connected
        # to another client, or to itself.
        if self._server:
            if frame_type != FrameType.PING:
                self.close(DisconnectReason.PROTOCOL_ERROR)
        elif frame_type in (FrameType.PING, FrameType.CLIENT_TO_SERVER):
            self.close(DisconnectReason.PROTOCOL_ERROR, Hint.CLIENT)

    def _check_header(self, header: bytes, too_big: bool) -> None:
        # A peer that speaks another protocol is refused at once, not after a megabyte of payload.
        if header[0] != self._incoming:
            foreign = foreign_protocol(header)
            if too_big or foreign is not Hint.NONE:
                self.close(DisconnectReason.PROTOCOL_ERROR, foreign)
                return
            self._check_begun(header[0])
        if too_big:
            self.close(DisconnectReason.MESSAGE_TOO_BIG)
        elif self._settings.too_slow(self._decoder.waited, self._decoder.cut_size):
            self.close(DisconnectReason.FRAME_TOO_SLOW)


# In seconds.
_MOST_RETRY_AFTER = 5 * 60.0

# Of a frame; so much more time it may take.
_BYTES_PER_SECOND = 16 * 1024
