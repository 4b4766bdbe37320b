"""A client with sessions, and servers that speak bytes."""

import asyncio
import contextlib

import chat_pb2
import pytest
from session_support import CHAT, OFFER, OTHER, Raw, SessionClient, ack, close, news, text
from support import CONNECT_RSP, PONG, Listener, is_closed
from virtual_time import run

from messi_runtime import (
    DisconnectReason,
    HandshakeError,
    SendResult,
    SessionLossReason,
    SessionMode,
)
from messi_runtime.close_frame import CloseCode
from messi_runtime.frame import FrameType
from messi_runtime.session_frames import Hello, Offer, Welcome, encode_ack, encode_tlv

CLOSED = DisconnectReason.CONNECTION_CLOSED
STOPPED = DisconnectReason.STOPPED
LOST = DisconnectReason.SESSION_LOST
PING = b"\x03\0\0\0"
ID, SECRET = b"i" * 16, b"s" * 16


class Client(SessionClient):
    def __init__(self, uri, **given):
        super().__init__(uri, **{"pong_timeout": 1000.0, **given})

    async def on_connect_failure(self, exception):
        self.events.add("failure", type(exception), str(exception))
        return self._messi_driver.delay_after_failure()

    def try_it(self, words):
        return self._messi_try_send("message_ind", text(words))


class Served(Raw):
    """A server's end. Skips pings."""

    async def next(self):
        while True:
            kind, payload = await super().next()
            if kind != FrameType.PING:
                return kind, payload

    async def text(self):
        payload = await self.expect(FrameType.CLIENT_TO_SERVER)
        return chat_pb2.ClientToServer.FromString(payload).message_ind.text

    async def hello(self):
        """Offers sessions; what the client says."""
        self.write(OFFER)
        return Hello.decode(await self.expect(FrameType.HELLO))

    async def begin(self, tx=0, **given):
        """The same, up to the first ACKs."""
        hello = await self.hello()
        defaults = {"id": ID, "secret": SECRET, "retain": 1 << 20, "max_payload_size": 1 << 20}
        welcome = Welcome(**{**defaults, **given})
        self.write(welcome.encode(), ack(welcome.rx, hello.rx if welcome.resumed else 0))
        rx = hello.rx if welcome.resumed else 0
        assert await self.expect(FrameType.ACK) == encode_ack(rx, welcome.rx)
        return hello

    async def resume(self, rx, **given):
        return await self.begin(resumed=True, rx=rx, **given)


@contextlib.asynccontextmanager
async def serving(make=Client, **given):
    """A listener and a client that connects to it, which is stopped at once in the end."""
    async with Listener() as listener:
        client = make(listener.uri, **given)

        async def accept():
            return Served(*await listener.accept())

        client.start()
        try:
            yield client, accept
        finally:
            client.stop_now()
            await client.wait_stopped()


async def settled():
    await asyncio.sleep(0.3)


def kinds(client):
    return [event[0] for event in client.events.all]


# The beginning


def test_a_client_pings_introduces_itself_and_confirms():
    async def body():
        async with serving(max_pending_bytes=5000, max_payload_size=3000) as (client, accept):
            client.say("early")
            server = await accept()
            assert await server.reader.readexactly(4) == PING
            hello = await server.hello()
            assert hello == Hello(
                attempt=1, retain=5000, max_payload_size=3000, tlvs=CHAT, features=1
            )
            await settled()
            assert client.events.all == []
            server.write(Welcome(id=ID, secret=SECRET, max_payload_size=1000).encode())
            await client.events.until("connected")
            assert await server.expect(FrameType.ACK) == encode_ack(0, 0)
            assert await server.text() == "early"
            server.write(ack(0, 0), news("1"))
            await client.events.until("message_ind", "Erik", "1")
            assert await server.expect(FrameType.ACK) == encode_ack(1, 1)
            assert client.try_it("x" * 2000) is SendResult.TOO_BIG
            assert client.try_it("x") is SendResult.OK

    run(body())


