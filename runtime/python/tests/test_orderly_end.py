"""What was sent before `stop` or `disconnect` arrives, if the peer reads it in time."""

import asyncio
import time

import chat_pb2
import pytest
from support import (
    CONNECT_REQ,
    HI,
    HI_IND,
    PING,
    PONG,
    Client,
    Listener,
    Server,
    raw_client,
    read_user_messages,
    running,
)
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason, ServerOptions

STOPPED = ("disconnected", DisconnectReason.STOPPED)
HI_REQ = b"\x01\x00\x00\x0c" + chat_pb2.ClientToServer(message_ind=HI).SerializeToString()
URIS = ["tcp://127.0.0.1:0", "unix-abstract:messi-test-orderly-end"]


def blob(size=100_000):
    return chat_pb2.MessageInd(text="x" * size)


class Bursting(Server):
    """Sends a lot to a client that asks for it, and ends."""

    end = "disconnect"
    count = 10
    size = 900_000

    async def on_connect_req(self, client, message):
        for _ in range(self.count):
            client.send(blob(self.size))
        self.stop() if self.end == "stop" else client.disconnect()


class Talking(Client):
    """Does not stop talking."""

    async def on_message_ind(self, message):
        self.events.add("message_ind")
        self.send(blob(1000))


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("end", ["disconnect", "stop"])
@pytest.mark.parametrize("client_class", [Client, Talking])
def test_all_that_a_server_has_sent_arrives(uri, end, client_class):
    async def body():
        server = Bursting(uri, options=ServerOptions(max_pending_bytes=1 << 30))
        server.end = end
        await server.start()
        client = client_class(server.uri)
        client.start()
        await client.events.until("disconnected", DisconnectReason.CONNECTION_CLOSED)
        client.stop()
        assert sum(event[0] == "message_ind" for event in client.events.all) == server.count
        await client.wait_stopped()
        server.stop()
        await server.wait_stopped()
        reason = DisconnectReason.STOPPED if end == "stop" else DisconnectReason.DISCONNECTED
        assert server.events.all[-1] == ("disconnected", 1, reason)

    run(body())


@pytest.mark.parametrize("uri", URIS)
def test_all_that_a_client_has_sent_arrives(uri):
    class Bursting(Client):
        async def on_connected(self):
            for _ in range(5):
                self.send(blob())
            self.stop()

    async def body():
        server = Server(uri)
        async with running(server):
            client = Bursting(server.uri)
            client.start()
            await client.wait_stopped()
            await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)
            assert sum(event[0] == "message_ind" for event in server.events.all) == 5

    run(body())


def test_a_peer_that_reads_slowly_gets_all_and_its_pings_are_answered():
    async def body():
        server = Bursting(options=ServerOptions(max_pending_bytes=1 << 30))
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(CONNECT_REQ)
            await server.events.until("connected", 1)
            while server.clients:
                await asyncio.sleep(0)
            pongs = 0
            for _ in range(server.count):
                await asyncio.sleep(0.3)
                writer.write(PING)
                while True:
                    header = await reader.readexactly(4)
                    if header != PONG:
                        break
                    pongs += 1
                await reader.readexactly(int.from_bytes(header[1:], "big"))
            assert pongs > 0
            assert (await reader.read()).replace(PONG, b"") == b""

    run(body())


def test_the_end_is_told_when_the_peer_has_ended_too():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None)
            client.start()
            reader, writer = await listener.accept()
            await client.events.until("connected")
            client.stop()
            assert not client.connected
            await asyncio.sleep(3)
            assert STOPPED not in client.events.all
            writer.close()
            await client.events.until(*STOPPED)
            assert asyncio.get_running_loop().time() < 4

    run(body())


@pytest.mark.parametrize("reads", [True, False])
def test_a_peer_that_does_not_end_is_waited_for_as_long_as_the_option_says(reads):
    async def body():
        loop = asyncio.get_running_loop()
        options = ServerOptions(client_timeout=1000, max_pending_bytes=1 << 30, linger=7)
        server = Server(options=options)
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            (client,) = server.clients
            for _ in range(1 if reads else 200):
                client.send(blob())
            began = loop.time()
            client.disconnect()
            assert not client.connected
            assert server.clients == []
            assert server.find_client(1) is None
            if reads:
                await read_user_messages(reader, 1)
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)
            assert loop.time() - began == pytest.approx(7, abs=0.1)

    run(body())


@pytest.mark.parametrize("first", [True, False])
def test_what_is_to_end_now_ends_now(first):
    async def body():
        loop = asyncio.get_running_loop()
        server = Server(options=ServerOptions(client_timeout=1000, max_pending_bytes=1 << 30))
        async with running(server), raw_client(server), raw_client(server):
            await server.events.until("connected", 2)
            for client in server.clients:
                for _ in range(200):
                    client.send(blob())
            one, two = server.clients
            await asyncio.sleep(0)
            if first:
                one.disconnect()
                await asyncio.sleep(1)
            began = loop.time()
            one.disconnect_now()
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)
            if first:
                server.stop()
                await asyncio.sleep(0)
                assert two.native_handle() >= 0
            server.stop_now()
            await server.events.until("disconnected", 2, DisconnectReason.STOPPED)
            assert two.native_handle() == -1
            assert loop.time() == began
            await server.wait_stopped()

    run(body())


