"""A server asks who somebody is before any message of his reaches a hook."""

import asyncio
import gc
import socket

import chat_pb2
import pytest
from support import (
    CONNECT_REQ,
    CONNECT_RSP,
    HI,
    HI_IND,
    PING,
    PONG,
    Client,
    Server,
    is_closed,
    raw_client,
    running,
)
from virtual_time import run

from messi_runtime import DisconnectReason, ServerOptions
from messi_runtime.farewell import farewell

UNAUTHENTICATED = DisconnectReason.UNAUTHENTICATED


class Asking(Server):
    """Remembers who waits; the test answers."""

    async def on_authenticate(self, client):
        self.events.add("asked", client.id)
        self.asked = client


class Told(Client):
    async def on_disconnected(self, reason):
        self.events.add("disconnected", reason, self.disconnect_hint)


async def settled():
    """What is under way has arrived."""
    await asyncio.sleep(0.1)


def test_nothing_happens_before_the_answer_and_all_after_it():
    async def body():
        server = Asking()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("asked", 1)
            writer.write(CONNECT_REQ + CONNECT_REQ)
            await settled()
            asked = server.asked
            assert not asked.connected
            assert asked.peer_address.startswith("127.0.0.1:")
            assert server.clients == []
            assert server.find_client(1) is None
            assert server.find_arriving(1) is asked
            asked.send(HI)
            server.broadcast(HI)
            await settled()
            assert server.events.all == [("asked", 1)]
            asked.pause()  # which is for clients
            asked.accept()
            assert server.find_arriving(1) is None
            assert server.clients == [asked]
            assert server.events.all == [("asked", 1)]
            assert await reader.readexactly(12) == CONNECT_RSP * 2
            assert server.clients == [asked]
            assert server.find_client(1) is asked
            assert server.events.all[1:] == [
                ("connected", 1),
                ("connect_req", 1, "Erik"),
                ("connect_req", 1, "Erik"),
            ]
            server.broadcast(HI)
            assert await reader.readexactly(len(HI_IND)) == HI_IND

    run(body())


@pytest.mark.parametrize("text", ["Who are you?", ""])
def test_who_is_refused_hears_why_and_never_was_a_client(text):
    async def body():
        server = Asking()
        async with running(server):
            client = Told(server.uri)
            async with running(client):
                await server.events.until("asked", 1)
                server.asked.refuse(text)
                await server.events.until("refused", UNAUTHENTICATED)
                hint = text or "Not authenticated."
                await client.events.until("disconnected", UNAUTHENTICATED, hint)
                client.stop_now()
            assert server.events.all == [("asked", 1), ("refused", UNAUTHENTICATED)]
            assert server.find_arriving(1) is None

    run(body())


def test_a_hook_may_take_its_time_and_answer():
    class Slow(Server):
        async def on_authenticate(self, client):
            await asyncio.sleep(4)
            client.accept()
            client.send(HI)

    async def body():
        server = Slow()
        async with running(server):
            client = Client(server.uri)
            async with running(client):
                await client.events.until("message_ind", HI.user, HI.text)
                await client.events.until("connect_rsp")
                assert asyncio.get_running_loop().time() >= 4
                client.stop_now()

    run(body())


def test_an_answer_may_come_later_from_anywhere():
    async def body():
        server = Asking()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("asked", 1)
            writer.write(CONNECT_REQ)
            loop = asyncio.get_running_loop()
            loop.call_later(3, lambda: server.find_arriving(1).accept())
            assert await reader.readexactly(4) == PONG  # it does not read
            while (data := await reader.readexactly(4)) == PONG:
                pass
            assert data + await reader.readexactly(2) == CONNECT_RSP

    run(body())


@pytest.mark.parametrize("hangs", [False, True])
def test_who_gets_no_answer_in_time_is_refused(hangs):
    class Silent(Server):
        async def on_authenticate(self, client):
            if hangs:
                await asyncio.sleep(100)

    async def body():
        loop = asyncio.get_running_loop()
        server = Silent(options=ServerOptions(authentication_timeout=2))
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(PING)
            data = await reader.read()
            assert data.endswith(farewell(UNAUTHENTICATED))
            assert 2 <= loop.time() < 3
            await server.events.until("refused", UNAUTHENTICATED)
            assert (100 if hangs else 2) <= loop.time() < (101 if hangs else 3)

    run(body())