def test_the_session_goes_on_in_the_next_connection():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            for word in "abc":
                client.say(word)
                assert await server.text() == word
            server.write(news("1"), news("2"))
            await client.events.until("message_ind", "Erik", "2")
            assert client.unacknowledged == 3
            server.writer.close()
            await client.events.until("detached", CLOSED)
            assert client.connected and client.detached
            client.say("d")
            server = await accept()
            hello = await server.resume(rx=1)
            assert (hello.resume, hello.attempt, hello.rx) == (True, 2, 2)
            assert (hello.id, hello.secret) == (ID, SECRET)
            assert [await server.text() for _ in "bcd"] == ["b", "c", "d"]
            await client.events.until("resumed", 2)
            server.write(ack(4, 2), news("3"))
            await client.events.until("message_ind", "Erik", "3")
            assert client.unacknowledged == 0 and not client.detached
            assert kinds(client).count("connected") == 1

    run(body())


def test_a_session_that_the_server_does_not_know_is_lost_and_another_begins():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            for word in "abc":
                client.say(word)
                await server.text()
            server.write(ack(1, 0))
            server.writer.close()
            await client.events.until("detached", CLOSED)
            client.say("d")
            server = await accept()
            await server.begin(id=b"j" * 16, reason=2, previous_rx=2)
            await client.events.until("lost", SessionLossReason.EXPIRED, 3, 4, 2)
            await client.events.until("disconnected", LOST)
            await client.events.until("connected")
            client.say("e")
            assert await server.text() == "e"
            server.write(ack(1, 0))

    run(body())


@pytest.mark.parametrize("previous_rx", [0, 3, (1 << 64) - 1])
def test_what_the_server_cannot_have_handled_is_not_passed_on(previous_rx):
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            for word in "ab":
                client.say(word)
                await server.text()
            server.write(ack(1, 0))
            server.writer.close()
            await client.events.until("detached", CLOSED)
            server = await accept()
            await server.begin(id=b"j" * 16, reason=2, previous_rx=previous_rx)
            await client.events.until("lost", SessionLossReason.EXPIRED, 2, 2, None)

    run(body())


def test_what_was_lost_is_handed_back():
    class Keeping(Client):
        async def on_session_lost(self, loss):
            await super().on_session_lost(loss)
            self.open = [
                (number, chat_pb2.ClientToServer.FromString(payload).message_ind.text)
                for number, payload in loss.messages
            ]
            self.events.add("unacknowledged", self.unacknowledged)

    async def body():
        async with serving(Keeping) as (client, accept):
            server = await accept()
            await server.begin()
            words = ["a", "b" * 5000, "c", "d" * 10]
            for word in words:
                client.say(word)
                await server.text()
            server.write(ack(1, 0))
            server.writer.close()
            await client.events.until("detached", CLOSED)
            await (await accept()).begin(id=b"j" * 16, reason=1)
            await client.events.until("unacknowledged", 3)
            assert client.open == list(enumerate(words, 1))[1:]
            await client.events.until("connected")

    run(body())


def test_meanwhile_messages_of_a_server_that_did_not_wait_do_not_count():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            server.write(OFFER)
            await server.expect(FrameType.HELLO)
            server.write(news("greeting"), PONG)
            server.write(Welcome(id=ID, secret=SECRET, max_payload_size=1000).encode(), news("1"))
            await client.events.until("connected")
            await client.events.until("message_ind", "Erik", "1")
            server.write(ack(0, 1))
            await settled()
            assert "detached" not in kinds(client)

    run(body())


def test_slow_hooks_do_not_lose_what_waits_when_the_connection_goes():
    class Slow(Client):
        async def on_message_ind(self, message):
            await super().on_message_ind(message)
            await asyncio.sleep(1)

    async def body():
        async with serving(Slow) as (client, accept):
            server = await accept()
            await server.begin()
            server.write(news("1"), news("2"), news("3"))
            await client.events.until("message_ind", "Erik", "1")
            server.writer.close()
            server = await accept()
            assert (await server.resume(rx=0)).rx == 3
            server.write(news("4"))
            await client.events.until("message_ind", "Erik", "4")
            texts = [event[2] for event in client.events.all if event[0] == "message_ind"]
            assert texts == ["1", "2", "3", "4"]

    run(body())


# Without a session


