"""Calls, in all the ways in which answers find their requests."""

import asyncio
import contextlib
import gc
import pathlib
import threading

import calls_client
import calls_pb2
import calls_server
import pytest
import quiet_pb2
import quiet_server
from session_support import QUICK, Proxy
from support import Events, running
from virtual_time import run

import messi_runtime
from messi_runtime import (
    CallError,
    ClientOptions,
    DisconnectReason,
    SendResult,
    ServerOptions,
    SessionMode,
    StatusCode,
)

IN_ORDER, NAMED, SESSION = "in order", "named", "session"
ANY = pytest.mark.parametrize("mode", [IN_ORDER, NAMED, SESSION])
NAMING = pytest.mark.parametrize("mode", [NAMED, SESSION])
CLOSED = DisconnectReason.CONNECTION_CLOSED


def options_of(kind, mode, **more):
    session = SessionMode.PREFER if mode == SESSION else SessionMode.OFF
    return kind(session=session, handshake=mode == NAMED, **more)


def echo(text):
    return calls_pb2.EchoReq(text=text)


class Server(calls_server.CallsServer):
    def __init__(self, mode, **more):
        options = options_of(ServerOptions, mode, **more)
        super().__init__("tcp://127.0.0.1:0", options=options)
        self.events = Events()
        self.later = []
        self.keeps = False

    async def on_client_connected(self, client):
        self.events.add("connected")

    async def on_client_disconnected(self, client, reason):
        self.events.add("disconnected", reason)

    async def on_echo_req(self, client, request):
        if self.keeps:
            self.later.append(self.answer_later_echo_req())
            self.events.add("kept", request.text)
        elif request.text != "nothing":
            self.reply(calls_pb2.EchoRsp(text=request.text))

    async def on_book_seat(self, client, request):
        client.send_seat_booked(calls_pb2.Text(text="seat " + request.text))

    async def on_ask_rsp(self, client, message):
        self.events.add("ask_rsp", message.text)


class Client(calls_client.CallsClient):
    def __init__(self, uri, mode, **more):
        super().__init__(uri, options=options_of(ClientOptions, mode, backoff=QUICK, **more))
        self.events = Events()

    async def on_connected(self):
        self.events.add("connected")

    async def on_disconnected(self, reason):
        self.events.add("disconnected", reason)

    async def on_detached(self, reason):
        self.events.add("detached")

    async def on_resumed(self, replayed):
        self.events.add("resumed")

    async def on_echo_rsp(self, message):
        self.events.add("echo_rsp", message.text)

    async def on_ask_req(self, request):
        if request.text == "echo it":
            answer = await self.call_echo_req(echo("from the hook"), 5)
            self.reply_ask_rsp(calls_pb2.AskRsp(text=answer.text))
        elif request.text != "nothing":
            self.reply_ask_rsp(calls_pb2.AskRsp(text=request.text))

    async def text_of(self, text, timeout=5):
        return (await self.call_echo_req(echo(text), timeout)).text


@contextlib.asynccontextmanager
async def pair(mode, more_of_client=None, kinds=(Client, Server), **more_of_server):
    server = kinds[1](mode, **more_of_server)
    async with running(server):
        client = kinds[0](server.uri, mode, **(more_of_client or {}))
        async with running(client):
            await client.events.until("connected")
            await server.events.until("connected")
            yield client, server


async def failure_of(awaitable):
    with pytest.raises(CallError) as caught:
        await awaitable
    return caught.value


def test_the_package_has_the_options_of_protos():
    installed = pathlib.Path(messi_runtime.__path__[0]) / "include/messi/options.proto"
    original = pathlib.Path(__file__).resolve().parents[2] / "messi/options.proto"
    assert installed.read_text(encoding="utf-8") == original.read_text(encoding="utf-8")


@ANY
def test_a_call_gets_its_answer_both_ways(mode):
    async def body():
        async with pair(mode) as (client, server):
            assert await client.text_of("hello") == "hello"
            booked = await client.call_book_seat(calls_pb2.Text(text="4a"), 5)
            assert booked.text == "seat 4a"
            asked = await server.clients[0].call_ask_req(calls_pb2.AskReq(text="who?"), 5)
            assert asked.text == "who?"
            many = await asyncio.gather(*[client.text_of(str(i)) for i in range(100)])
            assert many == [str(i) for i in range(100)]
            assert ("echo_rsp", "hello") not in client.events.all

    run(body())


@ANY
def test_a_hook_may_wait_for_its_own_call(mode):
    async def body():
        async with pair(mode) as (_client, server):
            asked = await server.clients[0].call_ask_req(calls_pb2.AskReq(text="echo it"), 5)
            assert asked.text == "from the hook"

    run(body())