@pytest.mark.parametrize("first", [True, False])
def test_a_client_that_is_to_stop_now_stops_now(first):
    async def body():
        loop = asyncio.get_running_loop()
        async with Listener() as listener:
            client = Client(listener.uri, user=None)
            client.start()
            await listener.accept()
            await client.events.until("connected")
            for _ in range(100):
                client.send(blob())
            if first:
                client.stop()
                await asyncio.sleep(1)
            began = loop.time()
            client.stop_now()
            await client.wait_stopped()
            assert loop.time() == began
            assert client.events.all == [("connected",), STOPPED]

    run(body())


def test_without_linger_stop_is_at_once():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, options=ClientOptions(linger=0))
            client.start()
            await listener.accept()
            await client.events.until("connected")
            client.stop()
            await client.wait_stopped()
            assert asyncio.get_running_loop().time() == 0

    run(body())


def test_the_next_connection_begins_when_the_last_one_has_ended():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            client.start()
            await listener.accept()
            await client.events.until("connected")
            client.stop()
            client.start()
            assert not client.connected
            await listener.accept()
            await client.events.until("connected")
            assert client.events.all == [("connected",), STOPPED, ("connected",)]
            assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)
            client.stop_now()

    run(body())


def test_a_server_that_is_restarted_listens_at_once():
    async def body():
        server = Server()
        await server.start()
        uri = server.uri
        async with raw_client(server) as (lingering, _):
            await server.events.until("connected", 1)
            server.stop()
            again = Server(uri)
            async with running(again), raw_client(again):
                await again.events.until("connected", 1)
                assert asyncio.get_running_loop().time() == 0
            assert await lingering.read() == b""
        await server.wait_stopped()

    run(body())


def test_both_may_end_at_once():
    async def body():
        server = Server()
        await server.start()
        client = Client(server.uri)
        client.start()
        await client.events.until("connect_rsp")
        server.broadcast(blob())
        client.send(blob())
        client.stop()
        server.stop()
        await client.wait_stopped()
        await server.wait_stopped()
        assert asyncio.get_running_loop().time() < 1
        assert client.events.all[-1] == STOPPED

    run(body())


def test_messages_that_come_during_the_end_are_dropped():
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            server.clients[0].disconnect()
            writer.write(CONNECT_REQ + b"\x01\xff\xff\xff" + b"x" * 100_000)
            await asyncio.sleep(1)
            writer.write_eof()
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)
            assert len(server.events.all) == 2

    run(body())


def test_the_end_of_the_loop_does_not_wait():
    async def body():
        server = Server()
        await server.start()
        async with raw_client(server):
            await server.events.until("connected", 1)
            server.stop()

    began = time.monotonic()
    asyncio.run(body())
    assert time.monotonic() - began < 4


def test_a_stopped_server_has_said_what_it_had_to_say():
    async def body():
        server = Server()
        await server.start()
        async with raw_client(server) as (reader, writer):
            writer.write(PING)
            assert await reader.readexactly(4) == PONG
            server.broadcast(chat_pb2.MessageInd(user="Erik", text="hi"))
            server.stop()
            assert await reader.read() == HI_IND
            writer.close()
            await server.wait_stopped()
            assert asyncio.get_running_loop().time() < 1

    run(body())


class Busy(Server):
    """The hook of each message waits until it is free."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.free = asyncio.Event()
        self.client = None

    async def on_message_ind(self, client, message):
        self.client = client
        self.events.add("message_ind", message.text)
        await self.free.wait()
        if message.text == "raise":
            raise RuntimeError("as it should")


async def send_and_stop(server, *texts):
    """All of it has arrived, and so has the end."""
    client = Client(server.uri, user=None)
    client.start()
    await client.events.until("connected")
    for text in texts:
        client.send(chat_pb2.MessageInd(text=text))
    await server.events.until("message_ind", texts[0])
    client.stop()
    await client.wait_stopped()


@pytest.mark.parametrize("end", ["stop", "stop_now", "disconnect", "disconnect_now"])
def test_what_is_dropped_was_not_ended_by_the_peer(end):
    async def body():
        server = Busy()
        async with running(server):
            await send_and_stop(server, "1", "2", "3")
            getattr(server if end.startswith("stop") else server.client, end)()
            server.stop()
            server.free.set()
            await server.wait_stopped()
            stopped = end.startswith("stop")
            reason = DisconnectReason.STOPPED if stopped else DisconnectReason.DISCONNECTED
            assert server.events.all[1:] == [("message_ind", "1"), ("disconnected", 1, reason)]

    run(body())


def test_what_a_hook_leaves_behind_when_it_fails_was_not_ended_by_the_peer():
    async def body():
        server = Busy()
        async with running(server):
            await send_and_stop(server, "raise", "2")
            server.free.set()
            await server.events.until("disconnected", 1, DisconnectReason.GENERAL_ERROR)
            assert ("message_ind", "2") not in server.events.all

    run(body())


@pytest.mark.parametrize("more", [b"", HI_REQ])
def test_nothing_is_handed_out_behind_what_cannot_be_decoded(more):
    async def body():
        server = Busy()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(HI_REQ)
            await server.events.until("message_ind", "hi")
            writer.write(b"\x01\x00\x00\x01\xff" + more)
            writer.write_eof()
            await reader.read()
            server.free.set()
            await server.events.until("disconnected", 1, DisconnectReason.MESSAGE_DECODE_ERROR)
            assert server.events.all.count(("message_ind", "hi")) == 1

    run(body())


def test_what_was_handed_out_to_the_end_was_ended_by_the_peer():
    async def body():
        server = Busy()
        await server.start()
        server.free.set()
        await send_and_stop(server, "1", "2")
        await server.events.until("message_ind", "2")
        await asyncio.sleep(0.1)
        server.stop()
        await server.wait_stopped()
        assert server.events.all[-1] == ("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)

    run(body())
