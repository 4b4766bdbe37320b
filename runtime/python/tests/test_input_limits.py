"""What a server bounds of what its clients send: how slowly a frame comes, how often they ping."""

import asyncio
import contextlib
import math
import socket

import pytest
from support import (
    CONNECT_REQ,
    CONNECT_RSP,
    PING,
    PONG,
    Client,
    Listener,
    Server,
    raw_client,
    running,
)
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason, ServerOptions
from messi_runtime.connection import Connection, ConnectionSettings, Side
from messi_runtime.farewell import farewell
from messi_runtime.keepalive import KeepaliveSettings
from messi_runtime.token_rate import NO_LIMIT, TokenRate

HELLO = b"\x01\x00\x00\x05hello"
TOO_SLOW = DisconnectReason.FRAME_TOO_SLOW
TOO_MANY_PINGS = DisconnectReason.TOO_MANY_PINGS


class Room:
    """A connection of a server, fed by the test."""

    def __init__(self, frame_timeout=10.0, silence_limit=3.0, pings=10, max_payload=1024 * 1024):
        self.now = 0.0
        rate = TokenRate.per_second(pings, 10)
        settings = ConnectionSettings(
            side=Side.SERVER,
            max_payload_size=max_payload,
            max_pending_bytes=1 << 20,
            keepalive=KeepaliveSettings(0.0, silence_limit, rate),
            frame_timeout=frame_timeout,
        )
        self.connection = Connection(settings, 0.0)
        self.messages = []

    def send(self, data):
        if not self.connection.closed:
            self.messages += self.connection.handle_bytes(data, self.now)

    def advance(self, seconds):
        self.now += seconds

    @property
    def reason(self):
        return self.connection.reason


def test_a_frame_that_comes_byte_by_byte_is_given_up_though_its_bytes_are_life():
    room = Room()
    room.send(b"\x01\x00\x03\xe8")
    for _ in range(10):
        room.advance(1)
        room.send(b"x")
        assert room.reason is None
    room.advance(0.01)
    room.send(b"x")
    assert room.reason is TOO_SLOW


def test_a_header_that_comes_byte_by_byte_is_a_part_of_its_frame():
    room = Room()
    for byte in HELLO:
        room.send(bytes((byte,)))
        room.advance(2.9)
    assert room.reason is TOO_SLOW
    assert room.messages == []


def test_frames_of_any_type_are_timed():
    room = Room()
    for number in range(8):
        room.send(b"x" if number else b"\x03\x00\x00\x64")
        room.advance(2)
    assert room.reason is TOO_SLOW


@pytest.mark.parametrize("quick", [True, False])
def test_a_large_frame_has_a_second_for_each_16_kib_if_they_come(quick):
    room = Room()
    frame = b"\x01\x10\x00\x00" + bytes(1024 * 1024)
    a_second = 16 * 1024 if quick else 8 * 1024
    sent = seconds = 0
    while sent < len(frame) and room.reason is None:
        room.send(frame[sent : sent + a_second])
        sent += a_second
        room.advance(1)
        seconds += 1
    assert room.reason is (None if quick else TOO_SLOW)
    assert len(room.messages) == quick
    assert quick or seconds == 23


def test_each_frame_has_its_own_time_and_time_between_frames_does_not_count():
    room = Room()
    for _ in range(20):
        room.send(HELLO[:6])
        room.advance(2.9)
        room.send(HELLO[6:])
        room.advance(2.9)
    # Also with the beginning of the next one in the same input.
    for _ in range(20):
        room.send(HELLO[:6])
        room.advance(2.9)
        room.send(HELLO[6:] + HELLO[:3])
        room.advance(2.9)
        room.send(HELLO[3:])
    assert room.messages == [b"hello"] * 60
    assert room.reason is None


def test_a_frame_that_is_whole_is_never_too_slow():
    room = Room(frame_timeout=0.001)
    room.send(HELLO[:6])
    room.advance(2)
    room.send(HELLO[6:])
    assert room.messages == [b"hello"]


def test_a_client_that_may_be_silent_for_ever_is_not_condemned_for_one_silence():
    room = Room(silence_limit=math.inf)
    room.send(b"\x01\x00\x00\x09")
    for byte in HELLO[:3]:
        assert room.reason is None
        room.advance(3600)
        room.send(bytes((byte,)))
    assert room.reason is TOO_SLOW


def test_without_a_limit_a_frame_may_take_for_ever():
    room = Room(frame_timeout=math.inf, silence_limit=math.inf)
    for byte in HELLO:
        room.send(bytes((byte,)))
        room.advance(1e6)
    assert room.messages == [b"hello"]


def test_a_pause_does_not_count():
    class Pausing(Server):
        async def on_client_connected(self, client):
            self.events.add("connected", client.id)
            client.pause()

    async def body():
        server = Pausing()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            writer.write(CONNECT_REQ[:6])
            await asyncio.sleep(60)
            server.clients[0].resume()
            await asyncio.sleep(2)
            writer.write(CONNECT_REQ[6:7])
            await asyncio.sleep(0.1)
            writer.write(CONNECT_REQ[7:])
            await server.events.until("connect_req", 1, "Erik")

    run(body())


