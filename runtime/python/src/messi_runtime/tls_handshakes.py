"""From sockets to TLS on both sides."""

from __future__ import annotations

import asyncio
import ssl

from .stream import Stream
from .tls_config import SYSTEM, TlsConfig
from .tls_engine import TlsEngine
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
    """Those of one server. At the limit the next one ends the oldest: a real client is soon done,
    so peers that only connect keep no client out."""

    def __init__(self, tls: TlsConfig | ssl.SSLContext) -> None:
        self._tls = tls
        self._under_way: dict[TlsStream, None] = {}  # the oldest first

    def context(self) -> ssl.SSLContext:
        """Raises `ValueError` for a configuration that cannot be used."""
        return _context(self._tls, server_side=True)

    async def shake_hands(self, inner: Stream) -> TlsStream:
        """Raises `TlsError`. Closes the socket if it raises."""
        loop = asyncio.get_running_loop()
        if len(self._under_way) >= _MOST:
            self._give_up(next(iter(self._under_way)), "too many handshakes are under way")
        stream = TlsStream(inner, TlsEngine(self.context(), host=None))
        self._under_way[stream] = None
        timer = loop.call_later(_PATIENCE, self._give_up_late, loop, stream)
        try:
            await stream.shake_hands()
        except BaseException:
            stream.close()
            raise
        finally:
            timer.cancel()
            self._under_way.pop(stream, None)
        return stream

    def stop(self) -> None:
        for stream in list(self._under_way):
            self._give_up(stream, "the server was stopped")

    def _give_up_late(self, loop: asyncio.AbstractEventLoop, stream: TlsStream) -> None:
        # If the loop was held up, what came meanwhile is read first.
        loop.call_soon(loop.call_soon, self._give_up, stream, "the handshake took too long")

    def _give_up(self, stream: TlsStream, why: str) -> None:
        if stream in self._under_way:
            del self._under_way[stream]
            stream.give_up(why)


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


# As of the C++ runtime (io/wrapping_network.h); in seconds.
_MOST = 256
_PATIENCE = 5.0
