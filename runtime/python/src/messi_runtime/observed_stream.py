"""The stream of a connection that is observed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .frame import HEADER_SIZE
from .peer_certificate import PeerCertificate
from .statistics import FRAME_NAMES, UNKNOWN_FRAME, Statistics
from .stream import READ_SIZE, PeerCredentials, Stream


class FrameCounter:
    """Counts the frames in one direction of a stream by their headers."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._rest = 0  # of the payload
        self._header = b""

    def handle(self, data: bytes | memoryview) -> None:
        at = self._rest
        while at < len(data):
            header = self._header + bytes(data[at : at + HEADER_SIZE - len(self._header)])
            at += len(header) - len(self._header)
            if len(header) < HEADER_SIZE:
                self._header = header
                break
            self._header = b""
            self._counts[FRAME_NAMES.get(header[0], UNKNOWN_FRAME)] += 1
            at += int.from_bytes(header[1:], "big")
        self._rest = max(at - len(data), 0)


class ObservedStream:
    """Passes everything on, and looks at the bytes. So what is not observed costs nothing."""

    def __init__(self, inner: Stream, statistics: Statistics) -> None:
        self._inner = inner
        self._statistics = statistics
        self._sent = FrameCounter(statistics.sent_frames)
        self._received = FrameCounter(statistics.received_frames)

    def read(self, size: int = READ_SIZE) -> bytes | None:
        data = self._inner.read(size)
        if data:
            self._statistics.received_bytes += len(data)
            self._received.handle(data)
        return data

    def write(self, parts: Iterable[memoryview]) -> int:
        parts = list(parts)
        taken = self._inner.write(parts)
        self._statistics.sent_bytes += taken
        rest = taken
        for part in parts:
            self._sent.handle(part[:rest])
            rest -= min(len(part), rest)
        return taken

    def start(
        self, handle_readable: Callable[[], None], handle_writable: Callable[[], None]
    ) -> None:
        self._inner.start(handle_readable, handle_writable)

    def want_input(self, wanted: bool) -> None:
        self._inner.want_input(wanted)

    def want_room(self, wanted: bool) -> None:
        self._inner.want_room(wanted)

    def wait_for_room(self, seconds: float) -> bool:
        return self._inner.wait_for_room(seconds)

    def finish(self) -> None:
        self._inner.finish()

    def close(self) -> None:
        self._inner.close()

    @property
    def broken(self) -> bool:
        return self._inner.broken

    @property
    def held_output(self) -> int:
        return self._inner.held_output

    @property
    def why_ended(self) -> str:
        return self._inner.why_ended

    @property
    def native_handle(self) -> int:
        return self._inner.native_handle

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        return self._inner.peer_credentials

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        return self._inner.peer_certificate