@pytest.mark.parametrize("first", [PONG, CONNECT_RSP, b"\x40\0\0\0"])
def test_an_old_server_gets_what_was_sent_and_nothing_that_it_does_not_know(first):
    async def body():
        async with serving() as (client, accept):
            client.say("early")
            server = await accept()
            server.write(first)
            await client.events.until("connected")
            assert await server.text() == "early"
            client.say("a")
            assert await server.text() == "a"
            server.write(OFFER, news("1"))
            await client.events.until("message_ind", "Erik", "1")
            assert ("connect_rsp" in kinds(client)) == (first == CONNECT_RSP)
            server.writer.close()
            await client.events.until("disconnected", CLOSED)
            client.say("b")
            server = await accept()
            await server.begin()
            assert await server.text() == "b"

    run(body())


def test_a_server_that_is_replaced_by_an_old_one_loses_the_session():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            server.writer.close()
            await client.events.until("detached", CLOSED)
            server = await accept()
            server.write(PONG)
            await client.events.until("lost", SessionLossReason.DOWNGRADED, 1, 1, None)
            await client.events.until("disconnected", LOST)
            await client.events.until("connected")
            client.say("b")
            assert await server.text() == "b"

    run(body())


def test_a_server_that_only_introduces_itself():
    async def body():
        async with serving(auth_token=b"key") as (client, accept):
            client.say("early")
            server = await accept()
            server.write(Offer(sessions=False).encode())
            hello = Hello.decode(await server.expect(FrameType.HELLO))
            assert hello.no_session and not hello.resume
            assert hello.tlvs == encode_tlv(1, b"key") + CHAT
            assert (hello.id, hello.attempt, hello.retain, hello.rx) == (bytes(16), 0, 0, 0)
            server.write(Welcome(max_payload_size=1000).encode())
            await client.events.until("connected")
            assert await server.text() == "early"
            server.writer.close()
            await client.events.until("disconnected", CLOSED)

    run(body())


def test_a_client_may_introduce_itself_without_wanting_a_session():
    async def body():
        async with serving(session=SessionMode.OFF, handshake=True) as (client, accept):
            client.say("nobody")
            server = await accept()
            hello = await server.hello()
            assert hello.no_session
            server.write(Welcome(max_payload_size=1000).encode())
            await client.events.until("connected")
            client.say("a")
            assert await server.text() == "a"
            assert client.unacknowledged == 0 and not client.detached

    run(body())


@pytest.mark.parametrize("first", [PONG, CONNECT_RSP, Offer(sessions=False).encode()])
def test_who_requires_a_session_does_not_do_without(first):
    async def body():
        async with serving(session=SessionMode.REQUIRED) as (client, accept):
            client.say("early")
            server = await accept()
            server.write(first)
            await client.events.until("failure", HandshakeError, "The server offers no sessions.")
            assert await is_closed(server.reader)
            server = await accept()
            await server.begin()
            assert await server.text() == "early"
            assert kinds(client) == ["failure", "connected"]

    run(body())


# What goes wrong in the beginning


def test_a_server_that_never_says_welcome_is_given_up_and_the_session_kept():
    async def body():
        async with serving(connect_timeout=5.0) as (client, accept):
            server = await accept()
            await server.begin()
            server.writer.close()
            await client.events.until("detached", CLOSED)
            loop = asyncio.get_running_loop()
            for silent in (True, False):
                server = await accept()
                begin = loop.time()
                if not silent:
                    await server.hello()
                await client.events.until("failure", asyncio.TimeoutError, "")
                assert 4.9 <= loop.time() - begin < 5.4
            await (await accept()).resume(rx=0)
            await client.events.until("resumed", 0)

    run(body())


def test_a_refusal_before_the_welcome_is_a_failed_attempt_and_the_session_is_kept():
    async def body():
        async with serving() as (client, accept):
            loop = asyncio.get_running_loop()
            server = await accept()
            await server.begin()
            server.writer.close()
            await client.events.until("detached", CLOSED)
            for code, text in [(6, "stale"), (7, "busy"), (9, "who?"), (8, "new"), (16, "other")]:
                server = await accept()
                begin = loop.time()
                await server.hello()
                server.write(close(code, text=text.encode(), retry_after=2.0))
                await client.events.until("failure", HandshakeError, text)
            server = await accept()
            assert loop.time() - begin >= 2
            hello = await server.resume(rx=0)
            assert hello.attempt == 7
            await client.events.until("resumed", 0)

    run(body())


