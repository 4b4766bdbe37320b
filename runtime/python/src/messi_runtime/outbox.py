"""The one way out for user messages."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from .frame import FrameType, encode_frame
from .frame_queue import FrameQueue


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

    def encode(self, payload: bytes | None) -> bytes | Accepted:
        """A user message as a frame, which any number of outboxes can share, or why it is not
        accepted. `payload` is `None` for a message that cannot be encoded."""
        if payload is None:
            return Accepted.INVALID
        if len(payload) > self.max_payload_size:
            return Accepted.TOO_BIG
        return encode_frame(self.outgoing, payload)


class Outbox:
    """The outbox of one connection. If nothing is waiting, it accepts any message that is not too
    big."""

    def __init__(self, settings: OutboxSettings, make_room: Callable[[int], None]) -> None:
        """`make_room`: too much is waiting for a frame of this size, so it writes what it can
        now."""
        self.frames = FrameQueue()
        self._settings = settings
        self._make_room = make_room

    def too_much(self, frame_size: int) -> bool:
        """Whether a frame of that size is not accepted now."""
        pending = self.frames.pending
        return pending > 0 and pending + frame_size > self._settings.max_pending_bytes

    def send(self, frame: bytes | Accepted) -> Accepted:
        if isinstance(frame, Accepted):
            return frame
        if self.too_much(len(frame)):
            self._make_room(len(frame))
            if self.too_much(len(frame)):
                return Accepted.FULL
        self.frames.append(frame)
        return Accepted.YES
