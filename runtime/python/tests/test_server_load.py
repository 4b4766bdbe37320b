import asyncio
import gc
import socket
import tracemalloc

import chat_pb2
from support import PING, PONG, Client, Server, is_closed, raw_client, read_user_messages, running
from virtual_time import run

from messi_runtime import DisconnectReason, ServerOptions


def test_a_client_that_does_not_read_is_dropped_at_the_bound_and_the_others_are_served():
    async def body():
        server = Server(options=ServerOptions(client_timeout=1000.0))
        big = chat_pb2.MessageInd(text="x" * 100_000)
        async with running(server):
            async with raw_client(server) as (_, _), raw_client(server) as (reader, _):
                await server.events.until("connected", 2)
                reading = asyncio.ensure_future(read_user_messages(reader, 200))
                for _ in range(200):
                    server.broadcast(big)
                    while server.find_client(2).pending_bytes:
                        await asyncio.sleep(0)
                    assert all(
                        each.pending_bytes <= 4 * 1024 * 1024 + 200_000 for each in server.clients
                    )
                assert len(await reading) == 200
                await server.events.until("disconnected", 1, DisconnectReason.SLOW_READER)
                assert len(server.clients) == 1

    run(body())


def test_a_server_hears_when_there_is_room_for_a_client_again():
    async def body():
        server = Server(options=ServerOptions(client_timeout=1000.0))
        big = chat_pb2.MessageInd(text="x" * 100_000)
        async with running(server), raw_client(server) as (reader, _):
            await server.events.until("connected", 1)
            (client,) = server.clients
            while client.pending_bytes <= 2 * 1024 * 1024:
                client.send(big)
                await asyncio.sleep(0)
            reading = asyncio.ensure_future(is_closed(reader))
            await server.events.until("writable", 1)
            assert client.pending_bytes <= 2 * 1024 * 1024
        await reading

    run(body())


def test_pongs_go_ahead_of_queued_messages():
    async def body():
        server = Server()
        message = chat_pb2.MessageInd(text="x" * 60_000)
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            (client,) = server.clients
            sent = 0
            while client.pending_bytes < 3 * 1024 * 1024:
                client.send(message)
                sent += 1
                await asyncio.sleep(0)
            queued = client.pending_bytes // 60_000
            writer.write(PING)
            await asyncio.sleep(0.1)
            frames_before_pong = 0
            while (header := await reader.readexactly(4)) != PONG:
                await reader.readexactly(int.from_bytes(header[1:], "big"))
                frames_before_pong += 1
            assert frames_before_pong <= sent - queued + 4

    run(body())


def test_a_flood_of_pings_unread_takes_no_memory():
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (_, writer):
            await server.events.until("connected", 1)
            for _ in range(20):
                writer.write(PING * 10_000)
                await asyncio.sleep(0)
            assert server.clients == [] or server.clients[0].pending_bytes < 200_000

    run(body())


def test_a_client_that_floods_starves_nobody():
    class Counting(Server):
        handled = 0

        async def on_message_ind(self, client, message):
            self.handled += 1

    async def body():
        server = Counting()
        async with running(server):
            async with raw_client(server) as (_, flooder), raw_client(server) as (good, writer):
                await server.events.until("connected", 2)
                flooder.write(b"\x01\x00\x00\x02\x12\x00" * 200_000)
                turns = 0
                writer.write(PING)
                while not good._buffer:
                    turns += 1
                    await asyncio.sleep(0)
                assert turns < 100
                assert server.handled < 100 * 64

    run(body())


def test_ten_thousand_messages_each_way_come_in_order():
    async def body():
        server = Server()
        await server.start()
        client = Client(server.uri)
        async with running(client):
            await client.events.until("connect_rsp")
            for number in range(10_000):
                client.send(chat_pb2.MessageInd(user="Erik", text=str(number)))
            await client.events.until("message_ind", "Erik", "9999")
            echoed = [event[2] for event in client.events.all if event[0] == "message_ind"]
            assert echoed == [str(number) for number in range(10_000)]
        server.stop()
        await server.wait_stopped()

    run(body())


def test_idle_clients_cost_little():
    async def body():
        asyncio.get_running_loop().set_debug(False)  # which remembers where everything came from
        server = Server(options=ServerOptions(client_timeout=1000.0))
        async with running(server):
            sockets = []
            for _ in range(10):
                sockets.append(socket.create_connection(("127.0.0.1", server.port)))
            await server.events.until("connected", 10)
            gc.collect()
            tracemalloc.start()
            for _ in range(200):
                sockets.append(socket.create_connection(("127.0.0.1", server.port)))
            await server.events.until("connected", 210)
            gc.collect()
            taken, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            for each in sockets:
                each.close()
            assert taken / 200 < 10_000

    run(body())
