"""The machine of one connection, with time that the tests move."""

import random

import pytest

from messi_runtime import DisconnectReason
from messi_runtime.connection import Connection, ConnectionSettings, Side
from messi_runtime.keepalive import KeepaliveSettings

PING = b"\x03\x00\x00\x00"
PONG = b"\x04\x00\x00\x00"


def make(side, **settings):
    keepalive = KeepaliveSettings(2.0, 4.0) if side is Side.CLIENT else KeepaliveSettings(0.0, 3.0)
    defaults = {"max_payload_size": 1000, "max_pending_bytes": 4000, "keepalive": keepalive}
    return Connection(ConnectionSettings(side=side, **{**defaults, **settings}), 0.0)


def receive(connection, data, now=0.0):
    return list(connection.handle_bytes(data, now))


def output(connection):
    return connection.queue.take(1 << 20)


def test_a_client_pings_on_connect_and_every_interval():
    client = make(Side.CLIENT)
    client.handle_time(0.0)
    assert output(client) == PING
    receive(client, PONG, 0.1)
    client.handle_time(client.deadline())
    assert client.deadline() == pytest.approx(4.0)
    assert output(client) == PING


def test_a_client_is_proved_by_its_first_pong():
    client = make(Side.CLIENT)
    receive(client, b"\x02\x00\x00\x02\x0a\x00")
    assert not client.proved
    receive(client, PONG)
    assert client.proved


def test_a_silent_server_is_given_up_after_4_seconds():
    client = make(Side.CLIENT)
    client.handle_time(3.9)
    assert not client.closed
    client.handle_time(4.0)
    assert client.reason is DisconnectReason.KEEP_ALIVE_TIMEOUT


def test_any_byte_from_the_server_counts_as_life():
    client = make(Side.CLIENT)
    for second, byte in enumerate(b"\x02\x00\x00\x02\x0a\x00"):
        receive(client, bytes((byte,)), 3.0 * second)
        client.handle_time(3.0 * second + 2.9)
        assert not client.closed


def test_a_silent_client_is_dropped_after_3_seconds():
    server = make(Side.SERVER)
    receive(server, PING, 2.5)
    server.handle_time(5.4)
    assert not server.closed
    assert server.deadline() == 5.5
    server.handle_time(5.5)
    assert server.reason is DisconnectReason.KEEP_ALIVE_TIMEOUT


def test_a_server_answers_ping_with_pong_ahead_of_messages():
    server = make(Side.SERVER)
    server.send(b"abc", 0)
    receive(server, PING)
    assert output(server) == PONG + b"\x02\x00\x00\x03abc"


def test_messages_come_out_with_the_side_that_sent_them_as_type():
    assert receive(make(Side.SERVER), b"\x01\x00\x00\x01a") == [b"a"]
    assert receive(make(Side.CLIENT), b"\x02\x00\x00\x01a") == [b"a"]


@pytest.mark.parametrize("frame_type", [0, 1, 3, 5, 6, 9, 10, 127, 128, 255])
def test_a_client_ignores_frame_types_that_it_does_not_know(frame_type):
    client = make(Side.CLIENT)
    frames = bytes((frame_type, 0, 0, 1)) + b"x" + b"\x02\x00\x00\x01a"
    assert receive(client, frames) == [b"a"]
    assert not client.closed


@pytest.mark.parametrize("frame_type", [0, 2, 4, 5, 6, 9, 10, 127, 128, 255])
def test_a_server_closes_on_frame_types_that_it_does_not_know(frame_type):
    server = make(Side.SERVER)
    frames = b"\x01\x00\x00\x01a" + bytes((frame_type, 0, 0, 0)) + b"\x01\x00\x00\x01b"
    assert receive(server, frames) == [b"a"]
    assert server.reason is DisconnectReason.PROTOCOL_ERROR


@pytest.mark.parametrize(("side", "frame_type"), [(Side.SERVER, 3), (Side.CLIENT, 4)])
def test_a_ping_or_pong_with_payload_is_a_protocol_error(side, frame_type):
    connection = make(side)
    receive(connection, bytes((frame_type, 0, 0, 1, 0)))
    assert connection.reason is DisconnectReason.PROTOCOL_ERROR


@pytest.mark.parametrize("side", Side)
def test_too_big_a_message_is_refused_at_its_header(side):
    connection = make(side)
    user_message = bytes((1 if side is Side.SERVER else 2,))
    assert receive(connection, user_message + b"\x00\x00\x01a") == [b"a"]
    assert receive(connection, user_message + b"\x00\x03\xe9") == []
    assert connection.reason is DisconnectReason.MESSAGE_TOO_BIG


def test_sending_too_big_a_message_closes():
    client = make(Side.CLIENT)
    client.send(b"x" * 1000, 0)
    assert not client.closed
    client.send(b"x" * 1001, 0)
    assert client.reason is DisconnectReason.MESSAGE_TOO_BIG


def test_sending_more_than_may_be_pending_closes():
    client = make(Side.CLIENT)
    for _ in range(3):
        client.send(b"x" * 996, 0)
    client.send(b"x" * 996, 0)
    assert client.queue.pending_bytes == 4000
    client.send(b"", 0)
    assert client.reason is DisconnectReason.SLOW_READER


def test_what_the_transport_has_not_written_is_pending_too():
    client = make(Side.CLIENT)
    client.send(b"x" * 996, 3000)
    assert not client.closed
    client.send(b"x" * 996, 3000)
    assert client.reason is DisconnectReason.SLOW_READER


def test_a_message_over_the_bound_is_accepted_when_nothing_is_pending():
    client = make(Side.CLIENT, max_pending_bytes=10)
    client.send(b"x" * 1000, 0)
    assert not client.closed


def test_a_closed_connection_sends_nothing_and_keeps_its_reason():
    client = make(Side.CLIENT)
    client.close(DisconnectReason.STOPPED)
    client.send(b"a", 0)
    client.close(DisconnectReason.GENERAL_ERROR)
    assert output(client) == b""
    assert client.reason is DisconnectReason.STOPPED


@pytest.mark.parametrize("side", Side)
def test_random_bytes_in_random_pieces_do_no_more_than_close(side):
    dice = random.Random(1)
    for _ in range(500):
        connection = make(side)
        now = 0.0
        while not connection.closed:
            if dice.random() < 0.9:
                data = bytes((dice.choice((1, 2, 3, 4, 9)), 0, 0, dice.choice((0, 0, 1, 7))))
            else:
                data = dice.randbytes(dice.randrange(20))
            assert all(len(payload) <= 1000 for payload in receive(connection, data, now))
            now += dice.random()
            connection.handle_time(now)
        assert receive(connection, b"") == []
