"""How long one turn of an event loop may wait for readers that are quick."""

from __future__ import annotations

import asyncio
import time


class Patience:
    """What is too much to be pending is offered to the system while it takes it, instead of being
    taken for the fault of the reader. All connections of a client or server share the little time
    that there is for it in a turn."""

    def __init__(self) -> None:
        self._left = _PER_TURN
        self._renewing = False

    @property
    def left(self) -> float:
        """Seconds that may still be waited without progress."""
        return min(self._left, _WITHOUT_PROGRESS)

    def spend(self, loop: asyncio.AbstractEventLoop, since: float) -> None:
        """`since`: of `time.monotonic`."""
        self._left -= time.monotonic() - since
        if not self._renewing:
            self._renewing = True
            loop.call_soon(self._renew)

    def _renew(self) -> None:
        self._renewing = False
        self._left = _PER_TURN


_PER_TURN = 0.1
_WITHOUT_PROGRESS = 0.02
