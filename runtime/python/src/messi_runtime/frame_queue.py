"""The frames of one connection that the system has not taken yet."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable

from .frame import FrameType, encode_frame

# Frames of at least this size are kept as they are, so that many queues can share one. Smaller ones
# are copied into chunks: an object for each would take several times its size.
_SHARED_FROM = 4 * 1024
_CHUNK_SIZE = 64 * 1024

# How much is offered to the system at a time. A ping waits for at most that much, in a session for
# twice that.
WRITE_SIZE = 64 * 1024


class Control(enum.Enum):
    """The kinds of control frames, in the order in which they are written."""

    PING = FrameType.PING
    PONG = FrameType.PONG


class PendingTotal:
    """What waits in all queues of one client or server together."""

    def __init__(self) -> None:
        self.bytes = 0
        self.handle_less: Callable[[], None] | None = None

    def count(self, size: int) -> None:
        self.bytes += size
        if size < 0 and self.handle_less is not None:
            self.handle_less()


class FrameQueue:
    """User messages in order. At most one control frame of each kind waits. It is made when it is
    written, ahead of messages of which nothing was offered yet. The caller keeps the bounds: check
    `pending` before `append`. The queue holds that many bytes, at most an eighth more, and the
    written part of one frame or chunk.
    """

    def __init__(self, total: PendingTotal) -> None:
        self._total = total
        self._wanted: set[Control] = set()
        self._chunks: deque[bytes | bytearray] = deque()
        self._offered: deque[memoryview] = deque()
        self._pending = 0

    def __bool__(self) -> bool:
        """Whether there is something to write."""
        return self._pending > 0 or bool(self._wanted)

    @property
    def pending(self) -> int:
        """Bytes that the system has not taken yet, headers included; without control frames that
        are only wanted."""
        return self._pending

    def append(self, frame: bytes) -> None:
        self._count(len(frame))
        if len(frame) >= _SHARED_FROM:
            self._chunks.append(frame)
            return
        last = self._chunks[-1] if self._chunks else None
        if not isinstance(last, bytearray) or len(last) + len(frame) > _CHUNK_SIZE:
            self._chunks.append(last := bytearray())
        last += frame

    def want(self, kind: Control) -> None:
        """Writes a control frame soon. Does nothing if one of its kind is waiting."""
        self._wanted.add(kind)

    def gather(self) -> deque[memoryview]:
        """What to write next; `handle_written` says how much of it was written."""
        if not self._offered:
            if self._wanted:
                self._offer_controls()
            size = 0
            while self._chunks and (size == 0 or size + len(self._chunks[0]) <= WRITE_SIZE):
                size += len(self._chunks[0])
                self._offered.append(memoryview(self._chunks.popleft()))
        return self._offered

    def handle_written(self, size: int) -> None:
        self._count(-size)
        while size > 0:
            first = self._offered.popleft()
            if size < len(first):
                self._offered.appendleft(first[size:])
                return
            size -= len(first)

    def clear(self) -> None:
        self._wanted.clear()
        self._chunks.clear()
        self._offered.clear()
        self._count(-self._pending)

    def _offer_controls(self) -> None:
        for kind in Control:
            if kind in self._wanted:
                self._offer(encode_frame(kind.value, b""))
        self._wanted.clear()

    def _offer(self, frames: bytes | bytearray) -> None:
        self._count(len(frames))
        self._offered.append(memoryview(frames))

    def _count(self, size: int) -> None:
        self._pending += size
        self._total.count(size)
