"""What waits to be written, and for how long: bounds, and what their excess is called."""

import asyncio
import contextlib
import errno
import itertools
import os
import pathlib
import socket
import subprocess
import sys
import threading

import chat_pb2
import chat_server
import pytest
from support import HI, HI_IND, PONG, Client, Listener, Server, raw_client, running
from virtual_time import run

import messi_runtime
from messi_runtime import ClientOptions, DisconnectReason, ServerOptions, patience
from messi_runtime.socket_stream import SocketStream


def blob(size):
    return chat_pb2.MessageInd(text="x" * size)


@contextlib.contextmanager
def reading_thread(port):
    """A peer that reads as fast as it can, in a thread of its own; yields what it has read."""
    received = []
    peer = socket.create_connection(("127.0.0.1", port))

    def read():
        with peer:
            while data := peer.recv(1 << 20):
                received.append(len(data))

    thread = threading.Thread(target=read)
    thread.start()
    yield received
    thread.join()


def test_more_than_may_be_pending_can_be_sent_at_once_to_who_reads_it(monkeypatch):
    # The machine may be too busy for the reader to be quick.
    monkeypatch.setattr(patience, "PER_TURN", 60)

    class Snapshot(Server):
        async def on_client_connected(self, client):
            for _ in range(200):
                client.send(blob(100_000))
            self.events.add("connected", client.connected)

    async def body():
        server = Snapshot(options=ServerOptions(max_pending_bytes=1024 * 1024))
        await server.start()
        with reading_thread(server.port) as received:
            await server.events.until("connected", True)
            server.stop()
            await server.wait_stopped()
        assert sum(received) > 200 * 100_000

    asyncio.run(body())


@pytest.mark.parametrize("behind", [True, False])
def test_who_has_not_read_is_slow_and_who_could_not_yet_was_sent_too_much(behind):
    async def body():
        server = Server(options=ServerOptions(max_pending_bytes=20_000_000, client_timeout=1000))
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            (client,) = server.clients
            if behind:
                for _ in range(100):
                    client.send(blob(100_000))
                await asyncio.sleep(0.1)
                assert client.pending_bytes > 0
            for _ in range(400):
                client.send(blob(100_000))
            reason = DisconnectReason.SLOW_READER if behind else DisconnectReason.TOO_MUCH_AT_ONCE
            await server.events.until("disconnected", 1, reason)

    run(body())


def test_many_who_do_not_read_do_not_make_the_loop_wait_for_each():
    async def body():
        server = Server(options=ServerOptions(max_pending_bytes=1_000_000, client_timeout=1000))
        async with running(server), contextlib.AsyncExitStack() as stack:
            for _ in range(40):
                await stack.enter_async_context(raw_client(server))
            await server.events.until("connected", 40)
            waited = []
            wait = SocketStream.wait_for_room

            def counted(stream, seconds):
                waited.append(seconds)
                return wait(stream, seconds)

            SocketStream.wait_for_room = counted
            try:
                for _ in range(100):
                    server.broadcast(blob(100_000))
            finally:
                SocketStream.wait_for_room = wait
            assert 1 <= len(waited) <= 2
            assert server.clients == []

    run(body())


@pytest.mark.parametrize("size", [1024 * 1024 - 8, 3 * 1024 * 1024, 17 * 1024 * 1024])
def test_a_broadcast_that_is_too_big_is_sent_to_nobody_and_drops_nobody(caplog, size):
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (one, _), raw_client(server) as (two, _):
            await server.events.until("connected", 2)
            message = chat_pb2.MessageInd(user="Erik", text="x" * size)
            assert not server.broadcast_message_ind(message)
            assert not server.broadcast(message)
            assert server.broadcast(HI)
            assert await one.readexactly(16) == HI_IND
            assert await two.readexactly(16) == HI_IND
            assert len(server.clients) == 2

    run(body())
    assert "A broadcast is sent to nobody: Message too big." in caplog.text


def test_a_relay_of_a_message_at_the_limit_drops_nobody():
    async def body():
        server = Server()
        await server.start()
        clients = [Client(server.uri, user="x") for _ in range(3)]
        async with running(*clients):
            for each in clients:
                await each.events.until("connect_rsp")
            clients[0].send(chat_pb2.MessageInd(text="x" * (1024 * 1024 - 9)))
            while not any(event[0] == "message_ind" for event in server.events.all):
                await server.events.next()
            await asyncio.sleep(1)
            assert len(server.clients) == 3
            server.stop()
        await server.wait_stopped()

    run(body())


@pytest.mark.parametrize("what", ["text", b"bytes", 1, ["list"]])
def test_what_is_no_message_is_a_type_error(what):
    async def body():
        server = Server()
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            name = type(what).__name__
            client = Client(server.uri)
            for send in (client.send, client.send_message_ind, server.clients[0].send):
                with pytest.raises(TypeError, match=f"but got a {name}"):
                    send(what)
            with pytest.raises(TypeError, match=f"but got a {name}"):
                server.broadcast(what)

    run(body())


def test_a_hook_that_sends_again_whenever_it_can_leaves_time_for_others():
    class Eager(Server):
        told = 0

        async def on_client_writable(self, client):
            self.told += 1
            while client.connected and client.pending_bytes <= 600_000:
                client.send(blob(100_000))

    async def body():
        server = Eager(options=ServerOptions(max_pending_bytes=1_000_000, client_timeout=1000))
        await server.start()
        with reading_thread(server.port):
            await server.events.until("connected", 1)
            await server.on_client_writable(server.clients[0])
            told = server.told
            for _ in range(1000):
                await asyncio.sleep(0)
                assert server.told - told <= 64
                told = server.told
            server.stop_now()
        await server.wait_stopped()

    asyncio.run(body())


