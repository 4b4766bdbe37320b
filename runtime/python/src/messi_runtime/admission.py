"""Which clients may come to a server."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter

from .disconnect_reason import DisconnectReason
from .token_rate import TokenRate


class Admission:
    """How many clients may come from one origin, and how many at once."""

    def __init__(self, most_from_one: float, rate: TokenRate) -> None:
        self._most_from_one = most_from_one
        self._rate = rate
        self._bucket = -math.inf
        self._clients: Counter[str] = Counter()

    def refuse(self, peer_address: str, now: float) -> DisconnectReason | None:
        """Why a client from there may not come now; `None` if it may."""
        if self._counts and self._clients[origin_of(peer_address)] >= self._most_from_one:
            return DisconnectReason.TOO_MANY_FROM_ADDRESS
        full_at = self._rate.take(self._bucket, now)
        if full_at is None:
            return DisconnectReason.TOO_MANY_AT_ONCE
        self._bucket = full_at
        return None

    def enter(self, peer_address: str) -> None:
        if self._counts and (origin := origin_of(peer_address)):
            self._clients[origin] += 1

    def leave(self, peer_address: str) -> None:
        if not self._counts:
            return
        origin = origin_of(peer_address)
        self._clients[origin] -= 1
        if self._clients[origin] <= 0:
            del self._clients[origin]

    @property
    def _counts(self) -> bool:
        return self._most_from_one < math.inf


def origin_of(peer_address: str) -> str:
    """Whom a client counts as: "192.0.2.1", or the network "2001:db8:0:1::/64", since a host of
    IPv6 has a whole one to itself. "": it is not counted."""
    host, _, _ = peer_address.rpartition(":")
    if not host.startswith("["):
        return host
    address = host[1:-1].partition("%")[0]
    return str(ipaddress.IPv6Network((address, 64), strict=False))
