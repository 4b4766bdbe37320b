#!/usr/bin/env python3
"""A modem between the serial line of a board and a server. modem.h says how it talks to the board.

usage: modem.py <port of the server> <bytes>

Prints the port for the serial line. Each connection is cut when so many bytes have passed, which makes this a bad modem. When it reads a
line, it says how many connections there were, and ends.
"""

import asyncio
import contextlib
import sys

ESCAPE, CONNECT, LOST = b"\xff", b"C", b"L"
CHUNK = 64


class Modem:
    def __init__(self, port, most):
        self.connections = 0
        self._port = port
        self._most = most
        self._escaped = False
        self._server = None  # the connection
        self._left = 0  # bytes until it is cut
        self._listening = None  # to the server

    async def serve(self, board, line):
        """Until the board is gone. `line` is the way to the board."""
        while data := await board.read(CHUNK):
            for at in range(len(data)):
                await self._take(data[at : at + 1], line)
        self._hang_up()

    async def _take(self, byte, line):
        if not self._escaped and byte == ESCAPE:
            self._escaped = True
        elif self._escaped and byte == CONNECT:
            self._escaped = False
            await self._connect(line)
        else:
            self._escaped = False
            if self._server is not None:
                self._server.write(byte)
                self._pass(1, line)

    async def _connect(self, line):
        self._hang_up()
        server, self._server = await asyncio.open_connection("127.0.0.1", self._port)
        self._left = self._most
        self.connections += 1
        line.write(ESCAPE + CONNECT)
        self._listening = asyncio.create_task(self._listen(server, line))

    async def _listen(self, server, line):
        with contextlib.suppress(ConnectionError):
            while data := await server.read(CHUNK):
                for at in range(len(data)):
                    line.write(data[at : at + 1].replace(ESCAPE, ESCAPE + ESCAPE))
                    if not self._pass(1, line):
                        return
                await line.drain()
        self._lose(line)

    def _pass(self, size, line):
        self._left -= size
        if self._left > 0:
            return True
        self._lose(line)
        return False

    def _lose(self, line):
        if self._server is not None:
            self._hang_up()
            line.write(ESCAPE + LOST)

    def _hang_up(self):
        if self._server is not None:
            self._server.transport.abort()
            self._listening.cancel()
            self._server = None


async def main(port, most):
    modem = Modem(port, most)
    listener = await asyncio.start_server(modem.serve, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(f"{modem.connections} connections", flush=True)
    listener.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]))) if len(sys.argv) == 3 else __doc__)
