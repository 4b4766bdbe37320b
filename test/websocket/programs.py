"""The chat example's programs, and what they say over a WebSocket, as bytes."""

import asyncio
import contextlib
import signal

SOON = 20.0  # seconds


def frame(kind, payload=b""):
    return bytes([kind]) + len(payload).to_bytes(3, "big") + payload


def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content


PING, PONG = frame(3), frame(4)
CONNECT_RSP = frame(2, field(1, b""))


def connect_req(user):
    return frame(1, field(1, field(1, user)))


def message(kind, user, text):
    """Of a client (1) or a server (2)."""
    return frame(kind, field(2, field(1, user) + field(2, text)))


class Frames:
    """The frames in what has come."""

    def __init__(self):
        self._bytes = b""

    def add(self, some):
        self._bytes += some

    def __iter__(self):
        while len(self._bytes) >= 4 and len(self._bytes) >= 4 + int.from_bytes(self._bytes[1:4], "big"):
            size = 4 + int.from_bytes(self._bytes[1:4], "big")
            first, self._bytes = self._bytes[:size], self._bytes[size:]
            yield first


class Program:
    """One of them, which is started, typed to, and heard."""

    def __init__(self, process):
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, *command, end=signal.SIGKILL, **how):
        process = await asyncio.create_subprocess_exec(
            *map(str, command), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, **how)
        try:
            yield cls(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(end)
            await process.wait()

    async def hear(self, beginning):
        heard = []
        while True:
            line = (await asyncio.wait_for(self._process.stdout.readline(), SOON)).decode()
            heard.append(line)
            if line.startswith(beginning):
                return line.rstrip("\n")
            if not line:
                raise AssertionError(f"{beginning!r} was not said, but {heard}")

    def say(self, line):
        self._process.stdin.write(line.encode() + b"\n")

    def interrupt(self):
        self._process.terminate()

    async def end(self):
        """The end of what is typed; the program ends too."""
        self._process.stdin.close()
        return await asyncio.wait_for(self._process.wait(), SOON)
