"""Which of a host's addresses, and which of several URIs, is tried when; and at which a server
listens."""

import asyncio
import contextlib
import errno
import random
import socket
from unittest.mock import patch

import pytest
from support import PONG, Client, Listener, Server, addresses, running
from virtual_time import run

from messi_runtime import BackoffSettings, ClientOptions, DisconnectReason
from messi_runtime.address_memory import AddressMemory

OPEN_CONNECTION = asyncio.open_connection
QUICKLY = BackoffSettings(initial=0.0, max=0.0)


@contextlib.contextmanager
def connecting(hanging=(), refusing=()):
    """Connecting to some hosts hangs or fails; yields those that are tried."""
    tried = []

    async def open_connection(host, port):
        tried.append(host)
        if host in hanging:
            await asyncio.sleep(100_000)
        if host in refusing:
            raise ConnectionRefusedError(f"not at {host}")
        return await OPEN_CONNECTION("127.0.0.1", port)

    with patch("asyncio.open_connection", open_connection):
        yield tried


def port_of(listener):
    return int(listener.uri.rpartition(":")[2])


def test_an_address_that_hangs_is_tried_last_the_next_time():
    async def body():
        async with Listener() as listener:
            client = Client(f"tcp://some.host:{port_of(listener)}")
            with addresses("192.0.2.1", "192.0.2.2"), connecting(hanging=["192.0.2.1"]) as tried:
                async with running(client):
                    reader, writer = await listener.accept()
                    await client.events.until("connected")
                    writer.write(PONG)
                    await reader.read(1)
                    writer.close()
                    await listener.accept()
                    client.stop_now()
        assert tried == ["192.0.2.1", "192.0.2.2", "192.0.2.2"]

    run(body())


def test_many_dead_addresses_do_not_hide_the_good_one_for_ever():
    dead = [f"192.0.2.{number}" for number in range(1, 31)]

    async def body():
        async with Listener() as listener:
            options = ClientOptions(backoff=QUICKLY)
            client = Client(f"tcp://some.host:{port_of(listener)}", options=options)
            with addresses(*dead, "198.51.100.1"), connecting(hanging=dead):
                async with running(client):
                    assert await client.events.next() == ("failure", asyncio.TimeoutError)
                    assert await client.events.next() == ("connected",)
                    assert asyncio.get_running_loop().time() < 5 + 0.25 * 12
                    client.stop_now()

    run(body())


@pytest.mark.parametrize("proved", [True, False])
def test_after_a_connection_that_proves_nothing_the_next_address_is_tried(proved):
    async def body():
        async with Listener() as listener:
            options = ClientOptions(backoff=QUICKLY)
            client = Client(f"tcp://some.host:{port_of(listener)}", options=options)
            with addresses("192.0.2.1", "192.0.2.2"), connecting() as tried:
                async with running(client):
                    for _ in range(4):
                        reader, writer = await listener.accept()
                        if proved:
                            writer.write(PONG)
                            await asyncio.sleep(0.1)
                        writer.close()
                        await client.events.until(
                            "disconnected", DisconnectReason.CONNECTION_CLOSED
                        )
                    client.stop_now()
        first, second = "192.0.2.1", "192.0.2.2"
        assert tried[:4] == ([first] * 4 if proved else [first, second, first, second])

    run(body())


def test_the_families_take_turns():
    async def body():
        hosts = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"]
        with addresses(*hosts), connecting(refusing=hosts) as tried:
            client = Client("tcp://some.host:5000")
            async with running(client):
                await client.events.next()
        expected = ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]
        assert tried == expected

    run(body())


def test_an_address_memory_is_bounded_and_forgives():
    memory = AddressMemory()
    for number in range(1000):
        memory.failed(str(number))
    assert len(memory._failed) == 256
    assert memory.sort(["999", "998", "3", "new"]) == ["3", "new", "998", "999"]
    memory.worked("999")
    assert memory.sort(["998", "999"]) == ["999", "998"]


def uris(*hosts, port=5000):
    return [f"tcp://{host}:{port}" for host in hosts]


def test_several_uris_are_tried_in_turn_and_then_after_the_backoff():
    async def body():
        first, *more = uris("192.0.2.1", "192.0.2.2", "192.0.2.3")
        backoff = BackoffSettings(initial=100, max=100)
        client = Client(first, options=ClientOptions(more_uris=more, backoff=backoff))
        with connecting(refusing=["192.0.2.1", "192.0.2.2", "192.0.2.3"]) as tried:
            async with running(client):
                for _ in range(3):
                    assert await client.events.next() == ("failure", ConnectionRefusedError)
                assert asyncio.get_running_loop().time() == 0
                await client.events.next()
                assert asyncio.get_running_loop().time() >= 50
        assert tried == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"]

    run(body())