@NAMING
def test_a_request_that_is_only_sent_is_answered_to_the_hook(mode):
    async def body():
        async with pair(mode) as (client, _server):
            client.send(echo("sent"))
            assert await client.text_of("called") == "called"
            client.send(echo("again"))
            await client.events.until("echo_rsp", "sent")
            await client.events.until("echo_rsp", "again")
            assert client.late_answers == 0

    run(body())


@NAMING
def test_a_reply_in_on_any_message_is_a_message_like_others(mode):
    class EagerServer(Server):
        async def on_any_message(self, client, field_number):
            if field_number == calls_pb2.ClientToServer.ECHO_REQ_FIELD_NUMBER:
                self.reply(calls_pb2.EchoRsp(text="eager"))
            return True

    class EagerClient(Client):
        async def on_any_message(self, field_number):
            if field_number == calls_pb2.ServerToClient.ASK_REQ_FIELD_NUMBER:
                self.reply_ask_rsp(calls_pb2.AskRsp(text="eager"))
            return True

    async def body():
        async with pair(mode, kinds=(EagerClient, EagerServer)) as (client, server):
            assert await client.text_of("asked") == "asked"
            await client.events.until("echo_rsp", "eager")
            answer = await server.clients[0].call_ask_req(calls_pb2.AskReq(text="asked"), 5)
            assert answer.text == "asked"
            await server.events.until("ask_rsp", "eager")

    run(body())


@NAMING
def test_answers_that_name_their_requests_may_come_in_any_order(mode):
    async def body():
        async with pair(mode) as (client, server):
            server.keeps = True
            tasks = [asyncio.create_task(client.text_of("same")) for _ in range(3)]
            for _ in tasks:
                await server.events.until("kept", "same")
            for which in (2, 0, 1):
                assert server.later[which].open
                server.later[which].reply(calls_pb2.EchoRsp(text=str(which)))
                server.later[which].reply(calls_pb2.EchoRsp(text="twice"))
                assert not server.later[which].open
            assert await asyncio.gather(*tasks) == ["0", "1", "2"]

    run(body())


@ANY
def test_a_late_answer_is_nobodys(mode):
    async def body():
        async with pair(mode) as (client, server):
            server.keeps = True
            error = await failure_of(client.text_of("slow", 1))
            assert error.code is StatusCode.DEADLINE_EXCEEDED
            task = asyncio.create_task(client.text_of("next"))
            await server.events.until("kept", "next")
            assert server.later[0].cancelled == (mode != IN_ORDER)
            server.later[0].reply(calls_pb2.EchoRsp(text="late"))
            server.later[1].reply(calls_pb2.EchoRsp(text="right"))
            assert await task == "right"
            assert client.late_answers == 1
            assert not any(event[0] == "echo_rsp" for event in client.events.all)

    run(body())


@ANY
def test_a_call_ends_with_its_task(mode):
    async def body():
        async with pair(mode) as (client, server):
            server.keeps = True
            task = asyncio.create_task(client.text_of("never mind"))
            await server.events.until("kept", "never mind")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.1)
            assert server.later[0].cancelled == (mode != IN_ORDER)
            server.later[0].reply(calls_pb2.EchoRsp(text="late"))
            server.keeps = False
            assert await client.text_of("next") == "next"
            assert client.late_answers == 1

    run(body())


@NAMING
def test_a_callee_fails_a_call(mode):
    async def body():
        async with pair(mode) as (client, server):
            server.keeps = True
            tasks = [asyncio.create_task(client.text_of(str(i))) for i in range(2)]
            await server.events.until("kept", "1")
            server.later[0].fail(StatusCode.NOT_FOUND, "no such\nseat")
            server.later.clear()
            gc.collect()
            error = await failure_of(tasks[0])
            assert (error.code, error.text) == (StatusCode.NOT_FOUND, "no such?seat")
            error = await failure_of(tasks[1])
            assert (error.code, error.text) == (StatusCode.INTERNAL, "not answered")

    run(body())


@ANY
def test_a_call_that_cannot_be_sent_says_why_and_hurts_nobody(mode):
    async def body():
        more = {"max_payload_size": 100, "max_open_calls": 1}
        async with pair(mode, more) as (client, server):
            error = await failure_of(client.text_of("x" * 200))
            assert error.code is StatusCode.INVALID_ARGUMENT
            server.keeps = True
            task = asyncio.create_task(client.text_of("open"))
            await server.events.until("kept", "open")
            error = await failure_of(client.text_of("one more"))
            assert error.code is StatusCode.RESOURCE_EXHAUSTED
            server.later[0].reply(calls_pb2.EchoRsp(text="there"))
            assert await task == "there"
        error = await failure_of(client.text_of("stopped"))
        assert error.code is StatusCode.UNAVAILABLE

    run(body())


