"""A server lets its clients go: nothing that was sent before is lost, in either direction."""

import asyncio
import contextlib
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
    Listener,
    Server,
    is_closed,
    raw_client,
    read_user_messages,
    running,
)
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason, ServerOptions, SocketOptions
from messi_runtime.close_frame import CloseCode, CloseFrame, encode_close
from messi_runtime.farewell import farewell

DRAIN = farewell(DisconnectReason.DRAINING)
DRAINING = DisconnectReason.DRAINING
PATIENT = ServerOptions(client_timeout=1000)


class Told(Client):
    async def on_disconnected(self, reason):
        self.events.add("disconnected", reason, self.disconnect_hint)


def text(number):
    return chat_pb2.MessageInd(user="Erik", text=str(number))


def texts(events):
    return [event[2] for event in events if event[0] == "message_ind"]


async def settled():
    """What is under way has arrived."""
    await asyncio.sleep(0.1)


# The server


def test_a_drain_waits_for_clients_to_end_and_answers_what_they_had_sent():
    async def body():
        server = Server(options=PATIENT)
        await server.start()
        async with raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            server.clients[0].send(HI)
            server.drain(10)
            assert await reader.readexactly(len(HI_IND + DRAIN)) == HI_IND + DRAIN
            writer.write(CONNECT_REQ)
            assert await reader.readexactly(6) == CONNECT_RSP
            assert server.clients[0].connected
            writer.write(PING + CONNECT_REQ)
            writer.write_eof()
            assert sorted([await reader.readexactly(4), await reader.readexactly(6)]) == [
                CONNECT_RSP,
                PONG,
            ]
            assert await reader.read() == b""
            await server.events.until("disconnected", 1, DRAINING)
            await server.wait_stopped()
            assert asyncio.get_running_loop().time() < 1

    run(body())


def test_a_draining_server_does_not_listen():
    async def body():
        server = Server(options=PATIENT)
        await server.start()
        port = server.port
        async with raw_client(server):
            await server.events.until("connected", 1)
            server.drain(10)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            assert len(server.clients) == 1
            server.stop_now()
            await server.wait_stopped()

    run(body())


def test_answers_of_slow_hooks_still_go_out_to_a_client_that_has_ended():
    class Slow(Server):
        async def on_message_ind(self, client, message):
            await asyncio.sleep(1)
            client.send(message)

    async def body():
        server = Slow(options=ServerOptions())
        await server.start()
        client = Told(server.uri, user=None)
        client.start()
        await server.events.until("connected", 1)
        await settled()
        for number in range(10):
            client.send(text(number))
        server.drain(100)
        await client.events.until("disconnected", DRAINING, "")
        assert texts(client.events.all) == [str(number) for number in range(10)]
        await server.events.until("disconnected", 1, DRAINING)
        client.stop_now()
        await server.wait_stopped()
        assert 10 <= asyncio.get_running_loop().time() < 12

    run(body())


def test_a_client_that_does_not_know_drains_sees_the_end_at_half_of_the_deadline():
    async def body():
        loop = asyncio.get_running_loop()
        server = Server(options=PATIENT)
        await server.start()
        async with raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            server.drain(10)
            begin = loop.time()
            assert await reader.read() == DRAIN
            assert 5 <= loop.time() - begin < 5.5
            # What it has sent meanwhile still arrives, though there can be no answer.
            assert not server.clients
            writer.write(CONNECT_REQ)
            await server.events.until("connect_req", 1, "Erik")
            writer.close()
            await server.events.until("disconnected", 1, DRAINING)
            await server.wait_stopped()
            assert loop.time() - begin < 6

    run(body())


def test_at_the_deadline_all_that_is_left_is_closed():
    async def body():
        loop = asyncio.get_running_loop()
        server = Server(options=PATIENT)
        await server.start()
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(raw_client(server))  # neither reads nor ends
            _, ended = await stack.enter_async_context(raw_client(server))
            await stack.enter_async_context(raw_client(server))
            await server.events.until("connected", 3)
            one, two, three = server.clients
            three.pause()
            ended.write(CONNECT_REQ)
            for client in (one, two):
                while client.pending_bytes < 1_000_000:
                    client.send(chat_pb2.MessageInd(text="x" * 100_000))
                    await asyncio.sleep(0)
            begin = loop.time()
            server.drain(10)
            ended.write_eof()
            await server.wait_stopped()
            assert 10 <= loop.time() - begin < 10.5
            reasons = [event for event in server.events.all if event[0] == "disconnected"]
            assert sorted(reasons) == [("disconnected", number, DRAINING) for number in (1, 2, 3)]

    run(body())


