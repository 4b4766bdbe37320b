"""The loop, or the whole process, was held up: nobody is given up before he has been heard."""

import asyncio
import socket

import pytest
from support import PING, PONG, Client, Listener, Server, running
from virtual_time import run

from messi_runtime import DisconnectReason

CLIENTS = 600


class Herd:
    """Sockets that all say something, at once, when nobody listens."""

    def __init__(self, port):
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CLIENTS)]

    def say(self, data):
        for each in self._sockets:
            each.sendall(data)

    def close(self):
        for each in self._sockets:
            each.close()


@pytest.fixture
def herd():
    herds = []

    async def herd(server):
        herds.append(Herd(server.port))
        await server.events.until("connected", CLIENTS)
        return herds[0]

    yield herd
    herds[0].close()


def sleep_without_the_loop(seconds):
    asyncio.get_running_loop()._virtual_selector.now += seconds


def sleep_in_select(seconds, then):
    """As if the process were stopped when it has just been told that nothing is there."""
    selector = asyncio.get_running_loop()._virtual_selector
    select = selector.select

    def stopped(timeout=None):
        ready = select(0)
        selector.now += seconds
        selector.select = select
        then()
        return ready

    selector.select = stopped


@pytest.mark.parametrize("in_select", [False, True])
def test_no_client_is_dropped_after_a_stall(herd, in_select):
    async def body():
        server = Server()
        async with running(server):
            clients = await herd(server)
            for _ in range(3):
                if in_select:
                    sleep_in_select(3.3, lambda: clients.say(PING))
                else:
                    clients.say(PING)
                    sleep_without_the_loop(3.3)
                await asyncio.sleep(1)
                assert len(server.clients) == CLIENTS
            # The silent are dropped all the same.
            await asyncio.sleep(3.1)
            assert server.clients == []
            server.stop_now()

    run(body())


def test_those_who_were_silent_are_dropped_after_a_stall():
    async def body():
        server = Server()
        async with running(server):
            with socket.create_connection(("127.0.0.1", server.port)):
                await server.events.until("connected", 1)
                sleep_without_the_loop(3.3)
                await server.events.until("disconnected", 1, DisconnectReason.KEEP_ALIVE_TIMEOUT)
                assert asyncio.get_running_loop().time() < 3.4

    run(body())


@pytest.mark.parametrize("in_select", [False, True])
def test_a_client_does_not_give_its_server_up_after_a_stall(in_select):
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                await client.events.until("connected")
                raw = writer.get_extra_info("socket").dup()
                with raw:
                    for _ in range(3):
                        if in_select:
                            sleep_in_select(5, lambda: raw.send(PONG))
                        else:
                            raw.send(PONG)
                            sleep_without_the_loop(5)
                        await asyncio.sleep(0.5)
                        assert client.connected
                client.stop_now()

    run(body())
