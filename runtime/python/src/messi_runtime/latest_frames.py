"""Frames for a reader that is behind."""

from __future__ import annotations

from collections.abc import Hashable

from .frame_queue import PendingTotal


class LatestFrames:
    """Of each kind the latest, in the order in which they came. They are part of what waits in
    all."""

    def __init__(self, total: PendingTotal) -> None:
        self.size = 0
        """In bytes."""

        self._total = total
        self._frames: dict[Hashable, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._frames)

    def keep(self, kind: Hashable, frame: bytes) -> bool:
        """True if it takes the place of another."""
        replaces = kind in self._frames
        if replaces:
            self._drop(kind)
        self._frames[kind] = frame
        self._count(len(frame))
        return replaces

    @property
    def first(self) -> bytes:
        return next(iter(self._frames.values()))

    def drop_first(self) -> None:
        self._drop(next(iter(self._frames)))

    def clear(self) -> None:
        self._count(-self.size)
        self._frames.clear()

    def _drop(self, kind: Hashable) -> None:
        self._count(-len(self._frames.pop(kind)))

    def _count(self, size: int) -> None:
        self.size += size
        self._total.count(size)
