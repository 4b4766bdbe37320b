import asyncio
import math
import socket

import chat_pb2
import pytest
from support import (
    CONNECT_REQ,
    CONNECT_RSP,
    PING,
    PONG,
    Client,
    Listener,
    is_closed,
    option,
    read_user_messages,
    running,
)
from virtual_time import run

from messi_runtime import BackoffSettings, ClientOptions, DisconnectReason


def test_connects_says_hello_pings_and_stops():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            assert not client.connected
            client.start()
            reader, writer = await listener.accept()
            # What on_connected sends goes ahead of the early ping.
            assert await reader.readexactly(16) == CONNECT_REQ + PING
            writer.write(PONG + CONNECT_RSP)
            await client.events.until("connect_rsp")
            assert client.connected
            client.stop()
            assert not client.connected
            await client.wait_stopped()
            assert await reader.read() == b""
            assert client.events.all == [
                ("connected",),
                ("connect_rsp",),
                ("disconnected", DisconnectReason.STOPPED),
            ]

    run(body())


def test_small_messages_go_out_at_once():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                await client.events.until("connected")
                assert option(client, socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    run(body())


def test_keeps_a_connection_alive_while_the_server_answers():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None)
            async with running(client):
                reader, writer = await listener.accept()
                times = []
                for _ in range(6):
                    assert await reader.readexactly(4) == PING
                    times.append(asyncio.get_running_loop().time())
                    writer.write(PONG)
                assert times == pytest.approx([0, 2, 4, 6, 8, 10], abs=0.1)
                assert client.connected

    run(body())


def test_reconnects_when_pongs_are_missing():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                assert await reader.read() == CONNECT_REQ + PING + PING
                assert asyncio.get_running_loop().time() == pytest.approx(4, abs=0.1)
                reader, writer = await listener.accept()
                assert await reader.readexactly(12) == CONNECT_REQ
                assert 4.5 < asyncio.get_running_loop().time() < 5.1
            assert client.events.all[:4] == [
                ("connected",),
                ("connect_rsp",),
                ("disconnected", DisconnectReason.KEEP_ALIVE_TIMEOUT),
                ("connected",),
            ]

    run(body())


async def later(seconds, client):
    await asyncio.sleep(seconds)
    return client.pending_bytes


def test_pings_go_out_on_time_when_much_is_queued():
    async def body():
        options = ClientOptions(max_pending_bytes=64 * 1024 * 1024)
        async with Listener() as listener:
            client = Client(listener.uri, user=None, options=options)
            async with running(client):
                reader, writer = await listener.accept()
                assert await reader.readexactly(4) == PING
                await client.events.until("connected")
                message = chat_pb2.MessageInd(text="x" * 60_000)
                for _ in range(500):
                    client.send(message)
                while (queued := client.pending_bytes) != await later(0.3, client):
                    pass
                assert queued > 10_000_000
                writer.write(PONG)
                await asyncio.sleep(2.1)
                # Nothing was read since, so the ping stands where the transport's buffer ended.
                frames_before_ping = 0
                while (header := await reader.readexactly(4)) != PING:
                    await reader.readexactly(int.from_bytes(header[1:], "big"))
                    frames_before_ping += 1
                in_kernel = 500 - queued // 60_000
                assert frames_before_ping <= in_kernel + 4

    run(body())


@pytest.mark.parametrize("cut", range(1, len(CONNECT_RSP)))
def test_a_message_cut_by_a_disconnect_does_not_spoil_the_next_connection(cut):
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP[:cut])
                await asyncio.sleep(0.1)
                writer.close()
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                await client.events.until("connect_rsp")

    run(body())


def test_a_message_that_comes_in_pieces_is_delivered_once():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                for byte in CONNECT_RSP:
                    writer.write(bytes((byte,)))
                    await asyncio.sleep(1)
                await client.events.until("connect_rsp")
            assert client.events.all.count(("connect_rsp",)) == 1

    run(body())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x02\x00\x00\x01\x0a", DisconnectReason.MESSAGE_DECODE_ERROR),
        (b"\x02\x10\x00\x01", DisconnectReason.MESSAGE_TOO_BIG),
        (b"\x04\x00\x00\x01x", DisconnectReason.PROTOCOL_ERROR),
    ],
)
def test_what_the_server_must_not_send_ends_the_connection(data, reason):
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                writer.write(CONNECT_RSP + data + CONNECT_RSP)
                await client.events.until("disconnected", reason)
                assert await is_closed(reader)
            assert client.events.all[:3] == [
                ("connected",),
                ("connect_rsp",),
                ("disconnected", reason),
            ]

    run(body())


def test_unknown_frames_and_members_do_not_end_the_connection():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(b"\x05\x00\x00\x02xx" + b"\x02\x00\x00\x02\x7a\x00" + CONNECT_RSP)
                await client.events.until("connect_rsp")
            assert ("unknown", 15) in client.events.all

    run(body())