def test_each_uri_has_the_time_of_an_attempt():
    async def body():
        async with Listener() as listener:
            first, *more = uris("192.0.2.1", "192.0.2.2", port=port_of(listener))
            client = Client(first, options=ClientOptions(more_uris=more))
            with connecting(hanging=["192.0.2.1"]):
                async with running(client):
                    assert await client.events.next() == ("failure", asyncio.TimeoutError)
                    assert await client.events.next() == ("connected",)
                    assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)
                    client.stop_now()

    run(body())


def test_a_uri_whose_server_proves_nothing_is_left_for_the_next():
    async def body():
        async with Listener() as bad, Listener() as good:
            options = ClientOptions(more_uris=[good.uri])
            client = Client(bad.uri, options=options)
            async with running(client):
                (await bad.accept())[1].close()
                reader, writer = await good.accept()
                assert asyncio.get_running_loop().time() < 0.1
                writer.write(PONG)
                await asyncio.sleep(1)
                # After a connection that was good, the first URI is the first again.
                writer.close()
                await bad.accept()
                client.stop_now()

    run(body())


def test_shuffled_uris_are_all_tried_in_each_round():
    hosts = [f"192.0.2.{number}" for number in range(10)]

    async def body():
        random.seed(1)
        first, *more = uris(*hosts)
        options = ClientOptions(more_uris=more, shuffle_uris=True, backoff=QUICKLY)
        client = Client(first, options=options)
        with connecting(refusing=hosts) as tried:
            async with running(client):
                for _ in range(30):
                    await client.events.next()
        rounds = [tried[begin : begin + 10] for begin in (0, 10, 20)]
        assert all(sorted(each) == hosts for each in rounds)
        assert rounds[0] != rounds[1] != rounds[2]

    run(body())


def test_a_wrong_uri_among_several_is_told_at_once():
    with pytest.raises(ValueError, match="the scheme is unknown"):
        Client("tcp://127.0.0.1:5000", options=ClientOptions(more_uris=["udp://x"]))


def test_a_client_does_not_connect_to_itself():
    async def meet_oneself(host, port):
        raw = socket.socket()
        raw.bind((host, 0))
        raw.connect(raw.getsockname())
        return await OPEN_CONNECTION(sock=raw)

    async def body():
        with patch("asyncio.open_connection", meet_oneself):
            client = Client("tcp://127.0.0.1:5000")
            async with running(client):
                assert await client.events.next() == ("failure", ConnectionRefusedError)
                assert await client.events.next() == ("failure", ConnectionRefusedError)

    run(body())


@pytest.mark.parametrize(
    "failure",
    [
        *[OSError(error, "as it should") for error in (errno.EINVAL, errno.EPROTOTYPE)],
        OSError("without a number"),
        RuntimeError("of the loop"),
        ValueError("of the system's"),
    ],
)
def test_whatever_the_system_says_may_pass(failure):
    async def fail(host, port):
        raise failure

    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            with patch("asyncio.open_connection", fail):
                client.start()
                assert await client.events.next() == ("failure", type(failure))
            async with running(client):
                await client.events.until("connected")
                client.stop_now()

    run(body())


def test_another_kind_of_socket_at_the_path_may_pass(tmp_path):
    async def body():
        path = tmp_path / "chat"
        client = Client(f"unix://{path}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(path))
            client.start()
            assert await client.events.next() == ("failure", OSError)
        path.unlink()
        async with running(Server(f"unix://{path}"), client):
            await client.events.until("connect_rsp")

    run(body())


def test_a_server_listens_at_all_addresses_of_a_name():
    async def body():
        with addresses("127.0.0.1", "::1", "127.0.0.2"):
            server = Server("tcp://some.host:0")
            async with running(server):
                assert server.uri == f"tcp://some.host:{server.port}"
                for host in ("127.0.0.1", "::1", "127.0.0.2"):
                    _, writer = await asyncio.open_connection(host, server.port)
                    writer.transport.abort()
                second = Server(server.uri)
                with pytest.raises(OSError) as raised:
                    await second.start()
                assert raised.value.errno == errno.EADDRINUSE

    run(body())


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_server_that_cannot_listen_at_one_of_them_does_not_start(taken):
    async def body():
        family = socket.AF_INET6 if ":" in taken else socket.AF_INET
        with socket.create_server((taken, 0), family=family) as other:
            port = other.getsockname()[1]
            with addresses("127.0.0.1", "::1"):
                with pytest.raises(OSError) as raised:
                    await Server(f"tcp://some.host:{port}").start()
                assert raised.value.errno == errno.EADDRINUSE
            free = ({"127.0.0.1", "::1"} - {taken}).pop()
            # Nothing is left of the attempt.
            family = socket.AF_INET6 if ":" in free else socket.AF_INET
            socket.create_server((free, port), family=family).close()

    run(body())


def test_addresses_that_are_not_of_this_host_do_not_count():
    async def body():
        with addresses("2001:db8::1", "127.0.0.1"):
            async with running(Server("tcp://some.host:0")):
                pass
        with addresses("2001:db8::1"):
            with pytest.raises(OSError) as raised:
                await Server("tcp://some.host:0").start()
            assert raised.value.errno == errno.EADDRNOTAVAIL

    run(body())
