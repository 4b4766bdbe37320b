"""How often something may happen."""

from __future__ import annotations

from typing import NamedTuple


class TokenRate(NamedTuple):
    """A bucket that one token leaves each time, and that tokens fill at a steady rate. All that has
    to be kept of a bucket is when it will be full, so thousands can share one rate."""

    interval: float
    """Seconds between two tokens that come. 0: there is no limit."""

    capacity: float
    """A full bucket has the tokens of this many seconds."""

    @staticmethod
    def per_second(count: float, capacity: float) -> TokenRate:
        """`math.inf`: there is no limit."""
        return TokenRate(1 / count, capacity)

    def take(self, full_at: float, now: float) -> float | None:
        """Takes a token from the bucket that will be full at `full_at`. When it will be full then;
        `None` if there is no token."""
        then = max(full_at, now) + self.interval
        # The sum of many intervals is not exact.
        if self.interval > 0 and then > now + self.capacity + self.interval / 2:
            return None
        return then


NO_LIMIT = TokenRate(0.0, 0.0)
