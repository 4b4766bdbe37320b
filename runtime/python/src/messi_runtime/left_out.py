"""What a reader that is behind does not get of broadcasts, or gets later."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from .frame_queue import PendingTotal
from .latest_frames import LatestFrames
from .slow_reader import SlowReader
from .statistics import Statistics


class LeftOut:
    """From the first broadcast that does not fit until all that was kept has found room."""

    __slots__ = ("_latest", "_policy", "_statistics", "_total", "behind", "dropped")

    def __init__(self, policy: SlowReader, total: PendingTotal, statistics: Statistics) -> None:
        self.behind = False
        """Broadcasts are left out."""

        self.dropped = 0
        """How many were, and will not be sent any more."""

        self._policy = policy
        self._total = total
        self._statistics = statistics
        self._latest: LatestFrames | None = None

    @property
    def size(self) -> int:
        """Of what is kept, in bytes."""
        return self._latest.size if self._latest else 0

    def add(self, frame: bytes, kind: Hashable) -> bool:
        """Leaves a broadcast out. True if it is the first one."""
        begins = not self.behind
        self.behind = True
        if self._policy is SlowReader.DROP_NEWEST:
            self._drop()
            return begins
        if self._latest is None:
            self._latest = LatestFrames(self._total)
        if self._latest.keep(kind, frame):
            self._drop()
        return begins

    def _drop(self) -> None:
        self.dropped += 1
        self._statistics.dropped_broadcasts += 1

    def catch_up(self, offer: Callable[[bytes], bool]) -> bool:
        """Sends what was kept, as far as `offer` takes it. True if that was something."""
        progress = False
        while self._latest:
            if not offer(self._latest.first):
                return progress
            self._latest.drop_first()
            progress = True
        self.behind = False
        return progress

    def hand_over(self, take: Callable[[bytes], object]) -> None:
        """Passes what was kept on to who tells of it."""
        while self._latest:
            take(self._latest.first)
            self._latest.drop_first()

    def clear(self) -> None:
        if self._latest is not None:
            self._latest.clear()