def test_a_client_gives_up_a_server_whose_frame_is_too_slow():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, options=ClientOptions(frame_timeout=5))
            async with running(client):
                _, writer = await listener.accept()
                writer.write(b"\x02\x00\x00\x64")
                with contextlib.suppress(ConnectionError):
                    for _ in range(6):
                        await asyncio.sleep(1)
                        writer.write(b"x")
                await client.events.until("disconnected", TOO_SLOW)
                client.stop_now()

    run(body())


def test_hundreds_of_slow_peers_are_told_and_gone_in_time_and_a_good_client_is_served():
    async def body():
        loop = asyncio.get_running_loop()
        loop.set_debug(False)
        server = Server()
        async with running(server):
            good = Client(server.uri)
            async with running(good):
                await good.events.until("connect_rsp")
                slow = []
                for _ in range(300):
                    slow.append(socket.create_connection(("127.0.0.1", server.port)))
                    slow[-1].setblocking(False)
                for second in range(13):
                    for each in slow:
                        with contextlib.suppress(OSError):
                            each.send(b"x" if second else b"\x01\x0f\xff\xff")
                    await asyncio.sleep(1)
                reasons = [each[2] for each in server.events.all if each[0] == "disconnected"]
                assert reasons == [TOO_SLOW] * 300
                assert len(server.clients) == 1
                for each in slow:
                    assert each.recv(1000) == farewell(TOO_SLOW)
                    each.close()
                assert ("disconnected", TOO_SLOW) not in good.events.all
                good.stop_now()

    run(body())


def test_a_client_may_ping_ten_times_a_second_and_send_a_hundred_that_were_held_up():
    room = Room()
    room.send(PING * 100)
    for _ in range(300):
        room.advance(0.1)
        room.send(PING)
    assert room.reason is None


def test_a_client_that_pings_more_often_is_disconnected():
    room = Room()
    count = 0
    while room.reason is None:
        room.advance(0.05)
        room.send(PING)
        count += 1
    assert 198 <= count <= 201
    assert room.reason is TOO_MANY_PINGS


def test_a_flood_of_pings_ends_at_once_and_its_sender_is_told():
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(PING * 100_000)
            data = b""
            with contextlib.suppress(ConnectionError):
                while more := await reader.read(1000):
                    data += more
            assert farewell(TOO_MANY_PINGS) in data
            await server.events.until("disconnected", 1, TOO_MANY_PINGS)

    run(body())


def test_without_a_limit_a_client_may_ping_as_it_likes():
    room = Room(pings=math.inf)
    room.send(PING * 10_000)
    assert room.reason is None


def test_a_client_that_is_being_disconnected_gets_its_pongs_still():
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (reader, writer):
            await server.events.until("connected", 1)
            server.clients[0].disconnect()
            writer.write(PING * 1000)
            assert await reader.read() in (b"", PONG)
            writer.close()
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)

    run(body())


def test_our_own_client_with_the_shortest_interval_is_no_flood():
    async def body():
        server = Server()
        async with running(server):
            client = Client(server.uri, options=ClientOptions(ping_interval=0.1, pong_timeout=4))
            async with running(client):
                await client.events.until("connect_rsp")
                await asyncio.sleep(3)
                assert len(server.clients) == 1
                client.stop_now()

    run(body())


def test_tokens_come_at_a_steady_rate_into_a_bucket_of_its_size():
    rate = TokenRate.per_second(2, 3)
    full_at = -math.inf
    for _ in range(6):
        full_at = rate.take(full_at, 10.0)
    assert rate.take(full_at, 10.0) is None
    assert rate.take(full_at, 10.5) is not None
    assert NO_LIMIT.take(5.0, 1.0) == 5.0


@pytest.mark.parametrize(
    "name", ["max_pings_per_second", "max_accepts_per_second", "max_clients_per_address"]
)
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_a_rate_is_more_than_nothing(name, value):
    with pytest.raises(ValueError, match=f"{name} is more than 0"):
        ServerOptions(**{name: value})


def test_a_frame_timeout_is_not_zero():
    async def body():
        with pytest.raises(ValueError, match="frame_timeout must be more than 0"):
            Client("tcp://localhost:1", options=ClientOptions(frame_timeout=0)).start()
        with pytest.raises(ValueError, match="frame_timeout must be more than 0"):
            await Server(options=ServerOptions(frame_timeout=0)).start()

    run(body())


def test_what_is_whole_is_still_handled_when_its_sender_is_given_up():
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(CONNECT_REQ + b"\x01\x00\x03\xe8")
            assert await reader.readexactly(6) == CONNECT_RSP
            with contextlib.suppress(ConnectionError):
                for _ in range(12):
                    writer.write(b"x")
                    await asyncio.sleep(1)
            await server.events.until("disconnected", 1, TOO_SLOW)

    run(body())
