"""How long one turn of an event loop may wait for quick readers."""

from __future__ import annotations

import asyncio
import time
import weakref


class Patience:
    """One for each event loop. When too much is pending, it is offered to the system for a short
    time before the reader counts as slow. All connections share that time in a turn."""

    def __init__(self) -> None:
        self.left = PER_TURN
        """The seconds left for waiting in this turn."""

        self._renewing = False

    @staticmethod
    def of(loop: asyncio.AbstractEventLoop) -> Patience:
        if loop not in _patiences:
            _patiences[loop] = Patience()
        return _patiences[loop]

    def spend(self, loop: asyncio.AbstractEventLoop, since: float) -> None:
        """`since`: of `time.monotonic`."""
        self.left -= time.monotonic() - since
        if not self._renewing:
            self._renewing = True
            loop.call_soon(self._renew)

    def _renew(self) -> None:
        self._renewing = False
        self.left = PER_TURN


PER_TURN = 0.1

_patiences: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Patience] = (
    weakref.WeakKeyDictionary()
)