@pytest.mark.parametrize("error", [errno.ENOBUFS, errno.ENOMEM])
def test_a_system_without_memory_for_a_write_is_asked_again(monkeypatch, error):
    sendmsg = socket.socket.sendmsg
    failures = []

    def sometimes(self, *arguments):
        if len(failures) < 5:
            failures.append(asyncio.get_running_loop().time())
            raise OSError(error, "as it should")
        return sendmsg(self, *arguments)

    async def body():
        server = Server()
        async with running(server), raw_client(server) as (reader, _):
            await server.events.until("connected", 1)
            monkeypatch.setattr(socket.socket, "sendmsg", sometimes)
            server.broadcast(HI)
            assert await reader.readexactly(16) == HI_IND
            # It was left alone for a moment each time.
            gaps = [after - before for before, after in itertools.pairwise(failures)]
            assert all(gap == pytest.approx(0.05, abs=0.01) for gap in gaps)

    run(body())


def test_a_failed_write_does_not_lose_what_had_come_before():
    class Telling(Client):
        async def on_message_ind(self, message):
            await super().on_message_ind(message)
            self.send(message)  # to somebody who has gone

    async def body():
        async with Listener() as listener:
            client = Telling(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                await client.events.until("connected")
                client.pause()
                writer.write(HI_IND * 10_000)
                await writer.drain()
                writer.transport.abort()
                await asyncio.sleep(1)
                client.resume()
                await client.events.until("disconnected", DisconnectReason.CONNECTION_CLOSED)
                heard = client.events.all.count(("message_ind", "Erik", "hi"))
                assert heard > 3000
                client.stop_now()

    run(body())


SOURCE = pathlib.Path(messi_runtime.__file__).parents[1]
MEMORY = """
import asyncio, socket, sys
import chat_pb2
from chat_server import ChatServer
from messi_runtime import ServerOptions

CLIENTS, BOUND = 20, int(sys.argv[4])


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


async def main(own, shared):
    server = ChatServer(
        "unix-abstract:messi-test-memory-%s" % sys.argv[3],
        options=ServerOptions(max_pending_bytes=BOUND, client_timeout=1000),
    )
    await server.start()
    peers = []
    while len(peers) < CLIENTS:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect("\\0" + server.uri.partition(":")[2])
        peers.append(peer)
    while len(server.clients) < CLIENTS:
        await asyncio.sleep(0)
    before = resident()
    most = 0
    number = 0
    while True:
        number += 1
        size = shared[number % len(shared)]
        server.broadcast(chat_pb2.MessageInd(text="x" * size))
        for client in server.clients:
            for size in own:
                client.send(chat_pb2.MessageInd(text="x" * size))
        await asyncio.sleep(0)
        if len(server.clients) < CLIENTS:
            break
        pending = sum(client.pending_bytes for client in server.clients)
        most = max(most, resident() - before - pending)
    assert pending > CLIENTS * BOUND * 0.7, pending
    print(most)


asyncio.run(main(eval(sys.argv[1]), eval(sys.argv[2])))
"""


@pytest.mark.parametrize(
    ("own", "shared", "max_pending_bytes"),
    [
        ([], [34], 256 * 1024),
        ([], [60_000, 34], 2 * 1024 * 1024),
        ([34], [60_000], 2 * 1024 * 1024),
        ([1, 1, 1, 1], [1], 256 * 1024),
        ([5000], [100], 2 * 1024 * 1024),
        ([], [4096], 2 * 1024 * 1024),
        ([300_000], [34], 2 * 1024 * 1024),
    ],
)
def test_the_memory_that_is_held_is_what_is_pending(own, shared, max_pending_bytes):
    generated = pathlib.Path(chat_server.__file__).parent
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, *map(str, (own, shared, os.getpid(), max_pending_bytes))],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{generated}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.stderr == ""
    # An eighth, a chunk and a message for each client, and what the allocator keeps.
    bound = 20 * (max_pending_bytes / 8 + 64 * 1024 + 300_000) + 4 * 1024 * 1024
    assert int(result.stdout) < bound


def test_the_hint_of_a_foreign_peer_reaches_both_sides():
    class TellingServer(Server):
        async def on_client_disconnected(self, client, reason):
            self.events.add(client.disconnect_hint)

    class TellingClient(Client):
        async def on_disconnected(self, reason):
            self.events.add(reason, self.disconnect_hint)

    async def body():
        server = TellingServer()
        async with running(server), raw_client(server) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await server.events.until("The peer seems to speak HTTP.")
        async with Listener() as listener:
            client = TellingClient(listener.uri, options=ClientOptions())
            async with running(client):
                _, writer = await listener.accept()
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                reason = DisconnectReason.PROTOCOL_ERROR
                await client.events.until(reason, "The peer seems to speak HTTP.")
                # The next connection knows nothing of the last one.
                _, writer = await listener.accept()
                writer.write(PONG)
                writer.close()
                await client.events.until(DisconnectReason.CONNECTION_CLOSED, "")
                client.stop_now()

    run(body())
