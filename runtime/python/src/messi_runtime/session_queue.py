"""The frames of a connection whose messages are kept by a session."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from .frame import FrameType, encode_frame
from .frame_queue import WRITE_SIZE, FrameQueue, PendingTotal


class Source(Protocol):
    """Where messages come from."""

    @property
    def has_output(self) -> bool:
        """Whether `next` has something."""

    def next(self) -> bytes | bytearray | None:
        """The next frames to write."""

    @property
    def ack_rides(self) -> bool:
        """Whether an ACK is worth being written with other things."""

    def make_ack(self) -> bytes:
        """The payload of an ACK that is written before `next`."""


class SessionQueue(FrameQueue):
    """It takes messages from its source when nothing else is left to be written. From then on it is
    not part of the total, since the source counts what it keeps."""

    def __init__(self, total: PendingTotal) -> None:
        super().__init__(total)
        self._source: Source | None = None
        self._ack_wanted = False

    def __bool__(self) -> bool:
        return (
            super().__bool__()
            or self._ack_wanted
            or (self._source is not None and self._source.has_output)
        )

    def begin(self, source: Source) -> None:
        """From now on messages come from there; an ACK is the first frame behind what waits."""
        self._source = source
        self._ack_wanted = True
        self._total.count(-self._pending)
        self._total = PendingTotal()

    def stop(self) -> None:
        """No message follows."""
        self._source = None
        self._ack_wanted = False

    def want_ack(self) -> None:
        """Writes an ACK soon."""
        self._ack_wanted = self._source is not None

    def gather(self) -> deque[memoryview]:
        if self._offered:
            return self._offered
        super().gather()
        if self._source is not None and not self._chunks:
            with_others = bool(self._offered) or self._source.has_output
            if self._ack_wanted or (with_others and self._source.ack_rides):
                self._ack_wanted = False
                self._offer(encode_frame(FrameType.ACK, self._source.make_ack()))
            size = 0
            while size < WRITE_SIZE and (frames := self._source.next()):
                size += len(frames)
                self._offer(frames)
        return self._offered

    def clear(self) -> None:
        self.stop()
        super().clear()
