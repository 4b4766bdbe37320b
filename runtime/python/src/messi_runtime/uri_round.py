"""Which of several URIs is tried next."""

from __future__ import annotations

import random
from typing import Generic, TypeVar

Address = TypeVar("Address")


class UriRound(Generic[Address]):
    """All in turn, then all again."""

    def __init__(self, addresses: list[Address], shuffle: bool) -> None:
        self._addresses = addresses
        self._shuffle = shuffle
        self._tried = 0

    def next(self) -> Address:
        if self._tried == 0 and self._shuffle:
            random.shuffle(self._addresses)
        address = self._addresses[self._tried]
        self._tried = (self._tried + 1) % len(self._addresses)
        return address

    @property
    def under_way(self) -> bool:
        """Whether some of this round have been tried, and others have not."""
        return self._tried > 0

    def begin_anew(self) -> None:
        self._tried = 0
