"""TLS on a bad day: peers that cut, lie, stall, or do not read."""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import threading

import chat_pb2
import pytest
from support import CONNECT_REQ, HI, HI_IND, PING, Client, running
from tls_support import TlsClient, TlsListener, TlsServer, tls_peer
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason, patience
from messi_runtime.tls_stream import TlsStream

CUT = "The connection was cut off; the server did not end it."
CLOSED = DisconnectReason.CONNECTION_CLOSED


def blob(size):
    return chat_pb2.MessageInd(text="x" * size)


def reset(writer):
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def test_a_reset_in_the_middle_of_a_record_is_a_cut(files):
    async def body():
        async with TlsListener(files) as listener:
            client = TlsClient(listener.uri, files.client())
            async with running(client):
                peer = await listener.accept()
                await client.events.until("connected")
                peer.writer.write(peer.records_of(HI_IND * 2)[:20])
                await asyncio.sleep(0.5)
                reset(peer.writer)
                await client.events.until("disconnected", CLOSED, CUT)

    run(body())


@pytest.mark.parametrize("position", [0, 3, 8, -1])
def test_a_record_that_was_changed_on_the_way_ends_the_connection(files, position):
    """What came before it is handed out; nothing of it is, nor of what follows."""

    async def body():
        async with TlsListener(files) as listener:
            client = TlsClient(listener.uri, files.client())
            async with running(client):
                peer = await listener.accept()
                good, bad, rest = (peer.records_of(HI_IND) for _ in range(3))
                changed = bytearray(bad)
                changed[position] ^= 0x55
                await client.events.until("connected")
                peer.writer.write(good + bytes(changed) + rest)
                assert await client.events.next() == ("message_ind", "Erik", "hi")
                _, reason, hint = await client.events.next()
                assert reason == CLOSED
                assert hint.startswith("The server does not keep to TLS: ")
                # The client has told its peer what was wrong.
                with pytest.raises(ssl.SSLError, match="ALERT"):
                    while True:
                        assert await peer.read()

    run(body())