@pytest.mark.parametrize("mode", [IN_ORDER, NAMED])
def test_calls_fail_when_the_connection_ends_before_its_hook(mode):
    async def body():
        server = Server(mode)
        async with running(server), Proxy(server.port) as proxy:
            client = Client(proxy.uri, mode)
            async with running(client):
                await client.events.until("connected")
                await server.events.until("connected")
                server.keeps = True

                async def call():
                    error = await failure_of(client.text_of("a", 60))
                    client.events.add("failed", error.code)

                task = asyncio.create_task(call())
                await server.events.until("kept", "a")
                proxy.cut()
                await client.events.until("disconnected", CLOSED)
                assert client.events.all[-2:] == [
                    ("failed", StatusCode.UNAVAILABLE),
                    ("disconnected", CLOSED),
                ]
                await task
                await server.events.until("disconnected", CLOSED)
                assert not server.later[0].open
                server.later[0].reply(calls_pb2.EchoRsp(text="to nobody"))

    run(body())


def test_open_calls_survive_the_connections_of_a_session():
    async def body():
        server = Server(SESSION)
        async with running(server), Proxy(server.port) as proxy:
            client = Client(proxy.uri, SESSION)
            async with running(client):
                await client.events.until("connected")
                await server.events.until("connected")
                server.keeps = True
                first = asyncio.create_task(client.text_of("a", 60))
                await server.events.until("kept", "a")
                proxy.cut()
                await client.events.until("detached")
                second = asyncio.create_task(client.text_of("b", 60))
                server.later[0].reply(calls_pb2.EchoRsp(text="A"))
                assert await first == "A"
                await server.events.until("kept", "b")
                server.later[1].reply(calls_pb2.EchoRsp(text="B"))
                assert await second == "B"
                for _ in range(3):
                    proxy.cut()
                    await client.events.until("resumed")
                assert client.late_answers == 0
                assert not any(event[0] == "echo_rsp" for event in client.events.all)

    run(body())


def test_what_a_client_answers_to_a_server_that_drains_is_no_message_of_its_next_session():
    class Trying(Client):
        async def on_ask_req(self, request):
            if request.text == "try":
                result = self.try_send_ask_rsp(calls_pb2.AskRsp(text="perhaps"))
                self.events.add("tried", result)
            await super().on_ask_req(request)

    async def body():
        async with pair(SESSION, kinds=(Trying, Server)) as (client, server):
            peer = server.clients[0]
            server.drain(10)
            call = asyncio.create_task(peer.call_ask_req(calls_pb2.AskReq(text="try"), 60))
            assert (await failure_of(call)).code == StatusCode.UNAVAILABLE
            await client.events.until("disconnected", DisconnectReason.DRAINING)
            assert ("tried", SendResult.NOT_CONNECTED) in client.events.all
            assert client.unacknowledged == 0

    run(body())


def test_an_answer_is_handled_although_its_caller_stops_in_the_hook_of_a_message_before():
    class Asking(Server):
        async def on_echo_req(self, client, request):
            client.send_ask_req(calls_pb2.AskReq(text="stop"))
            await super().on_echo_req(client, request)

        async def on_client_session_lost(self, client, loss):
            self.events.add("lost", loss.first_unacked, loss.last_accepted)

    class Stopping(Client):
        async def on_ask_req(self, request):
            await self.answered.wait()
            self.stop()

    async def body():
        async with pair(SESSION, kinds=(Stopping, Asking)) as (client, server):
            client.answered = asyncio.Event()
            assert await client.text_of("a") == "a"
            client.answered.set()
            await server.events.until("disconnected", CLOSED)
            assert not any(event[0] == "lost" for event in server.events.all)

    run(body())


def test_calls_of_a_server_survive_the_connections_of_a_session():
    async def body():
        server = Server(SESSION)
        async with running(server), Proxy(server.port) as proxy:
            client = Client(proxy.uri, SESSION)
            kept = []

            async def on_ask_req(request):
                kept.append(client.answer_later_ask_req())
                client.events.add("kept", request.text)

            client.on_ask_req = on_ask_req
            async with running(client):
                await client.events.until("connected")
                await server.events.until("connected")
                peer = server.clients[0]
                tasks = [
                    asyncio.create_task(peer.call_ask_req(calls_pb2.AskReq(text=text), 60))
                    for text in ("a", "b")
                ]
                await client.events.until("kept", "b")
                proxy.cut()
                await client.events.until("detached")
                for responder, text in zip(kept, ("A", "B"), strict=True):
                    responder.reply(calls_pb2.AskRsp(text=text))
                assert [answer.text for answer in await asyncio.gather(*tasks)] == ["A", "B"]
                proxy.cut()
                await client.events.until("resumed")
                await asyncio.sleep(1)
                assert peer.late_answers == 0
                assert not any(event[0] == "ask_rsp" for event in server.events.all)

    run(body())


