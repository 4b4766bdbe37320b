"""A server with sessions, and clients that speak bytes."""

import asyncio
import contextlib

import chat_pb2
import pytest
from session_support import CHAT, OFFER, OTHER, Raw, SessionServer, ack, close, message, text
from support import PING, PONG, is_closed, raw_client, running
from virtual_time import run

from messi_runtime import (
    DisconnectReason,
    SendResult,
    SessionLossReason,
    SessionMode,
    SlowReader,
)
from messi_runtime.close_frame import CloseCode, decode_close
from messi_runtime.frame import FrameType
from messi_runtime.session_frames import (
    TLV_AUTH_TOKEN,
    Hello,
    Welcome,
    encode_ack,
    encode_tlv,
)

CLOSED = DisconnectReason.CONNECTION_CLOSED
LONG = {"client_timeout": 1000.0}


@contextlib.asynccontextmanager
async def raw(server):
    async with raw_client(server) as (reader, writer):
        yield Raw(reader, writer)


async def settled():
    await asyncio.sleep(0.3)


def test_a_session_from_its_beginning_to_its_end():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            assert await peer.reader.readexactly(8) == OFFER
            welcome = await peer.hello()
            assert not welcome.resumed
            assert welcome.rx == 0
            assert welcome.window == 30.0
            assert welcome.retain == 4 * 1024 * 1024
            assert welcome.max_payload_size == 1024 * 1024
            assert len(set(welcome.id)) > 1 and len(set(welcome.secret)) > 1
            assert await peer.expect(FrameType.ACK) == encode_ack(0, 0)
            peer.write(ack(0, 0), message("1"))
            await server.events.until("message_ind", 1, "1")
            assert await peer.expect(FrameType.ACK) == encode_ack(1, 0)
            [client] = server.clients
            client.send(text("2"))
            assert await peer.text() == "2"
            assert client.unacknowledged == 1
            peer.write(ack(1, 1))
            await settled()
            assert client.unacknowledged == 0
            peer.write(close(rx=1, tx=1))
            closing = await peer.close_frame()
            assert (closing.code, closing.reply, closing.rx, closing.tx) == (5, True, 1, 1)
            assert await peer.end() == b""
            peer.writer.close()
            await server.events.until("disconnected", 1, CLOSED)
            assert [event[0] for event in server.events.all] == [
                "connected",
                "message_ind",
                "disconnected",
            ]

    run(body())


