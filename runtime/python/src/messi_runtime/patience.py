"""How long one turn of an event loop may wait for readers that are quick."""

from __future__ import annotations

import asyncio
import time
import weakref


class Patience:
    """One for each event loop. What is too much to be pending is offered to the system while it
    takes it, instead of being taken for the fault of the reader; all connections share the little
    time that there is for it in a turn."""

    def __init__(self) -> None:
        self.left = PER_TURN
        """Seconds that may still be waited in this turn."""

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
