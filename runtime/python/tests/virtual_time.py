"""An event loop on which time passes only when nothing else can happen.

Real sockets, but no test waits for a time-out. What one end of a loopback connection writes is
there for the other end nearly at once, so a loop without a ready socket has nothing to do but to
wait for a timer.
"""

import asyncio
import os
import selectors
import socket

# "Nearly at once" for threads and other processes; and before giving up a test.
_DELAY = 0.02
_LONG_DELAY = 2.0
_LONG_TIME = 100.0


# The packets that a client and a server exchange until both are connected.
_HANDSHAKE = 3


class _Probe:
    """A socket that is connected to itself. Its bytes queue up in the kernel, which may be busy,
    behind all that was sent before."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(self._socket.getsockname())

    def travel(self):
        # Tests let the calls of `socket` fail.
        os.write(self._socket.fileno(), b".")
        os.read(self._socket.fileno(), 1)

    def close(self):
        self._socket.close()


class _Selector(selectors.DefaultSelector):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self._probe = _Probe()

    def select(self, timeout=None):
        endless = timeout is None or timeout > _LONG_TIME
        ready = super().select(_LONG_DELAY if endless else min(timeout, _DELAY))
        if not ready and timeout:
            for _ in range(_HANDSHAKE):
                self._probe.travel()
            ready = super().select(0)
        if not ready and timeout is not None:
            self.now += timeout
        return ready

    def close(self):
        self._probe.close()
        super().close()


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