def test_every_cut_of_a_conversation_is_an_end_and_no_more(files):
    said = CONNECT_REQ + PING + HI_IND.replace(b"\x02", b"\x01", 1)

    async def body():
        server = TlsServer(files.server())
        async with running(server):
            for number in range(1, 60):
                async with tls_peer(server, files) as peer:
                    records = b"".join(peer.records_of(bytes([byte])) for byte in said)
                    peer.writer.write(records[: number * len(records) // 60])
                    if number % 2:
                        reset(peer.writer)
                    else:
                        peer.writer.close()
                    event = ("connected", number)
                    await server.events.until(*event)
                    await server.events.until("disconnected", number, CLOSED)

    run(body())


@contextlib.contextmanager
def reading_thread(port, context):
    """A peer that reads as fast as it can, in a thread of its own; yields what it has read."""
    received = []
    peer = context.wrap_socket(socket.socket(), server_hostname="localhost")

    def read():
        with peer:
            peer.connect(("127.0.0.1", port))
            while data := peer.recv(1 << 20):
                received.append(len(data))

    thread = threading.Thread(target=read)
    thread.start()
    yield received
    thread.join()


def test_more_than_may_be_pending_can_be_sent_at_once_to_who_reads_it(files, monkeypatch):
    # The machine may be too busy for the reader to be quick.
    monkeypatch.setattr(patience, "PER_TURN", 60)

    class Snapshot(TlsServer):
        async def on_client_connected(self, client):
            for _ in range(200):
                client.send(blob(100_000))
            self.events.add("connected", client.connected)

    async def body():
        server = Snapshot(files.server(), max_pending_bytes=1024 * 1024)
        await server.start()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(files.ca)
        with reading_thread(server.port, context) as received:
            await server.events.until("connected", True)
            server.stop()
            await server.wait_stopped()
        assert sum(received) > 200 * 100_000

    asyncio.run(body())


def test_for_a_slow_reader_no_more_is_held_than_may_be(files):
    most = 4 * 1024 * 1024

    async def body():
        server = TlsServer(files.server(), client_timeout=1000, max_pending_bytes=most)
        async with running(server), tls_peer(server, files):
            await server.events.until("connected", 1)
            (client,) = server.clients
            stream = client._messi_link._stream
            held = []
            while client.connected:
                client.send(blob(100_000))
                await asyncio.sleep(0)
                held.append(stream.held_output)
                assert client.pending_bytes <= most + 70_000
            assert 0 < max(held) < 70_000
            await server.events.until("disconnected", 1, DisconnectReason.SLOW_READER)

    run(body())


def test_room_that_comes_in_a_turn_is_used(files):
    async def body():
        server = TlsServer(files.server(), client_timeout=1000)
        async with running(server), tls_peer(server, files) as peer:
            await server.events.until("connected", 1)
            (client,) = server.clients
            stream = client._messi_link._stream
            while stream.held_output == 0:
                client.send(blob(100_000))
                await asyncio.sleep(0)
            before = stream.held_output
            peer.writer.transport.pause_reading()
            end = os.dup(peer.writer.get_extra_info("socket").fileno())
            with socket.socket(fileno=end) as copy:
                with contextlib.suppress(BlockingIOError):
                    while copy.recv(1 << 20):
                        pass
            assert stream.wait_for_room(10)
            assert stream.held_output < before

    run(body())


def test_a_slow_hook_stops_the_reading_and_nothing_is_lost(files):
    class Slow(TlsServer):
        async def on_message_ind(self, client, message):
            if message.text == "0":
                await asyncio.sleep(10)
            self.events.add(message.text)

    async def body():
        server = Slow(files.server(), client_timeout=1000)
        async with running(server):
            client = TlsClient(server.uri, files.client(), max_pending_bytes=100_000_000)
            async with running(client):
                await client.events.until("connected")
                for number in range(300):
                    client.send(chat_pb2.MessageInd(user="x" * 100_000, text=str(number)))
                await asyncio.sleep(5)
                assert client.pending_bytes > 10_000_000
                for number in range(300):
                    await server.events.until(str(number))

    run(body())


def test_after_a_stall_of_our_own_a_handshake_is_not_too_late(files):
    async def body():
        server = TlsServer(files.server())
        loop = asyncio.get_running_loop()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(files.ca)
        async with running(server):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
            tls.do_handshake()
            writer.write(outgoing.read())
            loop._virtual_selector.now += 10
            assert await server.events.next() == ("connected", 1)
            writer.transport.abort()

    run(body())


def test_silent_clients_are_given_up_and_the_next_is_served(files):
    async def body():
        server = TlsServer(files.server(), client_timeout=3)
        async with running(server), contextlib.AsyncExitStack() as stack:
            for _ in range(50):
                await stack.enter_async_context(tls_peer(server, files))
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await client.events.until("connect_rsp")
                while len(server.clients) > 1:
                    await server.events.next()
                assert server.clients[0].id == 51

    run(body())


@pytest.mark.parametrize("what", ["raise", "cancel", "stop", "stop_now", "disconnect_now"])
def test_hooks_that_end_everything_while_records_wait(files, what):
    class Ending(TlsServer):
        async def on_message_ind(self, client, message):
            self.events.add("hook")
            client.send(blob(1_000_000))
            if what == "raise":
                raise KeyError("hook")
            if what == "cancel":
                asyncio.current_task().cancel()
                await asyncio.sleep(1)
            elif what == "disconnect_now":
                client.disconnect_now()
            else:
                getattr(self, what)()

    async def body():
        server = Ending(files.server())
        async with running(server):
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await client.events.until("connected")
                for _ in range(100):
                    client.send(blob(100_000))
                await server.events.until("hook")
                while (await client.events.next())[0] != "disconnected":
                    pass

    run(body())


def test_one_byte_at_a_time_is_enough(files, monkeypatch):
    whole = TlsStream.read

    def read(stream, size=1):
        return whole(stream, 1)

    monkeypatch.setattr(TlsStream, "read", read)
    monkeypatch.setattr("messi_runtime.tls_stream._READ_SIZE_OF_HANDSHAKE", 1)

    async def body():
        server = TlsServer(files.server())
        async with running(server):
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await client.events.until("connect_rsp")
                client.send(HI)
                await client.events.until("message_ind", "Erik", "hi")
                client.stop()
                await client.events.until("disconnected", DisconnectReason.STOPPED, "")

    run(body())


def test_a_client_finds_its_server_again(files):
    async def body():
        server = TlsServer(files.server())
        await server.start()
        client = Client(server.uri, options=ClientOptions(tls=files.client()))
        async with running(client):
            for _ in range(3):
                await client.events.until("connect_rsp")
                uri = server.uri
                server.stop_now()
                await server.wait_stopped()
                await client.events.until("disconnected", CLOSED)
                server = TlsServer(files.server(), uri)
                await server.start()
        server.stop()
        await server.wait_stopped()

    run(body())