def test_who_is_accepted_is_not_refused_later():
    async def body():
        server = Asking(options=ServerOptions(client_timeout=1000))
        async with running(server), raw_client(server):
            await server.events.until("asked", 1)
            server.asked.accept()
            await server.events.until("connected", 1)
            await asyncio.sleep(100)
            assert len(server.clients) == 1

    run(body())


def test_only_the_first_answer_counts_and_only_while_somebody_waits():
    async def body():
        server = Asking()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("asked", 1)
            server.asked.accept()
            server.asked.refuse("too late")
            server.asked.accept()
            await server.events.until("connected", 1)
            server.asked.refuse("too late")
            server.asked.accept()
            writer.write(CONNECT_REQ)
            assert await reader.readexactly(6) == CONNECT_RSP
            async with raw_client(server) as (other, _):
                await server.events.until("asked", 2)
                server.asked.refuse("no")
                server.asked.accept()
                server.asked.refuse("no, no")
                assert await other.read() == farewell(UNAUTHENTICATED, "no")
                await server.events.until("refused", UNAUTHENTICATED)
                server.asked.accept()
            assert len(server.clients) == 1
            async with raw_client(server) as (_, other_writer):
                await server.events.until("asked", 3)
                gone = server.asked
                other_writer.close()
                await server.events.until("refused", DisconnectReason.CONNECTION_CLOSED)
                gone.accept()
                gone.refuse()
                assert server.find_arriving(3) is None
        server.asked.accept()
        server.asked.refuse()
        connected = [event for event in server.events.all if event[0] == "connected"]
        assert connected == [("connected", 1)]

    run(body())


def test_a_hook_that_raises_lets_nobody_in(caplog):
    class Failing(Server):
        accepts = False

        async def on_authenticate(self, client):
            if self.accepts:
                client.accept()
            raise RuntimeError("as it should")

    async def body():
        server = Failing()
        async with running(server):
            for server.accepts in (False, True):
                async with raw_client(server) as (reader, _):
                    assert await is_closed(reader)
                await server.events.until("refused", DisconnectReason.GENERAL_ERROR)
            assert server.events.all == [("refused", DisconnectReason.GENERAL_ERROR)] * 2

    run(body())
    assert "Failing.on_authenticate has failed: RuntimeError('as it should')" in caplog.text


@pytest.mark.parametrize("what", ["stop", "stop_now", "drain", "disconnect", "disconnect_now"])
@pytest.mark.parametrize("where", ["in the hook", "later"])
def test_who_waits_when_all_ends(what, where):
    class Ending(Asking):
        async def on_authenticate(self, client):
            await super().on_authenticate(client)
            if where == "in the hook":
                self.end(client)

        def end(self, client):
            if what == "drain":
                self.drain(5)
            elif what.startswith("disconnect"):
                getattr(client, what)()
            else:
                getattr(self, what)()

    reason = {"stop": "STOPPED", "stop_now": "STOPPED", "drain": "DRAINING"}.get(what)
    reason = DisconnectReason[reason or "DISCONNECTED"]

    async def body():
        server = Ending()
        await server.start()
        async with raw_client(server) as (reader, writer):
            writer.write(CONNECT_REQ)
            await server.events.until("asked", 1)
            if where == "later":
                await settled()
                server.end(server.asked)
            data = await reader.read()
            assert data == (farewell(reason) if what == "drain" else b"")
            writer.close()
            await server.events.until("refused", reason)
            server.asked.accept()
            server.stop()
            await server.wait_stopped()
            assert server.events.all == [("asked", 1), ("refused", reason)]

    run(body())


def test_who_waits_counts_as_a_client():
    async def body():
        server = Asking(options=ServerOptions(max_clients=1))
        async with running(server), raw_client(server):
            await server.events.until("asked", 1)
            async with raw_client(server) as (reader, _):
                reason = DisconnectReason.TOO_MANY_CLIENTS
                assert await reader.read() == farewell(reason)
                await server.events.until("refused", reason)

    run(body())


