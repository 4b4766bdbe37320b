"""Clients and servers with sessions that write down what happens to them, and their frames by
hand."""

import asyncio
import contextlib

import chat_pb2
from support import Client, Server

from messi_runtime import ClientOptions, ServerOptions, SessionMode
from messi_runtime.backoff import BackoffSettings
from messi_runtime.close_frame import CloseCode, CloseFrame, decode_close, encode_close
from messi_runtime.frame import FrameType, encode_frame
from messi_runtime.schema_tlvs import PROTOCOL_TLV, encode_schema
from messi_runtime.session_frames import Hello, Welcome, decode_ack, encode_ack, encode_tlv

QUICK = BackoffSettings(initial=0.01, max=0.02, quick=0.01)

OFFER = bytes.fromhex("05000004 01010001")


def client_options(**given):
    defaults = {"session": SessionMode.PREFER, "backoff": QUICK}
    return ClientOptions(**{**defaults, **given})


def server_options(**given):
    return ServerOptions(**{"session": SessionMode.PREFER, **given})


# What is said of the schema, by those who have this one, and by others.
CHAT = encode_schema(Client._messi_schema, 1024)
OTHER = encode_tlv(PROTOCOL_TLV, b"\x05other" + bytes(32))


class SessionClient(Client):
    def __init__(self, uri, user=None, **given):
        super().__init__(uri, user=user, options=client_options(**given))

    async def on_disconnected(self, reason):
        self.events.add("disconnected", reason)

    async def on_detached(self, reason):
        self.events.add("detached", reason)

    async def on_resumed(self, replayed):
        self.events.add("resumed", replayed)

    async def on_session_lost(self, loss):
        self.events.add(
            "lost", loss.reason, loss.first_unacked, loss.last_accepted, loss.peer_handled
        )

    def say(self, text):
        self.send(chat_pb2.MessageInd(user="Erik", text=text))


class SessionServer(Server):
    """Sends nothing unasked."""

    def __init__(self, uri="tcp://127.0.0.1:0", **given):
        super().__init__(uri, options=server_options(**given))

    async def on_message_ind(self, client, message):
        self.events.add("message_ind", client.id, message.text)

    async def on_client_detached(self, client, reason):
        self.events.add("detached", client.id, reason)

    async def on_client_resumed(self, client, replayed):
        self.events.add("resumed", client.id, replayed)

    async def on_client_session_lost(self, client, loss):
        self.events.add(
            "lost",
            client.id,
            loss.reason,
            loss.first_unacked,
            loss.last_accepted,
            loss.peer_handled,
        )


class Proxy:
    """Passes bytes on, and cuts: `async with Proxy(port) as proxy`."""

    def __init__(self, port):
        self.port = port
        self.connections = []
        self.passing = True

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.uri = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()

    def cut(self):
        connections, self.connections = self.connections, []
        for writer in connections:
            writer.transport.abort()

    async def _accept(self, reader, writer):
        if not self.passing:
            writer.transport.abort()
            return
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.connections += [writer, other_writer]
        await asyncio.gather(self._pass(reader, other_writer), self._pass(other_reader, writer))

    async def _pass(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(64 * 1024):
                writer.write(data)
        writer.close()


def text(message):
    return chat_pb2.MessageInd(user="Erik", text=message)


def message(words):
    """From a client."""
    payload = chat_pb2.ClientToServer(message_ind=text(words)).SerializeToString()
    return encode_frame(FrameType.CLIENT_TO_SERVER, payload)


def news(words):
    """From a server."""
    payload = chat_pb2.ServerToClient(message_ind=text(words)).SerializeToString()
    return encode_frame(FrameType.SERVER_TO_CLIENT, payload)


def ack(rx, tx):
    return encode_frame(FrameType.ACK, encode_ack(rx, tx))


def close(code=CloseCode.CLOSED, **given):
    return encode_close(CloseFrame(code, **given))


class Raw:
    """The end of a connection that speaks frames."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    def write(self, *frames):
        self.writer.write(b"".join(frames))

    async def next(self):
        """Type and payload of the next frame that is no pong."""
        while True:
            header = await self.reader.readexactly(4)
            payload = await self.reader.readexactly(int.from_bytes(header[1:], "big"))
            if header[0] != FrameType.PONG:
                return FrameType(header[0]), payload

    async def expect(self, kind):
        got, payload = await self.next()
        assert got == kind, (got, payload)
        return payload

    async def close_frame(self):
        return decode_close(await self.expect(FrameType.CLOSE))

    async def text(self):
        payload = await self.expect(FrameType.SERVER_TO_CLIENT)
        return chat_pb2.ServerToClient.FromString(payload).message_ind.text

    async def hello(self, **given):
        """Introduces itself; the WELCOME."""
        defaults = {"attempt": 1, "retain": 1 << 20, "max_payload_size": 1 << 20}
        self.write(Hello(**{**defaults, **given}).encode())
        return Welcome.decode(await self.expect(FrameType.WELCOME))

    async def begin(self, **given):
        """The same, from OFFER to both ACKs."""
        await self.expect(FrameType.OFFER)
        welcome = await self.hello(**given)
        rx, tx = decode_ack(await self.expect(FrameType.ACK))
        assert (rx, tx) == (welcome.rx, given.get("rx", 0))
        self.write(ack(given.get("rx", 0), welcome.rx))
        return welcome

    async def resume(self, welcome, attempt=2, rx=0, **given):
        again = {"resume": True, "id": welcome.id, "secret": welcome.secret}
        return await self.begin(attempt=attempt, rx=rx, **{**again, **given})

    async def end(self):
        return await self.reader.read()
