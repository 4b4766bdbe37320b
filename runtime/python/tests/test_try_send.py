"""A message that `try_send` does not accept ends no connection."""

import asyncio

import chat_pb2
import pytest
from support import (
    CONNECT_REQ,
    HI,
    Client,
    Listener,
    Server,
    raw_client,
    read_user_messages,
    running,
)
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason, SendResult, ServerOptions


def blob(size):
    return chat_pb2.MessageInd(text="x" * size)


def test_a_client_is_told_whether_a_message_is_accepted():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None, options=ClientOptions(max_payload_size=1_000))
            assert client.try_send(HI) is SendResult.NOT_CONNECTED
            async with running(client):
                assert client.try_send(HI) is SendResult.NOT_CONNECTED
                reader, _ = await listener.accept()
                await client.events.until("connected")
                assert client.try_send(blob(1_000)) is SendResult.TOO_BIG
                assert client.try_send_message_ind(HI) is SendResult.OK
                assert client.try_send_connect_req(chat_pb2.ConnectReq()) is SendResult.OK
                expected = chat_pb2.ClientToServer(message_ind=HI).SerializeToString()
                assert await read_user_messages(reader, 2) == [expected, CONNECT_REQ[4:5] + b"\0"]
            assert client.try_send(HI) is SendResult.NOT_CONNECTED
            assert ("disconnected",) not in [event[:1] for event in client.events.all[:-1]]

    run(body())


def test_a_text_that_is_not_utf_8_is_invalid(monkeypatch):
    async def body():
        server = Server()
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            client = server.find_client(1)
            monkeypatch.setattr(client._messi_outgoing, "encode", lambda _name, _message: None)
            assert client.try_send_message_ind(HI) is SendResult.INVALID
            assert client.connected

    run(body())


def test_who_tries_until_it_is_full_is_told_when_there_is_room():
    """Also for a message that needs more than half of the bound."""

    async def body():
        limits = ServerOptions(max_pending_bytes=1_000_000, client_timeout=1000)
        server = Server(options=limits)
        async with running(server), raw_client(server) as (reader, _):
            await server.events.until("connected", 1)
            client = server.find_client(1)
            for size in (50_000, 900_000):
                sent = 0
                while (result := client.try_send(blob(size))) is SendResult.OK:
                    sent += 1
                    await asyncio.sleep(0)
                assert result is SendResult.FULL
                assert client.pending_bytes <= 1_000_000
                told = server.events.all.count(("writable", 1))
                await read_user_messages(reader, sent)
                while server.events.all.count(("writable", 1)) == told:
                    await server.events.next()
                assert client.try_send(blob(size)) is SendResult.OK
                await read_user_messages(reader, 1)
            assert client.connected

    run(body())


def test_nobody_is_disconnected_for_what_is_tried_whatever_waits_for_all_together():
    async def body():
        limits = ServerOptions(max_total_pending_bytes=1_000_000, client_timeout=1000)
        server = Server(options=limits)
        async with running(server), raw_client(server), raw_client(server) as (quick, _):
            await server.events.until("connected", 2)
            slow, other = server.clients
            while (result := slow.try_send(blob(50_000))) is SendResult.OK:
                await asyncio.sleep(0)
            assert result is SendResult.FULL
            assert other.try_send(blob(60_000)) is SendResult.FULL
            assert slow.connected
            other.send(blob(200_000))  # takes what it needs from who has most
            other.send(blob(1))
            await server.events.until("disconnected", 1, DisconnectReason.TOO_MUCH_QUEUED)
            assert other.try_send(blob(60_000)) is SendResult.OK
            await read_user_messages(quick, 3)

    run(body())


@pytest.mark.parametrize("how", ["reads", "goes", "is disconnected"])
def test_who_was_refused_since_too_much_waits_for_all_is_told_when_there_is_room(how):
    async def body():
        limits = ServerOptions(max_total_pending_bytes=1_000_000, client_timeout=1000)
        server = Server(options=limits)
        async with (
            running(server),
            raw_client(server) as (reader, writer),
            raw_client(server),
            raw_client(server),
        ):
            await server.events.until("connected", 3)
            slow, other, _ = server.clients
            while slow.try_send(blob(50_000)) is SendResult.OK:
                await asyncio.sleep(0)
            for _ in range(3):
                assert other.try_send(blob(60_000)) is SendResult.FULL
            await asyncio.sleep(0.1)
            assert ("writable", 2) not in server.events.all
            if how == "reads":
                asyncio.ensure_future(reader.read(-1))
            elif how == "goes":
                writer.transport.abort()
            else:
                slow.disconnect_now()
            await server.events.until("writable", 2)
            assert other.try_send(blob(60_000)) is SendResult.OK
            await asyncio.sleep(0.1)
            assert server.events.all.count(("writable", 2)) == 1
            assert ("writable", 3) not in server.events.all

    run(body())
