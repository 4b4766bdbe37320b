"""The messages that wait for the hooks of one connection."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from typing import NamedTuple

from .disconnect_reason import DisconnectReason


class Signal(enum.Enum):
    BEHIND = enum.auto()
    """Broadcasts are left out, until WRITABLE."""

    WRITABLE = enum.auto()
    """Less than half of `max_pending_bytes` is waiting, after it was more."""


class Detached(NamedTuple):
    """A session has lost its connection."""

    reason: DisconnectReason


class Resumed(NamedTuple):
    """A session goes on in another connection."""

    replayed: int
    """How many messages were sent again."""


Event = bytes | Signal | Detached | Resumed
"""The payload of a message, or what else hooks are told."""


class Inbox:
    """Messages in order, a session's connections among them, and signals ahead of them. One task
    takes them out."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[bytes | Detached | Resumed] = deque()
        self._size = 0
        self._told_behind = False
        self._behind = False
        self._writable = False
        self._paused = False
        self._ended = False
        self._dropped = False
        self._handed_out = 0
        self._busy = False  # with a message
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

    @property
    def unhandled(self) -> bool:
        """Whether a message waits or is being handled, and was not dropped."""
        waits = any(isinstance(each, bytes) for each in self._waiting)
        return waits or (self._busy and not self._dropped)

    def put(self, payload: bytes | Detached | Resumed) -> None:
        self._waiting.append(payload)
        self._size += len(payload) + _MESSAGE_OVERHEAD
        self._wake()

    def take(self, kind: type[bytes]) -> bytes | None:
        """What comes next, if it is of this kind."""
        first = self._waiting[0] if self._waiting else None
        if not isinstance(first, kind):
            return None
        self._waiting.popleft()
        self._size -= len(first) + _MESSAGE_OVERHEAD
        return first

    def drop_messages(self) -> None:
        self._waiting = deque(each for each in self._waiting if not isinstance(each, bytes))
        self._size = sum(len(each) + _MESSAGE_OVERHEAD for each in self._waiting)

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

    def reopen(self) -> None:
        """More comes, although it was to end."""
        self._ended = False

    def drop(self) -> None:
        """Nothing more is handed out."""
        self._dropped = True
        self._waiting.clear()
        self._size = 0
        self.end()

    async def next(self) -> Event | None:
        """`None` when no more can come."""
        if self._handed_out >= _FAIR_SHARE:
            self._handed_out = 0
            await asyncio.sleep(0)
        while True:
            if (self._behind or self._writable) and not self._ended:
                self._handed_out += 1
                return self._next_signal()
            if self._waiting and not (self._paused and isinstance(self._waiting[0], bytes)):
                payload = self._waiting.popleft()
                self._size -= len(payload) + _MESSAGE_OVERHEAD
                self._handed_out += 1
                self._busy = isinstance(payload, bytes)
                return payload
            if self._ended and not self._waiting:
                return None
            self._handed_out = 0
            self._wanted = self._loop.create_future()
            await self._wanted

    def finish(self) -> None:
        """What was handed out last has been handled."""
        self._busy = False

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