@pytest.mark.parametrize(
    "answer",
    [
        b"\x07\0\0\x47" + bytes(71),
        Welcome(resumed=True, id=ID).encode(),
        Welcome(version=2).encode(),
        Welcome(tlvs=b"\0\1\0").encode(),
        b"\x07\0\0\x48\1\2" + bytes(70),
        PING,
    ],
)
def test_what_is_no_answer_is_a_protocol_error(answer):
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.hello()
            server.write(answer)
            await client.events.next()
            assert client.events.all[0][:2] == ("failure", HandshakeError)
            assert await is_closed(server.reader)
            await (await accept()).begin(tlvs=encode_tlv(999, b"?"))
            await client.events.until("connected")

    run(body())


def test_a_short_offer_is_a_protocol_error_and_a_long_one_is_not():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            server.write(b"\x05\0\0\3\1\1\0")
            await client.events.until("failure", HandshakeError, "Protocol error.")
            server = await accept()
            server.write(b"\x05\0\0\6\1\1\0\1\0\0")
            await server.expect(FrameType.HELLO)

    run(body())


def test_a_server_that_resumes_where_nothing_was_written_loses_the_session():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            server.writer.close()
            await client.events.until("detached", CLOSED)
            server = await accept()
            await server.hello()
            server.write(Welcome(True, id=ID, secret=SECRET, rx=2, max_payload_size=99).encode())
            assert (await server.close_frame()).code == CloseCode.PROTOCOL
            await client.events.until("lost", SessionLossReason.PROTOCOL, 1, 1, None)
            await client.events.until("disconnected", DisconnectReason.PROTOCOL_ERROR)
            assert (await (await accept()).begin()).resume is False
            await client.events.until("connected")

    run(body())


def test_giving_up_ends_the_session():
    class GivingUp(Client):
        async def on_connect_failure(self, exception):
            return None

    async def body():
        async with serving(GivingUp) as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            server.writer.close()
            await client.events.until("detached", CLOSED)
            server = await accept()
            server.writer.close()
            await client.wait_stopped()
            assert client.events.all[-2:] == [
                ("lost", SessionLossReason.CLOSED, 1, 1, None),
                ("disconnected", STOPPED),
            ]
            client.start()
            await (await accept()).begin()
            await client.events.until("connected")

    run(body())


# Schemas


class Choosy(Client):
    accepts = False

    async def on_schema_mismatch(self, mismatch):
        self.events.add("mismatch", mismatch.text())
        await asyncio.sleep(1)
        return self.accepts


def test_a_server_with_the_same_schema_is_no_mismatch():
    async def body():
        async with serving(Choosy) as (client, accept):
            server = await accept()
            await server.begin(tlvs=CHAT)
            await client.events.until("connected")
            assert kinds(client) == ["connected"]

    run(body())


def test_a_server_with_another_schema_may_be_refused():
    async def body():
        async with serving(Choosy) as (client, accept):
            client.say("early")
            for resume in (False, True):
                server = await accept()
                assert (await server.hello()).resume is resume
                server.write(
                    Welcome(resume, id=ID, secret=SECRET, max_payload_size=99, tlvs=OTHER).encode()
                )
                what = 'server speaks "other", not "chat"'
                await client.events.until("mismatch", what)
                assert await server.end() == b""
                await client.events.until("failure", HandshakeError, what)
                if not resume:
                    # Nothing was sent to the other one.
                    server = await accept()
                    await server.begin()
                    assert await server.text() == "early"
                    await client.events.until("connected")
                    server.writer.close()
                    await client.events.until("detached", CLOSED)

    run(body())


