"""The machine of one connection, with time that the tests move."""

import random

import pytest

from messi_runtime import DisconnectReason
from messi_runtime.connection import Connection, ConnectionSettings, Side
from messi_runtime.hint import Hint
from messi_runtime.keepalive import KeepaliveSettings
from messi_runtime.outbox import Accepted

PING = b"\x03\x00\x00\x00"
PONG = b"\x04\x00\x00\x00"


def make(side, **settings):
    keepalive = KeepaliveSettings(2.0, 4.0) if side is Side.CLIENT else KeepaliveSettings(0.0, 3.0)
    defaults = {"max_payload_size": 1000, "max_pending_bytes": 4000, "keepalive": keepalive}
    return Connection(ConnectionSettings(side=side, **{**defaults, **settings}), 0.0)


def receive(connection, data, now=0.0):
    return list(connection.handle_bytes(data, now))


def send(connection, payload):
    return connection.outbox.send(connection._settings.outbox.encode(payload))


def output(connection):
    data = b"".join(connection.outbox.frames.gather())
    connection.outbox.frames.handle_written(len(data))
    return data


def test_a_client_pings_on_connect_and_every_interval():
    client = make(Side.CLIENT)
    client.handle_time(0.0, 0.0)
    assert output(client) == PING
    receive(client, PONG, 0.1)
    client.handle_time(client.deadline(), 0.1)
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
    client.handle_time(3.9, 3.9)
    assert not client.closed
    client.handle_time(4.0, 4.0)
    assert client.reason is DisconnectReason.KEEP_ALIVE_TIMEOUT


def test_any_byte_from_the_server_counts_as_life():
    client = make(Side.CLIENT)
    for second, byte in enumerate(b"\x02\x00\x00\x02\x0a\x00"):
        receive(client, bytes((byte,)), 3.0 * second)
        client.handle_time(3.0 * second + 2.9, 3.0 * second + 2.9)
        assert not client.closed


def test_a_silent_client_is_dropped_after_3_seconds():
    server = make(Side.SERVER)
    receive(server, PING, 2.5)
    server.handle_time(5.4, 5.4)
    assert not server.closed
    assert server.deadline() == 5.5
    server.handle_time(5.5, 5.5)
    assert server.reason is DisconnectReason.KEEP_ALIVE_TIMEOUT


def test_a_server_answers_ping_with_pong_ahead_of_messages():
    server = make(Side.SERVER)
    send(server, b"abc")
    receive(server, PING)
    assert output(server) == PONG + b"\x02\x00\x00\x03abc"


def test_messages_come_out_with_the_side_that_sent_them_as_type():
    assert receive(make(Side.SERVER), b"\x01\x00\x00\x01a") == [b"a"]
    assert receive(make(Side.CLIENT), b"\x02\x00\x00\x01a") == [b"a"]


@pytest.mark.parametrize("frame_type", [0, 5, 6, 8, 10, 127, 128, 255])
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


def test_too_big_a_message_is_not_encoded():
    client = make(Side.CLIENT)
    settings = client._settings.outbox
    assert settings.encode(b"x" * 1000) == b"\x01\x00\x03\xe8" + b"x" * 1000
    assert send(client, b"x" * 1001) is Accepted.TOO_BIG
    assert send(client, None) is Accepted.INVALID
    assert output(client) == b""


def test_there_is_room_up_to_the_bound():
    client = make(Side.CLIENT)
    for _ in range(4):
        assert send(client, b"x" * 996) is Accepted.YES
    assert client.outbox.frames.pending == 4000
    assert send(client, b"") is Accepted.FULL


def test_a_message_over_the_bound_is_accepted_when_nothing_is_pending():
    client = make(Side.CLIENT, max_pending_bytes=10)
    assert send(client, b"x" * 1000) is Accepted.YES


def test_a_closed_connection_keeps_its_first_reason_and_hint():
    client = make(Side.CLIENT)
    client.close(DisconnectReason.PROTOCOL_ERROR, Hint.TLS)
    client.close(DisconnectReason.GENERAL_ERROR, Hint.HOOK_RAISED)
    assert (client.reason, client.hint) == (DisconnectReason.PROTOCOL_ERROR, Hint.TLS)


@pytest.mark.parametrize("frame_type", [1, 3])
@pytest.mark.parametrize("whole", [True, False])
def test_what_only_clients_send_comes_from_a_client(frame_type, whole):
    client = make(Side.CLIENT)
    receive(client, bytes((frame_type, 0, 0, 0 if whole else 5)))
    assert client.reason is DisconnectReason.PROTOCOL_ERROR
    assert str(client.hint) == "The peer is a client, not a server."


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("greeting", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (b"PRI * HTTP/2.0\r\n\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "TLS"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
    ],
)
def test_a_peer_that_speaks_another_protocol_is_told_by_name(side, greeting, protocol):
    connection = make(side, max_payload_size=1024 * 1024)
    assert receive(connection, greeting) == []
    assert connection.reason is DisconnectReason.PROTOCOL_ERROR
    assert str(connection.hint) == f"The peer seems to speak {protocol}."


def test_too_big_a_frame_of_an_unknown_type_is_a_protocol_error_without_a_hint():
    client = make(Side.CLIENT)
    receive(client, b"220 mail.example.org ESMTP\r\n")
    assert (client.reason, client.hint) == (DisconnectReason.PROTOCOL_ERROR, Hint.NONE)


def test_pings_are_answered_until_all_is_written():
    server = make(Side.SERVER)
    send(server, b"abc")
    server.close(DisconnectReason.DISCONNECTED)
    server.handle_farewell(PING + b"\x01\x00\x00\x01a" + b"\x09\x00\x00\x00")
    assert output(server) == PONG + b"\x02\x00\x00\x03abc"
    server.handle_farewell(PING + b"\x01\xff\xff\xff" + b"more")
    assert output(server) == b""
    assert server.reason is DisconnectReason.DISCONNECTED


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
            connection.handle_time(now, now)
        assert receive(connection, b"") == []