def test_too_big_a_message_is_not_sent_and_a_smaller_one_after_it_is():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None)
            async with running(client):
                reader, _ = await listener.accept()
                await client.events.until("connected")
                client.send(chat_pb2.MessageInd(text="x" * 1024 * 1024))
                client.send(chat_pb2.MessageInd(text="lost with the connection"))
                await client.events.until("disconnected", DisconnectReason.MESSAGE_TOO_BIG)
                assert await reader.read() in (b"", PING)
                reader, _ = await listener.accept()
                await client.events.until("connected")
                client.send(chat_pb2.MessageInd(text="hi"))
                assert await read_user_messages(reader, 1) == [b"\x12\x04\x12\x02hi"]

    run(body())


def test_what_is_sent_without_a_connection_is_dropped():
    client = Client("tcp://127.0.0.1:1")
    client.send(chat_pb2.ConnectReq())
    assert client.pending_bytes == 0


def test_a_wrong_uri_or_option_is_told_at_once():
    with pytest.raises(ValueError, match="the scheme is unknown"):
        Client("udp://127.0.0.1:1")
    with pytest.raises(ValueError, match="port 0 cannot be connected to"):
        Client("tcp://127.0.0.1:0")
    with pytest.raises(ValueError, match="max_payload_size is 1 to 16777215, but got 16777216"):
        ClientOptions(max_payload_size=1 << 24)
    for name in ("ping_interval", "pong_timeout", "connect_timeout"):
        for seconds in (-1, math.nan):
            with pytest.raises(ValueError, match=f"{name} is 0 or more seconds, but got"):
                ClientOptions(**{name: seconds})
    with pytest.raises(ValueError, match="quick is 0 or more seconds, but got -1"):
        BackoffSettings(quick=-1)


def test_a_client_without_ping_interval_does_not_ping():
    async def body():
        async with Listener() as listener:
            options = ClientOptions(ping_interval=0, pong_timeout=math.inf)
            client = Client(listener.uri, user=None, options=options)
            client.start()
            reader, _ = await listener.accept()
            await client.events.until("connected")
            await asyncio.sleep(1000)
            client.stop()
            assert await reader.read() == b""
            await client.wait_stopped()

    run(body())


def test_times_may_be_infinite():
    async def body():
        never = ClientOptions(
            ping_interval=math.inf,
            pong_timeout=math.inf,
            connect_timeout=math.inf,
            backoff=BackoffSettings(settled=math.inf),
        )
        async with Listener() as listener:
            client = Client(listener.uri, user=None, options=never)
            async with running(client):
                reader, writer = await listener.accept()
                assert await reader.readexactly(4) == PING
                await asyncio.sleep(1000)
                writer.write(PONG + CONNECT_RSP)
                await client.events.until("connect_rsp")
                assert client.connected

    run(body())


def test_what_the_system_takes_at_once_does_not_count_as_pending():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None, options=ClientOptions(max_pending_bytes=1000))
            async with running(client):
                reader, _ = await listener.accept()
                await client.events.until("connected")
                for _ in range(5):
                    client.send(chat_pb2.MessageInd(text="x" * 600))
                assert len(await read_user_messages(reader, 5)) == 5
                assert client.connected

    run(body())


def test_a_server_that_does_not_read_ends_the_connection_at_the_bound():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                await listener.accept()
                await client.events.until("connected")
                sent = 0
                message = chat_pb2.MessageInd(text="x" * 100_000)
                while client.connected:
                    assert client.pending_bytes <= 16 * 1024 * 1024
                    client.send(message)
                    sent += 100_000
                    await asyncio.sleep(0)
                assert sent > 16 * 1024 * 1024
                await client.events.until("disconnected", DisconnectReason.SLOW_READER)

    run(body())


def test_the_client_hears_when_there_is_room_again():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                await client.events.until("connected")
                message = chat_pb2.MessageInd(text="x" * 100_000)
                while client.pending_bytes <= 8 * 1024 * 1024:
                    client.send(message)
                    await asyncio.sleep(0)
                assert ("writable",) not in client.events.all
                writer.write(PONG)
                reading = asyncio.ensure_future(is_closed(reader))
                await client.events.until("writable")
                assert client.pending_bytes <= 8 * 1024 * 1024
            await reading

    run(body())


def test_ending_the_program_ends_the_connection():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            client.start()
            reader, _ = await listener.accept()
            await client.events.until("connected")
            client._messi_driver._task.cancel()
            assert await is_closed(reader)

    run(body())


def test_a_flood_does_not_keep_a_client_from_pinging():
    class Slow(Client):
        async def on_message_ind(self, message):
            await asyncio.sleep(0.1)
            await super().on_message_ind(message)

    async def body():
        flood = chat_pb2.ServerToClient(message_ind=chat_pb2.MessageInd(text="x" * 60_000))
        payload = flood.SerializeToString()
        frame = b"\x02" + len(payload).to_bytes(3, "big") + payload
        async with Listener() as listener:
            client = Slow(listener.uri, user=None)
            async with running(client):
                reader, writer = await listener.accept()
                await client.events.until("connected")
                # More than is taken in ahead of the hooks, all the time.
                writer.write(frame * 10)
                for _ in range(100):
                    await client.events.until("message_ind", "", "x" * 60_000)
                    writer.write(frame)
                client.stop_now()
                assert (await reader.read()).count(PING) >= 5

    run(body())
