"""Where bytes come in and go out: the interface of a link to a socket, or to TLS on a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from .peer_certificate import PeerCertificate

READ_SIZE = 256 * 1024


class PeerCredentials(NamedTuple):
    """The process at the other end of a Unix socket when it connected."""

    pid: int
    uid: int
    gid: int


class Stream(Protocol):
    """Nothing waits, except `wait_for_room`."""

    def start(
        self, handle_readable: Callable[[], None], handle_writable: Callable[[], None]
    ) -> None:
        """Who uses the stream from now on. `handle_readable` is called while input is wanted and
        there is some, perhaps too little to be read."""

    def read(self, size: int = READ_SIZE) -> bytes | None:
        """About as much, at most. `None` if there is nothing to read yet; no bytes at the end of
        the stream."""

    def want_input(self, wanted: bool) -> None: ...

    def write(self, parts: Iterable[memoryview]) -> int:
        """Returns how much was taken. If not all, `handle_writable` follows, unless the stream is
        broken."""

    def want_room(self, wanted: bool) -> None: ...

    def wait_for_room(self, seconds: float) -> bool:
        """Blocks. Returns whether there is room."""

    def finish(self) -> None:
        """The peer sees the end of the stream after what was written."""

    def close(self) -> None: ...

    @property
    def broken(self) -> bool:
        """Nothing more can be written."""

    @property
    def held_output(self) -> int:
        """Bytes that were taken, and that the system has not taken yet. `handle_writable` follows
        when it has."""

    @property
    def why_ended(self) -> str:
        """At the end of the stream: a sentence, if more is known than that it has ended."""

    @property
    def native_handle(self) -> int:
        """The descriptor; -1 when closed."""

    @property
    def peer_credentials(self) -> PeerCredentials | None: ...

    @property
    def peer_certificate(self) -> PeerCertificate | None: ...
