"""Groups of a server's clients."""

import asyncio
import contextlib
import enum

import chat_pb2
import pytest
from session_support import Raw, SessionServer, text
from support import Server, raw_client, read_user_messages, running
from virtual_time import run

from messi_runtime import DisconnectReason, ServerOptions, SlowReader

CLOSED = DisconnectReason.CONNECTION_CLOSED
LONG = {"client_timeout": 1000.0}


class Room(enum.Enum):
    LOBBY = 1


class Quiet(Server):
    """Sends nothing unasked."""

    async def on_message_ind(self, client, message):
        self.events.add("message_ind", client.id, message.text)


@contextlib.asynccontextmanager
async def house(count, server=None):
    """A server with clients 1, 2, 3..., and the ends that they read from and write to."""
    server = server or Quiet(options=ServerOptions(**LONG))
    async with running(server), contextlib.AsyncExitStack() as stack:
        ends = []
        for number in range(1, count + 1):
            ends.append(await stack.enter_async_context(raw_client(server)))
            await server.events.until("connected", number)
        yield server, ends


async def texts(end, *expected):
    """What comes next."""
    reader, _ = end
    payloads = await read_user_messages(reader, len(expected))
    got = [chat_pb2.ServerToClient.FromString(payload).message_ind.text for payload in payloads]
    assert got == list(expected)


def ids(group):
    return [client.id for client in group.members]


def test_a_message_to_a_group_goes_to_its_members_or_all_but_some():
    async def body():
        async with house(4) as (server, ends):
            one, two, three, four = server.clients
            room = server.group("room")
            for client in (one, two, three):
                room.join(client)
            assert room.send(text("all"))
            assert room.send_message_ind(text("not 2"), except_clients=[two])
            assert room.send(text("only 2"), [one, three, four])
            server.group("muted").join(one)
            assert room.send(text("not muted"), server.group("muted").members)
            server.broadcast(text("end"))
            await texts(ends[0], "all", "not 2", "end")
            await texts(ends[1], "all", "only 2", "not muted", "end")
            await texts(ends[2], "all", "not 2", "not muted", "end")
            await texts(ends[3], "end")

    run(body())


def test_clients_join_and_leave_once():
    async def body():
        async with house(3) as (server, ends):
            one, two, three = server.clients
            room = server.group("room")
            assert (room.size, room.members) == (0, [])
            room.leave(one)
            for client in (three, one, one, two):
                room.join(client)
            assert room.size == 3
            assert ids(room) == [3, 1, 2]
            assert room.contains(one)
            room.leave(one)
            room.leave(one)
            assert not room.contains(one)
            assert server.groups_of(one) == []
            room.send(text("two"))
            room.join(one)
            room.send(text("three"))
            await texts(ends[0], "three")
            await texts(ends[1], "two", "three")
            for client in (one, two, three):
                room.leave(client)
            assert room.size == 0
            assert room.send(text("nobody"))
            # Nothing is left of it.
            assert not server._messi_driver.groups._members
            assert not server._messi_driver.groups._keys

    run(body())


def test_anything_that_can_be_a_key_is_the_name_of_a_group():
    async def body():
        async with house(4) as (server, _):
            keys = ["7", 7, Room.LOBBY, ("room", 7)]
            for key, client in zip(keys, server.clients, strict=True):
                server.group(key).join(client)
            for number, key in enumerate(keys, 1):
                assert ids(server.group(key)) == [number]
                (group,) = server.groups_of(server.find_client(number))
                assert group.key == key
            with pytest.raises(TypeError):
                server.group([]).join(server.clients[0])

    run(body())


def test_a_client_leaves_its_groups_when_it_is_gone():
    class Goodbye(Quiet):
        async def on_client_disconnected(self, client, reason):
            # It is in its groups, and may say goodbye to them. It cannot join any more.
            await asyncio.sleep(0.1)
            self.group("late").join(client)
            for group in self.groups_of(client):
                assert group.contains(client) and group.size == 2
                group.send(text(f"left {group.key}"))
            await super().on_client_disconnected(client, reason)

    async def body():
        async with house(2, Goodbye(options=ServerOptions(**LONG))) as (server, ends):
            for client in server.clients:
                for name in ("b", "a"):
                    server.group(name).join(client)
            ends[0][1].close()
            await texts(ends[1], "left b", "left a")
            await server.events.until("disconnected", 1, CLOSED)
            await asyncio.sleep(0)
            assert ids(server.group("a")) == ids(server.group("b")) == [2]
            assert server.group("late").size == 0

    run(body())


def test_a_client_leaves_its_groups_when_its_last_hook_raises():
    class Failing(Quiet):
        async def on_client_disconnected(self, client, reason):
            await super().on_client_disconnected(client, reason)
            raise RuntimeError("hook")

    async def body():
        async with house(2, Failing(options=ServerOptions(**LONG))) as (server, ends):
            for client in server.clients:
                server.group("room").join(client)
            ends[0][1].close()
            await server.events.until("disconnected", 1, CLOSED)
            await asyncio.sleep(0)
            assert ids(server.group("room")) == [2]

    run(body())


