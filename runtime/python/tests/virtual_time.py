"""An event loop on which time passes only when nothing else can happen.

Real sockets, but no test waits for a time-out. What one end of a loopback connection writes is
there for the other end nearly at once, so a loop without a ready socket has nothing to do but to
wait for a timer.
"""

import asyncio
import selectors

# "Nearly at once", when the machine is busy; and before giving up a test.
_DELAY = 0.02
_LONG_DELAY = 2.0
_LONG_TIME = 100.0


class _Selector(selectors.DefaultSelector):
    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        endless = timeout is None or timeout > _LONG_TIME
        ready = super().select(_LONG_DELAY if endless else min(timeout, _DELAY))
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._virtual_selector = _Selector()
        super().__init__(self._virtual_selector)

    def time(self):
        return self._virtual_selector.now


def run(coroutine):
    """As `asyncio.run`, with virtual time; fails if it takes 10,000 s of it."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(asyncio.wait_for(coroutine, 10_000))
    finally:
        loop.run_until_complete(_end_other_tasks())
        loop.close()


async def _end_other_tasks():
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(2)  # closed transports finish
