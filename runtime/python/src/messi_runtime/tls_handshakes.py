"""From sockets to TLS on both sides."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from .stream import Stream
from .tls_config import SYSTEM, TlsConfig
from .tls_engine import TlsEngine
from .tls_failure import TlsError
from .tls_stream import TlsStream
from .uri import TlsAddress


class ClientHandshakes:
    """Those of one client. The last session with a server makes the next handshake shorter."""

    def __init__(self, tls: TlsConfig | ssl.SSLContext | None) -> None:
        self._tls = tls or SYSTEM
        self._sessions: dict[TlsAddress, tuple[ssl.SSLContext, ssl.SSLSession]] = {}

    def context(self) -> ssl.SSLContext:
        """Raises `ValueError` for a configuration that cannot be used."""
        return _context(self._tls, server_side=False)

    async def shake_hands(self, inner: Stream, address: TlsAddress) -> TlsStream:
        """Raises `TlsError`. Closes the socket if it raises."""
        try:
            stream = TlsStream(inner, self._engine(address))
        except BaseException:
            inner.close()
            raise
        try:
            await stream.shake_hands()
        except BaseException:
            stream.close()
            raise
        return stream

    def _engine(self, address: TlsAddress) -> TlsEngine:
        context = self.context()
        name = self._tls.server_name if isinstance(self._tls, TlsConfig) else None
        made_with, session = self._sessions.get(address, (None, None))

        def keep(session: ssl.SSLSession) -> None:
            self._sessions[address] = (context, session)

        return TlsEngine(
            context,
            host=name or address.host or "localhost",
            session=session if made_with is context else None,
            keep_session=keep,
        )


class ServerHandshakes:
    """Those of one server. A handshake begins when the peer has sent something, so who only
    connects costs little. If all handshakes are under way, peers wait. The newest is next: who has
    waited long is more likely to have given up, and a crowd that came earlier keeps nobody out.
    Nobody gives way to who waits, but a handshake that is slow."""

    def __init__(self, tls: TlsConfig | ssl.SSLContext) -> None:
        self._tls = tls
        self._silent: dict[_Guest, None] = {}  # have not sent anything; the oldest first
        self._waiting: dict[_Guest, None] = {}  # have, and it has not been read; the newest last
        self._shaking: dict[_Guest, float] = {}  # when their handshakes began; the first first
        self._slow = _SLOW_AT_MOST
        self._admitting: asyncio.Handle | None = None

    def context(self) -> ssl.SSLContext:
        """Raises `ValueError` for a configuration that cannot be used."""
        return _context(self._tls, server_side=True)

    async def shake_hands(self, inner: Stream) -> TlsStream:
        """Raises `TlsError`. Closes the socket if it raises."""
        loop = asyncio.get_running_loop()
        guest = _Guest(inner, loop.create_future())
        timer = loop.call_later(_PATIENCE, self._give_up_late, loop, guest)
        try:
            await self._wait_for_turn(guest)
            stream = guest.wrap(TlsEngine(self.context(), host=None))
            await stream.shake_hands()
            self._slow = min(self._slow * 2, _SLOW_AT_MOST)
        except BaseException:
            guest.close()
            raise
        finally:
            timer.cancel()
            self._leave(guest)
        return stream

    def handle_out_of_descriptors(self) -> None:
        """Those who come next get the descriptors of some that have sent nothing."""
        for guest in list(self._silent)[:_FREED_AT_ONCE]:
            self._give_up(guest, "descriptors have run out, and this one has sent nothing")

    def stop(self) -> None:
        for guest in [*self._silent, *self._waiting, *self._shaking]:
            self._give_up(guest, "the server was stopped")

    async def _wait_for_turn(self, guest: _Guest) -> None:
        if len(self._silent) + len(self._waiting) >= _MOST_WAITING:
            if self._silent:
                oldest = next(iter(self._silent))
                why = "too many wait, and this one has sent nothing"
            else:
                oldest = next(iter(self._waiting))
                why = "too many handshakes are under way"
            self._give_up(oldest, why)
        self._silent[guest] = None
        await guest.wait_for_turn(self._handle_spoken)

    def _handle_spoken(self, guest: _Guest) -> None:
        if guest in self._silent:
            del self._silent[guest]
            self._waiting[guest] = None
            self._admit_soon()

    def _admit_soon(self) -> None:
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        if self._admitting is not None:
            self._admitting.cancel()
        self._admitting = loop.call_soon(self._admit, loop)

    def _admit(self, loop: asyncio.AbstractEventLoop) -> None:
        self._admitting = None
        for _ in range(_BEGUN_IN_A_TURN):
            if not self._waiting or not self._make_room(loop):
                return
            guest, _ = self._waiting.popitem()
            self._shaking[guest] = loop.time()
            guest.admit()
        self._admit_soon()

    def _make_room(self, loop: asyncio.AbstractEventLoop) -> bool:
        if len(self._shaking) < _MOST:
            return True
        slowest, began = next(iter(self._shaking.items()))
        if loop.time() < began + self._slow:
            self._admitting = loop.call_at(began + self._slow, self._admit, loop)
            return False
        self._slow = max(self._slow / 2, _SLOW_AT_LEAST)
        self._give_up(slowest, "too many wait, and this handshake is the slowest")
        return True

    def _give_up_late(self, loop: asyncio.AbstractEventLoop, guest: _Guest) -> None:
        # If the loop was held up, what came meanwhile is read first.
        loop.call_soon(loop.call_soon, self._give_up, guest, "the handshake took too long")

    def _give_up(self, guest: _Guest, why: str) -> None:
        if self._remove(guest):
            guest.give_up(why)

    def _leave(self, guest: _Guest) -> None:
        self._remove(guest)
        self._admit_soon()

    def _remove(self, guest: _Guest) -> bool:
        for guests in (self._silent, self._waiting, self._shaking):
            if guest in guests:
                del guests[guest]
                return True
        return False


class _Guest:
    """A peer between its arrival and the end of its handshake."""

    def __init__(self, stream: Stream, turn: asyncio.Future[None]) -> None:
        self._stream = stream
        self._tls: TlsStream | None = None
        self._turn = turn  # or it is given up
        self._given_up = ""

    async def wait_for_turn(self, handle_spoken: Callable[[_Guest], None]) -> None:
        """Calls when the peer has sent something. Raises `TlsError`."""

        def handle_readable() -> None:
            self._stream.want_input(False)
            handle_spoken(self)

        self._stream.start(handle_readable, _ignore)
        try:
            self._stream.want_input(True)
        except OSError as error:
            raise TlsError(f"cannot watch the socket: {error.strerror}") from error
        await self._turn
        if self._given_up:
            raise TlsError(self._given_up)

    def admit(self) -> None:
        if not self._turn.done():
            self._turn.set_result(None)

    def wrap(self, engine: TlsEngine) -> TlsStream:
        self._stream = self._tls = TlsStream(self._stream, engine)
        return self._tls

    def give_up(self, why: str) -> None:
        self._given_up = why
        if self._tls is None:
            self.admit()
        else:
            self._tls.give_up(why)

    def close(self) -> None:
        self._stream.close()


def _ignore() -> None:
    pass


def _context(tls: TlsConfig | ssl.SSLContext, server_side: bool) -> ssl.SSLContext:
    if isinstance(tls, TlsConfig):
        return tls._messi_context(server_side=server_side)
    wrong = ssl.PROTOCOL_TLS_CLIENT if server_side else ssl.PROTOCOL_TLS_SERVER
    if tls.protocol == wrong:
        raise ValueError(
            f"TLS: a {'server' if server_side else 'client'} needs an SSLContext of its side, but "
            f"got one of {wrong.name}."
        )
    return tls


# As of the C++ runtime (io/wrapping_network.h); times in seconds.
_MOST = 256
_MOST_WAITING = 16 * _MOST
_FREED_AT_ONCE = 16
_BEGUN_IN_A_TURN = 8
_PATIENCE = 5.0
# When a handshake is slow. The time is halved when one gives way, and doubled when one succeeds.
_SLOW_AT_MOST = 2.0
_SLOW_AT_LEAST = 0.01