def test_messages_are_small_until_somebody_is_accepted():
    def message(size):
        payload = chat_pb2.ClientToServer(message_ind=chat_pb2.MessageInd(text="x" * size))
        data = payload.SerializeToString()
        return b"\x01" + len(data).to_bytes(3, "big") + data

    async def body():
        server = Asking(options=ServerOptions(max_payload_before_accept=100))
        async with running(server):
            async with raw_client(server) as (reader, writer):
                await server.events.until("asked", 1)
                writer.write(message(100))
                data = await reader.read()
                assert data == farewell(DisconnectReason.MESSAGE_TOO_BIG)
                await server.events.until("refused", DisconnectReason.MESSAGE_TOO_BIG)
            async with raw_client(server) as (reader, writer):
                await server.events.until("asked", 2)
                # The small one waits, and so do those behind it.
                writer.write(message(10) + message(100_000) + message(200_000))
                await settled()
                server.asked.accept()
                for size in (10, 100_000, 200_000):
                    await server.events.until("message_ind", 2, "x" * size)

    run(body())


def test_the_limit_for_all_messages_is_one_before_acceptance_too():
    async def body():
        server = Asking(options=ServerOptions(max_payload_size=100))
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("asked", 1)
            writer.write(b"\x01\x00\x00\x65")
            assert await reader.read() == farewell(DisconnectReason.MESSAGE_TOO_BIG)

    run(body())


@pytest.mark.parametrize("size", [0, -1, 1 << 24])
def test_the_limit_before_acceptance_is_that_of_a_frame(size):
    with pytest.raises(ValueError, match="max_payload_size is 1 to"):
        ServerOptions(max_payload_before_accept=size)


def test_pings_are_answered_and_what_breaks_the_protocol_is_not():
    async def body():
        server = Asking()
        async with running(server):
            async with raw_client(server) as (reader, writer):
                await server.events.until("asked", 1)
                writer.write(PING)
                assert await reader.readexactly(4) == PONG
                writer.write(PONG)
                assert await reader.read() == farewell(DisconnectReason.PROTOCOL_ERROR)
                await server.events.until("refused", DisconnectReason.PROTOCOL_ERROR)
            async with raw_client(server) as (reader, _):
                # Silence counts as ever.
                await server.events.until("asked", 2)
                assert await is_closed(reader)
                await server.events.until("refused", DisconnectReason.KEEP_ALIVE_TIMEOUT)

    run(body())


def test_the_peers_identity_is_known_in_the_hook(tmp_path):
    class Family(Server):
        async def on_authenticate(self, client):
            self.events.add("uid", client.peer_credentials().uid)
            client.accept()

    async def body():
        server = Family(f"unix://{tmp_path}/socket")
        async with running(server):
            client = Client(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
                assert server.events.all[0][0] == "uid"
                client.stop_now()

    run(body())


def test_a_plain_function_and_the_default_will_do():
    class Plain(Server):
        def on_authenticate(self, client):
            client.accept()

    class Default(Server):
        async def on_authenticate(self, client):
            self.events.add("asked", client.id)
            await super().on_authenticate(client)

    async def body(server):
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(CONNECT_REQ)
            assert await reader.readexactly(6) == CONNECT_RSP

    run(body(Plain()))
    run(body(Default()))


def test_many_who_say_much_and_get_no_answer_take_little_memory():
    async def body():
        asyncio.get_running_loop().set_debug(False)
        options = ServerOptions(authentication_timeout=1000, client_timeout=1000)
        server = Asking(options=options)
        async with running(server):
            sockets = []
            for number in range(50):
                sockets.append(socket.create_connection(("127.0.0.1", server.port)))
                sockets[-1].setblocking(False)
                sockets[-1].send(CONNECT_REQ * 10_000)
                await server.events.until("asked", number + 1)
            await settled()
            gc.collect()
            for link in server._messi_driver._links:
                assert link._connection._decoder.cut_size <= 4096 + 12
                assert not link._inbox._waiting
            for each in sockets:
                each.close()

    run(body())
