"""The time-outs of one connection: when to ping, when to give up the peer."""

from __future__ import annotations

from dataclasses import dataclass

from .token_rate import NO_LIMIT, TokenRate


@dataclass(frozen=True)
class KeepaliveSettings:
    ping_interval: float
    """Seconds between pings; 0: this side does not ping."""

    silence_limit: float
    """The peer is gone when no byte has arrived for this many seconds."""

    peers_pings: TokenRate = NO_LIMIT
    """For a side that does not ping."""


class Keepalive:
    """Any byte is a sign of life. Reads no clock: `now` is a parameter, in seconds."""

    def __init__(self, settings: KeepaliveSettings, now: float) -> None:
        self._settings = settings
        self.last_heard = now
        self._next_ping = now
        self._peers_pings = now  # see TokenRate

    def handle_received(self, now: float) -> None:
        self.last_heard = now

    def handle_ping(self) -> bool:
        """The peer has pinged, in what `handle_received` was called for; false if it does so too
        often."""
        full_at = self._settings.peers_pings.take(self._peers_pings, self.last_heard)
        if full_at is None:
            return False
        self._peers_pings = full_at
        return True

    def poll_ping(self, now: float) -> bool:
        """True once per interval, the first time at once.

        The early ping tells a client that the server is there without a time-out.
        """
        if now < self.next_ping():
            return False
        self._next_ping = now + self._settings.ping_interval
        return True

    def timed_out(self, now: float) -> bool:
        """Valid only if all input before `now` has been read."""
        return now >= self._silence_deadline()

    def next_ping(self) -> float:
        return self._next_ping if self._settings.ping_interval > 0 else float("inf")

    def deadline(self) -> float:
        """When to look again. It may move away in the meantime, but not nearer."""
        return min(self.next_ping(), self._silence_deadline())

    def _silence_deadline(self) -> float:
        return self.last_heard + self._settings.silence_limit
