"""Clients that do not read, or slowly: what is left out for them, and how much waits in all."""

import asyncio
import contextlib
import os
import pathlib
import subprocess
import sys

import chat_pb2
import chat_server
import pytest
from support import (
    CONNECT_REQ,
    Server,
    is_closed,
    raw_client,
    read_user_messages,
    running,
)
from virtual_time import run

import messi_runtime
from messi_runtime import DisconnectReason, ServerOptions, SlowReader
from messi_runtime.frame_queue import PendingTotal
from messi_runtime.inbox import Inbox, Signal
from messi_runtime.latest_frames import LatestFrames


def blob(size, user="", text="x"):
    return chat_pb2.MessageInd(user=user, text=text * size)


def options(policy, **others):
    defaults = {"max_pending_bytes": 1_000_000, "client_timeout": 1000}
    return ServerOptions(slow_reader=policy, **{**defaults, **others})


class Telling(Server):
    async def on_client_behind(self, client):
        self.events.add("behind", client.id)


async def fill(server, client):
    """Broadcasts until the first is left out; returns how many there were."""
    count = 0
    while not client._messi_link._left_out.behind:
        server.broadcast(blob(50_000, str(count)))
        count += 1
        await asyncio.sleep(0)
    return count


async def read_users(reader, count):
    """Who is said to speak in the next messages."""
    payloads = await read_user_messages(reader, count)
    messages = [chat_pb2.ServerToClient.FromString(payload) for payload in payloads]
    return [each.message_ind.user if each.HasField("message_ind") else "rsp" for each in messages]


@pytest.mark.parametrize("policy", [SlowReader.DROP_NEWEST, SlowReader.KEEP_LATEST])
def test_broadcasts_are_left_out_for_who_is_behind_and_for_nobody_else(policy):
    async def body():
        server = Telling(options=options(policy))
        async with running(server), raw_client(server) as (slow, _):
            await server.events.until("connected", 1)
            async with raw_client(server) as (quick, _):
                await server.events.until("connected", 2)
                client = server.find_client(1)
                reading = asyncio.ensure_future(is_closed(quick))
                count = await fill(server, client)
                await server.events.until("behind", 1)
                assert client.connected
                assert client.pending_bytes <= 750_000 + (policy is SlowReader.KEEP_LATEST) * 60_000
                for number in range(10):
                    server.broadcast(blob(50_000, f"late {number}"))
                    await asyncio.sleep(0)
                kept = policy is SlowReader.KEEP_LATEST
                assert client.dropped_broadcasts == 11 - kept
                assert server.find_client(2).dropped_broadcasts == 0
                # What is for the slow one alone still fits.
                client.send(blob(100, "for you"))
                expected = [*map(str, range(count - 1)), "for you", *["late 9"] * kept]
                assert await read_users(slow, len(expected)) == expected
                await server.events.until("writable", 1)
                server.broadcast(blob(10, "again"))
                assert await read_users(slow, 1) == ["again"]
                assert client.dropped_broadcasts == 11 - kept
                hooks = [event for event in server.events.all if event[0] in ("behind", "writable")]
                assert hooks == [("behind", 1), ("writable", 1)]
            await reading

    run(body())


def test_the_latest_of_each_member_is_kept_in_the_order_in_which_they_came():
    async def body():
        server = Telling(options=options(SlowReader.KEEP_LATEST))
        async with running(server), raw_client(server) as (slow, _):
            await server.events.until("connected", 1)
            (client,) = server.clients
            count = await fill(server, client)
            server.broadcast(chat_pb2.ConnectRsp())
            server.broadcast(blob(10, "a"))
            server.broadcast(chat_pb2.ConnectRsp())
            assert client.dropped_broadcasts == 2
            users = await read_users(slow, count + 1)
            assert users[-2:] == ["a", "rsp"]

    run(body())


def test_what_is_kept_is_large_and_still_comes():
    """A frame that fits only when nothing else waits."""

    async def body():
        server = Telling(options=options(SlowReader.KEEP_LATEST))
        async with running(server), raw_client(server) as (slow, _):
            await server.events.until("connected", 1)
            (client,) = server.clients
            count = await fill(server, client)
            server.broadcast(blob(900_000, "large"))
            server.broadcast(chat_pb2.ConnectRsp())
            assert client.connected
            users = await read_users(slow, count + 1)
            assert users[-2:] == ["large", "rsp"]
            await server.events.until("writable", 1)
            assert client.pending_bytes == 0

    run(body())


