"""What a server tells the clients that it closes the connection of."""

import asyncio

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
    raw_client,
    running,
)
from virtual_time import run

from messi_runtime import BackoffSettings, ClientOptions, DisconnectReason, ServerOptions
from messi_runtime.close_frame import CloseCode, CloseFrame, decode_close, encode_close
from messi_runtime.connection import Connection, ConnectionSettings, Side
from messi_runtime.farewell import farewell, harmless
from messi_runtime.keepalive import KeepaliveSettings


class Told(Client):
    async def on_disconnected(self, reason):
        self.events.add("disconnected", reason, self.disconnect_hint)


def close(code, text=b"", retry_after=0.0):
    return encode_close(CloseFrame(code, retry_after, text))


async def read_close(reader):
    """The CLOSE that comes after pongs, and then the end of the stream."""
    data = await reader.read()
    while data.startswith(PONG):
        data = data[len(PONG) :]
    assert data[:1] == b"\x09"
    assert len(data) <= 124
    assert int.from_bytes(data[1:4], "big") == len(data) - 4
    return decode_close(data[4:])


def test_the_bytes_of_a_close():
    assert close(14) == bytes.fromhex("09000018 0e000000 00000000" + 16 * "00")
    frame = bytes.fromhex("0900001b 07000000 000005dc" + 16 * "00" + "627379")
    assert encode_close(CloseFrame(CloseCode.BUSY, 1.5, b"bsy")) == frame
    assert decode_close(frame[4:]) == CloseFrame(7, 1.5, b"bsy")
    most = (1 << 64) - 1
    # What is not zero in the reserved bytes is of a later version.
    assert decode_close(b"\x07" + b"\xff" * 23 + b"x") == CloseFrame(
        7, 0xFFFFFFFF / 1000, b"x", reply=True, rx=most, tx=most
    )
    frame = bytes.fromhex("09000018 05010000 00000000 0000000000000102 0000000000000304")
    assert encode_close(CloseFrame(CloseCode.CLOSED, reply=True, rx=258, tx=772)) == frame
    assert decode_close(bytes(23)) is None
    assert decode_close(bytes(24) + b"x" * 1000).text == b"x" * 96


@pytest.mark.parametrize("reason", list(DisconnectReason))
@pytest.mark.parametrize("text", ["", "x" * 96, "x" * 95 + "ä" + "x", "你" * 40, "\ud800"])
def test_no_farewell_is_too_long_for_the_originals_clients(reason, text):
    frame = farewell(reason, text)
    assert len(frame) <= 124
    if frame:
        told = decode_close(frame[4:]).text.decode()
        assert text.startswith(told) or told in (str(reason), "?")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (b"", ""),
        ("Grüße, 你好".encode(), "Grüße, 你好"),
        (b"a\x00b\x1b[31mc\x7f\r\n", "a?b?[31mc???"),
        ("a\x85\x9b1m\xa0".encode(), "a??1m\xa0"),
        (b"a\xffb\xc3\xa4", "a?b??"),
        (b"\xed\xa0\x80", "???"),
    ],
)
def test_a_text_from_the_network_can_be_printed(text, printed):
    assert harmless(text) == printed


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (7, DisconnectReason.TOO_MANY_CLIENTS),
        (9, DisconnectReason.UNAUTHENTICATED),
        (10, DisconnectReason.CONNECTION_CLOSED),
        (11, DisconnectReason.CONNECTION_CLOSED),
        (12, DisconnectReason.CONNECTION_CLOSED),
        (15, DisconnectReason.REFUSED),
        (0, DisconnectReason.CONNECTION_CLOSED),
        (200, DisconnectReason.CONNECTION_CLOSED),
    ],
)
def test_a_client_hears_why_after_what_was_sent_before(code, reason):
    async def body():
        async with Listener() as listener:
            client = Told(listener.uri, user=None)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP + close(code, b"No\nmore.") + CONNECT_RSP)
                await client.events.until("disconnected", reason, "No?more.")
                assert client.events.all.count(("connect_rsp",)) == 1
                client.stop_now()

    run(body())


@pytest.mark.parametrize("size", [0, 1, 23])
def test_a_close_that_is_too_short_is_a_protocol_error(size):
    async def body():
        async with Listener() as listener:
            client = Told(listener.uri, user=None)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(b"\x09\x00\x00" + bytes((size,)) + bytes(size))
                await client.events.until("disconnected", DisconnectReason.PROTOCOL_ERROR, "")
                client.stop_now()

    run(body())


@pytest.mark.parametrize(("limit", "told"), [(30, b"Too ma"), (24, b""), (23, None), (2, None)])
def test_a_farewell_is_within_the_limit_for_messages(limit, told):
    async def body():
        server = Server(options=ServerOptions(max_payload_size=limit, max_clients=1))
        async with running(server), raw_client(server):
            await server.events.until("connected", 1)
            async with raw_client(server) as (reader, _):
                if told is None:
                    assert await reader.read() == b""
                else:
                    assert (await read_close(reader)).text == told

    run(body())


