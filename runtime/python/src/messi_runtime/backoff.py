"""The delay before the next attempt to connect."""

from __future__ import annotations

from dataclasses import dataclass

from .duration import check_durations


@dataclass(frozen=True)
class BackoffSettings:
    """Times in seconds; `math.inf` means for ever."""

    initial: float = 1.0
    """The first delay, before jitter."""

    factor: float = 1.6
    """How much longer each further delay is."""

    max: float = 30.0
    """The longest delay, before jitter."""

    quick: float = 0.2
    """The longest first delay after a connection that was up for `settled`."""

    settled: float = 10.0

    def __post_init__(self) -> None:
        check_durations(initial=self.initial, max=self.max, quick=self.quick, settled=self.settled)


class Backoff:
    """Exponential, with jitter, so that not all clients of a restarted server reconnect at the same
    time."""

    def __init__(self, settings: BackoffSettings) -> None:
        self._settings = settings
        self._base = settings.initial
        self._quick = False

    def reset(self) -> None:
        """The connection has proved itself: the server answered."""
        self._base = self._settings.initial

    def handle_lost(self, uptime: float) -> None:
        """A proved connection that was up for `uptime` has ended; called after `reset`."""
        self._quick = uptime >= self._settings.settled

    def next(self, random: float) -> float:
        """The next delay: uniform in [base / 2, base], where base grows from call to call.

        `random` is any number uniformly distributed in [0, 1).
        """
        if self._quick:
            self._quick = False
            return self._settings.quick * random
        base = min(self._base, self._settings.max)
        self._base = min(base * self._settings.factor, self._settings.max)
        return base * (0.5 + random / 2)