def test_more_than_the_bound_is_not_kept():
    async def body():
        server = Telling(options=options(SlowReader.KEEP_LATEST, max_pending_bytes=100_000))
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            await fill(server, server.clients[0])
            server.broadcast(blob(200_000))
            await server.events.until("disconnected", 1, DisconnectReason.SLOW_READER)

    run(body())


@pytest.mark.parametrize("end", ["disconnect", "stop", "drain", "drain of the original's"])
def test_what_is_kept_is_sent_before_an_orderly_end(end):
    async def body():
        server = Telling(options=options(SlowReader.KEEP_LATEST))
        await server.start()
        async with raw_client(server) as (slow, writer):
            await server.events.until("connected", 1)
            (client,) = server.clients
            count = await fill(server, client)
            server.broadcast(blob(10, "last"))
            if end == "disconnect":
                client.disconnect()
            elif end == "stop":
                server.stop()
            else:
                server.drain(10)
                if end == "drain":
                    writer.write_eof()
                else:
                    await asyncio.sleep(6)
            assert (await read_users(slow, count))[-1] == "last"
            writer.close()
            server.stop()
            await server.wait_stopped()

    run(body())


@pytest.mark.parametrize("policy", [SlowReader.DROP_NEWEST, SlowReader.KEEP_LATEST])
def test_messages_for_one_client_alone_are_never_left_out(policy):
    async def body():
        server = Telling(options=options(policy))
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            (client,) = server.clients
            await fill(server, client)
            while client.connected:
                client.send(blob(50_000))
                await asyncio.sleep(0)
            await server.events.until("disconnected", 1, DisconnectReason.SLOW_READER)

    run(body())


def test_the_hooks_say_how_it_is_not_all_that_was():
    async def body():
        inbox = Inbox(asyncio.get_running_loop())

        def told():
            inbox.end()
            inbox._ended = False
            signals = []
            while inbox._behind or inbox._writable:
                signals.append(inbox._next_signal())
            return signals

        inbox.signal_writable()
        inbox.signal_behind()
        assert told() == [Signal.BEHIND]
        inbox.signal_writable()
        inbox.signal_behind()
        assert told() == []
        inbox.signal_writable()
        assert told() == [Signal.WRITABLE]
        inbox.signal_behind()
        inbox.signal_writable()
        assert told() == [Signal.BEHIND, Signal.WRITABLE]

    run(body())


def test_latest_frames_count_for_the_total():
    total = PendingTotal()
    latest = LatestFrames(total)
    assert not latest
    assert not latest.keep(1, b"abc")
    assert not latest.keep(2, b"d")
    assert latest.keep(1, b"efghi")
    assert total.bytes == latest.size == 6
    assert latest.first == b"d"
    latest.drop_first()
    assert total.bytes == 5
    latest.clear()
    assert total.bytes == latest.size == 0
    assert not latest


# All clients together


def test_whoever_has_most_waiting_goes_when_too_much_waits_in_all():
    async def body():
        server = Server(
            options=ServerOptions(
                max_pending_bytes=10_000_000, max_total_pending_bytes=5_000_000, client_timeout=1000
            )
        )
        async with running(server), contextlib.AsyncExitStack() as stack:
            for number in range(3):
                await stack.enter_async_context(raw_client(server))
                await server.events.until("connected", number + 1)
            one, two, three = server.clients
            while two.pending_bytes < 3_000_000:
                two.send(blob(100_000))
                await asyncio.sleep(0)
            while two.connected:
                one.send(blob(100_000))
                three.send(blob(100_000))
                await asyncio.sleep(0)
            await server.events.until("disconnected", 2, DisconnectReason.TOO_MUCH_QUEUED)
            assert one.connected
            assert three.connected
            assert server._messi_driver._total.bytes <= 5_200_000
            for _ in range(1000):
                server.broadcast(blob(100_000))
                await asyncio.sleep(0)
                assert server._messi_driver._total.bytes <= 5_200_000
            assert len(server.clients) <= 1
        assert server._messi_driver._total.bytes == 0

    run(body())


