"""Many handshakes at once, and peers that do not go on with theirs."""

import asyncio
import contextlib

import pytest
from support import running
from tls_support import TlsClient, TlsServer
from virtual_time import run

from messi_runtime import tls_handshakes
from messi_runtime.handshake_steps import HandshakeSteps

WAITING = "too many wait, and this one has sent nothing"
SLOW = "too many wait, and this handshake is the slowest"


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    monkeypatch.setattr(tls_handshakes, "_MOST", 3)
    monkeypatch.setattr(tls_handshakes, "_MOST_WAITING", 48)


@contextlib.asynccontextmanager
async def crowd(server, count, hello):
    """So many have connected, and sent that."""
    async with contextlib.AsyncExitStack() as stack:
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            stack.callback(abort, writer)
            if hello:
                writer.write(hello)
            readers.append(reader)
        await settle()
        yield readers


def abort(writer):
    writer.transport.abort()


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


def still_open(readers):
    return sum(not each.at_eof() for each in readers)


def failures(server):
    return [each[1] for each in server.events.all if each[0] == "handshake failed"]


@contextlib.asynccontextmanager
async def connected(server, files):
    client = TlsClient(server.uri, files.client())
    async with running(client):
        await client.events.until("connect_rsp")
        yield


def test_a_crowd_of_clients_is_let_in_and_nobody_has_to_go(files):
    async def body():
        server = TlsServer(files.server())
        clients = []
        async with running(server):
            clients = [TlsClient(server.uri, files.client()) for _ in range(48)]
            async with running(*clients):
                for each in clients:
                    await each.events.until("connect_rsp")
                # Connected, and the answer.
                assert all(len(each.events.all) == 2 for each in clients)
                assert failures(server) == []
                assert asyncio.get_running_loop().time() < 2

    run(body())


def test_those_who_only_connect_keep_nobody_out_and_a_bounded_number_is_kept(files):
    async def body():
        server = TlsServer(files.server())
        async with running(server), crowd(server, 45, b"") as silent:
            async with connected(server, files):
                assert failures(server) == []
            async with crowd(server, 100, b"") as more:
                assert (still_open(silent), still_open(more)) == (0, 48)
                async with connected(server, files):
                    assert still_open(more) == 47
            assert failures(server)[: 45 + 53] == [WAITING] * (45 + 53)
            assert asyncio.get_running_loop().time() < 2

    run(body())


def test_a_handshake_gives_way_if_it_is_slow_and_others_wait(files):
    async def body():
        server = TlsServer(files.server())
        async with running(server), crowd(server, 3, b"\x16") as slow:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(1)
            async with connected(server, files):
                assert loop.time() == pytest.approx(2, abs=0.3)
                assert still_open(slow) == 2
                assert failures(server) == [SLOW]
            await asyncio.sleep(2.5)  # nobody waits any more
            assert failures(server) == [SLOW]
            await server.events.until("handshake failed", "the handshake took too long")
            assert loop.time() == pytest.approx(5, abs=0.3)

    run(body())


def test_of_those_who_wait_the_newest_is_next_and_the_oldest_gives_way(files):
    async def body():
        server = TlsServer(files.server())
        async with (
            running(server),
            crowd(server, 3, b"\x16"),
            crowd(server, 60, b"\x16") as waiting,
        ):
            assert failures(server) == ["too many handshakes are under way"] * 12
            assert not any(still_open([each]) for each in waiting[:12])
            async with connected(server, files):
                assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.3)
                assert still_open(waiting) >= 45

    run(body())


def test_who_waits_for_a_handshake_is_given_up_like_all_others(files):
    async def body():
        server = TlsServer(files.server())
        async with (
            running(server),
            crowd(server, 3, b"\x16") as slow,
            crowd(server, 40, b"\x16") as waiting,
        ):
            await asyncio.sleep(6)
            assert (still_open(slow), still_open(waiting)) == (0, 0)
            assert len(failures(server)) == 43

    run(body())


def test_who_sends_nothing_gives_his_descriptor_to_others(files):
    async def body():
        server = TlsServer(files.server())
        async with (
            running(server),
            crowd(server, 20, b"") as silent,
            crowd(server, 2, b"\x16") as begun,
        ):
            server._messi_driver._handle_out_of_descriptors()
            await settle()
            assert (still_open(silent), still_open(begun)) == (4, 2)

    run(body())


def test_those_who_wait_end_with_the_server(files):
    async def body():
        server = TlsServer(files.server())
        async with (
            running(server),
            crowd(server, 5, b"") as silent,
            crowd(server, 10, b"\x16") as waiting,
        ):
            server.stop()
            await server.wait_stopped()
            await settle()
            assert (still_open(silent), still_open(waiting)) == (0, 0)
            assert server.events.all == []

    run(body())


def test_a_turn_makes_eight_steps_of_handshakes():
    async def body():
        steps = HandshakeSteps.of_running_loop()
        made = []

        async def make(number):
            await steps.next()
            made.append(number)

        tasks = [asyncio.ensure_future(make(i)) for i in range(20)]
        tasks[10].cancel()
        await asyncio.sleep(0)
        most = 0
        while not all(each.done() for each in tasks):
            before = len(made)
            await asyncio.sleep(0)
            most = max(most, len(made) - before)
        assert most == 8
        assert sorted(made) == [each for each in range(20) if each != 10]

    run(body())