def test_a_server_with_another_schema_waits_for_the_answer():
    class Tolerant(Choosy):
        accepts = True

    async def body():
        async with serving(Tolerant) as (client, accept):
            client.say("early")
            server = await accept()
            await server.hello()
            server.write(
                Welcome(id=ID, secret=SECRET, max_payload_size=99, tlvs=OTHER).encode(),
                ack(0, 0),
                news("1"),
            )
            await client.events.until("mismatch", 'server speaks "other", not "chat"')
            server.write(news("2"))
            await settled()
            assert kinds(client) == ["mismatch"]
            await client.events.until("message_ind", "Erik", "2")
            assert kinds(client) == ["mismatch", "connected", "message_ind", "message_ind"]
            assert await server.expect(FrameType.ACK) == encode_ack(0, 0)
            assert await server.text() == "early"

    run(body())


@pytest.mark.parametrize("how", ["stop", "stop_now", "close", "raise"])
def test_what_happens_while_the_hook_thinks(how):
    class Thinking(Client):
        async def on_schema_mismatch(self, mismatch):
            self.events.add("mismatch")
            await asyncio.sleep(1)
            if how == "raise":
                raise RuntimeError("as it should")
            return True

    async def body():
        async with serving(Thinking) as (client, accept):
            server = await accept()
            await server.hello()
            server.write(Welcome(id=ID, secret=SECRET, tlvs=OTHER).encode())
            await client.events.until("mismatch")
            if how == "close":
                server.writer.close()
            elif how != "raise":
                getattr(client, how)()
                await client.wait_stopped()
                assert kinds(client) == ["mismatch"]
                return
            if how == "raise":
                await client.events.until("failure", HandshakeError, "A hook raised an exception.")
                await (await accept()).begin()
            else:
                # What the server has left is found when it is read.
                server = await accept()
                await server.begin()
            await asyncio.sleep(2)
            assert kinds(client)[-1] == "connected"

    run(body())


# In the session


@pytest.mark.parametrize(("rx", "tx"), [(2, 1), (1, 0), (1, 2), (0, 2)])
def test_an_ack_that_counts_differently_ends_the_session(rx, tx):
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            server.write(news("1"))
            await client.events.until("message_ind", "Erik", "1")
            await server.expect(FrameType.ACK)
            server.write(ack(rx, tx))
            closing = await server.close_frame()
            assert (closing.code, closing.rx, closing.tx) == (CloseCode.PROTOCOL, 1, 1)
            await client.events.until("lost", SessionLossReason.PROTOCOL, 1, 1, None)
            await client.events.until("disconnected", DisconnectReason.PROTOCOL_ERROR)
            assert (await (await accept()).begin()).resume is False

    run(body())


@pytest.mark.parametrize("frame", [OFFER, Welcome().encode(), Hello().encode(), b"\x0a\0\0\0"])
def test_what_is_not_in_a_session_ends_it(frame):
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            server.write(frame)
            assert (await server.close_frame()).code == CloseCode.PROTOCOL
            await client.events.until("lost", SessionLossReason.PROTOCOL, 1, 0, None)

    run(body())


def test_a_message_that_cannot_be_decoded_ends_the_session():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            server.write(news("1"), b"\x02\0\0\1\x0a")
            await client.events.until("lost", SessionLossReason.DECODE, 1, 0, None)
            await client.events.until("disconnected", DisconnectReason.MESSAGE_DECODE_ERROR)
            while (frame := await server.next())[0] != FrameType.CLOSE:
                pass
            assert frame[1][0] == CloseCode.DECODE
            assert frame[1][8:24] == encode_ack(1, 0)

    run(body())


def test_a_full_session_refuses_and_tells_when_there_is_room():
    async def body():
        async with serving(max_pending_bytes=2000) as (client, accept):
            assert client.try_it("x" * 1500) is SendResult.OK
            assert client.try_it("x" * 1500) is SendResult.FULL
            server = await accept()
            await server.begin()
            assert len(await server.text()) == 1500
            assert client.try_it("x" * 1500) is SendResult.FULL
            server.write(ack(1, 0))
            await client.events.until("writable")
            assert client.try_it("x" * 1500) is SendResult.OK
            # A send that cannot refuse ends the session.
            client.say("x" * 1500)
            while (frame := await server.next())[0] != FrameType.CLOSE:
                pass
            assert frame[1][0] == CloseCode.OVERFLOW
            await client.events.until("lost", SessionLossReason.OVERFLOW, 2, 2, None)
            await client.events.until("disconnected", DisconnectReason.SLOW_READER)
            server = await accept()
            assert (await server.begin()).resume is False

    run(body())


