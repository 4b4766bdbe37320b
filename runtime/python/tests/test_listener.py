"""How connections are accepted, above all when the process runs out of descriptors."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import struct

import pytest
from support import PING, PONG, Server, raw_client, running
from virtual_time import run

from messi_runtime import DisconnectReason

REFUSED = ("refused", DisconnectReason.TOO_MANY_CLIENTS)


class Accepts:
    """Counts the calls of `accept`, and lets the next of them fail."""

    def __init__(self):
        self.count = 0
        self.errors = []


@pytest.fixture
def accepts(monkeypatch):
    accepts = Accepts()
    accept = socket.socket.accept

    def counted(listening):
        accepts.count += 1
        if accepts.errors:
            raise OSError(accepts.errors.pop(), "as it should")
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", counted)
    return accepts


@contextlib.contextmanager
def no_descriptors_left():
    """Gives those that were taken, to be given back."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield taken
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextlib.contextmanager
def sockets(count, family=socket.AF_INET):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.socket(family)) for _ in range(count)]


async def at_end(client):
    client.setblocking(False)
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 1) == b""
    return True


@pytest.fixture
def paused(tmp_path, accepts):
    """A context of a server that was started without a descriptor in reserve, and of a client that
    waits for it."""

    @contextlib.asynccontextmanager
    async def paused():
        # Of a Unix socket without a file, which takes no other descriptor to listen at.
        name = f"messi-{tmp_path}"[:100]
        server = Server(f"unix-abstract:{name}")
        with sockets(1, socket.AF_UNIX) as (waiting,):
            with no_descriptors_left() as taken:
                os.close(taken.pop())
                await server.start()
                waiting.connect(f"\0{name}")
                await asyncio.sleep(0.95)
                assert 2 <= accepts.count <= 10
                assert server.events.all == []
                yield server, waiting, taken

    return paused


def test_without_descriptors_clients_are_turned_away_and_the_others_are_served(accepts):
    class Telling(Server):
        async def on_client_refused(self, peer_address, reason):
            assert peer_address == ""
            await super().on_client_refused(peer_address, reason)

    async def body():
        server = Telling()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            with sockets(10) as unlucky:
                with no_descriptors_left():
                    for each in unlucky:
                        each.connect(("127.0.0.1", server.port))
                    for each in unlucky:
                        assert await at_end(each)
                    writer.write(PING)
                    assert await reader.readexactly(4) == PONG
                    await asyncio.sleep(1)
            assert server.events.all == [("connected", 1), *[REFUSED] * 10]
            assert accepts.count < 50
            async with raw_client(server):
                await server.events.until("connected", 2)

    run(body())


def test_without_even_a_spare_descriptor_clients_wait(paused, accepts):
    async def body():
        async with paused() as (server, waiting, taken):
            while taken:
                os.close(taken.pop())
            await server.events.until("connected", 1)
            server.stop()
            await server.wait_stopped()
            assert await at_end(waiting)

    run(body())


def test_a_stopped_server_does_not_come_back_from_its_pause(paused, accepts):
    async def body():
        async with paused() as (server, waiting, taken):
            server.stop()
            await server.wait_stopped()
            tried = accepts.count
            while taken:
                os.close(taken.pop())
            await asyncio.sleep(1)
            assert accepts.count == tried
            assert await at_end(waiting)

    run(body())


@pytest.mark.parametrize("error", [errno.ENOBUFS, errno.ENOMEM])
def test_without_memory_clients_wait(accepts, error):
    async def body():
        server = Server()
        async with running(server):
            accepts.errors = [error] * 3
            began = asyncio.get_running_loop().time()
            async with raw_client(server):
                await server.events.until("connected", 1)
            assert asyncio.get_running_loop().time() - began >= 0.3

    run(body())


def test_a_client_that_has_gone_does_not_keep_the_next_one_waiting(accepts):
    async def body():
        server = Server()
        async with running(server):
            accepts.errors = [errno.ECONNABORTED] * 3
            async with raw_client(server):
                await server.events.until("connected", 1)

    run(body())


def test_a_client_that_has_gone_when_it_is_accepted_has_an_address():
    class Telling(Server):
        async def on_client_connected(self, client):
            self.events.add(client.peer_address)

    async def body():
        server = Telling()
        async with running(server):
            with sockets(1) as (gone,):
                gone.connect(("127.0.0.1", server.port))
                address = gone.getsockname()
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert await server.events.next() == (f"{address[0]}:{address[1]}",)
            await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)

    run(body())


def test_a_herd_of_clients_is_accepted_in_several_turns(accepts):
    async def body():
        server = Server()
        async with running(server):
            with sockets(200) as herd:
                for each in herd:
                    each.connect(("127.0.0.1", server.port))
                before = 0
                while len(server.clients) < len(herd):
                    await asyncio.sleep(0)
                    assert accepts.count - before <= 64
                    before = accepts.count

    run(body())
