"""What a client or server tells its statistics."""

from __future__ import annotations

from .disconnect_reason import DisconnectReason
from .frame_queue import PendingTotal
from .observed_stream import ObservedStream
from .statistics import Statistics
from .stream import Stream


class Observation:
    """If nobody wants to know, it counts events of connections for itself, and leaves streams
    alone."""

    def __init__(self, wanted: Statistics | None, total: PendingTotal) -> None:
        self.statistics = wanted or Statistics()
        self._watches_streams = wanted is not None
        self._total = total
        self._connected: set[object] = set()
        self._detached: set[object] = set()
        self._was_connected = False
        self.statistics._messi_watch(self)

    @property
    def connections(self) -> int:
        return len(self._connected)

    @property
    def detached(self) -> int:
        return len(self._detached)

    @property
    def pending_bytes(self) -> int:
        return self._total.bytes

    def observe(self, stream: Stream) -> Stream:
        return ObservedStream(stream, self.statistics) if self._watches_streams else stream

    def handle_connected(self, who: object) -> None:
        self.statistics.connects += 1
        self._connected.add(who)

    def handle_client_connected(self, who: object) -> None:
        """A client has, not one of a server."""
        if self._was_connected:
            self.statistics.reconnects += 1
        self._was_connected = True
        self.handle_connected(who)

    def handle_disconnected(self, who: object, reason: DisconnectReason) -> None:
        self.statistics.disconnects[reason] += 1
        self._connected.discard(who)
        self._detached.discard(who)

    def handle_detached(self, who: object) -> None:
        self.statistics.detaches += 1
        self._detached.add(who)

    def handle_resumed(self, who: object) -> None:
        self.statistics.resumes += 1
        self._detached.discard(who)

    def forget(self) -> None:
        """The loop of those that are here has ended."""
        self._connected.clear()
        self._detached.clear()
