"""Who waits until less is waiting for all of a server's clients together."""

from __future__ import annotations

from typing import Protocol
from weakref import WeakKeyDictionary

from .frame_queue import PendingTotal


class Refused(Protocol):
    def handle_room(self) -> None:
        """What it was refused would be accepted now."""


class AwaitedRoom:
    def __init__(self, total: PendingTotal, most: int) -> None:
        """`most`: the bound of the total."""
        self._total = total
        self._most = most
        self._refused: WeakKeyDictionary[Refused, int] = WeakKeyDictionary()

    def ask(self, size: int, who: Refused) -> bool:
        """Whether so much may wait in addition. If not, `who` hears when it may."""
        if self._fits(size):
            return True
        self._refused[who] = size
        self._total.handle_less = self._handle_less
        return False

    def _fits(self, size: int) -> bool:
        return self._total.bytes == 0 or self._total.bytes + size <= self._most

    def _handle_less(self) -> None:
        if self._total.bytes > self._most // 2:
            return
        for who, size in list(self._refused.items()):
            if self._fits(size):
                del self._refused[who]
                who.handle_room()
        if not self._refused:
            self._total.handle_less = None