def test_a_client_that_is_not_started_accepts_nothing():
    client = Client("tcp://127.0.0.1:1")
    assert client.try_it("x") is SendResult.NOT_CONNECTED
    client.say("x")
    assert client.unacknowledged == 0


def test_a_hook_that_raises_ends_the_connection_but_not_the_session():
    class Failing(Client):
        async def on_message_ind(self, message):
            await super().on_message_ind(message)
            if message.text == "2":
                raise RuntimeError("as it should")

    async def body():
        async with serving(Failing) as (client, accept):
            server = await accept()
            await server.begin()
            server.write(news("1"), news("2"), news("3"))
            await client.events.until("detached", DisconnectReason.GENERAL_ERROR)
            server = await accept()
            assert (await server.resume(rx=0)).rx == 2
            server.write(news("3"))
            await client.events.until("message_ind", "Erik", "3")

    run(body())


# The end


def test_stop_waits_until_all_is_handled():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            client.stop()
            client.say("nobody")
            assert await server.text() == "a"
            closing = await server.close_frame()
            assert (closing.code, closing.reply, closing.rx, closing.tx) == (5, False, 0, 1)
            server.write(news("too late"))
            await settled()
            assert kinds(client) == ["connected"]
            server.write(close(reply=True, rx=1, tx=1))
            assert await server.end() == b""
            server.writer.close()
            await client.wait_stopped()
            assert client.events.all == [("connected",), ("disconnected", STOPPED)]

    run(body())


@pytest.mark.parametrize("begun", [True, False])
def test_stop_goes_on_connecting_until_all_is_handled(begun):
    async def body():
        async with serving() as (client, accept):
            if begun:
                server = await accept()
                await server.begin()
                server.writer.close()
                await client.events.until("detached", CLOSED)
            client.say("a")
            client.stop()
            client.say("nobody")
            server = await accept()
            await (server.resume(rx=0) if begun else server.begin())
            assert await server.text() == "a"
            assert (await server.close_frame()).code == CloseCode.CLOSED
            server.writer.close()  # and once more
            server = await accept()
            await server.resume(rx=0)
            assert await server.text() == "a"
            assert (await server.close_frame()).code == CloseCode.CLOSED
            server.write(close(reply=True, rx=1, tx=0))
            assert await server.end() == b""
            server.writer.close()
            await client.wait_stopped()
            assert client.events.all[-1] == ("disconnected", STOPPED)
            assert "lost" not in kinds(client)

    run(body())


def test_a_session_that_the_server_has_ended_after_all_was_handled_is_not_lost():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            client.say("b")
            client.stop()
            await server.text()
            server.writer.close()
            server = await accept()
            assert (await server.hello()).resume
            server.write(Welcome(id=b"j" * 16, secret=b"k" * 16, reason=5, previous_rx=2).encode())
            await client.wait_stopped()
            assert client.events.all == [("connected",), ("disconnected", STOPPED)]
            assert await is_closed(server.reader)

    run(body())


def test_a_client_that_is_closed_is_done_when_its_session_is_lost():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            client.stop()
            server.writer.close()
            server = await accept()
            await server.hello()
            server.write(Welcome(resumed=True, id=ID, secret=SECRET, rx=2).encode())
            await client.wait_stopped()
            assert client.events.all == [
                ("connected",),
                ("lost", SessionLossReason.PROTOCOL, 1, 1, None),
                ("disconnected", STOPPED),
            ]

    run(body())


@pytest.mark.parametrize("linger", [0.0, 3.0])
def test_close_says_how_long_that_may_take(linger):
    async def body():
        loop = asyncio.get_running_loop()
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            begin = loop.time()
            client.close(linger)
            await client.wait_stopped()
            assert linger <= loop.time() - begin < linger + 0.2
            assert client.events.all[-2:] == [
                ("lost", SessionLossReason.CLOSED, 1, 1, None),
                ("disconnected", STOPPED),
            ]
            with pytest.raises(ValueError, match="linger is 0 or more seconds"):
                client.close(-1)

    run(body())