def test_calls_survive_the_connections_of_a_session_with_a_server_without_calls():
    class Quiet(quiet_server.QuietServer):
        def __init__(self):
            super().__init__("tcp://127.0.0.1:0", options=options_of(ServerOptions, SESSION))
            self.asked = []

        async def on_echo_req(self, client, request):
            self.asked.append(request.text)

        def answer_all(self):
            asked, self.asked = self.asked, []
            for text in asked:
                self.clients[0].send_echo_rsp(quiet_pb2.EchoRsp(text=text))

    async def body():
        server = Quiet()
        async with running(server), Proxy(server.port) as proxy:
            client = Client(proxy.uri, SESSION)
            async with running(client):
                await client.events.until("connected")
                tasks = [asyncio.create_task(client.text_of(text, 60)) for text in ("a", "b")]
                while len(server.asked) < 2:
                    await asyncio.sleep(0.1)
                server.answer_all()
                proxy.cut()
                tasks.append(asyncio.create_task(client.text_of("c", 60)))
                while not server.asked:
                    await asyncio.sleep(0.1)
                server.answer_all()
                assert await asyncio.gather(*tasks) == ["a", "b", "c"]
                await asyncio.sleep(1)
                assert client.late_answers == 0
                assert not any(event[0] == "echo_rsp" for event in client.events.all)

    run(body())


@ANY
def test_another_thread_hands_in_the_answer(mode):
    async def body():
        async with pair(mode) as (client, server):
            server.keeps = True
            task = asyncio.create_task(client.text_of("a"))
            await server.events.until("kept", "a")
            answer = calls_pb2.EchoRsp(text="computed")
            arguments = (asyncio.get_running_loop(), server.later[0])
            thread = threading.Thread(
                target=lambda loop, later: loop.call_soon_threadsafe(later.reply, answer),
                args=arguments,
            )
            thread.start()
            thread.join()
            assert await task == "computed"

    run(body())


@ANY
def test_a_peer_that_never_answers_gets_no_more_calls_than_the_bound(mode):
    async def body():
        async with pair(mode) as (client, _server):
            codes = set()
            for _ in range(2):
                calls = [failure_of(client.text_of("nothing", 1)) for _ in range(1024)]
                codes = {error.code for error in await asyncio.gather(*calls)}
            # In order, each that was given up still has its turn.
            assert codes == {
                StatusCode.RESOURCE_EXHAUSTED if mode == IN_ORDER else StatusCode.DEADLINE_EXCEEDED
            }
            assert client.connected

    run(body())


def test_an_answer_that_was_taken_out_of_turn_is_not_taken_twice():
    async def body():
        server = Server(SESSION)
        async with running(server), Proxy(server.port) as proxy:
            client = Client(proxy.uri, SESSION)
            go_on = asyncio.Event()

            async def on_seat_booked(message):
                client.events.add("booked")
                await go_on.wait()

            client.on_seat_booked = on_seat_booked
            async with running(client):
                await client.events.until("connected")
                # The hook holds up what follows, but not the answer.
                client.send_book_seat(calls_pb2.Text(text="1"))
                await client.events.until("booked")
                client.send_book_seat(calls_pb2.Text(text="2"))
                assert await client.text_of("out of turn") == "out of turn"
                proxy.cut()
                go_on.set()
                await client.events.until("resumed")
                while client.events.all.count(("booked",)) < 2:
                    await asyncio.sleep(0.1)
                assert await client.text_of("next") == "next"
                await asyncio.sleep(1)
                assert client.late_answers == 0
                assert not any(event[0] == "echo_rsp" for event in client.events.all)
                assert server.clients[0].unacknowledged == 0

    run(body())


@ANY
def test_stop_cancels_calls(mode):
    async def body():
        async with pair(mode) as (client, server):
            server.keeps = True
            task = asyncio.create_task(client.text_of("a", 60))
            await server.events.until("kept", "a")
            client.stop()
            error = await failure_of(task)
            assert error.code is StatusCode.CANCELLED

    run(body())


@ANY
def test_disconnect_cancels_calls_to_the_client(mode):
    async def body():
        async with pair(mode) as (_client, server):
            peer = server.clients[0]
            task = asyncio.create_task(peer.call_ask_req(calls_pb2.AskReq(text="nothing"), 60))
            await asyncio.sleep(0.1)
            peer.disconnect()
            error = await failure_of(task)
            assert error.code is StatusCode.CANCELLED

    run(body())


@ANY
def test_calls_before_there_is_a_session_go_to_whatever_server_comes(mode):
    async def body():
        server = Server(mode)
        async with running(server):
            client = Client(server.uri, SESSION)
            async with running(client):
                many = await asyncio.gather(*[client.text_of(str(i), 30) for i in range(5)])
                assert many == [str(i) for i in range(5)]

    run(body())
