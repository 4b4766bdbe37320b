"""How a session ends whose promise was not kept."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class SessionLossReason(enum.IntEnum):
    """Why a session is lost. The numbers are those on the wire."""

    UNKNOWN = 1
    """The server does not know the session: it was started again, for example."""

    EXPIRED = 2
    """The client was away for longer than `ServerOptions.session_timeout`."""

    OVERFLOW = 3
    """More than `max_pending_bytes` would have waited for acknowledgement."""

    EVICTED = 4
    """The server was full, and the session was the one whose client had been away longest."""

    CLOSED = 5
    """One side has ended the session before all was acknowledged."""

    PROTOCOL = 10
    """One side has broken the protocol."""

    DECODE = 11
    """A message is not what the receiver's schema says."""

    LIMIT = 12
    """A message is larger than the receiver accepts."""

    DOWNGRADED = 13
    """The server does not offer sessions any more."""


class UnackedMessage(NamedTuple):
    number: int
    payload: bytes
    """The encoded `ClientToServer` or `ServerToClient`; empty for what is said about a request and
    is not its answer."""


@dataclass(frozen=True)
class SessionLoss:
    reason: SessionLossReason

    first_unacked: int
    """Messages are numbered from 1, in each direction of each session. From this one to
    `last_accepted` they may have been handled or not; none if it is greater."""

    last_accepted: int

    peer_handled: int | None
    """The last one that the peer's program has handled, if the peer has said so."""

    messages: Iterable[UnackedMessage]
    """Those from `first_unacked` to `last_accepted`."""