@pytest.mark.parametrize("linger", [0.0, 3.0])
def test_close_while_there_is_no_connection(linger):
    async def body():
        loop = asyncio.get_running_loop()
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            server.writer.close()
            await client.events.until("detached", CLOSED)
            client.say("a")
            begin = loop.time()
            client.close(linger)
            await client.wait_stopped()
            assert linger <= loop.time() - begin < linger + 0.2
            assert client.events.all[-2:] == [
                ("lost", SessionLossReason.CLOSED, 1, 1, None),
                ("disconnected", STOPPED),
            ]

    run(body())


def test_stop_tells_the_server_how_much_was_handled():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            server.write(news("1"))
            await client.events.until("message_ind", "Erik", "1")
            server.writer.close()
            await client.events.until("detached", CLOSED)
            client.stop()
            server = await accept()
            assert (await server.resume(rx=0)).rx == 1
            closing = await server.close_frame()
            assert (closing.code, closing.rx, closing.tx) == (CloseCode.CLOSED, 1, 0)
            server.writer.close()  # before the answer
            server = await accept()
            await server.resume(rx=0)
            assert (await server.close_frame()).code == CloseCode.CLOSED
            server.write(close(reply=True))
            server.writer.close()
            await client.wait_stopped()
            assert client.events.all[-1] == ("disconnected", STOPPED)
            assert "lost" not in kinds(client)

    run(body())


def test_stop_of_a_session_that_has_not_begun_and_has_nothing_to_say_ends_at_once():
    async def body():
        async with serving() as (client, accept):
            await accept()
            client.stop()
            await client.wait_stopped()
            assert client.events.all == []

    run(body())


@pytest.mark.parametrize("how", ["stop_now", "close"])
def test_what_never_left_is_handed_back(how):
    async def body():
        async with serving() as (client, accept):
            client.say("a")
            if how == "close":
                client.close(1.0)
            else:
                client.stop_now()
            await client.wait_stopped()
            assert client.events.all == [("lost", SessionLossReason.CLOSED, 1, 1, None)]

    run(body())


def test_stop_now_says_so_as_far_as_it_can():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            client.stop_now()
            closing = await server.close_frame()
            assert (closing.code, closing.rx, closing.tx) == (CloseCode.CLOSED, 0, 1)
            await client.wait_stopped()
            assert client.events.all[-2:] == [
                ("lost", SessionLossReason.CLOSED, 1, 1, None),
                ("disconnected", STOPPED),
            ]

    run(body())


@pytest.mark.parametrize("away", [True, False])
def test_start_after_stop_begins_another_session_behind_the_first(away):
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            if away:
                server.writer.close()
                await client.events.until("detached", CLOSED)
            client.say("a")
            client.stop()
            client.start()
            client.say("b")
            if away:
                server = await accept()
                await server.resume(rx=0)
            assert await server.text() == "a"
            assert (await server.close_frame()).code == CloseCode.CLOSED
            server.write(close(reply=True, rx=1, tx=0))
            assert await server.end() == b""
            server.writer.close()
            await client.events.until("disconnected", STOPPED)
            server = await accept()
            assert (await server.begin(id=b"j" * 16)).resume is False
            assert await server.text() == "b"
            await client.events.until("connected")

    run(body())


def test_a_server_that_ends_the_session_has_handled_what_it_says():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            for word in "abc":
                client.say(word)
                await server.text()
            server.write(news("1"), close(rx=2, tx=1, text=b"bye"))
            while (frame := await server.next())[0] != FrameType.CLOSE:
                pass
            assert frame[1][:2] == bytes((CloseCode.CLOSED, 1))
            assert frame[1][8:24] == encode_ack(1, 3)
            await client.events.until("message_ind", "Erik", "1")
            server.writer.close()
            await client.events.until("lost", SessionLossReason.CLOSED, 3, 3, 2)
            await client.events.until("disconnected", CLOSED)
            client.say("d")
            server = await accept()
            assert (await server.begin()).resume is False
            assert await server.text() == "d"

    run(body())


