"""Clients and servers that write down what happens to them, and peers that speak bytes."""

import asyncio
import contextlib
import os
import socket
from unittest.mock import patch

import chat_client
import chat_pb2
import chat_server

from messi_runtime.resolver import Resolver

CONNECT_REQ = b"\x01\x00\x00\x08\x0a\x06\x0a\x04Erik"
CONNECT_RSP = b"\x02\x00\x00\x02\x0a\x00"
PING = b"\x03\x00\x00\x00"
PONG = b"\x04\x00\x00\x00"
HI = chat_pb2.MessageInd(user="Erik", text="hi")
HI_IND = b"\x02\x00\x00\x0c" + chat_pb2.ServerToClient(message_ind=HI).SerializeToString()


class Events:
    """What has happened, for tests to wait for."""

    def __init__(self):
        self._queue = asyncio.Queue()
        self.all = []

    def add(self, *event):
        self.all.append(event)
        self._queue.put_nowait(event)

    async def next(self):
        return await self._queue.get()

    async def until(self, *event):
        while await self.next() != event:
            pass


class Client(chat_client.ChatClient):
    def __init__(self, *args, user="Erik", **kwargs):
        super().__init__(*args, **kwargs)
        self.events = Events()
        self.user = user

    async def on_connected(self):
        self.events.add("connected")
        if self.user is not None:
            self.send(chat_pb2.ConnectReq(user=self.user))

    async def on_disconnected(self, reason):
        self.events.add("disconnected", reason)

    async def on_connect_failure(self, exception):
        self.events.add("failure", type(exception))
        return await super().on_connect_failure(exception)

    async def on_writable(self):
        self.events.add("writable")

    async def on_unknown_message(self, field_number):
        self.events.add("unknown", field_number)

    async def on_connect_rsp(self, message):
        self.events.add("connect_rsp")

    async def on_message_ind(self, message):
        self.events.add("message_ind", message.user, message.text)


class Server(chat_server.ChatServer):
    def __init__(self, uri="tcp://127.0.0.1:0", **kwargs):
        super().__init__(uri, **kwargs)
        self.events = Events()

    async def on_client_connected(self, client):
        self.events.add("connected", client.id)

    async def on_client_disconnected(self, client, reason):
        self.events.add("disconnected", client.id, reason)

    async def on_client_refused(self, peer_address, reason):
        self.events.add("refused", reason)

    async def on_client_writable(self, client):
        self.events.add("writable", client.id)

    async def on_unknown_message(self, client, field_number):
        self.events.add("unknown", client.id, field_number)

    async def on_connect_req(self, client, message):
        client.state = message.user
        self.events.add("connect_req", client.id, message.user)
        self.reply(chat_pb2.ConnectRsp())

    async def on_message_ind(self, client, message):
        self.events.add("message_ind", client.id, message.text)
        self.broadcast(message)


class Listener:
    """A server that speaks bytes: `async with Listener() as listener`."""

    async def __aenter__(self):
        self._streams = asyncio.Queue()
        self._writers = []
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.uri = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def accept(self):
        return await self._streams.get()

    def _accept(self, reader, writer):
        self._writers.append(writer)
        self._streams.put_nowait((reader, writer))


@contextlib.asynccontextmanager
async def running(*ends):
    """Starts servers and clients, and stops them."""
    for end in ends:
        result = end.start()
        if result is not None:
            await result
    try:
        yield
    finally:
        for end in ends:
            end.stop()
        for end in ends:
            await end.wait_stopped()


@contextlib.asynccontextmanager
async def raw_client(server):
    """A connection to `server` that speaks bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def addresses(*hosts):
    """All names stand for these addresses, in this order."""

    async def resolve(_resolver, _host):
        return list(hosts)

    return patch.object(Resolver, "resolve", resolve)


def option(end, level, name):
    """What the socket of a client, or of a server's client, is set to."""
    handle = os.dup(end.native_handle())
    with socket.socket(fileno=handle) as copy:
        return copy.getsockopt(level, name)


async def read_user_messages(reader, count):
    """The payloads of the next messages; pings and pongs are skipped."""
    payloads = []
    while len(payloads) < count:
        header = await reader.readexactly(4)
        payload = await reader.readexactly(int.from_bytes(header[1:], "big"))
        if header[0] in (1, 2):
            payloads.append(payload)
    return payloads


async def is_closed(reader):
    """Reads on until the end of the connection."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(64 * 1024):
            pass
    return True
