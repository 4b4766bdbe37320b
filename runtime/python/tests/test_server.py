import asyncio
import os
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
    option,
    raw_client,
    running,
)
from virtual_time import run

from messi_runtime import DisconnectReason, ServerOptions


def test_a_client_connects_is_served_and_disconnects():
    async def body():
        server = Server()
        async with running(server):
            async with raw_client(server) as (reader, writer):
                writer.write(CONNECT_REQ + PING)
                # The reply was sent by a hook that ran after the ping had been read.
                assert sorted([await reader.readexactly(4), await reader.readexactly(6)]) == [
                    CONNECT_RSP,
                    PONG,
                ]
                (client,) = server.clients
                assert (client.id, client.state, client.connected) == (1, "Erik", True)
                host, port = writer.get_extra_info("sockname")
                assert client.peer_address == f"{host}:{port}"
                assert server.find_client(1) is client
            await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)
            assert server.clients == []
            assert server.find_client(1) is None
            client.send(HI)  # too late, and harmless
            client.disconnect()

    run(body())


def test_small_messages_go_out_at_once():
    async def body():
        server = Server()
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            assert option(server.clients[0], socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    run(body())


def test_the_chosen_port_is_told():
    async def body():
        server = Server("tcp://127.0.0.1:0")
        assert (server.port, server.uri) == (0, "tcp://127.0.0.1:0")
        async with running(server):
            assert server.port > 0
            assert server.uri == f"tcp://127.0.0.1:{server.port}"
        assert server.port == 0

    run(body())


def test_any_address_is_listened_at_when_no_host_is_given():
    async def body():
        server = Server("tcp://:0")
        async with running(server):
            for number, host in enumerate(("127.0.0.1", "::1"), start=1):
                _, writer = await asyncio.open_connection(host, server.port)
                await server.events.until("connected", number)
                shown = f"[{host}]:" if ":" in host else f"{host}:"
                assert server.find_client(number).peer_address.startswith(shown)
                writer.close()

    run(body())


def test_a_port_in_use_is_an_error_of_start():
    async def body():
        server = Server()
        async with running(server):
            second = Server(server.uri)
            with pytest.raises(OSError, match=str(server.port)):
                await second.start()
            second.stop()
            await second.wait_stopped()
            # The first is not disturbed.
            async with raw_client(server):
                await server.events.until("connected", 1)

    run(body())


def test_a_unix_socket_is_taken_from_the_dead_but_not_from_the_living(tmp_path):
    path = str(tmp_path / "chat")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)

    async def body():
        server = Server(f"unix://{path}")
        async with running(server):
            with pytest.raises(OSError):
                await Server(f"unix://{path}").start()
            client = Client(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
            assert server.port == 0
        assert not os.path.exists(path)

    run(body())


def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "chat"
    path.write_text("precious")

    async def body():
        with pytest.raises(OSError):
            await Server(f"unix://{path}").start()

    run(body())
    assert path.read_text() == "precious"


def test_a_client_that_is_silent_is_dropped_and_one_that_is_not_is_kept():
    async def body():
        server = Server()
        async with running(server):
            async with raw_client(server) as (silent, _), raw_client(server) as (reader, writer):
                await server.events.until("connected", 2)
                for _ in range(5):
                    await asyncio.sleep(1)
                    # Any byte counts: this is a message in pieces.
                    writer.write(b"\x01")
                    await asyncio.sleep(1)
                    writer.write(b"\x00\x00\x00")
                assert await is_closed(silent)
                assert server.events.all == [
                    ("connected", 1),
                    ("connected", 2),
                    ("disconnected", 1, DisconnectReason.KEEP_ALIVE_TIMEOUT),
                ]

    run(body())


def test_clients_of_ours_stay_for_ever():
    async def body():
        server = Server()
        await server.start()
        client = Client(server.uri)
        async with running(client):
            await asyncio.sleep(60)
            assert client.events.all == [("connected",), ("connect_rsp",)]
        server.stop()
        await server.wait_stopped()

    run(body())


def test_hooks_may_disconnect_their_own_client_and_others():
    class Strict(Server):
        async def on_connect_req(self, client, message):
            await super().on_connect_req(client, message)
            for each in self.clients:
                each.disconnect()

    async def body():
        server = Strict()
        async with running(server):
            async with raw_client(server) as (one, writer), raw_client(server) as (two, _):
                await server.events.until("connected", 2)
                writer.write(CONNECT_REQ + CONNECT_REQ)
                # The reply is written, what comes after it is not handled.
                assert await one.read() == CONNECT_RSP
                assert await two.read() == b""
                await server.events.until("disconnected", 2, DisconnectReason.DISCONNECTED)
                assert server.events.all.count(("connect_req", 1, "Erik")) == 1
                assert server.clients == []

    run(body())


def test_stop_disconnects_everybody_and_start_begins_anew():
    async def body():
        server = Server()
        async with running(server):
            async with raw_client(server) as (one, _), raw_client(server) as (two, _):
                await server.events.until("connected", 2)
                server.broadcast(HI)
                server.stop()
                await server.start()
                assert await one.read() == HI_IND
                assert await two.read() == HI_IND
                await server.events.until("disconnected", 2, DisconnectReason.STOPPED)
            async with raw_client(server):
                await server.events.until("connected", 3)

    run(body())


def test_stop_in_a_hook_stops():
    class Once(Server):
        async def on_connect_req(self, client, message):
            await super().on_connect_req(client, message)
            self.stop()

    async def body():
        server = Once()
        await server.start()
        async with raw_client(server) as (reader, writer):
            writer.write(CONNECT_REQ)
            await server.wait_stopped()
            assert await reader.read() == CONNECT_RSP
        assert server.events.all[-1] == ("disconnected", 1, DisconnectReason.STOPPED)

    run(body())


def test_clients_over_the_limit_are_refused():
    async def body():
        server = Server(options=ServerOptions(max_clients=2))
        async with running(server):
            async with raw_client(server), raw_client(server) as (_, second):
                async with raw_client(server) as (third, _):
                    assert await is_closed(third)
                await server.events.until("refused", DisconnectReason.TOO_MANY_CLIENTS)
                second.close()
                await server.events.until("disconnected", 2, DisconnectReason.CONNECTION_CLOSED)
                async with raw_client(server):
                    await server.events.until("connected", 3)

    run(body())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x01\x00\x00\x01\x0a", DisconnectReason.MESSAGE_DECODE_ERROR),
        (b"\x01\x10\x00\x01", DisconnectReason.MESSAGE_TOO_BIG),
        (b"\x03\x00\x00\x01x", DisconnectReason.PROTOCOL_ERROR),
        (b"\x05\x00\x00\x00", DisconnectReason.PROTOCOL_ERROR),
        (b"\x02\x00\x00\x02\x0a\x00", DisconnectReason.PROTOCOL_ERROR),
    ],
)
def test_what_a_client_must_not_send_ends_its_connection_alone(data, reason):
    async def body():
        server = Server()
        async with running(server):
            async with (
                raw_client(server) as (good, good_writer),
                raw_client(server) as (bad, writer),
            ):
                writer.write(CONNECT_REQ + data + CONNECT_REQ)
                # Which of the two is client 1 is for the system to say.
                while (event := await server.events.next())[0] != "disconnected":
                    pass
                assert event[2] is reason
                assert await is_closed(bad)
                good_writer.write(PING)
                assert await good.readexactly(4) == PONG
            assert len([each for each in server.events.all if each[0] == "connect_req"]) == 1

    run(body())