def test_who_is_being_disconnected_gets_nothing_more():
    async def body():
        async with house(2) as (server, ends):
            one, two = server.clients
            room = server.group("room")
            room.join(one)
            room.join(two)
            room.send(text("before"))
            one.disconnect()
            assert room.size == 2
            assert ids(room) == [2]
            room.send(text("after"))
            await texts(ends[0], "before")
            assert await ends[0][0].read() != b"after"
            await texts(ends[1], "before", "after")

    run(body())


def test_a_client_is_in_no_group_before_it_is_accepted():
    class Strict(Quiet):
        async def on_authenticate(self, client):
            self.group("too soon").join(client)
            client.accept()
            self.group("room").join(client)

    async def body():
        async with house(1, Strict(options=ServerOptions(**LONG))) as (server, _):
            assert server.group("too soon").size == 0
            assert ids(server.group("room")) == [1]

    run(body())


def test_a_message_that_a_group_cannot_get_is_sent_to_nobody():
    async def body():
        options = ServerOptions(max_payload_size=100, **LONG)
        async with house(1, Quiet(options=options)) as (server, ends):
            room = server.group("room")
            room.join(server.clients[0])
            assert not room.send(text("x" * 200))
            assert not server.group("nobody").send(text("x" * 200))
            with pytest.raises(TypeError):
                room.send("text")
            assert room.send(text("fits"))
            await texts(ends[0], "fits")

    run(body())


def test_all_is_legal_in_a_loop_over_a_group():
    async def body():
        async with house(4) as (server, ends):
            for client in server.clients:
                server.group("room").join(client)
            for member in server.group("room").members:
                server.group("room").send(text("in the loop"), [member])
                server.group("room").leave(member)
                server.group("other").join(member)
                if member.id == 2:
                    server.clients[2].disconnect_now()
            server.group("room").send(text("nobody"))
            server.group("other").send(text("others"))
            await texts(ends[0], "others")
            await texts(ends[1], "in the loop", "others")
            await texts(ends[3], "in the loop", "in the loop", "in the loop", "others")

    run(body())


def test_groups_go_with_the_server_and_come_with_it():
    async def body():
        async with house(2) as (server, _):
            room = server.group("room")
            for client in server.clients:
                room.join(client)
            server.stop_now()
            await server.wait_stopped()
            assert room.size == 0
            await server.start()
            async with raw_client(server):
                await server.events.until("connected", 3)
                room.join(server.clients[0])
                assert ids(room) == [3]

    run(body())


def test_a_client_that_is_away_is_in_its_groups_and_so_it_is_when_it_is_back():
    async def body():
        server = SessionServer(**LONG)
        async with running(server):
            room = server.group("room")
            async with raw_client(server) as ends:
                peer = Raw(*ends)
                welcome = await peer.begin()
                await server.events.until("connected", 1)
                room.join(server.clients[0])
                room.send(text("1"))
                assert await peer.text() == "1"
            await server.events.until("detached", 1, CLOSED)
            assert ids(room) == [1]
            room.send(text("2"))
            server.group("other").join(server.clients[0])
            server.group("other").send(text("3"))
            async with raw_client(server) as ends:
                peer = Raw(*ends)
                again = await peer.resume(welcome, rx=1)
                assert again.resumed
                assert [await peer.text() for _ in "23"] == ["2", "3"]
                await server.events.until("resumed", 1, 0)
                assert ids(room) == [1]
                room.send(text("4"))
                assert await peer.text() == "4"

    run(body())


def test_a_session_that_is_lost_leaves_its_groups():
    async def body():
        server = SessionServer(session_timeout=10.0, **LONG)
        async with running(server):
            room = server.group("room")
            async with raw_client(server) as ends:
                await Raw(*ends).begin()
                await server.events.until("connected", 1)
                room.join(server.clients[0])
            await server.events.until("detached", 1, CLOSED)
            room.send(text("1"))
            assert room.size == 1
            await server.events.until("disconnected", 1, DisconnectReason.SESSION_LOST)
            await asyncio.sleep(0)
            assert room.size == 0

    run(body())


@pytest.mark.parametrize("policy", list(SlowReader))
def test_a_group_that_is_too_much_for_a_member_treats_it_as_a_broadcast_does(policy):
    class Telling(Quiet):
        async def on_client_behind(self, client):
            self.events.add("behind", client.id)

    async def body():
        options = ServerOptions(slow_reader=policy, max_pending_bytes=1_000_000, **LONG)
        async with house(1, Telling(options=options)) as (server, ends):
            (client,) = server.clients
            for name in ("a", "b"):
                server.group(name).join(client)
            count = 0
            while client.connected and not client._messi_link._left_out.behind:
                server.group("a").send(text(f"{count} " + "x" * 50_000))
                count += 1
                await asyncio.sleep(0)
            if policy is SlowReader.DISCONNECT:
                await server.events.until("disconnected", 1, DisconnectReason.SLOW_READER)
                return
            await server.events.until("behind", 1)
            server.group("a").send(text("latest of a"))
            server.group("b").send(text("latest of b"))
            kept = ["latest of a", "latest of b"] if policy is SlowReader.KEEP_LATEST else []
            await read_user_messages(ends[0][0], count - 1)
            await server.events.until("writable", 1)
            server.group("a").send(text("again"))
            await texts(ends[0], *kept, "again")

    run(body())
