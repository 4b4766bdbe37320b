"""The frames of one connection that the system has not taken yet."""

from __future__ import annotations

from collections import deque

from .frame import FrameType, encode_frame

# Frames from this size on are kept as they are, so that many queues can share one. Smaller ones are
# copied into chunks: an object for each would take several times what it counts.
_SHARED_FROM = 4 * 1024
_CHUNK_SIZE = 64 * 1024

# How much is offered to the system at a time. A ping waits behind that much.
_WRITE_SIZE = 64 * 1024


class SendQueue:
    """User messages in order; a ping or pong goes ahead of those of which nothing was offered yet.

    Bounds are the caller's: ask `pending_bytes` before `append`. What is held is that, an eighth
    more at the most, and what has been written of one frame or chunk.
    """

    def __init__(self) -> None:
        self._control = b""
        self._chunks: deque[bytes | bytearray] = deque()
        self._offered: deque[memoryview] = deque()
        self._pending_bytes = 0

    def __bool__(self) -> bool:
        return self._pending_bytes > 0

    @property
    def pending_bytes(self) -> int:
        """Headers included."""
        return self._pending_bytes

    def append(self, frame: bytes) -> None:
        self._pending_bytes += len(frame)
        if len(frame) >= _SHARED_FROM:
            self._chunks.append(frame)
            return
        last = self._chunks[-1] if self._chunks else None
        if not isinstance(last, bytearray) or len(last) + len(frame) > _CHUNK_SIZE:
            self._chunks.append(last := bytearray())
        last += frame

    def push_control(self, frame_type: FrameType) -> None:
        """Adds an empty frame, ahead of user messages; nothing if one is waiting already."""
        if not self._control:
            self._control = encode_frame(frame_type, b"")
            self._pending_bytes += len(self._control)

    def offer(self) -> deque[memoryview]:
        """What to write next; `take` says how much of it was written."""
        if not self._offered:
            if self._control:
                self._offered.append(memoryview(self._control))
                self._control = b""
            size = 0
            while self._chunks and (size == 0 or size + len(self._chunks[0]) <= _WRITE_SIZE):
                size += len(self._chunks[0])
                self._offered.append(memoryview(self._chunks.popleft()))
        return self._offered

    def take(self, size: int) -> None:
        self._pending_bytes -= size
        while size > 0:
            first = self._offered.popleft()
            if size < len(first):
                self._offered.appendleft(first[size:])
                return
            size -= len(first)

    def clear(self) -> None:
        self._control = b""
        self._chunks.clear()
        self._offered.clear()
        self._pending_bytes = 0
