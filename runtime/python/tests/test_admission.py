"""How many clients may come: in all, from one address, and in a second."""

import asyncio
import contextlib

import pytest
from support import Client, Server, raw_client, running
from virtual_time import run

from messi_runtime import DisconnectReason, ServerOptions
from messi_runtime.admission import Admission, origin_of
from messi_runtime.farewell import farewell
from messi_runtime.token_rate import NO_LIMIT

FROM_ADDRESS = DisconnectReason.TOO_MANY_FROM_ADDRESS
AT_ONCE = DisconnectReason.TOO_MANY_AT_ONCE


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.1:5000", "192.0.2.1"),
        ("[2001:db8:0:1::2]:5000", "2001:db8:0:1::/64"),
        ("[2001:db8:0:1:ffff::1]:6000", "2001:db8:0:1::/64"),
        ("[fe80::1%eth0]:6000", "fe80::/64"),
        ("[::1]:1", "::/64"),
        ("unix", ""),
        ("", ""),
    ],
)
def test_whom_a_client_counts_as(address, origin):
    assert origin_of(address) == origin


def test_origins_are_forgotten_when_nobody_is_left_and_unix_sockets_do_not_count():
    admission = Admission(2, NO_LIMIT)
    for _ in range(1000):
        assert admission.refuse("unix", 0.0) is None
        admission.enter("unix")
        admission.leave("unix")
    for number in range(1000):
        admission.enter(f"10.0.0.{number % 250}:5000")
    assert admission.refuse("10.0.0.1:77", 0.0) is FROM_ADDRESS
    for number in range(1000):
        admission.leave(f"10.0.0.{number % 250}:5000")
    assert not admission._clients


def test_too_many_from_one_address_are_turned_away_and_told():
    async def body():
        server = Server("tcp://:0", options=ServerOptions(max_clients_per_address=2))
        async with running(server), contextlib.AsyncExitStack() as stack:
            for number in (1, 2):
                _, writer = await stack.enter_async_context(raw_client(server))
                await server.events.until("connected", number)
            async with raw_client(server) as (reader, _):
                assert await reader.read() == farewell(FROM_ADDRESS)
            await server.events.until("refused", FROM_ADDRESS)
            # Another address is another address.
            _, other = await asyncio.open_connection(
                "127.0.0.1", server.port, local_addr=("127.0.0.2", 0)
            )
            await server.events.until("connected", 3)
            other.close()
            # One goes, and another may come.
            writer.close()
            await server.events.until("disconnected", 2, DisconnectReason.CONNECTION_CLOSED)
            async with raw_client(server):
                await server.events.until("connected", 4)

    run(body())


def test_a_client_hears_why_it_is_turned_away():
    class Told(Client):
        async def on_disconnected(self, reason):
            self.events.add("disconnected", reason, self.disconnect_hint)

    async def body():
        server = Server(options=ServerOptions(max_clients_per_address=1))
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            client = Told(server.uri)
            async with running(client):
                hint = "Too many clients from this address."
                reason = DisconnectReason.TOO_MANY_CLIENTS
                await client.events.until("disconnected", reason, hint)
                client.stop_now()

    run(body())


def test_more_than_a_second_may_see_are_turned_away():
    async def body():
        server = Server(options=ServerOptions(max_accepts_per_second=3))
        async with running(server), contextlib.AsyncExitStack() as stack:
            for _ in range(5):
                await stack.enter_async_context(raw_client(server))
            for _ in range(2):
                await server.events.until("refused", AT_ONCE)
            assert len(server.clients) == 3
            await asyncio.sleep(1)
            reader, _ = await stack.enter_async_context(raw_client(server))
            await server.events.until("connected", 4)
            for _ in range(3):
                reader, _ = await stack.enter_async_context(raw_client(server))
            assert await reader.read() == farewell(AT_ONCE)

    run(body())


def test_who_is_ending_still_counts():
    async def body():
        server = Server(options=ServerOptions(max_clients=1, client_timeout=1000))
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            server.clients[0].disconnect()
            assert not server.clients
            async with raw_client(server):
                await server.events.until("refused", DisconnectReason.TOO_MANY_CLIENTS)
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)
            async with raw_client(server):
                await server.events.until("connected", 2)

    run(body())


def test_a_hook_that_lets_arrivals_wait_makes_no_room_for_more():
    class Slow(Server):
        arrived = 0

        async def on_client_arriving(self, peer_address):
            self.arrived += 1
            await asyncio.sleep(1)
            return True

    async def body():
        server = Slow(options=ServerOptions(max_clients=5))
        async with running(server), contextlib.AsyncExitStack() as stack:
            for _ in range(20):
                await stack.enter_async_context(raw_client(server))
            for _ in range(15):
                await server.events.until("refused", DisconnectReason.TOO_MANY_CLIENTS)
            for number in range(5):
                await server.events.until("connected", number + 1)
            assert server.arrived == 5

    run(body())