def test_a_slow_reader_gets_all_that_was_sent_within_the_deadline():
    async def body():
        server = Server(options=ServerOptions(client_timeout=1000, linger=0.1))
        await server.start()
        async with raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            (client,) = server.clients
            sent = 0
            while client.pending_bytes < 3_000_000:
                client.send(chat_pb2.MessageInd(text="x" * 100_000))
                sent += 1
                await asyncio.sleep(0)
            server.drain(1000)
            writer.write_eof()
            received = 0
            for _ in range(sent):
                received += len(await read_user_messages(reader, 1))
                await asyncio.sleep(1)
            assert received == sent
            assert await is_closed(reader)
            await server.events.until("disconnected", 1, DRAINING)
            await server.wait_stopped()

    run(body())


def test_a_client_that_is_arriving_during_a_drain_is_told_too():
    class Slow(Server):
        async def on_client_arriving(self, peer_address):
            self.events.add("arriving")
            await asyncio.sleep(1)
            return True

    async def body():
        server = Slow()
        await server.start()
        async with raw_client(server) as (reader, _):
            await server.events.until("arriving")
            server.drain(10)
            assert await reader.read() == DRAIN
            await server.wait_stopped()
            assert server.events.all == [("arriving",)]

    run(body())


@pytest.mark.parametrize("again", ["stop", "stop_now", "drain", "start"])
def test_other_commands_may_follow_a_drain(again):
    async def body():
        loop = asyncio.get_running_loop()
        server = Server(options=ServerOptions(client_timeout=1000, linger=3))
        await server.start()
        async with raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            server.drain(100)
            assert await reader.readexactly(len(DRAIN)) == DRAIN
            begin = loop.time()
            reason, least, most = {
                "stop": (DisconnectReason.STOPPED, 3, 4),
                "stop_now": (DisconnectReason.STOPPED, 0, 1),
                "drain": (DRAINING, 20, 21),
                "start": (DRAINING, 99, 101),
            }[again]
            if again == "drain":
                server.drain(20)
                assert await reader.read() == b""  # it is told once
            elif again == "start":
                await server.start()
                async with raw_client(server) as (other, _):
                    await server.events.until("connected", 2)
                    assert len(server.clients) == 2
                    await server.events.until("disconnected", 1, DRAINING)
                    assert len(server.clients) == 1
                server.stop()
            else:
                getattr(server, again)()
            await server.wait_stopped()
            assert ("disconnected", 1, reason) in server.events.all
            assert least <= loop.time() - begin <= most

    run(body())


def test_a_drain_in_every_hook():
    class Draining(Server):
        async def on_client_arriving(self, peer_address):
            return self.at("arriving")

        async def on_client_connected(self, client):
            self.at("connected")

        async def on_connect_req(self, client, message):
            client.send(chat_pb2.ConnectRsp())
            self.at("message")

        async def on_client_disconnected(self, client, reason):
            self.events.add("disconnected", client.id, reason)
            self.at("disconnected")

        def at(self, where):
            if where == self.where:
                self.drain(5)
            return True

    async def body(where):
        server = Draining(options=PATIENT)
        server.where = where
        await server.start()
        async with raw_client(server) as (reader, writer):
            writer.write(CONNECT_REQ)
            with contextlib.suppress(OSError):  # it may be closed already
                writer.write_eof()
            data = await reader.read()
            await server.wait_stopped()
            assert asyncio.get_running_loop().time() < 1
            if where == "arriving":
                assert data == DRAIN
            if where == "message":
                assert data == CONNECT_RSP + DRAIN

    for where in ("arriving", "connected", "message", "disconnected"):
        run(body(where))


def test_a_drain_of_a_server_that_does_not_run_does_nothing():
    async def body():
        server = Server()
        server.drain(10)
        await server.start()
        async with raw_client(server):
            await server.events.until("connected", 1)
        server.stop()
        await server.wait_stopped()
        server.drain(10)
        await server.wait_stopped()

    run(body())


