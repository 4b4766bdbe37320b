"""What has happened to clients and servers, in numbers."""

from __future__ import annotations

import enum
import weakref
from typing import Protocol

from .disconnect_reason import DisconnectReason
from .frame import FrameType


class CallEnd(enum.Enum):
    """What becomes of a call; its value is the name in metrics."""

    ANSWERED = "answered"
    FAILED = "failed"
    """The callee has said that there is no answer."""

    TIMED_OUT = "timed_out"
    """There was no answer in time."""

    CANCELLED = "cancelled"
    """By the caller's side, which may have been stopped."""

    LOST = "lost"
    """With the connection, or the session."""

    NOT_SENT = "not_sent"
    """The request was not accepted."""


class DurationHistogram:
    """How many durations were at most as long as each bound, and how long all were."""

    BOUNDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    """In seconds."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(self.BOUNDS) + 1)
        """Those that are longer than the bound before, and not longer than this one; behind the
        last bound, those that are longer than all."""

        self.sum = 0.0
        """Of all, in seconds."""

    def observe(self, duration: float) -> None:
        within = (i for i, bound in enumerate(self.BOUNDS) if duration <= bound)
        self.buckets[next(within, len(self.BOUNDS))] += 1
        self.sum += duration

    def add(self, other: DurationHistogram) -> None:
        self.buckets = [ours + its for ours, its in zip(self.buckets, other.buckets, strict=True)]
        self.sum += other.sum


class Observed(Protocol):
    """A client or server that is counted: what it has now."""

    @property
    def connections(self) -> int: ...

    @property
    def detached(self) -> int: ...

    @property
    def pending_bytes(self) -> int: ...


class Statistics:
    """Counts what happens to the clients and servers whose options name it. Read it on the event
    loop's thread. Nothing that was counted is forgotten when they are gone.

        statistics = Statistics()
        server = Server(uri, options=ServerOptions(statistics=statistics))
    """

    def __init__(self) -> None:
        self.connects = 0
        """`on_connected`, `on_client_connected`."""

        self.reconnects = 0
        """Of a client's connects: all but its first."""

        self.connect_failures = 0
        """`on_connect_failure`."""

        self.detaches = 0
        """`on_detached`, `on_client_detached`."""

        self.resumes = 0
        """`on_resumed`, `on_client_resumed`."""

        self.sessions_lost = 0
        """`on_session_lost`, `on_client_session_lost`."""

        self.handshake_failures = 0
        """`on_handshake_failed`."""

        self.slow_clients = 0
        """`on_client_behind`."""

        self.dropped_broadcasts = 0
        """Broadcasts that were left out for slow clients."""

        self.disconnects = dict.fromkeys(DisconnectReason, 0)
        """`on_disconnected`, `on_client_disconnected`."""

        self.refusals = dict.fromkeys(DisconnectReason, 0)
        """`on_client_refused`."""

        self.sent_bytes = 0
        """What connections have carried, with what sessions send again; bytes without TLS."""

        self.received_bytes = 0
        self.sent_frames = dict.fromkeys(_FRAMES, 0)
        """By the type's name; those of messages are `"message"`."""

        self.received_frames = dict.fromkeys(_FRAMES, 0)
        self.calls = dict.fromkeys(CallEnd, 0)
        """Calls that were made and are over."""

        self.call_duration = DurationHistogram()
        """How long they took, if the callee has ended them: ANSWERED, FAILED."""

        self.served_calls = dict.fromkeys(CallEnd, 0)
        """Requests of the other side, when they are answered, or it is known that they will not
        be."""

        self._observed: weakref.WeakSet[Observed] = weakref.WeakSet()

    @property
    def connections(self) -> int:
        """How many are connected now, with those whose session is detached."""
        return sum(each.connections for each in self._observed)

    @property
    def detached(self) -> int:
        """How many sessions wait for a connection now."""
        return sum(each.detached for each in self._observed)

    @property
    def pending_bytes(self) -> int:
        """`pending_bytes` of all, now."""
        return sum(each.pending_bytes for each in self._observed)

    # For the runtime.

    def _messi_watch(self, observed: Observed) -> None:
        self._observed.add(observed)


UNKNOWN_FRAME = "unknown"

FRAME_NAMES: dict[int, str] = {
    each: "message" if each <= FrameType.SERVER_TO_CLIENT else each.name.lower()
    for each in FrameType
}

_FRAMES = (UNKNOWN_FRAME, *dict.fromkeys(FRAME_NAMES.values()))