def test_a_large_broadcast_to_many_who_read_costs_nobody_his_connection():
    async def body():
        server = Server(options=ServerOptions(max_total_pending_bytes=1_000_000))
        async with running(server), contextlib.AsyncExitStack() as stack:
            readers = []
            for number in range(30):
                readers.append((await stack.enter_async_context(raw_client(server)))[0])
                await server.events.until("connected", number + 1)
            server.broadcast(blob(100_000, "all"))
            for reader in readers:
                assert await read_users(reader, 1) == ["all"]
            assert len(server.clients) == 30

    run(body())


@pytest.mark.parametrize("policy", list(SlowReader))
def test_an_ending_client_that_does_not_read_makes_room_too(policy):
    async def body():
        server = Server(
            options=ServerOptions(
                max_pending_bytes=10_000_000,
                max_total_pending_bytes=5_000_000,
                client_timeout=1000,
                linger=1000,
                slow_reader=policy,
            )
        )
        async with running(server), raw_client(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 2)
            one, two = server.clients
            while one.pending_bytes < 4_000_000:
                one.send(blob(100_000))
                await asyncio.sleep(0)
            one.disconnect()
            while ("disconnected", 1, DisconnectReason.DISCONNECTED) not in server.events.all:
                two.send(blob(100_000))
                await asyncio.sleep(0)
            assert two.connected
            server.stop_now()

    run(body())


def test_a_total_that_makes_no_sense_is_a_value_error():
    with pytest.raises(ValueError, match="max_total_pending_bytes is more than 0"):
        ServerOptions(max_total_pending_bytes=0)


def test_replies_go_on_while_broadcasts_are_left_out():
    async def body():
        server = Telling(options=options(SlowReader.DROP_NEWEST))
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            count = await fill(server, server.clients[0])
            writer.write(CONNECT_REQ)
            await server.events.until("connect_req", 1, "Erik")
            assert (await read_users(reader, count))[-1] == "rsp"

    run(body())


SOURCE = pathlib.Path(messi_runtime.__file__).parents[1]
GENERATED = pathlib.Path(chat_server.__file__).parent
MEMORY = """
import asyncio, socket, sys
import chat_pb2
from chat_server import ChatServer
from messi_runtime import ServerOptions, SlowReader

CLIENTS, BOUND, TOTAL = 200, 256 * 1024, 16 * 1024 * 1024


class Server(ChatServer):
    behind = gone = 0

    async def on_client_behind(self, client):
        self.behind += 1

    async def on_client_disconnected(self, client, reason):
        self.gone += 1


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


async def main(policy, name):
    server = Server(
        f"unix-abstract:{name}",
        options=ServerOptions(
            max_pending_bytes=BOUND,
            max_total_pending_bytes=TOTAL,
            client_timeout=1000,
            slow_reader=SlowReader[policy],
        ),
    )
    await server.start()
    peers = []
    while len(peers) < CLIENTS:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect("\\0" + name)
        peers.append(peer)
        await asyncio.sleep(0)
    while len(server.clients) < CLIENTS:
        await asyncio.sleep(0)
    before = resident()
    most = 0
    for number in range(600):
        server.broadcast(chat_pb2.MessageInd(text=str(number).ljust(3000)))
        await asyncio.sleep(0)
        assert server._messi_driver._total.bytes <= TOTAL + 4000
        most = max(most, resident() - before)
    dropped = sum(client.dropped_broadcasts for client in server.clients)
    print(most, len(server.clients), server.behind, server.gone, dropped > 0)
    server.stop_now()
    await server.wait_stopped()


asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("policy", list(SlowReader))
def test_many_who_never_read_take_no_more_memory_than_the_bounds_say(policy):
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, policy.name, f"messi-test-{os.getpid()}-{policy.name}"],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{GENERATED}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.stderr == ""
    most, left, behind, gone, dropped = result.stdout.split()
    # Chunks for each client, and what the allocator keeps.
    assert int(most) < 2 * 16 * 1024 * 1024 + 200 * 64 * 1024
    if policy is SlowReader.DISCONNECT:
        assert (left, behind, dropped) == ("0", "0", "False")
    else:
        assert int(left) + int(gone) == 200
        assert int(left) >= 50
        assert int(behind) >= int(left)
        assert dropped == "True"