@pytest.mark.parametrize("deadline", [-1, float("nan")])
def test_a_deadline_is_a_time(deadline):
    async def body():
        server = Server()
        async with running(server):
            with pytest.raises(ValueError, match="deadline is 0 or more"):
                server.drain(deadline)
            assert server.port

    run(body())


def test_no_time_at_all_still_tells():
    async def body():
        server = Server()
        await server.start()
        async with raw_client(server) as (reader, _):
            await server.events.until("connected", 1)
            server.drain(0)
            assert await reader.read() == DRAIN
            await server.events.until("disconnected", 1, DRAINING)
            await server.wait_stopped()

    run(body())


def test_what_is_no_hook_of_a_draining_client_is_one_of_an_end():
    """A client that breaks the protocol, or a hook that raises, ends its connection as ever."""

    class Failing(Server):
        async def on_connect_req(self, client, message):
            raise RuntimeError("as it should")

    async def body():
        server = Failing(options=PATIENT)
        await server.start()
        async with raw_client(server) as (_, one), raw_client(server) as (_, two):
            await server.events.until("connected", 2)
            server.drain(10)
            one.write(b"\x04\x00\x00\x00")
            two.write(CONNECT_REQ)
            await server.wait_stopped()
            assert ("disconnected", 1, DisconnectReason.PROTOCOL_ERROR) in server.events.all
            assert ("disconnected", 2, DisconnectReason.GENERAL_ERROR) in server.events.all

    run(body())


# The client


def test_a_client_that_is_let_go_writes_what_it_has_accepted_and_hears_what_is_left():
    class Sending(Told):
        async def on_message_ind(self, message):
            self.events.add("message_ind", message.user, message.text)
            self.send(HI)
            self.events.add("connected", self.connected, self.pending_bytes)

    async def body():
        async with Listener() as listener:
            client = Sending(listener.uri, user=None)
            async with running(client):
                reader, writer = await listener.accept()
                await client.events.until("connected")
                await settled()
                client.send(text(0))
                writer.write(PONG + DRAIN)
                assert len(await read_user_messages(reader, 1)) == 1
                assert await reader.read() == b""
                assert not client.connected
                writer.write(HI_IND)
                await client.events.until("message_ind", HI.user, HI.text)
                await client.events.until("connected", False, 0)
                writer.close()
                await client.events.until("disconnected", DRAINING, "")
                client.stop_now()

    run(body())


def test_a_client_writes_all_to_a_server_that_reads_slowly():
    async def body():
        async with Listener() as listener:
            options = ClientOptions(linger=0.1, socket=SocketOptions(send_buffer=100_000))
            client = Told(listener.uri, user=None, options=options)
            async with running(client):
                reader, writer = await listener.accept()
                await client.events.until("connected")
                sent = 0
                while client.pending_bytes < 3_000_000:
                    client.send(chat_pb2.MessageInd(text="x" * 100_000))
                    sent += 1
                    await asyncio.sleep(0)
                writer.write(DRAIN)
                await settled()
                writer.write_eof()  # as at half of the deadline
                for _ in range(sent):
                    await read_user_messages(reader, 1)
                    await asyncio.sleep(0.5)
                assert await is_closed(reader)
                await client.events.until("disconnected", DRAINING, "")
                client.stop_now()

    run(body())


def test_a_client_gives_up_a_draining_server_that_is_silent():
    async def body():
        loop = asyncio.get_running_loop()
        async with Listener() as listener:
            client = Told(listener.uri, user=None)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(DRAIN)
                begin = loop.time()
                await client.events.until("disconnected", DRAINING, "")
                assert 4 <= loop.time() - begin < 5
                client.stop_now()

    run(body())


def test_the_next_server_is_tried_soon():
    async def body():
        loop = asyncio.get_running_loop()
        async with Listener() as one, Listener() as two:
            client = Told(one.uri, user=None, options=ClientOptions(more_uris=[two.uri]))
            async with running(client):
                for listener in (one, two, one, two):
                    begin = loop.time()
                    _, writer = await listener.accept()
                    assert loop.time() - begin <= 0.3
                    writer.write(PONG + encode_close(CloseFrame(CloseCode.DRAIN, 100.0, b"Bye.")))
                    writer.close()
                    await client.events.until("disconnected", DRAINING, "Bye.")
                client.stop_now()

    run(body())


