"""One end of the tests with two processes, in Python: what peer.cc says, but for the herd and the echo.

usage: peer.py server|client URI LEDGER [--size BYTES] [--rate N] [--first N] [--narrow]
"""

import argparse
import asyncio
import mmap
import os
import signal
import sys
import time
import zlib

import chat_pb2
from chat_client import ChatClient
from chat_server import ChatServer
from ledger import ENTRIES, ENTRY
from messi_runtime import BackoffSettings, ClientOptions, DisconnectReason, ServerOptions, SocketOptions

REASONS = list(DisconnectReason)
MOST_AT_ONCE = 200
SHORT_BACKOFF = BackoffSettings(initial=0.005, quick=0.005, max=0.2)
LINGER = 20.0  # a busy machine may take long to pass on what was sent, and all of it counts


class Ledger:
    def __init__(self, path):
        with open(path, "ab+") as file:
            file.truncate(ENTRIES * ENTRY.size)
            self._memory = mmap.mmap(file.fileno(), ENTRIES * ENTRY.size)
        self._count = 0

    def begin(self, session):
        entry = Entry(memoryview(self._memory)[self._count * ENTRY.size:][:ENTRY.size].cast("Q"))
        self._count += 1
        entry.set(0, session)
        return entry


class Entry:
    """The fields of `ledger.Entry`."""

    def __init__(self, fields):
        self._fields = fields
        self.begin = time.monotonic()

    def get(self, index):
        return self._fields[index]

    def set(self, index, value):
        self._fields[index] = value

    def add(self, index, number=1):
        self._fields[index] += number


def say(*words):
    print(*words, flush=True)


def note_received(entry, text):
    checksum, rest = text.split(" ", 1)
    session, number, _ = rest.split(" ", 2)
    number = int(number)
    received = entry.get(2)
    if int(checksum) != zlib.crc32(rest.encode()) or int(session) != entry.get(0):
        entry.add(5)
    elif number < received:
        entry.add(3)
    else:
        entry.add(4, number - received)
        entry.set(2, number + 1)


def socket_options(arguments):
    return SocketOptions(send_buffer=4096, receive_buffer=4096) if arguments.narrow else SocketOptions()


def due(arguments, entry):
    if arguments.rate == 0:
        return sys.maxsize
    if arguments.rate < 0:
        return arguments.first
    return arguments.first + int((time.monotonic() - entry.begin) * arguments.rate)


def send_due(to, entry, arguments):
    until = due(arguments, entry)
    for _ in range(MOST_AT_ONCE):
        sent = entry.get(1)
        if sent >= until or not to.connected or to.pending_bytes > (8 * 1024 if arguments.narrow else 256 * 1024):
            return
        rest = f"{entry.get(0)} {sent} ".ljust(arguments.size, chr(ord("a") + sent % 26))
        entry.set(1, sent + 1)
        to.send(chat_pb2.MessageInd(text=f"{zlib.crc32(rest.encode())} {rest}"))


class Client(ChatClient):
    def __init__(self, arguments):
        options = ClientOptions(backoff=SHORT_BACKOFF, linger=LINGER, socket=socket_options(arguments))
        super().__init__(arguments.uri, options=options)
        self._ledger = Ledger(arguments.ledger)
        self._next_session = (os.getpid() << 24) + 1
        self.entry = None

    async def on_connected(self):
        self.entry = self._ledger.begin(self._next_session)
        self._next_session += 1
        self.send(chat_pb2.ConnectReq(user=str(self.entry.get(0))))
        say("connected", self.entry.get(0))

    async def on_disconnected(self, reason):
        self.entry.set(6, REASONS.index(reason) + 1)
        say(f"disconnected: {reason}")

    async def on_message_ind(self, message):
        note_received(self.entry, message.text)


class Server(ChatServer):
    def __init__(self, arguments):
        super().__init__(arguments.uri, options=ServerOptions(max_clients=20_000, socket=socket_options(arguments)))
        self._ledger = Ledger(arguments.ledger)

    async def on_connect_req(self, client, message):
        client.state = self._ledger.begin(int(message.user))
        say("known")

    async def on_message_ind(self, client, message):
        if message.user == "echo":
            client.send(message)
        else:
            note_received(client.state, message.text)

    async def on_client_disconnected(self, client, reason):
        if client.state is None:
            return
        client.state.set(6, REASONS.index(reason) + 1)
        say(f"gone: {reason}")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client", "server"])
    parser.add_argument("uri")
    parser.add_argument("ledger")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--narrow", action="store_true")
    arguments = parser.parse_args()

    if arguments.role == "client":
        end = Client(arguments)
        end.start()
        peers = lambda: [(end, end.entry)]  # noqa: E731
    else:
        end = Server(arguments)
        await end.start()
        say("listening", end.uri)
        peers = lambda: [(client, client.state) for client in end.clients]  # noqa: E731
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.stop)

    async def talk():
        while True:
            for to, entry in peers():
                if entry is not None:
                    send_due(to, entry, arguments)
            await asyncio.sleep(0.002)

    talking = asyncio.ensure_future(talk())
    await end.wait_stopped()
    talking.cancel()


asyncio.run(main())
