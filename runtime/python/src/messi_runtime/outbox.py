"""The one way out for user messages."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from .call_frame import CallKind, encode_call
from .frame import FrameType, encode_frame
from .frame_queue import FrameQueue, PendingTotal


class Accepted(enum.Enum):
    """Whether a message was accepted for sending."""

    YES = enum.auto()
    TOO_BIG = enum.auto()
    """It is larger than `max_payload_size`."""

    FULL = enum.auto()
    """Too much is waiting before it."""

    INVALID = enum.auto()
    """It cannot be encoded."""


@dataclass(frozen=True)
class OutboxSettings:
    """What all outboxes of one client or server share."""

    outgoing: FrameType
    """The type of user messages."""

    max_payload_size: int
    max_pending_bytes: int
    total: PendingTotal = field(default_factory=PendingTotal)

    def encode(self, payload: bytes | None) -> bytes | Accepted:
        """A user message as a frame, which any number of outboxes can share, or why it is not
        accepted. `payload` is `None` for a message that cannot be encoded."""
        if payload is None:
            return Accepted.INVALID
        if len(payload) > self.max_payload_size:
            return Accepted.TOO_BIG
        return encode_frame(self.outgoing, payload)

    def encode_call(self, request: int, kind: CallKind, payload: bytes | None) -> bytes | Accepted:
        """The same for what is said about a request, with a message at its end."""
        if payload is None:
            return Accepted.INVALID
        if len(payload) > self.max_payload_size:
            return Accepted.TOO_BIG
        return encode_call(request, kind, payload)


class Outbox:
    """The outbox of one connection. If nothing is waiting, it accepts any message that is not too
    big."""

    def __init__(
        self,
        settings: OutboxSettings,
        make_room: Callable[[int, int], None],
        frames: FrameQueue | None = None,
    ) -> None:
        """`make_room`: `too_much`, so it writes what it can now. `frames`: by default one of its
        own."""
        self.frames = FrameQueue(settings.total) if frames is None else frames
        self.sent = 0
        """How many messages were accepted. See `SessionLink.begin_calls`."""

        self._settings = settings
        self._make_room = make_room

    def too_much(self, frame_size: int, most: int) -> bool:
        """Whether with a frame of this size more than `most` bytes would wait, and not only this
        frame."""
        pending = self.frames.pending
        return pending > 0 and pending + frame_size > most

    def send(self, frame: bytes | Accepted) -> Accepted:
        if isinstance(frame, Accepted):
            return frame
        return (
            Accepted.YES if self.offer(frame, self._settings.max_pending_bytes) else Accepted.FULL
        )

    def offer(self, frame: bytes, most: int) -> bool:
        """Sends the frame if then at most `most` bytes wait, or only this frame."""
        if self.too_much(len(frame), most):
            self._make_room(len(frame), most)
            if self.too_much(len(frame), most):
                return False
        self.frames.append(frame)
        self.sent += 1
        return True
