"""TLS on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from .handshake_steps import HandshakeSteps
from .peer_certificate import PeerCertificate
from .stream import READ_SIZE, PeerCredentials, Stream
from .tls_engine import TlsEngine
from .tls_failure import TlsError


class TlsStream:
    """First `shake_hands`, then `start`.

    What is written becomes records of full size. Ciphertext is held until the socket takes it, and
    nothing more is taken meanwhile. A read decrypts all that has come, so nothing is held there.
    """

    def __init__(self, inner: Stream, engine: TlsEngine) -> None:
        self._loop = asyncio.get_running_loop()
        self._inner = inner
        self._engine = engine
        self._held = memoryview(b"")
        self._reading = False
        self._room_wanted = False
        self._owes_room = False  # something was held, and `handle_writable` has not come since
        self._finishing = False
        self._progress = asyncio.Event()
        self._given_up = ""
        self._handle_readable: Callable[[], object] = self._progress.set
        self._handle_writable: Callable[[], object] = self._progress.set

    async def shake_hands(self) -> None:
        """Raises `TlsError`. The stream is still to be closed then."""
        self._inner.start(self._handle_inner_readable, self._handle_inner_writable)
        try:
            await self._shake_hands()
        except TlsError:
            raise
        except OSError as error:
            raise TlsError(f"cannot watch the socket: {error.strerror}") from error

    def give_up(self, why: str) -> None:
        """Ends the handshake with a `TlsError`."""
        self._given_up = why
        self._progress.set()

    def start(
        self, handle_readable: Callable[[], None], handle_writable: Callable[[], None]
    ) -> None:
        self._handle_readable = handle_readable
        self._handle_writable = handle_writable

    def read(self, size: int = READ_SIZE) -> bytes | None:
        data = None if self._engine.ended else self._inner.read(size)
        plain = self._engine.read(data or b"")
        if data == b"":
            self._engine.cut()
        self._send()  # TLS itself may have something to say
        if plain:
            self._tell_soon()
            return plain
        return b"" if self._engine.ended else None

    def want_input(self, wanted: bool) -> None:
        if wanted and not self._reading:
            self._tell_soon()
        self._reading = wanted
        self._watch()

    def write(self, parts: Iterable[memoryview]) -> int:
        taken = 0
        for piece in _pieces(parts):
            if self._held or self.broken:
                break
            self._engine.write(piece)
            self._send()
            taken += len(piece)
        return taken

    def want_room(self, wanted: bool) -> None:
        self._room_wanted = wanted
        self._watch()

    def wait_for_room(self, seconds: float) -> bool:
        room = self._inner.wait_for_room(seconds)
        self._send()
        return room

    def finish(self) -> None:
        self._engine.finish()
        self._finishing = True
        self._send()
        self._tell_soon()

    def close(self) -> None:
        if not self.broken:
            self._engine.finish()
            self._send()
        self._reading = False
        self._inner.close()

    @property
    def broken(self) -> bool:
        return self._inner.broken or self._engine.failed

    @property
    def held_output(self) -> int:
        return 0 if self.broken else len(self._held)

    @property
    def why_ended(self) -> str:
        return self._engine.why_ended

    @property
    def native_handle(self) -> int:
        return self._inner.native_handle

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        return self._inner.peer_credentials

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        return self._engine.peer_certificate

    async def _shake_hands(self) -> None:
        try:
            self.want_input(True)
            steps = HandshakeSteps.of_running_loop()
            while True:
                await steps.next()
                self._receive_for_handshake()
                if self._engine.shake():
                    return
                self._send()
                await self._progress.wait()
                self._progress.clear()
        finally:
            self._send()  # the rest, or the alert that tells the peer what is wrong
            self.want_input(False)

    def _receive_for_handshake(self) -> None:
        if self._given_up:
            raise TlsError(self._given_up)
        data = self._inner.read(_READ_SIZE_OF_HANDSHAKE)
        if data:
            self._engine.feed(data)
        elif data is not None:
            self._engine.cut()

    def _handle_inner_readable(self) -> None:
        self._handle_readable()

    def _handle_inner_writable(self) -> None:
        self._send()
        if not self._held:
            self._owes_room = False
            self._watch()
            self._handle_writable()

    def _send(self) -> None:
        """Offers the socket what it has not taken yet."""
        if fresh := self._engine.take():
            self._held = memoryview(b"".join((self._held, fresh)))
        if self._held:
            self._held = self._held[self._inner.write([self._held]) :]
            self._owes_room = self._owes_room or bool(self._held)
        if self._finishing and not self._held:
            self._finishing = False
            self._inner.finish()
        self._watch()

    def _watch(self) -> None:
        # A peer that does not read could make TLS itself answer without end.
        self._inner.want_input(
            self._reading and not self._engine.ended and len(self._held) < _MOST_HELD
        )
        self._inner.want_room(self._room_wanted or self._owes_room)

    def _tell_soon(self) -> None:
        """The socket does not tell of what the engine holds."""
        if self._engine.holds_input:
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        if self._reading and self._engine.holds_input:
            self._handle_readable()


def _pieces(parts: Iterable[memoryview]) -> Iterator[bytes]:
    """The same bytes in pieces that fill records."""
    piece: list[memoryview] = []
    room = _PIECE_SIZE
    for part in parts:
        while part:
            piece.append(part[:room])
            part = part[room:]
            room -= len(piece[-1])
            if room == 0:
                yield b"".join(piece)
                piece, room = [], _PIECE_SIZE
    if piece:
        yield b"".join(piece)


# Of plaintext, whose ciphertext is written at a time: four records.
_PIECE_SIZE = 64 * 1024

_MOST_HELD = 256 * 1024

_READ_SIZE_OF_HANDSHAKE = 16 * 1024