def test_members_of_a_newer_schema_do_not_end_the_connection():
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(b"\x01\x00\x00\x02\x7a\x00" + b"\x01\x00\x00\x00" + CONNECT_REQ)
            assert await reader.readexactly(6) == CONNECT_RSP
            assert server.events.all == [
                ("connected", 1),
                ("unknown", 1, 15),
                ("connect_req", 1, "Erik"),
            ]

    run(body())


@pytest.mark.parametrize("cut", range(1, len(CONNECT_REQ)))
def test_messages_in_pieces_from_several_clients_are_not_mixed_up(cut):
    async def body():
        server = Server()
        async with running(server):
            async with raw_client(server) as (one, write_one):
                async with raw_client(server) as (two, write_two):
                    write_one.write(CONNECT_REQ[:cut])
                    write_two.write(CONNECT_REQ[:cut])
                    await asyncio.sleep(1)
                    write_one.write(CONNECT_REQ[cut:])
                    write_two.write(CONNECT_REQ[cut:])
                    assert await one.readexactly(6) == CONNECT_RSP
                    assert await two.readexactly(6) == CONNECT_RSP

    run(body())


def test_a_hook_that_fails_ends_its_clients_connection_alone(caplog):
    class Fails(Server):
        async def on_connect_req(self, client, message):
            raise RuntimeError("as it should")

    async def body():
        server = Fails()
        async with running(server):
            async with (
                raw_client(server) as (good, good_writer),
                raw_client(server) as (bad, writer),
            ):
                writer.write(CONNECT_REQ)
                assert await is_closed(bad)
                while (event := await server.events.next())[0] != "disconnected":
                    pass
                assert event[2] is DisconnectReason.GENERAL_ERROR
                good_writer.write(PING)
                assert await good.readexactly(4) == PONG

    run(body())
    assert "RuntimeError: as it should" in caplog.text


def test_messages_of_one_client_are_handled_in_order_one_at_a_time():
    class Slow(Server):
        running = 0

        async def on_message_ind(self, client, message):
            self.running += 1
            assert self.running == 1
            await asyncio.sleep(0.001)
            self.running -= 1
            self.events.add(message.text)

    async def body():
        server = Slow()
        await server.start()
        client = Client(server.uri)
        async with running(client):
            await client.events.until("connect_rsp")
            texts = [str(number) for number in range(100)]
            for text in texts:
                client.send(chat_pb2.MessageInd(text=text))
            await server.events.until("99")
            assert [event[0] for event in server.events.all if len(event) == 1] == texts
        server.stop()
        await server.wait_stopped()

    run(body())
