"""The next address to connect to, and the delay before."""

from __future__ import annotations

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
        self._tried = 0  # since the round began

    def begin_round(self) -> None:
        """Begins a round: none of the addresses counts as tried."""
        self._tried = 0

    def next(self) -> Address:
        """The address for the attempt that begins now."""
        if self._tried == 0 and self._shuffle:
            random.shuffle(self._addresses)
        address = self._addresses[self._tried]
        self._tried = (self._tried + 1) % len(self._addresses)
        return address

    def handle_proved(self) -> None:
        """The connection has proved itself: the server has answered a ping."""
        self._backoff.reset()
        self.begin_round()

    def delay_after_failure(self) -> float:
        """The delay after an attempt, or after a connection that had not proved itself: none while
        there are addresses that have not been tried."""
        return 0.0 if self._tried > 0 else self._backoff.next(random.random())

    def delay_after_loss(self, uptime: float) -> float:
        """The delay after a connection that had proved itself and was up for `uptime`."""
        self._backoff.handle_lost(uptime)
        return self._backoff.next(random.random())