def test_who_is_turned_away_tries_the_next_uri_and_stays_away_for_longer_and_longer():
    async def body():
        loop = asyncio.get_running_loop()
        async with Listener() as one, Listener() as two:
            options = ClientOptions(backoff=BackoffSettings(initial=1, factor=10, max=100))
            options = ClientOptions(more_uris=[two.uri], backoff=options.backoff)
            client = Told(one.uri, user=None, options=options)
            async with running(client):
                waits = []
                for listener in [one, two, one, two, one]:
                    since = loop.time()
                    _, writer = await listener.accept()
                    waits.append(loop.time() - since)
                    # The connection has proved itself, and still counts as a failure.
                    writer.write(PONG + close(7))
                    await client.events.until("disconnected", DisconnectReason.TOO_MANY_CLIENTS, "")
                assert waits[1] < 0.1
                assert 0.5 <= waits[2] <= 1.1
                assert waits[3] < 0.1
                assert 5 <= waits[4] <= 11
                client.stop_now()

    run(body())


def test_who_is_turned_away_stays_away_as_long_as_the_server_asks():
    async def body():
        loop = asyncio.get_running_loop()
        async with Listener() as listener:
            client = Told(listener.uri, user=None)
            async with running(client):
                _, writer = await listener.accept()
                since = loop.time()
                writer.write(close(7, b"", 23.456))
                await listener.accept()
                assert 23.456 <= loop.time() - since < 24
                client.stop_now()

    run(body())


def test_for_ever_would_be_too_long():
    keepalive = KeepaliveSettings(2.0, 4.0)
    settings = ConnectionSettings(Side.CLIENT, 1000, 1000, keepalive)
    for seconds, kept in ((299.0, 299.0), (1e6, 300.0)):
        connection = Connection(settings, 0.0)
        assert list(connection.handle_bytes(close(7, b"", seconds), 0.0)) == []
        assert connection.turned_away
        assert connection.retry_after == kept


@pytest.mark.parametrize(
    ("sent", "code", "text"),
    [
        (b"\x01\x00\x00\x02\x0a\x05", CloseCode.DECODE, b"Message decode error."),
        (b"\x01\x00\x00\x7d", CloseCode.LIMIT, b"Message too big."),
        (b"\x04\x00\x00\x00", CloseCode.PROTOCOL, b"Protocol error."),
    ],
)
def test_a_server_says_what_was_wrong_behind_what_it_has_sent(sent, code, text):
    async def body():
        server = Server(options=ServerOptions(max_payload_size=124))
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            writer.write(sent)
            server.clients[0].send(HI)
            assert await reader.readexactly(len(HI_IND)) == HI_IND
            assert await read_close(reader) == CloseFrame(code, 0.0, text)

    run(body())


def test_a_server_says_nothing_to_who_speaks_another_protocol():
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.read() == b""

    run(body())


def test_a_full_server_says_so():
    async def body():
        server = Server(options=ServerOptions(max_clients=1))
        async with running(server), raw_client(server) as (reader, _):
            await server.events.until("connected", 1)
            async with raw_client(server) as (other, writer):
                writer.write(PING + CONNECT_REQ)
                text = b"Too many clients."
                assert await read_close(other) == CloseFrame(CloseCode.BUSY, 0.0, text)
            client = Told(server.uri)
            async with running(client):
                reason = DisconnectReason.TOO_MANY_CLIENTS
                await client.events.until("disconnected", reason, "Too many clients.")
                client.stop_now()

    run(body())


def test_a_client_that_sends_much_still_hears_why_it_was_turned_away():
    class Picky(Server):
        async def on_client_arriving(self, peer_address):
            await asyncio.sleep(0.1)
            return False

    class Eager(Told):
        async def on_connected(self):
            for _ in range(100):
                self.send(chat_pb2.MessageInd(text="x" * 1000))

    async def body():
        server = Picky()
        async with running(server):
            client = Eager(server.uri)
            async with running(client):
                await client.events.until("disconnected", DisconnectReason.REFUSED, "")
                client.stop_now()

    run(body())


def test_a_farewell_waits_for_nobody():
    async def body():
        server = Server(options=ServerOptions(client_timeout=1000))
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            (client,) = server.clients
            while client.pending_bytes < 1_000_000:
                client.send(chat_pb2.MessageInd(text="x" * 100_000))
                await asyncio.sleep(0)
            writer.write(b"\x04\x00\x00\x00")
            await server.events.until("disconnected", 1, DisconnectReason.PROTOCOL_ERROR)
            assert asyncio.get_running_loop().time() < 1

    run(body())


def test_a_client_of_a_server_that_has_turned_it_away_can_be_stopped_in_the_hook():
    class Leaving(Told):
        async def on_disconnected(self, reason):
            await super().on_disconnected(reason)
            self.stop()

    async def body():
        async with Listener() as listener:
            client = Leaving(listener.uri, user=None)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(HI_IND + close(9, b"Who are you?"))
                await client.wait_stopped()
                assert client.events.all[-2:] == [
                    ("message_ind", HI.user, HI.text),
                    ("disconnected", DisconnectReason.UNAUTHENTICATED, "Who are you?"),
                ]

    run(body())