def test_both_sides_may_end_the_session_at_once():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.stop()
            server.write(close(rx=0, tx=0))
            assert (await server.close_frame()).code == CloseCode.CLOSED
            assert await server.end() == b""
            server.writer.close()
            await client.wait_stopped()
            assert client.events.all == [("connected",), ("disconnected", STOPPED)]

    run(body())


@pytest.mark.parametrize("code", [1, 2, 3, 4, 10, 11, 12])
def test_a_server_that_gives_up_the_session_says_why(code):
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            for word in "ab":
                client.say(word)
                await server.text()
            server.write(close(code, rx=1, tx=0, text=b"why"))
            await client.events.until("lost", SessionLossReason(code), 2, 2, 1)
            await client.events.until("disconnected", LOST)
            assert (await (await accept()).begin()).resume is False

    run(body())


def test_a_drain_loses_nothing_and_the_next_session_begins_elsewhere():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            assert await server.text() == "a"
            server.write(news("1"), close(CloseCode.DRAIN, rx=0, tx=1))
            await client.events.until("message_ind", "Erik", "1")
            await settled()
            assert not client.connected
            client.say("b")  # for the next one
            server.write(ack(1, 1))
            while (frame := await server.next())[0] != FrameType.CLOSE:
                pass
            assert frame[1][:2] == bytes((CloseCode.DRAIN, 1))
            assert frame[1][8:24] == encode_ack(1, 1)
            # A late answer.
            server.write(news("2"))
            await client.events.until("message_ind", "Erik", "2")
            assert await server.expect(FrameType.ACK) == encode_ack(2, 1)
            server.write(ack(1, 2))
            server.writer.write_eof()
            await client.events.until("disconnected", DisconnectReason.DRAINING)
            assert "lost" not in kinds(client)
            server = await accept()
            assert (await server.begin()).resume is False
            assert await server.text() == "b"

    run(body())


def test_a_client_may_stop_while_its_server_lets_it_go():
    async def body():
        loop = asyncio.get_running_loop()
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            server.write(close(CloseCode.DRAIN, rx=0, tx=0))
            await settled()
            begin = loop.time()
            client.stop()
            assert (await server.close_frame()).code == CloseCode.CLOSED
            server.write(close(reply=True, rx=1, tx=0))
            assert await server.end() == b""
            server.writer.close()
            await client.wait_stopped()
            assert loop.time() - begin < 0.5
            assert client.events.all == [("connected",), ("disconnected", STOPPED)]
            client.start()
            assert (await (await accept()).begin()).resume is False
            await client.events.until("connected")

    run(body())


@pytest.mark.parametrize("at_once", [True, False])
def test_a_server_that_drains_begins_no_session_any_more(at_once):
    async def body():
        async with serving() as (client, accept):
            client.say("a")
            server = await accept()
            last = [close(CloseCode.DRAIN), Welcome(id=ID, secret=SECRET).encode(), news("late")]
            if at_once:
                server.write(OFFER, *last)
            else:
                await server.hello()
                server.write(*last)
            await client.events.until("failure", HandshakeError, "Draining.")
            server = await accept()
            await server.begin()
            assert await server.text() == "a"
            assert kinds(client) == ["failure", "connected"]

    run(body())


def test_a_drain_that_breaks_off_tells_what_is_open():
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.say("a")
            await server.text()
            server.write(close(CloseCode.DRAIN, rx=0, tx=0))
            await settled()
            server.writer.close()
            await client.events.until("lost", SessionLossReason.CLOSED, 1, 1, None)
            await client.events.until("disconnected", DisconnectReason.DRAINING)

    run(body())


@pytest.mark.parametrize("away", [True, False])
def test_a_client_may_be_paused(away):
    async def body():
        async with serving() as (client, accept):
            server = await accept()
            await server.begin()
            client.pause()
            if away:
                server.writer.close()
                await client.events.until("detached", CLOSED)
                server = await accept()
                await server.resume(rx=0)
            server.write(news("1"))
            await settled()
            assert "message_ind" not in kinds(client)
            client.resume()
            await client.events.until("message_ind", "Erik", "1")

    run(body())
