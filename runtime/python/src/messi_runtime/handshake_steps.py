"""Handshakes take turns."""

from __future__ import annotations

import asyncio
import weakref


class HandshakeSteps:
    """One for each event loop. Each step of a handshake takes up to a millisecond of computing, and
    hundreds may be ready at once. A turn of the loop makes a few, so that others do not wait."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self._left = _MOST_IN_A_TURN

    @staticmethod
    def of_running_loop() -> HandshakeSteps:
        loop = asyncio.get_running_loop()
        if loop not in _of_loops:
            _of_loops[loop] = HandshakeSteps()
        return _of_loops[loop]

    async def next(self) -> None:
        """Waits until the next step may be made."""
        if self._left > 0:
            self._take()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _take(self) -> None:
        if self._left == _MOST_IN_A_TURN:
            asyncio.get_running_loop().call_soon(self._begin_turn)
        self._left -= 1

    def _begin_turn(self) -> None:
        self._left = _MOST_IN_A_TURN
        while self._waiting and self._left > 0:
            turn = self._waiting.pop()  # whose handshake is nearly over comes before who begins
            if not turn.done():
                self._take()
                turn.set_result(None)


_of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, HandshakeSteps] = (
    weakref.WeakKeyDictionary()
)

# As of the C++ runtime (io/tls/tls_stream.h).
_MOST_IN_A_TURN = 8