def test_a_session_is_resumed_and_goes_on_behind_what_was_handled():
    async def body():
        server = SessionServer(**LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin()
                peer.write(message("1"), message("2"))
                await server.events.until("message_ind", 1, "2")
                for number in "abc":
                    server.clients[0].send(text(number))
                    assert await peer.text() == number
            await server.events.until("detached", 1, CLOSED)
            server.clients[0].send(text("d"))
            async with raw(server) as peer:
                again = await peer.resume(welcome, rx=1)
                assert again.resumed and again.rx == 2
                assert (again.id, again.secret) == (welcome.id, welcome.secret)
                assert [await peer.text() for _ in "bcd"] == ["b", "c", "d"]
                peer.write(message("3"))
                await server.events.until("message_ind", 1, "3")
                assert ("resumed", 1, 2) in server.events.all

    run(body())


def test_a_later_connection_takes_over_and_what_the_old_one_had_sent_does_not_count_twice():
    async def body():
        server = Slow(**LONG)
        async with running(server), raw(server) as old, raw(server) as new:
            welcome = await old.begin()
            old.write(message("1"), message("2"), message("3"))
            await server.events.until("message_ind", 1, "1")
            again = await new.resume(welcome)
            assert again.resumed and again.rx == 1
            assert await is_closed(old.reader)
            new.write(message("2"), message("3"))
            await server.events.until("message_ind", 1, "3")
            assert [event[2] for event in server.events.all if event[0] == "message_ind"] == [
                "1",
                "2",
                "3",
            ]

    run(body())


def test_a_stale_attempt_is_refused_and_the_session_goes_on():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            welcome = await peer.begin(attempt=7)
            async with raw(server) as stale:
                await stale.expect(FrameType.OFFER)
                stale.write(
                    Hello(resume=True, attempt=7, id=welcome.id, secret=welcome.secret).encode()
                )
                assert (await stale.close_frame()).code == CloseCode.STALE
                assert await is_closed(stale.reader)
            peer.write(message("1"))
            await server.events.until("message_ind", 1, "1")
            assert ("detached", 1, CLOSED) not in server.events.all

    run(body())


@pytest.mark.parametrize("wrong", ["secret", "id"])
def test_nobody_resumes_a_session_without_its_secret(wrong):
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer, raw(server) as thief:
            welcome = await peer.begin()
            got = await thief.resume(welcome, **{wrong: b"x" * 16})
            assert not got.resumed
            assert got.reason == SessionLossReason.UNKNOWN
            assert got.previous_rx is None
            assert got.id != welcome.id
            peer.write(message("1"))
            await server.events.until("message_ind", 1, "1")

    run(body())


def test_a_session_belongs_to_who_began_it():
    class Asking(SessionServer):
        async def on_authenticate(self, client):
            self.events.add("token", client.auth_token)
            client.accept(client.auth_token.decode())

    def token(name):
        return {"tlvs": encode_tlv(77, b"?") + encode_tlv(TLV_AUTH_TOKEN, name)}

    async def body():
        server = Asking(**LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin(**token(b"Erik"))
            await server.events.until("detached", 1, CLOSED)
            async with raw(server) as peer:
                other = await peer.resume(welcome, **token(b"Anna"))
                assert not other.resumed and other.reason == SessionLossReason.UNKNOWN
            async with raw(server) as peer:
                assert (await peer.resume(welcome, 3, **token(b"Erik"))).resumed
                await server.events.until("resumed", 1, 0)

    run(body())


@pytest.mark.parametrize(("rx", "tx"), [(0, 1), (0, 3), (2, 2), (1 << 63, 2)])
def test_an_ack_that_counts_differently_ends_the_session(rx, tx):
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            server.clients[0].send(text("a"))
            assert await peer.text() == "a"
            peer.write(message("1"), message("2"))
            await server.events.until("message_ind", 1, "2")
            assert await peer.expect(FrameType.ACK) == encode_ack(2, 1)
            peer.write(ack(rx, tx))
            closing = await peer.close_frame()
            assert (closing.code, closing.rx, closing.tx) == (CloseCode.PROTOCOL, 2, 1)
            assert await is_closed(peer.reader)
            await server.events.until("lost", 1, SessionLossReason.PROTOCOL, 1, 1, None)
            await server.events.until("disconnected", 1, DisconnectReason.PROTOCOL_ERROR)

    run(body())


def test_a_client_that_has_handled_more_than_was_written_begins_anew():
    async def body():
        server = SessionServer(**LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin()
                peer.write(message("1"))
                await server.events.until("message_ind", 1, "1")
            await server.events.until("detached", 1, CLOSED)
            async with raw(server) as peer:
                await peer.expect(FrameType.OFFER)
                again = await peer.hello(
                    resume=True, attempt=2, rx=1, id=welcome.id, secret=welcome.secret
                )
                assert not again.resumed and again.reason == SessionLossReason.PROTOCOL
                assert again.previous_rx == 1
                await server.events.until("lost", 1, SessionLossReason.PROTOCOL, 1, 0, None)
                await server.events.until("disconnected", 1, DisconnectReason.PROTOCOL_ERROR)
                await server.events.until("connected", 2)

    run(body())


def test_a_client_that_does_not_come_back_in_time_is_told_how_far_it_got():
    async def body():
        loop = asyncio.get_running_loop()
        server = SessionServer(session_timeout=10.0, **LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin()
                peer.write(message("1"))
                await server.events.until("message_ind", 1, "1")
                server.clients[0].send(text("a"))
                assert await peer.text() == "a"
            await server.events.until("detached", 1, CLOSED)
            begin = loop.time()
            server.clients[0].send(text("b"))
            await server.events.until("lost", 1, SessionLossReason.EXPIRED, 1, 2, None)
            await server.events.until("disconnected", 1, DisconnectReason.SESSION_LOST)
            assert 10 <= loop.time() - begin < 10.5
            assert not server.clients
            async with raw(server) as peer:
                again = await peer.resume(welcome)
                assert not again.resumed
                assert again.reason == SessionLossReason.EXPIRED
                assert again.previous_rx == 1
            # The tombstone goes at some time.
            await asyncio.sleep(600)
            async with raw(server) as peer:
                again = await peer.resume(welcome)
                assert again.reason == SessionLossReason.UNKNOWN

    run(body())


def test_a_session_that_nobody_has_confirmed_is_kept_and_evicted_first():
    async def body():
        server = SessionServer(max_clients=2, **LONG)
        async with running(server):
            async with raw(server) as peer:
                await peer.begin()
            await server.events.until("detached", 1, CLOSED)
            async with raw(server) as peer:
                await peer.expect(FrameType.OFFER)
                welcome = await peer.hello()
            await server.events.until("detached", 2, CLOSED)
            async with raw(server) as peer:
                assert (await peer.resume(welcome)).resumed
                await server.events.until("resumed", 2, 0)
            async with raw(server) as peer:
                await peer.expect(FrameType.OFFER)
                await peer.hello()
                await server.events.until("disconnected", 1, DisconnectReason.SESSION_LOST)
            await server.events.until("detached", 4, CLOSED)
            async with raw(server) as peer:
                await peer.begin()
                await server.events.until("disconnected", 4, DisconnectReason.SESSION_LOST)

    run(body())


def test_strangers_that_are_not_accepted_take_no_sessions_place():
    class Asking(SessionServer):
        async def on_authenticate(self, client):
            self.events.add("asked", client.id)
            if client.auth_token:
                client.accept()

    async def body():
        server = Asking(max_clients=3, **LONG)
        token = {"tlvs": encode_tlv(TLV_AUTH_TOKEN, b"key")}
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin(**token)
            await server.events.until("detached", 1, CLOSED)
            async with raw(server) as stranger, raw(server) as other:
                for each in (stranger, other):
                    each.write(message("1"))
                await server.events.until("asked", 3)
                async with raw(server) as peer:
                    await peer.begin(**token)
                    assert len(server.clients) == 2
                await server.events.until("detached", 4, CLOSED)
                async with raw(server) as peer:
                    assert (await peer.resume(welcome, **token)).resumed

    run(body())


def test_what_waits_for_old_clients_counts_for_the_total():
    async def body():
        server = SessionServer(max_total_pending_bytes=3_000_000, offer_wait=0.0, **LONG)
        async with running(server), raw(server) as peer:
            await server.events.until("connected", 1)
            total = server._messi_driver._total
            for _ in range(30):
                server.clients[0].send(text("x" * 100_000))
            assert total.bytes == server.clients[0].pending_bytes > 0
            # From now on the session counts.
            peer.write(Hello(attempt=1, retain=1 << 20, max_payload_size=1 << 20).encode())
            await server.events.until("connected", 2)
            server.clients[0].send(text("y" * 1000))
            assert total.bytes == server.clients[0].pending_bytes < 1100
        assert total.bytes == 0

    run(body())


def test_of_several_auth_tokens_the_first_counts():
    class Asking(SessionServer):
        async def on_authenticate(self, client):
            self.events.add("token", client.auth_token)
            client.accept()

    async def body():
        server = Asking(**LONG)
        tokens = encode_tlv(TLV_AUTH_TOKEN, b"one") + encode_tlv(TLV_AUTH_TOKEN, b"two")
        async with running(server), raw(server) as peer:
            await peer.begin(tlvs=tokens)
            assert server.events.all[0] == ("token", b"one")

    run(body())


def test_a_close_may_be_older_than_an_ack():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            server.clients[0].send(text("a"))
            assert await peer.text() == "a"
            peer.write(ack(1, 0), close(CloseCode.CLOSED, rx=0, tx=0))
            assert (await peer.close_frame()).reply
            peer.writer.close()
            await server.events.until("disconnected", 1, CLOSED)
            assert len(server.events.all) == 2

    run(body())


def test_a_full_server_lets_the_session_go_that_has_waited_longest():
    async def body():
        server = SessionServer(max_clients=2, **LONG)
        async with running(server):
            for number in (1, 2):
                async with raw(server) as peer:
                    await peer.begin()
                await server.events.until("detached", number, CLOSED)
            async with raw(server) as peer:
                await peer.begin()
                await server.events.until("lost", 1, SessionLossReason.EVICTED, 1, 0, None)
                await server.events.until("disconnected", 1, DisconnectReason.SESSION_LOST)
                assert [client.id for client in server.clients] == [2, 3]

    run(body())


def test_one_who_comes_back_to_a_full_server_evicts_nobody():
    async def body():
        server = SessionServer(max_clients=1, **LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin()
            await server.events.until("detached", 1, CLOSED)
            async with raw(server) as peer:
                assert (await peer.resume(welcome)).resumed

    run(body())


# Without a session


@pytest.mark.parametrize("mode", [SessionMode.PREFER, SessionMode.OFF])
def test_old_clients_are_served_as_ever(mode):
    async def body():
        server = SessionServer(session=mode, handshake=True, **LONG)
        async with running(server), raw(server) as peer:
            peer.write(message("1"))
            offer = await peer.reader.readexactly(8)
            assert offer == (OFFER if mode is SessionMode.PREFER else OFFER[:7] + b"\0")
            await server.events.until("message_ind", 1, "1")
            server.clients[0].send(text("a"))
            assert await peer.text() == "a"
            peer.write(Hello().encode())
            assert (await peer.close_frame()).code == CloseCode.PROTOCOL
            await server.events.until("disconnected", 1, DisconnectReason.PROTOCOL_ERROR)

    run(body())


def test_a_silent_client_is_greeted_after_a_second():
    class Greeting(SessionServer):
        async def on_client_connected(self, client):
            await super().on_client_connected(client)
            client.send(text("hello"))

    async def body():
        loop = asyncio.get_running_loop()
        server = Greeting(**LONG)
        async with running(server), raw(server) as peer:
            begin = loop.time()
            peer.write(PING)
            await peer.expect(FrameType.OFFER)
            assert await peer.text() == "hello"
            assert 1 <= loop.time() - begin < 1.3

    run(body())


def test_a_client_that_introduces_itself_late_is_another_client():
    class Greeting(SessionServer):
        async def on_client_connected(self, client):
            await super().on_client_connected(client)
            client.send(text(f"hello {client.id}"))

    async def body():
        server = Greeting(offer_wait=0.0, **LONG)
        async with running(server), raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            assert await peer.text() == "hello 1"
            [first] = server.clients
            welcome = await peer.hello()
            assert await peer.expect(FrameType.ACK) == encode_ack(0, 0)
            assert await peer.text() == "hello 2"
            peer.write(ack(1, 0), message("1"))
            await server.events.until("message_ind", 2, "1")
            first.send(text("nobody"))
            first.disconnect()
            assert not first.connected
            assert server.events.all[:3] == [
                ("connected", 1),
                ("disconnected", 1, DisconnectReason.REPLACED),
                ("connected", 2),
            ]
            assert welcome.id

    run(body())


def test_who_introduces_itself_late_is_authenticated_anew():
    class Asking(SessionServer):
        def __init__(self, **given):
            super().__init__(**given)
            self.asked = []

        async def on_authenticate(self, client):
            self.asked.append(client)
            self.events.add("asked", client.id)

    async def body():
        server = Asking(offer_wait=0.0, **LONG)
        async with running(server), raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            await server.events.until("asked", 1)
            peer.write(Hello(attempt=1, retain=1000, max_payload_size=1000).encode())
            await server.events.until("asked", 2)
            # It is not this one any more.
            server.asked[0].accept()
            await settled()
            assert not server.clients
            server.asked[1].accept()
            await peer.expect(FrameType.WELCOME)
            await server.events.until("connected", 2)
            assert [client.id for client in server.clients] == [2]

    run(body())


def test_a_server_that_drains_begins_no_session_any_more():
    async def body():
        server = SessionServer(offer_wait=0.0, **LONG)
        await server.start()
        async with raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            await server.events.until("connected", 1)
            server.drain(30)
            peer.write(Hello(attempt=1, retain=1000, max_payload_size=1000).encode())
            assert (await peer.close_frame()).code == CloseCode.DRAIN
            assert await is_closed(peer.reader)
            await server.wait_stopped()
        assert server.events.all == [
            ("connected", 1),
            ("disconnected", 1, DisconnectReason.DRAINING),
        ]

    run(body())


def test_a_client_may_introduce_itself_without_a_session():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            welcome = await peer.hello(no_session=True)
            assert (welcome.id, welcome.secret) == (bytes(16), bytes(16))
            assert (welcome.retain, welcome.window, welcome.rx) == (0, 0, 0)
            peer.write(message("1"))
            await server.events.until("message_ind", 1, "1")
            server.clients[0].send(text("a"))
            assert await peer.text() == "a"
            peer.writer.close()
            await server.events.until("disconnected", 1, CLOSED)
            assert server.clients == []

    run(body())


@pytest.mark.parametrize("how", ["message", "silence", "no session"])
def test_a_server_that_requires_sessions_serves_nobody_without(how):
    async def body():
        server = SessionServer(session=SessionMode.REQUIRED, **LONG)
        async with running(server), raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            if how == "message":
                peer.write(message("1"))
            elif how == "no session":
                peer.write(Hello(no_session=True).encode())
            closing = await peer.close_frame()
            assert closing.code == CloseCode.REFUSED
            assert closing.text == b"A session is required."
            await server.events.until("refused", DisconnectReason.REFUSED)
            assert server.events.all == [("refused", DisconnectReason.REFUSED)]

    run(body())


@pytest.mark.parametrize(
    "frame",
    [
        OFFER,
        b"\x06\x00\x00\x37" + bytes(55),
        b"\x06\x00\x00\x3a" + b"\x01" + bytes(55) + b"\0\1",
        b"\x06\x00\x00\x3d" + b"\x01" + bytes(55) + b"\0\1\0\2x",
        b"\x06\x00\x04\x3c" + b"\x01" + bytes(55) + b"\0\x4d\x04\x00" + bytes(1024),
        Hello(tlvs=encode_tlv(TLV_AUTH_TOKEN, bytes(513))).encode(),
        Welcome().encode(),
        ack(0, 0),
        close(),
        b"\x0a\0\0\0",
        PONG,
    ],
)
def test_what_is_not_in_the_handshake_ends_it(frame):
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            peer.write(frame)
            assert (await peer.close_frame()).code == CloseCode.PROTOCOL
            await server.events.until("refused", DisconnectReason.PROTOCOL_ERROR)

    run(body())


def test_an_unknown_version_is_refused_by_that_name():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            peer.write(Hello(version=2).encode())
            assert (await peer.close_frame()).code == CloseCode.VERSION
            await server.events.until("refused", DisconnectReason.PROTOCOL_ERROR)

    run(body())


@pytest.mark.parametrize(
    "frame",
    [
        Hello(attempt=2).encode(),
        OFFER,
        Welcome().encode(),
        b"\x0a\0\0\0",
        b"\x08\0\0\x0f" + bytes(15),
    ],
)
def test_what_is_not_in_a_session_ends_it(frame):
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            peer.write(frame)
            assert (await peer.close_frame()).code == CloseCode.PROTOCOL
            await server.events.until("lost", 1, SessionLossReason.PROTOCOL, 1, 0, None)
            await server.events.until("disconnected", 1, DisconnectReason.PROTOCOL_ERROR)

    run(body())


def test_a_message_before_the_welcome_is_a_protocol_error():
    class Asking(SessionServer):
        async def on_authenticate(self, client):
            self.events.add("asked", client.id)

    async def body():
        server = Asking(**LONG)
        async with running(server), raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            peer.write(Hello(attempt=1).encode())
            await server.events.until("asked", 1)
            peer.write(message("1"))
            assert (await peer.close_frame()).code == CloseCode.PROTOCOL

    run(body())


# Schemas


@pytest.mark.parametrize("accepts", [True, False, None])
@pytest.mark.parametrize("no_session", [True, False])
def test_a_client_with_another_schema_may_be_refused(accepts, no_session):
    class Choosy(SessionServer):
        async def on_schema_mismatch(self, client, mismatch):
            self.events.add("mismatch", client.id, mismatch.text())
            if accepts is None:
                raise RuntimeError("as it should")
            return accepts

        async def on_authenticate(self, client):
            self.events.add("asked", client.id)
            client.accept()

    async def body():
        server = Choosy(**LONG)
        async with running(server), raw(server) as peer:
            await peer.expect(FrameType.OFFER)
            peer.write(Hello(attempt=1, no_session=no_session, tlvs=OTHER).encode())
            what = 'client speaks "other", not "chat"'
            if accepts:
                welcome = Welcome.decode(await peer.expect(FrameType.WELCOME))
                assert welcome.tlvs == CHAT
                await server.events.until("connected", 1)
                assert server.events.all[:2] == [("mismatch", 1, what), ("asked", 1)]
            elif accepts is None:
                assert await is_closed(peer.reader)
                await server.events.until("refused", DisconnectReason.GENERAL_ERROR)
            else:
                closing = await peer.close_frame()
                assert (closing.code, closing.text) == (CloseCode.SCHEMA, what.encode())
                await server.events.until("refused", DisconnectReason.SCHEMA_MISMATCH)

    run(body())


def test_clients_with_the_same_schema_or_without_one_are_no_mismatch():
    class Choosy(SessionServer):
        async def on_schema_mismatch(self, client, mismatch):
            raise AssertionError

    async def body():
        server = Choosy(**LONG)
        async with running(server):
            for tlvs in (CHAT, b""):
                async with raw(server) as peer:
                    await peer.begin(tlvs=tlvs)

    run(body())


# How sessions end


def test_a_message_that_cannot_be_decoded_ends_the_session_and_was_not_handled():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            welcome = await peer.begin()
            peer.write(message("1"), b"\x01\0\0\1\x0a", message("2"))
            assert await peer.expect(FrameType.CLOSE)
            await server.events.until("lost", 1, SessionLossReason.DECODE, 1, 0, None)
            await server.events.until("disconnected", 1, DisconnectReason.MESSAGE_DECODE_ERROR)
            async with raw(server) as peer:
                again = await peer.resume(welcome)
                assert (again.reason, again.previous_rx) == (SessionLossReason.DECODE, 1)

    run(body())


def test_too_much_that_is_not_acknowledged_ends_the_session():
    async def body():
        server = SessionServer(max_pending_bytes=1000, **LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            [client] = server.clients
            client.send(text("x" * 2000))  # the first one always fits
            assert len(await peer.text()) == 2000
            client.send(text("y"))
            closing = await peer.close_frame()
            assert (closing.code, closing.rx, closing.tx) == (CloseCode.OVERFLOW, 0, 1)
            await server.events.until("lost", 1, SessionLossReason.OVERFLOW, 1, 1, None)
            await server.events.until("disconnected", 1, DisconnectReason.SLOW_READER)

    run(body())


@pytest.mark.parametrize("policy", [SlowReader.DROP_NEWEST, SlowReader.KEEP_LATEST])
def test_broadcasts_that_do_not_fit_may_be_left_out(policy):
    class Telling(SessionServer):
        async def on_client_behind(self, client):
            self.events.add("behind", client.id)

    async def body():
        server = Telling(max_pending_bytes=4000, slow_reader=policy, **LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            [client] = server.clients
            for number in range(5):
                server.broadcast(text(f"{number}" + "." * 900))
            await server.events.until("behind", 1)
            got = [await peer.text() for _ in range(3)]
            peer.write(ack(3, 0))
            if policy is SlowReader.KEEP_LATEST:
                assert (await peer.text())[0] == "4"
                assert client.dropped_broadcasts == 1
            else:
                assert client.dropped_broadcasts == 2
            await server.events.until("writable", 1)
            assert [each[0] for each in got] == ["0", "1", "2"]

    run(body())


def test_a_broadcast_that_was_kept_and_never_sent_is_lost_too():
    async def body():
        server = SessionServer(max_pending_bytes=4000, slow_reader=SlowReader.KEEP_LATEST, **LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            for number in range(5):
                server.broadcast(text(f"{number}" + "." * 900))
            for _ in range(3):
                await peer.text()
            total = server._messi_driver._total
            assert total.bytes > 3600
            peer.write(close(10, rx=3))
            await server.events.until("lost", 1, SessionLossReason.PROTOCOL, 4, 4, 3)
            assert total.bytes == 0

    run(body())


def test_when_too_much_waits_in_all_the_one_with_most_loses_its_session():
    async def body():
        server = SessionServer(max_total_pending_bytes=100_000, **LONG)
        async with running(server):
            for number in (1, 2):
                async with raw(server) as peer:
                    await peer.begin()
                await server.events.until("detached", number, CLOSED)
            first, second = server.clients
            first.send(text("x" * 70_000))
            second.send(text("x" * 50_000))
            second.send(text("x"))
            await server.events.until("lost", 1, SessionLossReason.OVERFLOW, 1, 1, None)
            await server.events.until("disconnected", 1, DisconnectReason.TOO_MUCH_QUEUED)
            assert second.unacknowledged == 2

    run(body())


@pytest.mark.parametrize("away", [False, True])
def test_a_session_that_is_refused_since_too_much_waits_in_all_hears_of_room(away):
    class Telling(SessionServer):
        async def on_client_writable(self, client):
            self.events.add("writable", client.id)

    async def body():
        server = Telling(max_total_pending_bytes=100_000, **LONG)
        async with running(server), raw(server) as first, raw(server) as second:
            await first.begin()
            await second.begin()
            await server.events.until("connected", 2)
            slow, other = server.clients
            while slow.try_send(text("x" * 10_000)) is SendResult.OK:
                pass
            assert other.try_send(text("x" * 10_000)) is SendResult.FULL
            if away:
                second.writer.close()
                await server.events.until("detached", 2, CLOSED)
            await settled()
            assert ("writable", 2) not in server.events.all
            for _ in range(slow.unacknowledged):
                await first.text()
            first.write(ack(slow.unacknowledged, 0))
            await server.events.until("writable", 2)
            assert other.try_send(text("x" * 10_000)) is SendResult.OK

    run(body())


def test_a_client_that_accepts_less_than_what_is_kept_begins_anew():
    async def body():
        server = SessionServer(**LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin()
                server.clients[0].send(text("x" * 1000))
                await peer.text()
            await server.events.until("detached", 1, CLOSED)
            async with raw(server) as peer:
                again = await peer.resume(welcome, max_payload_size=500)
                assert again.reason == SessionLossReason.LIMIT
                await server.events.until("lost", 1, SessionLossReason.LIMIT, 1, 1, None)

    run(body())


def test_disconnect_waits_until_all_is_handled():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            [client] = server.clients
            client.send(text("a"))
            client.disconnect()
            client.send(text("nobody"))
            assert not client.connected
            assert await peer.text() == "a"
            closing = await peer.close_frame()
            assert (closing.code, closing.reply, closing.tx) == (CloseCode.CLOSED, False, 1)
            peer.write(message("too late"), ack(0, 1))
            await settled()
            assert ("disconnected", 1, DisconnectReason.DISCONNECTED) not in server.events.all
            peer.write(close(reply=True, rx=1, tx=1))
            assert await peer.end() == b""
            peer.writer.close()
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)
            assert [event[0] for event in server.events.all] == ["connected", "disconnected"]

    run(body())


def test_disconnect_waits_for_a_client_that_is_away_and_tells_what_stays_open():
    async def body():
        server = SessionServer(linger=3.0, **LONG)
        async with running(server):
            for comes_back in (True, False):
                async with raw(server) as peer:
                    welcome = await peer.begin()
                    [client] = server.clients
                await server.events.until("detached", client.id, CLOSED)
                client.send(text("a"))
                client.disconnect()
                if comes_back:
                    async with raw(server) as peer:
                        await peer.resume(welcome)
                        assert await peer.text() == "a"
                        assert (await peer.close_frame()).code == CloseCode.CLOSED
                        peer.write(close(reply=True, rx=1, tx=0))
                        assert await peer.end() == b""
                else:
                    reason = SessionLossReason.CLOSED
                    await server.events.until("lost", client.id, reason, 1, 1, None)
                await server.events.until("disconnected", client.id, DisconnectReason.DISCONNECTED)
        assert len([event for event in server.events.all if event[0] == "lost"]) == 1

    run(body())


def test_what_the_peer_says_in_its_close_is_final():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            for letter in "abc":
                server.clients[0].send(text(letter))
            await peer.text()
            peer.write(close(rx=1, tx=0, text=b"bye"))
            await server.events.until("lost", 1, SessionLossReason.CLOSED, 2, 3, 1)
            await server.events.until("disconnected", 1, CLOSED)

    run(body())


async def last_words(peer):
    """The CLOSE that comes behind ACKs."""
    while (frame := await peer.next())[0] == FrameType.ACK:
        pass
    assert frame[0] == FrameType.CLOSE
    return decode_close(frame[1])


class Slow(SessionServer):
    async def on_message_ind(self, client, message):
        await super().on_message_ind(client, message)
        await asyncio.sleep(5)


def test_a_client_that_comes_back_says_again_that_it_ends_the_session():
    async def body():
        server = Slow(**LONG)
        async with running(server), raw(server) as old, raw(server) as new:
            welcome = await old.begin()
            old.write(message("1"), message("2"), close(rx=0, tx=2))
            await server.events.until("message_ind", 1, "1")
            assert (await new.resume(welcome)).rx == 1
            new.write(message("2"), close(rx=0, tx=2))
            await server.events.until("message_ind", 1, "2")
            while (frame := await new.next())[0] != FrameType.CLOSE:
                pass
            assert frame[1][:2] == bytes((CloseCode.CLOSED, 1))
            assert frame[1][8:24] == encode_ack(2, 0)
            assert await new.end() == b""
            new.writer.close()
            await server.events.until("disconnected", 1, CLOSED)

    run(body())


@pytest.mark.parametrize("end", ["stop", "disconnect"])
def test_what_is_dropped_before_a_clients_end_was_not_handled(end):
    async def body():
        server = Slow(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            client = server.clients[0]
            peer.write(message("1"), message("2"), close(rx=0, tx=2))
            await server.events.until("message_ind", 1, "1")
            getattr(server if end == "stop" else client, end)()
            answer = await last_words(peer)
            assert (answer.code, answer.reply, answer.rx) == (CloseCode.CLOSED, True, 1)
            assert await peer.end() == b""
            peer.writer.close()
            stopped = end == "stop"
            reason = DisconnectReason.STOPPED if stopped else DisconnectReason.DISCONNECTED
            await server.events.until("disconnected", 1, reason)
            assert ("message_ind", 1, "2") not in server.events.all

    run(body())


def test_disconnect_now_drops_what_waits_before_a_clients_end():
    async def body():
        server = Slow(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            client = server.clients[0]
            peer.write(message("1"), message("2"), close(rx=0, tx=2))
            await server.events.until("message_ind", 1, "1")
            client.disconnect_now()
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)
            assert ("message_ind", 1, "2") not in server.events.all

    run(body())


def test_what_cannot_be_decoded_before_a_clients_end_ends_the_session():
    async def body():
        server = Slow(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            peer.write(message("1"), b"\x01\0\0\1\x0a", message("3"), close(rx=0, tx=3))
            await server.events.until("message_ind", 1, "1")
            last = await last_words(peer)
            assert (last.code, last.rx) == (CloseCode.DECODE, 1)
            await server.events.until("disconnected", 1, DisconnectReason.MESSAGE_DECODE_ERROR)
            assert ("message_ind", 1, "3") not in server.events.all

    run(body())


def test_a_client_that_comes_back_for_the_answer_gets_it_when_all_is_handled():
    async def body():
        server = Slow(**LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin()
                peer.write(message("1"), message("2"), close(rx=0, tx=2))
                await server.events.until("message_ind", 1, "1")
            async with raw(server) as peer:
                await peer.expect(FrameType.OFFER)
                peer.write(
                    Hello(resume=True, attempt=2, id=welcome.id, secret=welcome.secret).encode()
                )
                assert (await peer.close_frame()).code == CloseCode.BUSY
            await server.events.until("disconnected", 1, CLOSED)
            async with raw(server) as peer:
                again = await peer.resume(welcome, attempt=3)
                assert (again.reason, again.previous_rx) == (SessionLossReason.CLOSED, 2)

    run(body())


def test_a_close_that_counts_differently_is_a_protocol_error():
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            peer.write(close(rx=1, tx=0))
            assert (await peer.close_frame()).code == CloseCode.PROTOCOL
            await server.events.until("lost", 1, SessionLossReason.PROTOCOL, 1, 0, None)

    run(body())


@pytest.mark.parametrize("code", [3, 10, 11, 12])
def test_a_client_that_gives_up_the_session_says_why(code):
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            for letter in "ab":
                server.clients[0].send(text(letter))
            await peer.text()
            peer.write(close(code, rx=1))
            await server.events.until("lost", 1, SessionLossReason(code), 2, 2, 1)
            await server.events.until("disconnected", 1, DisconnectReason.SESSION_LOST)
            assert await is_closed(peer.reader)

    run(body())


@pytest.mark.parametrize(
    "frame",
    [close(code) for code in (0, 6, 7, 9, 13, 14, 15, 200)]
    + [close(code, reply=True) for code in (CloseCode.CLOSED, CloseCode.DRAIN, 11)],
)
def test_a_close_that_a_client_cannot_mean_is_a_protocol_error(frame):
    async def body():
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin()
            peer.write(frame)
            assert (await peer.close_frame()).code == CloseCode.PROTOCOL
            await server.events.until("lost", 1, SessionLossReason.PROTOCOL, 1, 0, None)

    run(body())


def test_a_hook_that_raises_before_a_clients_end_ends_the_connection_but_not_the_session():
    class Failing(Slow):
        async def on_message_ind(self, client, message):
            await super().on_message_ind(client, message)
            if message.text == "1":
                raise RuntimeError("as it should")

    async def body():
        server = Failing(**LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin()
                peer.write(message("1"), message("2"), close(rx=0, tx=2))
                assert await is_closed(peer.reader)
            await server.events.until("detached", 1, DisconnectReason.GENERAL_ERROR)
            async with raw(server) as peer:
                assert (await peer.resume(welcome)).rx == 1
                peer.write(message("2"), close(rx=0, tx=2))
                answer = await last_words(peer)
                assert (answer.code, answer.reply, answer.rx) == (CloseCode.CLOSED, True, 2)
                peer.writer.close()
            await server.events.until("disconnected", 1, CLOSED)

    run(body())


def test_stop_ends_sessions_that_are_away_at_once():
    async def body():
        loop = asyncio.get_running_loop()
        server = SessionServer(**LONG)
        await server.start()
        async with raw(server) as peer:
            await peer.begin()
        await server.events.until("detached", 1, CLOSED)
        server.clients[0].send(text("a"))
        begin = loop.time()
        server.stop()
        await server.wait_stopped()
        assert loop.time() - begin < 0.5
        assert server.events.all[-2:] == [
            ("lost", 1, SessionLossReason.CLOSED, 1, 1, None),
            ("disconnected", 1, DisconnectReason.STOPPED),
        ]

    run(body())


def test_stop_now_tells_the_client_as_far_as_it_can():
    async def body():
        server = SessionServer(**LONG)
        await server.start()
        async with raw(server) as peer:
            await peer.begin()
            server.clients[0].send(text("a"))
            assert await peer.text() == "a"
            server.stop_now()
            closing = await peer.close_frame()
            assert (closing.code, closing.rx, closing.tx) == (CloseCode.CLOSED, 0, 1)
            await server.wait_stopped()
        assert server.events.all[-2:] == [
            ("lost", 1, SessionLossReason.CLOSED, 1, 1, None),
            ("disconnected", 1, DisconnectReason.STOPPED),
        ]

    run(body())


def test_a_drain_loses_nothing_in_either_direction_nor_late_answers():
    class Answering(SessionServer):
        async def on_message_ind(self, client, message):
            await super().on_message_ind(client, message)
            await asyncio.sleep(1)
            client.send(message)

    async def body():
        server = Answering(**LONG)
        await server.start()
        async with raw(server) as peer:
            await peer.begin()
            peer.write(message("1"))
            await server.events.until("message_ind", 1, "1")
            server.drain(30)
            closing = await peer.close_frame()
            assert (closing.code, closing.reply, closing.tx) == (CloseCode.DRAIN, False, 0)
            peer.write(message("2"), message("3"))
            peer.write(close(CloseCode.DRAIN, reply=True, rx=0, tx=3))
            got = []
            while len(got) < 3:
                kind, payload = await peer.next()
                if kind == FrameType.SERVER_TO_CLIENT:
                    got.append(chat_pb2.ServerToClient.FromString(payload).message_ind.text)
                    peer.write(ack(len(got), 3))
            assert got == ["1", "2", "3"]
            while True:
                rest = await peer.reader.read(4)
                if not rest:
                    break
                payload = await peer.reader.readexactly(int.from_bytes(rest[1:], "big"))
                assert rest[0] == FrameType.ACK
                last = payload
            assert last == encode_ack(3, 3)
            peer.writer.close()
            await server.wait_stopped()
        assert server.events.all[-1] == ("disconnected", 1, DisconnectReason.DRAINING)
        assert not [event for event in server.events.all if event[0] == "lost"]

    run(body())


@pytest.mark.parametrize("end", ["stop", "disconnect"])
def test_an_answer_to_a_drain_is_no_last_word_to_an_end_after_it(end):
    async def body():
        server = SessionServer(**LONG)
        await server.start()
        async with raw(server) as peer:
            await peer.begin()
            client = server.clients[0]
            server.drain(30)
            assert (await peer.close_frame()).code == CloseCode.DRAIN
            client.send(text("late"))
            getattr(server if end == "stop" else client, end)()
            peer.write(close(CloseCode.DRAIN, reply=True))
            assert await peer.text() == "late"
            assert (await last_words(peer)).code == CloseCode.CLOSED
            peer.write(close(reply=True, rx=1))
            peer.writer.close()
            await server.wait_stopped()
        assert server.events.all[-1][0] == "disconnected"
        assert not [event for event in server.events.all if event[0] == "lost"]

    run(body())


def test_a_drain_does_not_wait_for_who_is_away():
    async def body():
        loop = asyncio.get_running_loop()
        server = SessionServer(**LONG)
        await server.start()
        async with raw(server) as peer:
            await peer.begin()
        await server.events.until("detached", 1, CLOSED)
        begin = loop.time()
        server.drain(30)
        await server.wait_stopped()
        assert loop.time() - begin < 0.5
        assert server.events.all[-1] == ("disconnected", 1, DisconnectReason.DRAINING)

    run(body())


# Acknowledgements


def test_an_ack_comes_after_a_fifth_of_a_second_or_when_it_is_due():
    async def body():
        loop = asyncio.get_running_loop()
        server = SessionServer(**LONG)
        async with running(server), raw(server) as peer:
            await peer.begin(retain=4 * 10 * (64 + len(message("1"))))
            begin = loop.time()
            peer.write(message("1"))
            assert await peer.expect(FrameType.ACK) == encode_ack(1, 0)
            assert 0.2 <= loop.time() - begin < 0.4
            begin = loop.time()
            peer.write(message("1") * 10)
            assert await peer.expect(FrameType.ACK) == encode_ack(11, 0)
            assert loop.time() - begin < 0.1
            await settled()
            await settled()
            peer.write(message("1") * 2, message("last"))
            await server.events.until("message_ind", 1, "last")
            server.clients[0].send(text("a"))
            # It rides, since it is worth it.
            assert await peer.expect(FrameType.ACK) == encode_ack(14, 0)
            assert await peer.text() == "a"

    run(body())


def test_a_hook_that_raises_ends_the_connection_but_not_the_session(caplog):
    class Failing(SessionServer):
        async def on_message_ind(self, client, message):
            await super().on_message_ind(client, message)
            if message.text == "2":
                raise RuntimeError("as it should")

    async def body():
        server = Failing(**LONG)
        async with running(server):
            async with raw(server) as peer:
                welcome = await peer.begin()
                peer.write(message("1"), message("2"), message("3"))
                assert await is_closed(peer.reader)
            await server.events.until("detached", 1, DisconnectReason.GENERAL_ERROR)
            async with raw(server) as peer:
                assert (await peer.resume(welcome)).rx == 2
                peer.write(message("3"))
                await server.events.until("message_ind", 1, "3")

    run(body())
