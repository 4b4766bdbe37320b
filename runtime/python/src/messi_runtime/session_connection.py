"""A connection whose peers introduce themselves, and which may be one of a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from .close_frame import CloseCode, CloseFrame, decode_close, encode_close
from .connection import Connection, ConnectionSettings
from .disconnect_reason import DisconnectReason
from .frame import FrameType
from .frame_decoder import Frame
from .session_frames import BadFrame, decode_ack
from .session_loss import SessionLossReason
from .session_queue import SessionQueue, Source

_INTRODUCING = {
    FrameType.OFFER,
    FrameType.HELLO,
    FrameType.WELCOME,
    FrameType.ACK,
    FrameType.CLOSE,
}


class Introduction(Protocol):
    """What is agreed on before messages are sent, on one side."""

    def takes_message(self) -> bool:
        """A message has arrived; false if it does not count."""

    def handle_frame(self, connection: SessionConnection, frame: Frame) -> bool:
        """Another frame has arrived; false if it is nothing to it."""

    def handle_waiting(self, connection: SessionConnection) -> None:
        """On a server: a message waits for `admit`."""

    def handle_silence(self, connection: SessionConnection) -> None:
        """On a server: the client has been waited for."""


class Line(Source, Protocol):
    """The session of a connection."""

    def handle_ack(self, rx: int, tx: int) -> bool:
        """False if the two sides count differently."""

    def handle_close(self, frame: CloseFrame) -> bool:
        """The same."""

    def close_frame(self, code: int, text: str = "", reply: bool = False) -> bytes:
        """A frame that says where both directions are."""


class SessionConnection(Connection):
    def __init__(
        self,
        settings: ConnectionSettings,
        now: float,
        make_room: Callable[[int, int], None],
        introduction: Introduction,
        admitted: bool,
    ) -> None:
        self.queue = SessionQueue(settings.outbox.total)
        super().__init__(settings, now, make_room, admitted, self.queue, _INTRODUCING)
        self.handle_call: Callable[[bytes], bool] | None = None
        """What the peer says about requests goes there, if both sides do so; false if it has broken
        the protocol."""

        self._introduction = introduction
        self._line: Line | None = None
        self._said_all = False

    def handle_bytes(self, data: bytes, now: float) -> Iterator[bytes]:
        for payload in super().handle_bytes(data, now):
            if self._line is not None or self._introduction.takes_message():
                yield payload
            if not self.hears:
                return

    def say(self, frame: bytes) -> None:
        """Writes a frame that is no message, behind what waits."""
        self._say(frame)

    def refuse_version(self) -> None:
        """The peer speaks a newer version of the handshake than this side."""
        self._say(encode_close(CloseFrame(CloseCode.VERSION, text=b"Unknown version.")))
        self._said_all = True
        self.close(DisconnectReason.PROTOCOL_ERROR)

    def handle_last(self, frame: Frame) -> None:
        """A CLOSE behind which nothing counts, whatever it says."""
        super()._handle_other(frame)
        self.hears = False

    def hold(self) -> None:
        """Messages wait again for `admit`."""
        self._decoder.hold_back(self._incoming)

    def hold_all(self) -> None:
        """All that follows waits for `admit`."""
        self._decoder.hold_all()

    def begin(self, line: Line) -> None:
        """From now on it is a connection of this session."""
        self._line = line
        self.queue.begin(line)

    def leave_session(self) -> None:
        """What follows is nothing to the session."""
        self._line = None
        self.handle_call = None
        self._said_all = True
        self.queue.stop()

    def close(self, reason: DisconnectReason, hint: str = "") -> None:
        if not self.closed:
            super().close(reason, hint)
        self.hears = False
        self.queue.stop()

    def _handle_other(self, frame: Frame) -> None:
        if frame.type == FrameType.CALL and self.handle_call is not None:
            if not self.handle_call(frame.payload):
                self.close(DisconnectReason.PROTOCOL_ERROR)
        elif self._line is not None and frame.type not in (FrameType.PING, FrameType.PONG):
            self._handle_in_session(self._line, frame)
        elif not self._introduction.handle_frame(self, frame):
            super()._handle_other(frame)

    def _handle_in_session(self, line: Line, frame: Frame) -> None:
        try:
            if frame.type == FrameType.ACK:
                good = line.handle_ack(*decode_ack(frame.payload))
            elif frame.type == FrameType.CLOSE:
                close = decode_close(frame.payload)
                good = close is not None and line.handle_close(close)
            else:
                good = False
        except BadFrame:
            good = False
        if not good:
            self.close(DisconnectReason.PROTOCOL_ERROR)

    def _check_begun(self, frame_type: int) -> None:
        if frame_type == FrameType.CALL and self.handle_call is not None:
            return
        if frame_type not in _INTRODUCING:
            super()._check_begun(frame_type)

    def _say_farewell(self, reason: DisconnectReason, hint: str) -> None:
        if self._line is not None:
            if (code := FATAL.get(reason)) is not None:
                self._say(self._line.close_frame(code, hint or str(reason)))
        elif not self._said_all:
            super()._say_farewell(reason, hint)


FATAL = {
    DisconnectReason.PROTOCOL_ERROR: SessionLossReason.PROTOCOL,
    DisconnectReason.MESSAGE_DECODE_ERROR: SessionLossReason.DECODE,
    DisconnectReason.MESSAGE_TOO_BIG: SessionLossReason.LIMIT,
}
"""The reasons for the end of a connection with which its session ends too."""
