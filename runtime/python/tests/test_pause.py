import asyncio

import chat_pb2
import pytest
from support import (
    CONNECT_REQ,
    CONNECT_RSP,
    HI_IND,
    PING,
    PONG,
    Client,
    Listener,
    Server,
    raw_client,
    running,
)
from virtual_time import run

from messi_runtime import DisconnectReason, ServerOptions
from messi_runtime.farewell import farewell


class Pausing(Server):
    async def on_client_connected(self, client):
        client.pause()
        await super().on_client_connected(client)


def test_no_message_of_a_paused_client_is_handled_until_it_is_resumed():
    async def body():
        server = Pausing()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            writer.write(CONNECT_REQ + CONNECT_REQ)
            await asyncio.sleep(1)
            assert server.events.all == [("connected", 1)]
            server.clients[0].resume()
            await server.events.until("connect_req", 1, "Erik")
            await server.events.until("connect_req", 1, "Erik")
            assert await reader.readexactly(12) == CONNECT_RSP + CONNECT_RSP

    run(body())


def test_pause_in_a_hook_holds_for_the_next_message():
    class OneAtATime(Server):
        async def on_connect_req(self, client, message):
            await super().on_connect_req(client, message)
            client.pause()

    async def body():
        server = OneAtATime()
        async with running(server), raw_client(server) as (_, writer):
            writer.write(CONNECT_REQ * 3)
            for handled in (1, 2, 3):
                await asyncio.sleep(1)
                assert server.events.all.count(("connect_req", 1, "Erik")) == handled
                server.clients[0].resume()

    run(body())


def test_a_paused_client_may_be_silent():
    async def body():
        server = Pausing()
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            await asyncio.sleep(100)
            (client,) = server.clients
            client.resume()
            await asyncio.sleep(2.9)
            assert client.connected
            await server.events.until("disconnected", 1, DisconnectReason.KEEP_ALIVE_TIMEOUT)

    run(body())


@pytest.mark.parametrize("much", [True, False])
def test_a_client_of_ours_stays_while_it_is_paused(much):
    async def body():
        server = Pausing()
        await server.start()
        client = Client(server.uri)
        async with running(client):
            await client.events.until("connected")
            if much:  # so much that the server does not read on, and sees no pings
                for _ in range(20):
                    client.send(chat_pb2.MessageInd(text="x" * 100_000))
            await asyncio.sleep(60)
            (its,) = server.clients
            assert client.connected
            its.resume()
            await client.events.until("connect_rsp")
            server.stop()
        await server.wait_stopped()

    run(body())


def test_the_end_of_a_paused_connection_comes_after_what_waits():
    async def body():
        server = Pausing()
        async with running(server):
            async with raw_client(server) as (_, writer):
                await server.events.until("connected", 1)
                (client,) = server.clients
                writer.write(CONNECT_REQ)
                await asyncio.sleep(1)
            await asyncio.sleep(1)
            assert not client.connected
            assert server.events.all == [("connected", 1)]
            client.resume()
            await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)
            assert ("connect_req", 1, "Erik") in server.events.all

    run(body())


def test_the_end_of_a_paused_connection_comes_at_once_if_nothing_waits():
    async def body():
        server = Pausing()
        async with running(server):
            async with raw_client(server):
                await server.events.until("connected", 1)
            await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)

    run(body())


@pytest.mark.parametrize("end", ["disconnect", "disconnect_now"])
def test_a_paused_client_can_be_disconnected(end):
    async def body():
        server = Pausing()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            writer.write(CONNECT_REQ)
            await asyncio.sleep(1)
            getattr(server.clients[0], end)()
            assert await reader.read() in (b"", PONG)
            writer.close()
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)

    run(body())


def test_a_client_can_pause_what_its_server_says():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                await client.events.until("connected")
                client.pause()
                writer.write(CONNECT_RSP)
                assert await reader.readexactly(12) == CONNECT_REQ
                for _ in range(10):
                    assert await reader.readexactly(4) == PING
                assert client.events.all == [("connected",)]
                client.resume()
                await client.events.until("connect_rsp")
                client.stop_now()

    run(body())


def test_a_pause_ends_with_the_connection():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            client.pause()
            client.resume()
            async with running(client):
                _, writer = await listener.accept()
                await client.events.until("connected")
                client.pause()
                writer.close()
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                await client.events.until("connect_rsp")
                client.stop_now()

    run(body())


def test_somebody_can_be_refused_before_he_is_a_client():
    class Picky(Server):
        welcome = False

        async def on_client_arriving(self, peer_address):
            self.events.add("arriving", peer_address)
            await asyncio.sleep(0.1)
            return self.welcome

    async def body():
        server = Picky()
        async with running(server):
            async with raw_client(server) as (reader, writer):
                host, port = writer.get_extra_info("sockname")
                writer.write(PING)
                assert await reader.read() == farewell(DisconnectReason.REFUSED)
                await server.events.until("refused", DisconnectReason.REFUSED)
            assert server.events.all == [
                ("arriving", f"{host}:{port}"),
                ("refused", DisconnectReason.REFUSED),
            ]
            server.welcome = True
            async with raw_client(server):
                await server.events.until("connected", 1)

    run(body())


def test_those_who_arrive_while_the_hook_waits_do_not_exceed_the_limit():
    class Slow(Server):
        async def on_client_arriving(self, peer_address):
            await asyncio.sleep(0.1)
            return True

    async def body():
        server = Slow(options=ServerOptions(max_clients=1))
        async with running(server), raw_client(server), raw_client(server):
            await server.events.until("refused", DisconnectReason.TOO_MANY_CLIENTS)
            await server.events.until("connected", 1)
            assert len(server.clients) == 1

    run(body())


def test_who_arrives_when_the_server_stops_is_no_client():
    class Slow(Server):
        async def on_client_arriving(self, peer_address):
            self.events.add("arriving")
            await asyncio.sleep(0.1)
            return True

    async def body():
        server = Slow()
        await server.start()
        async with raw_client(server) as (reader, _):
            await server.events.until("arriving")
            server.stop()
            await server.start()
            assert await reader.read() == b""
            assert server.events.all == [("arriving",)]
        server.stop()
        await server.wait_stopped()

    run(body())


def test_stop_works_at_once_though_the_end_waits_for_resume():
    class Pausing(Server):
        async def on_client_connected(self, client):
            client.pause()
            self.events.add("connected", client.id)

    async def body():
        server = Pausing()
        await server.start()
        async with Listener() as listener:
            client = Client(listener.uri, user=None)
            client.start()
            _, writer = await listener.accept()
            await client.events.until("connected")
            client.pause()
            writer.write(HI_IND)
            writer.close()
            async with raw_client(server) as (_, to_server):
                await server.events.until("connected", 1)
                to_server.write(CONNECT_REQ)
            await asyncio.sleep(1)
            client.stop()
            await client.wait_stopped()
            assert client.events.all[1:] == [("disconnected", DisconnectReason.STOPPED)]
            server.stop()
            await server.wait_stopped()
            assert server.events.all[1:] == [("disconnected", 1, DisconnectReason.STOPPED)]

    run(body())
