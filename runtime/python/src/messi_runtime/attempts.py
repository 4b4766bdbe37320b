"""The next address to connect to, and the delay before."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Generic, TypeVar

from .backoff import Backoff, BackoffSettings

Address = TypeVar("Address")


class Attempts(Generic[Address]):
    """All addresses in turn, then a delay."""

    def __init__(
        self, addresses: Sequence[Address], shuffle: bool, backoff: BackoffSettings
    ) -> None:
        self._addresses = list(addresses)
        self._shuffle = shuffle
        self._backoff = Backoff(backoff)
        self._current = 0
        self._failed = 0  # since the round began

    def begin_round(self) -> None:
        """Begins a round: none of the addresses counts as tried."""
        self._failed = 0

    def next(self) -> Address:
        """The address for the attempt that begins now."""
        if self._failed == 0 and self._shuffle:
            random.shuffle(self._addresses)
        return self._addresses[self._current]

    def handle_failed(self) -> None:
        """The attempt has failed, or its connection has ended before it had proved itself, or the
        server has turned the client away."""
        self._current = (self._current + 1) % len(self._addresses)
        self._failed += 1

    def handle_proved(self) -> None:
        """A connection has ended that had proved itself: the server had answered a ping."""
        self._backoff.reset()
        self.begin_round()

    def delay_after_failure(self) -> float:
        """The delay after a failure: none while there are addresses that have not been tried."""
        if self._failed < len(self._addresses):
            return 0.0
        self._failed = 0
        return self._backoff.next(random.random())

    def delay_after_drain(self) -> float:
        """The delay after a proved connection to a server that lets its clients go: short, and then
        the next address is tried."""
        self._current = (self._current + 1) % len(self._addresses)
        return self.delay_after_loss(math.inf)

    def delay_after_loss(self, uptime: float) -> float:
        """The delay after a connection that had proved itself and was up for `uptime`."""
        self._backoff.handle_lost(uptime)
        return self._backoff.next(random.random())
