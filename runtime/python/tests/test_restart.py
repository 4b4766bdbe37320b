"""Stopped and started again, at the worst moment, or in another event loop."""

import asyncio
import gc
import random
import socket
import weakref
from unittest.mock import patch

import pytest
from support import CONNECT_REQ, CONNECT_RSP, Client, Events, Listener, Server, raw_client, running
from virtual_time import VirtualTimeLoop, run

from messi_runtime import DisconnectReason
from messi_runtime.link import Link
from messi_runtime.resolver import Resolver


class NameServer:
    """Lets look-ups take as long as the test wants."""

    def __init__(self):
        self.questions = []

    async def resolve(self, _resolver, host):
        question = asyncio.get_running_loop().create_future()
        self.questions.append(question)
        return await question

    def patch(self):
        async def resolve(resolver, host):
            return await self.resolve(resolver, host)

        return patch.object(Resolver, "resolve", resolve)

    def answer(self, position):
        self.questions[position].set_result(["127.0.0.1"])


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_server_that_is_restarted_during_a_look_up_is_up(order):
    async def body():
        names = NameServer()
        with names.patch():
            server = Server("tcp://some.host:0")
            first = asyncio.ensure_future(server.start())
            await asyncio.sleep(0)
            server.stop()
            second = asyncio.ensure_future(server.start())
            await asyncio.sleep(0)
            for position in order:
                names.answer(position)
                await asyncio.sleep(0)
            await asyncio.gather(first, second)
        async with raw_client(server):
            await server.events.until("connected", 1)
        server.stop()
        await server.wait_stopped()

    run(body())


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
def test_a_look_up_that_fails_late_does_not_stop_the_next_start(how):
    async def body():
        names = NameServer()
        with names.patch():
            server = Server("tcp://some.host:0")
            first = asyncio.ensure_future(server.start())
            await asyncio.sleep(0)
            server.stop()
            second = asyncio.ensure_future(server.start())
            await asyncio.sleep(0)
            names.answer(1)
            await second
            if how == "fails":
                names.questions[0].set_exception(OSError("as it should"))
                with pytest.raises(OSError):
                    await first
            else:
                first.cancel()
                await asyncio.wait({first})
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)

    run(body())


def test_a_server_that_is_stopped_during_a_look_up_stays_down():
    async def body():
        names = NameServer()
        with names.patch():
            server = Server("tcp://some.host:0")
            starting = asyncio.ensure_future(server.start())
            await asyncio.sleep(0)
            server.stop()
            await server.wait_stopped()
            names.answer(0)
            await starting
        assert server.port == 0

    run(body())


def test_starts_and_stops_by_chance_leave_what_the_last_one_said():
    async def body(seed):
        dice = random.Random(seed)
        names = NameServer()
        with names.patch():
            server = Server("tcp://some.host:0")
            starts = []
            up = False
            for _ in range(dice.randrange(2, 12)):
                up = dice.random() < 0.5
                if up:
                    starts.append(asyncio.ensure_future(server.start()))
                else:
                    server.stop()
                await asyncio.sleep(0)
                waiting = [each for each in names.questions if not each.done()]
                if waiting and dice.random() < 0.5:
                    dice.choice(waiting).set_result(["127.0.0.1"])
                    await asyncio.sleep(0)
            for each in names.questions:
                if not each.done():
                    each.set_result(["127.0.0.1"])
            await asyncio.gather(*starts)
        assert (server.port > 0) == up
        server.stop()
        await server.wait_stopped()

    for seed in range(50):
        run(body(seed))


def test_a_client_that_is_restarted_in_its_hooks_keeps_no_link():
    links = weakref.WeakSet()

    class Restarts(Client):
        async def on_connect_rsp(self, message):
            links.add(self._messi_driver.link)
            self.events.add("connect_rsp")
            self.stop()
            self.start()

    async def body():
        async with Listener() as listener:
            client = Restarts(listener.uri)
            async with running(client):
                for _ in range(20):
                    reader, writer = await listener.accept()
                    writer.write(CONNECT_RSP)
                    await client.events.until("connect_rsp")
                    writer.transport.abort()
                    await client.events.until("disconnected", DisconnectReason.STOPPED)
                await listener.accept()
                await client.events.until("connected")
                gc.collect()
                assert len([each for each in links if each.closed]) <= 1
                client.stop_now()

    run(body())


def test_a_client_that_is_restarted_in_a_servers_hooks_keeps_no_link():
    """As a relay would."""
    links = weakref.WeakSet()

    class Relay(Server):
        behind = None

        async def on_connect_req(self, client, message):
            links.add(client._messi_link)
            self.behind.stop_now()
            self.behind.start()
            client.disconnect_now()

    async def body():
        async with Listener() as listener:
            server = Relay()
            server.behind = Client(listener.uri)
            async with running(server, server.behind):
                for number in range(10):
                    async with raw_client(server) as (reader, writer):
                        writer.write(CONNECT_REQ)
                        await reader.read()
                        await server.events.until(
                            "disconnected", number + 1, DisconnectReason.DISCONNECTED
                        )
                server.behind.stop_now()
                await server.behind.wait_stopped()
                server.behind.start()
                gc.collect()
                assert len(links) <= 1
                server.behind.stop_now()

    run(body())


def test_links_end_with_their_connections():
    async def body():
        server = Server()
        async with running(server):
            for number in range(20):
                async with raw_client(server):
                    await server.events.until("connected", number + 1)
                await server.events.until(
                    "disconnected", number + 1, DisconnectReason.CONNECTION_CLOSED
                )
            gc.collect()
            assert len([each for each in gc.get_objects() if isinstance(each, Link)]) <= 1

    gc.collect()
    run(body())


def closed_without_a_word(coroutine):
    """As a program does that runs its loop itself and forgets what is in it."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("run_first", [run, asyncio.run, closed_without_a_word])
@pytest.mark.parametrize("stopped", [True, False])
def test_a_client_works_in_the_next_loop(run_first, stopped):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = Client(f"tcp://127.0.0.1:{listening.getsockname()[1]}")

        async def body():
            client.events = Events()
            client.start()
            await client.events.until("connected")
            if stopped:
                client.stop()

        for _ in range(3):
            run_first(body())
        run(body())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("run_first", [run, asyncio.run, closed_without_a_word])
@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_a_server_works_in_the_next_loop(tmp_path, run_first, stopped, scheme):
    server = Server("tcp://127.0.0.1:0" if scheme == "tcp" else f"unix://{tmp_path}/chat")

    async def body():
        await server.start()
        client = Client(server.uri)
        client.start()
        await client.events.until("connect_rsp")
        assert len(server.clients) == 1
        if stopped:
            server.stop()

    for _ in range(3):
        run_first(body())
    run(body())
    server._messi_driver._forget_loop()
