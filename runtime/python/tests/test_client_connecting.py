import asyncio
import socket
from unittest.mock import patch

import pytest
from support import (
    CONNECT_RSP,
    PONG,
    Client,
    Listener,
    Server,
    addresses,
    running,
)
from virtual_time import run

from messi_runtime import BackoffSettings, ClientOptions, DisconnectReason
from messi_runtime.resolver import Resolver


def test_connect_succeeds_on_the_second_attempt():
    async def body():
        refused = True
        open_connection = asyncio.open_connection

        async def refuse_once(host, port):
            nonlocal refused
            if refused:
                refused = False
                raise ConnectionRefusedError
            return await open_connection(host, port)

        async with Listener() as listener:
            client = Client(listener.uri)
            with patch("asyncio.open_connection", refuse_once):
                async with running(client):
                    await client.events.until("connected")
            assert client.events.all[:2] == [("failure", ConnectionRefusedError), ("connected",)]

    run(body())


@pytest.mark.parametrize("failure", [ConnectionRefusedError, asyncio.TimeoutError, UnicodeError])
def test_a_failed_connect_is_told_and_tried_again(failure):
    async def body():
        async def fail(host, port):
            raise failure()

        with patch("asyncio.open_connection", fail):
            client = Client("tcp://1.2.3.4:5000")
            async with running(client):
                for _ in range(5):
                    assert await client.events.next() == ("failure", failure)
        # 1 + 1.6 + 2.56 + 4.096 s, less up to a half
        assert 4.6 < asyncio.get_running_loop().time() < 9.3

    run(body())


@pytest.mark.parametrize("failure", [ConnectionRefusedError, asyncio.TimeoutError])
def test_a_failed_connect_is_not_tried_again_if_the_hook_says_so(failure):
    class OnceOnly(Client):
        async def on_connect_failure(self, exception):
            await super().on_connect_failure(exception)

    async def body():
        async def fail(host, port):
            raise failure()

        with patch("asyncio.open_connection", fail):
            client = OnceOnly("tcp://1.2.3.4:5000")
            client.start()
            await client.wait_stopped()
            assert client.events.all == [("failure", failure)]
            # Stopped, so it can be started.
            client.start()
            await client.wait_stopped()
            assert len(client.events.all) == 2

    run(body())


def test_the_hook_says_when_to_try_again():
    class Patient(Client):
        async def on_connect_failure(self, exception):
            await super().on_connect_failure(exception)
            return 100

    async def body():
        async def fail(host, port):
            raise ConnectionRefusedError

        with patch("asyncio.open_connection", fail):
            client = Patient("tcp://1.2.3.4:5000")
            async with running(client):
                await client.events.next()
                await client.events.next()
        assert 100 <= asyncio.get_running_loop().time() < 101

    run(body())


def test_connecting_takes_no_longer_than_its_time_out():
    async def body():
        async def hang(host, port):
            await asyncio.sleep(1000)

        with patch("asyncio.open_connection", hang):
            client = Client("tcp://1.2.3.4:5000")
            async with running(client):
                assert await client.events.next() == ("failure", asyncio.TimeoutError)
                assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)

    run(body())


def test_a_host_that_does_not_exist_is_a_failure():
    async def body():
        async def fail(*_):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        with patch.object(Resolver, "resolve", fail):
            client = Client("tcp://no.such.host:5000")
            async with running(client):
                assert await client.events.next() == ("failure", socket.gaierror)

    run(body())


def test_server_closes_and_the_client_reconnects():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                writer.close()
                await listener.accept()
                await client.events.until("disconnected", DisconnectReason.CONNECTION_CLOSED)
                await client.events.until("connected")
            # What had come before the end was delivered before the end was told.
            assert client.events.all[:4] == [
                ("connected",),
                ("connect_rsp",),
                ("disconnected", DisconnectReason.CONNECTION_CLOSED),
                ("connected",),
            ]

    run(body())


@pytest.mark.parametrize(
    ("up_seconds", "pong", "at_least", "at_most"),
    [(11, PONG, 0.0, 0.2), (1, PONG, 0.5, 1.0), (1, b"", 0.5, 1.0)],
)
def test_the_first_retry_is_quick_after_a_connection_that_had_settled(
    up_seconds, pong, at_least, at_most
):
    async def body():
        loop = asyncio.get_running_loop()
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                while loop.time() < up_seconds:
                    await reader.read(100)
                    writer.write(pong)
                lost_at = loop.time()
                writer.close()
                await listener.accept()
                assert at_least <= loop.time() - lost_at <= at_most + 0.1

    run(body())


def test_backoff_grows_over_connections_that_never_prove_themselves():
    async def body():
        loop = asyncio.get_running_loop()
        delays = []
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                for _ in range(8):
                    _, writer = await listener.accept()
                    writer.close()
                    lost_at = loop.time()
                    reader, writer = await listener.accept()
                    delays.append(loop.time() - lost_at)
                    writer.close()
                    lost_at = loop.time()
                assert sum(delays[-2:]) > 8

    run(body())


def test_every_address_of_a_host_is_tried_although_the_first_does_not_answer():
    open_connection = asyncio.open_connection

    async def open_some(host, port):
        if host == "192.0.2.1":
            await asyncio.sleep(1000)
        return await open_connection(host, port)

    async def body():
        async with Listener() as listener:
            port = int(listener.uri.rpartition(":")[2])
            client = Client(f"tcp://some.host:{port}")
            with (
                addresses("192.0.2.1", "127.0.0.1"),
                patch("asyncio.open_connection", open_some),
            ):
                async with running(client):
                    assert await client.events.next() == ("connected",)
                    assert asyncio.get_running_loop().time() == pytest.approx(0.25, abs=0.1)

    run(body())


def test_a_host_that_refuses_at_every_address_has_refused():
    tried = []

    async def refuse(host, port):
        tried.append(host)
        raise ConnectionRefusedError(f"not at {host}")

    async def body():
        with addresses("::1", "127.0.0.1"), patch("asyncio.open_connection", refuse):
            client = Client("tcp://some.host:5000")
            async with running(client):
                assert await client.events.next() == ("failure", ConnectionRefusedError)
        assert tried == ["::1", "127.0.0.1"]

    run(body())


@pytest.mark.parametrize("when", [0.0, 0.5])
def test_stop_while_connecting_or_waiting_is_at_once(when):
    async def body():
        async def fail(host, port):
            await asyncio.sleep(0.1)
            raise ConnectionRefusedError

        with patch("asyncio.open_connection", fail):
            client = Client("tcp://1.2.3.4:5000")
            client.start()
            await asyncio.sleep(when)
            client.stop()
            await client.wait_stopped()
            assert asyncio.get_running_loop().time() <= when + 0.1
            assert ("connected",) not in client.events.all

    run(body())


def test_unix_sockets_and_ipv6_connect(tmp_path):
    async def body():
        for uri in (f"unix://{tmp_path}/chat", "tcp://[::1]:0"):
            server = Server(uri)
            await server.start()
            client = Client(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
                assert server.clients[0].peer_address.startswith(("unix", "[::1]:"))
            server.stop()
            await server.wait_stopped()

    run(body())


def test_the_backoff_is_the_one_of_the_options():
    async def body():
        async def fail(host, port):
            raise ConnectionRefusedError

        options = ClientOptions(backoff=BackoffSettings(initial=100.0, max=100.0))
        with patch("asyncio.open_connection", fail):
            client = Client("tcp://1.2.3.4:5000", options=options)
            async with running(client):
                await client.events.next()
                await client.events.next()
        assert 50 <= asyncio.get_running_loop().time() <= 100.1

    run(body())
