"""Clients and servers with sessions, over connections that are cut."""

import asyncio
import random
import socket

import pytest
from session_support import Proxy, SessionClient, SessionServer, text
from support import Events, running
from virtual_time import VirtualTimeLoop, run

from messi_runtime import DisconnectReason

CLOSED = DisconnectReason.CONNECTION_CLOSED


def texts(end):
    return [event[-1] for event in end.events.all if event[0] == "message_ind"]


def others(end):
    return [event for event in end.events.all if event[0] != "message_ind"]


def test_what_is_sent_while_the_connection_is_away_arrives_with_the_next():
    async def body():
        server = SessionServer()
        async with running(server), Proxy(server.port) as proxy:
            client = SessionClient(proxy.uri)
            async with running(client):
                await client.events.until("connected")
                await server.events.until("connected", 1)
                assert client.connected and not client.detached
                client.say("1")
                await server.events.until("message_ind", 1, "1")
                proxy.cut()
                await client.events.until("detached", CLOSED)
                assert client.connected and client.detached
                client.say("2")
                server.clients[0].send(text("3"))
                await server.events.until("message_ind", 1, "2")
                await client.events.until("message_ind", "Erik", "3")
                client.say("4")
                await server.events.until("message_ind", 1, "4")
                await asyncio.sleep(1)
                assert client.unacknowledged == 0
                assert server.clients[0].unacknowledged == 0
            await server.events.until("disconnected", 1, CLOSED)
        assert others(client) == [
            ("connected",),
            ("detached", CLOSED),
            ("resumed", 0),
            ("disconnected", DisconnectReason.STOPPED),
        ]
        kinds = [event[0] for event in others(server)]
        assert kinds == ["connected", "detached", "resumed", "disconnected"]

    run(body())


def test_what_is_sent_before_the_first_connection_is_kept_for_it():
    async def body():
        server = SessionServer()
        await server.start()
        client = SessionClient(server.uri)
        client.start()
        client.say("early")
        assert client.unacknowledged == 1
        assert not client.connected
        await server.events.until("message_ind", 1, "early")
        client.stop()
        await client.wait_stopped()
        server.stop()
        await server.wait_stopped()
        assert others(client) == [("connected",), ("disconnected", DisconnectReason.STOPPED)]

    run(body())


def closed_without_a_word(coroutine):
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("run_first", [run, asyncio.run, closed_without_a_word])
@pytest.mark.parametrize("when", ["connected", "detached", "stopped"])
def test_clients_and_servers_work_in_the_next_loop(run_first, when):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = SessionServer(f"tcp://127.0.0.1:{port}")
    client = SessionClient(server.uri)

    async def body():
        server.events, client.events = Events(), Events()
        await server.start()
        client.start()
        await client.events.until("connected")
        await server.events.until("connected", server.clients[0].id)
        client.say("a")
        server.clients[0].send(text("b"))
        await client.events.until("message_ind", "Erik", "b")
        if when == "detached":
            server.clients[0]._messi_link.link.abort(CLOSED)
            await asyncio.sleep(0)
        elif when == "stopped":
            client.stop()
            server.stop()

    for _ in range(3):
        run_first(body())
    run(body())


@pytest.mark.parametrize("seed", range(12))
def test_random_cuts_lose_nothing_double_nothing_and_change_no_order(seed):
    dice = random.Random(seed)
    count = 300

    async def body():
        server = SessionServer()
        async with running(server), Proxy(server.port) as proxy:
            client = SessionClient(proxy.uri)
            async with running(client):
                await client.events.until("connected")
                await server.events.until("connected", 1)
                [peer] = server.clients

                async def send(one):
                    for number in range(count):
                        filler = "." * dice.choice([0, 10, 5000])
                        one.send(text(f"{number}{filler}"))
                        if dice.random() < 0.2:
                            await asyncio.sleep(dice.random() * 0.02)

                async def cut():
                    while True:
                        await asyncio.sleep(dice.random() * 0.2)
                        proxy.cut()

                cutting = asyncio.ensure_future(cut())
                await asyncio.gather(send(client), send(peer))
                await asyncio.sleep(1)
                cutting.cancel()
                while client.unacknowledged or peer.unacknowledged:
                    await asyncio.sleep(0.1)
            await server.events.until("disconnected", 1, CLOSED)
        for end in (client, server):
            assert [each.rstrip(".") for each in texts(end)] == list(map(str, range(count)))
        for end in (client, server):
            kinds = [event[0] for event in others(end)]
            assert kinds[0] == "connected"
            assert kinds[-1] == "disconnected"
            # The connection may have been away when the client was stopped.
            ups_and_downs = kinds[1:-2] if kinds[-2] == "detached" else kinds[1:-1]
            assert ups_and_downs == ["detached", "resumed"] * (len(ups_and_downs) // 2)
            assert len(kinds) > 4

    run(body())
