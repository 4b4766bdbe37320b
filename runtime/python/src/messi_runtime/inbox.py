"""The messages that wait for the hooks of one connection."""

from __future__ import annotations

import asyncio
import enum
from collections import deque


class Signal(enum.Enum):
    BEHIND = enum.auto()
    """Broadcasts are left out, until WRITABLE."""

    WRITABLE = enum.auto()
    """Less than half of `max_pending_bytes` is waiting, after it was more."""


class Inbox:
    """Messages in order, and signals ahead of them. One task takes them out."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._payloads: deque[bytes] = deque()
        self._size = 0
        self._told_behind = False
        self._behind = False
        self._writable = False
        self._paused = False
        self._ended = False
        self._dropped = False
        self._handed_out = 0
        self._wanted: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        return self._size > _SIZE

    @property
    def has_room(self) -> bool:
        return self._size < _SIZE // 2

    @property
    def dropped(self) -> bool:
        return self._dropped

    @property
    def paused(self) -> bool:
        return self._paused

    def put(self, payload: bytes) -> None:
        self._payloads.append(payload)
        self._size += len(payload) + _MESSAGE_OVERHEAD
        self._wake()

    def signal_behind(self) -> None:
        self._behind = not self._told_behind
        self._writable = False
        self._wake()

    def signal_writable(self) -> None:
        self._writable = True
        self._wake()

    def pause(self) -> None:
        """No message is handed out until `resume`."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._wake()

    def end(self) -> None:
        """Nothing more comes; what is there is still handed out."""
        self._ended = True
        self._wake()

    def drop(self) -> None:
        """Nothing more is handed out."""
        self._dropped = True
        self._payloads.clear()
        self._size = 0
        self.end()

    async def next(self) -> bytes | Signal | None:
        """The next message or signal, or `None` when no more can come."""
        if self._handed_out >= _FAIR_SHARE:
            self._handed_out = 0
            await asyncio.sleep(0)
        while True:
            if (self._behind or self._writable) and not self._ended:
                self._handed_out += 1
                return self._next_signal()
            if self._payloads and not self._paused:
                payload = self._payloads.popleft()
                self._size -= len(payload) + _MESSAGE_OVERHEAD
                self._handed_out += 1
                return payload
            if self._ended and not self._payloads:
                return None
            self._handed_out = 0
            self._wanted = self._loop.create_future()
            await self._wanted

    def _next_signal(self) -> Signal:
        if self._behind:
            self._behind = False
            self._told_behind = True
            return Signal.BEHIND
        self._writable = self._told_behind = False
        return Signal.WRITABLE

    def _wake(self) -> None:
        # A closed loop wakes no task.
        if self._wanted and not self._wanted.done() and not self._loop.is_closed():
            self._wanted.set_result(None)


# When reading stops, and how much a message counts besides its bytes.
_SIZE = 256 * 1024
_MESSAGE_OVERHEAD = 64

# How many hooks of one connection are called before others get their turn.
_FAIR_SHARE = 64