@pytest.mark.parametrize("stop", ["stop", "stop_now"])
def test_a_client_that_is_let_go_can_be_stopped(stop):
    async def body():
        async with Listener() as listener:
            client = Told(listener.uri, user=None)
            client.start()
            reader, writer = await listener.accept()
            writer.write(DRAIN)
            assert await reader.read() in (b"", PING)
            getattr(client, stop)()
            writer.close()
            await client.wait_stopped()
            assert client.events.all[-1] == ("disconnected", DRAINING, "")

    run(body())


def test_a_paused_client_that_is_let_go_hears_all_when_it_resumes():
    async def body():
        async with Listener() as listener:
            client = Told(listener.uri, user=None)
            async with running(client):
                _, writer = await listener.accept()
                await client.events.until("connected")
                client.pause()
                writer.write(HI_IND * 100 + DRAIN + HI_IND * 100)
                writer.close()
                await asyncio.sleep(100)
                assert client.events.all == [("connected",)]
                client.resume()
                await client.events.until("disconnected", DRAINING, "")
                assert len(texts(client.events.all)) == 200
                client.stop_now()

    run(body())


# Both


@pytest.mark.parametrize(("size", "bound"), [(1, 2_000), (30_000, 500_000)])
def test_nothing_that_was_accepted_before_a_drain_is_lost(size, bound):
    """Clients and a server that send as much as they may, all the time, while one server after the
    other is drained."""

    class Counting(Server):
        async def on_client_connected(self, client):
            client.state = {"sent": 0, "heard": []}

        async def on_message_ind(self, client, message):
            client.state["heard"].append(int(message.user))
            self.send_to(client)

        def send_to(self, client):
            if client.connected and client.pending_bytes < bound:
                number = client.state["sent"]
                client.send(chat_pb2.MessageInd(user=str(number), text="x" * size))
                client.state["sent"] += client.connected

        async def on_client_disconnected(self, client, reason):
            assert reason is DRAINING
            self.events.add("over", client.state)

    class Busy(Client):
        async def on_connected(self):
            self.sent, self.heard = 0, []
            self.send_some()

        async def on_message_ind(self, message):
            self.heard.append(int(message.user))
            self.send_some()

        async def on_disconnected(self, reason):
            assert reason is DRAINING
            self.stop()
            self.events.add("over", self.sent, self.heard)

        def send_some(self):
            for _ in range(2):
                if self.connected and self.pending_bytes < bound:
                    self.send(chat_pb2.MessageInd(user=str(self.sent), text="x" * size))
                    self.sent += 1

    async def body():
        server = Counting(options=ServerOptions(client_timeout=1000))
        for _ in range(2):
            await server.start()
            clients = [Busy(server.uri, user=None) for _ in range(4)]
            for client in clients:
                client.start()
            for _ in range(40):
                for each in server.clients:
                    server.send_to(each)
                await asyncio.sleep(0)
            server.drain(1000)
            await server.wait_stopped()
            states = {state["sent"]: state for _, state in server.events.all}
            for client in clients:
                await client.wait_stopped()
                _, sent, heard = client.events.all[-1]
                state = states[len(heard)]
                assert heard == list(range(state["sent"]))
                assert state["heard"] == list(range(len(state["heard"])))
            assert sorted(len(state["heard"]) for _, state in server.events.all) == sorted(
                client.events.all[-1][1] for client in clients
            )
            server.events.all.clear()

    run(body())


def test_many_clients_move_from_one_server_to_the_next():
    async def body():
        first, second = Server(), Server()
        await first.start()
        await second.start()
        options = ClientOptions(more_uris=[second.uri])
        clients = [Told(first.uri, options=options) for _ in range(50)]
        async with running(*clients):
            for client in clients:
                await client.events.until("connect_rsp")
            await settled()
            first.drain(10)
            await first.wait_stopped()
            for client in clients:
                await client.events.until("connect_rsp")
            assert len(second.clients) == 50
            assert asyncio.get_running_loop().time() < 2
        second.stop()
        await second.wait_stopped()

    run(body())


def test_a_reset_of_a_client_that_was_let_go_is_its_end():
    async def body():
        server = Server(options=PATIENT)
        await server.start()
        peer = socket.create_connection(("127.0.0.1", server.port))
        await server.events.until("connected", 1)
        server.drain(10)
        await settled()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        peer.close()
        await server.events.until("disconnected", 1, DRAINING)
        await server.wait_stopped()
        assert asyncio.get_running_loop().time() < 1

    run(body())
