"""Hooks that go wrong: one line in the log, one end with its reason, and life goes on."""

import asyncio
import contextlib
import sys

import chat_pb2
import pytest
from support import (
    CONNECT_REQ,
    CONNECT_RSP,
    PING,
    PONG,
    Client,
    Listener,
    Server,
    is_closed,
    raw_client,
    running,
)
from virtual_time import run

from messi_runtime import DisconnectReason


async def cancelled(*_):
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def cancelled_later(*_):
    worker = asyncio.ensure_future(asyncio.sleep(10))
    asyncio.get_running_loop().call_later(0.1, worker.cancel)
    await worker


async def has_other_parameters(_one, _two, _three, _four):
    pass


def raises_when_called(*_):
    raise RuntimeError("as it should")


async def raises(*_):
    raise RuntimeError("as it should")


async def times_out(*_):
    await asyncio.wait_for(asyncio.sleep(10), 0.1)


FAILING = [cancelled, cancelled_later, has_other_parameters, raises_when_called, raises, times_out]


def failing(name, hook):
    """As a method, which is what it would be."""

    def method(self, *arguments):
        return hook(*arguments)

    method.__qualname__ = f"Fails.{name}"
    return method


def the_line(caplog, name):
    lines = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(lines) == 1
    assert lines[0].getMessage().startswith(f"The hook Fails.{name} has failed: ")
    assert lines[0].exc_info is not None


def client_class(name, hook):
    once = Client.__dict__.get(name) or getattr(Client, name)
    failed = False

    def method(self, *arguments):
        nonlocal failed
        if failed:
            return once(self, *arguments)
        failed = True
        return hook(*arguments)

    method.__qualname__ = f"Fails.{name}"
    return type("Fails", (Client,), {name: method})


@pytest.mark.parametrize("hook", FAILING)
@pytest.mark.parametrize("name", ["on_connected", "on_connect_rsp", "on_any_message"])
def test_a_client_goes_on_after_a_hook_that_fails(caplog, hook, name):
    async def body():
        async with Listener() as listener:
            client = client_class(name, hook)(listener.uri)
            async with running(client):
                for _ in range(2):
                    _, writer = await listener.accept()
                    writer.write(CONNECT_RSP)
                await client.events.until("connect_rsp")
                disconnects = [each for each in client.events.all if each[0] == "disconnected"]
                assert disconnects == [("disconnected", DisconnectReason.GENERAL_ERROR)]
                client.stop_now()

    run(body())
    the_line(caplog, name)


@pytest.mark.parametrize("hook", FAILING)
def test_a_client_goes_on_when_it_cannot_be_told_of_the_end(caplog, hook):
    async def body():
        async with Listener() as listener:
            client = client_class("on_disconnected", hook)(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.close()
                await listener.accept()
                await client.events.until("connected")
                await client.events.until("connected")
                client.stop_now()

    run(body())
    the_line(caplog, "on_disconnected")


@pytest.mark.parametrize("hook", FAILING)
def test_a_client_goes_on_when_it_is_not_told_when_to_try_again(caplog, hook):
    async def body():
        client = client_class("on_connect_failure", hook)("tcp://127.0.0.1:1")
        async with running(client):
            assert await client.events.next() == ("failure", ConnectionRefusedError)

    run(body())
    the_line(caplog, "on_connect_failure")


@pytest.mark.parametrize("delay", ["soon", -1, float("nan")])
def test_a_delay_that_is_none_is_told_and_replaced(caplog, delay):
    class Confused(Client):
        async def on_connect_failure(self, exception):
            await super().on_connect_failure(exception)
            return delay

    async def body():
        client = Confused("tcp://127.0.0.1:1")
        async with running(client):
            await client.events.next()
            await client.events.next()

    run(body())
    assert "Confused.on_connect_failure returns seconds or None, but got" in caplog.text


@pytest.mark.parametrize("hook", FAILING)
@pytest.mark.parametrize("name", ["on_client_connected", "on_connect_req", "on_any_message"])
def test_a_server_goes_on_after_a_hook_that_fails(caplog, hook, name):
    async def body():
        server = type("Fails", (Server,), {name: failing(name, hook)})()
        async with running(server):
            async with raw_client(server) as (reader, writer):
                writer.write(CONNECT_REQ)
                await server.events.until("disconnected", 1, DisconnectReason.GENERAL_ERROR)
                assert await reader.read(100) in (b"", b"x")
            assert server.clients == []
            assert [each[0] for each in server.events.all].count("disconnected") == 1
            setattr(type(server), name, getattr(Server, name))
            async with raw_client(server) as (reader, writer):
                writer.write(CONNECT_REQ)
                assert await reader.readexactly(6) == CONNECT_RSP

    run(body())
    the_line(caplog, name)


@pytest.mark.parametrize("hook", FAILING)
def test_somebody_whose_arrival_hook_fails_is_refused(caplog, hook):
    async def body():
        name = "on_client_arriving"
        server = type("Fails", (Server,), {name: failing(name, hook)})()
        async with running(server), raw_client(server) as (reader, _):
            assert await reader.read() == b""
            await server.events.until("refused", DisconnectReason.GENERAL_ERROR)

    run(body())
    the_line(caplog, "on_client_arriving")


@pytest.mark.parametrize("hook", FAILING)
@pytest.mark.parametrize("name", ["on_client_disconnected", "on_client_refused"])
def test_a_server_goes_on_when_it_cannot_be_told(caplog, hook, name):
    class Picky(Server):
        async def on_client_arriving(self, peer_address):
            return name != "on_client_refused"

    async def body():
        server = type("Fails", (Picky,), {name: failing(name, hook)})()
        async with running(server):
            async with raw_client(server) as (reader, writer):
                writer.write_eof()
                assert await is_closed(reader)
            for task in list(server._messi_driver._tasks):
                await task

    run(body())
    the_line(caplog, name)


def test_hooks_may_be_plain_functions():
    class Plain(Server):
        def on_any_message(self, client, field_number):
            return True

        def on_connect_req(self, client, message):
            self.events.add("plain")
            self.reply(chat_pb2.ConnectRsp())

    class PlainClient(Client):
        def on_connect_rsp(self, message):
            self.events.add("plain")

    async def body():
        server = Plain()
        async with running(server):
            client = PlainClient(server.uri)
            async with running(client):
                await client.events.until("plain")
                await server.events.until("plain")

    run(body())


def test_cancelling_the_task_of_a_hook_still_cancels():
    class Slow(Client):
        async def on_connect_rsp(self, message):
            self.events.add("slow")
            await asyncio.sleep(1000)

    async def body():
        async with Listener() as listener:
            client = Slow(listener.uri)
            client.start()
            reader, writer = await listener.accept()
            writer.write(CONNECT_RSP)
            await client.events.until("slow")
            task = client._messi_driver._task
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
            assert await reader.read() == CONNECT_REQ + PING
            assert not client.connected
            await client.wait_stopped()
            # Ended, so it can be started.
            client.start()
            await listener.accept()
            client.stop_now()

    run(body())


def test_cancelling_the_task_of_a_server_still_cancels():
    class Slow(Server):
        async def on_connect_req(self, client, message):
            self.events.add("slow")
            await asyncio.sleep(1000)

    async def body():
        server = Slow()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(CONNECT_REQ)
            await server.events.until("slow")
            (task,) = server._messi_driver._tasks
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
            assert await reader.read() == b""
            assert server.clients == []

    run(body())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout")
def test_a_time_out_in_a_hook_is_the_hooks_own():
    class Waits(Client):
        async def on_connect_rsp(self, message):
            for _ in range(2):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await asyncio.sleep(10)
            self.events.add("went on")
            await cancelled()

    async def body():
        async with Listener() as listener:
            client = Waits(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                await client.events.until("went on")
                await client.events.until("disconnected", DisconnectReason.GENERAL_ERROR)
                await listener.accept()
                client.stop_now()

    run(body())


def test_the_hint_says_that_a_hook_has_failed():
    class Fails(Client):
        async def on_connected(self):
            raise RuntimeError("as it should")

        async def on_disconnected(self, reason):
            self.events.add("disconnected", self.disconnect_hint)

    async def body():
        async with Listener() as listener:
            client = Fails(listener.uri)
            async with running(client):
                await client.events.until("disconnected", "A hook raised an exception.")

    run(body())


def test_what_was_sent_to_a_hook_that_sees_every_message():
    class Strict(Server):
        async def on_any_message(self, client, field_number):
            self.events.add("any", field_number)
            return field_number != 2

    class StrictClient(Client):
        async def on_any_message(self, field_number):
            self.events.add("any", field_number)
            return field_number == 1

    async def body():
        server = Strict()
        async with running(server):
            client = StrictClient(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
                client.send(chat_pb2.MessageInd(text="not wanted"))
                await server.events.until("any", 2)
                server.broadcast(chat_pb2.MessageInd(text="not wanted"))
                await client.events.until("any", 2)
                client.send(chat_pb2.ConnectReq(user="again"))
                await client.events.until("connect_rsp")
            async with raw_client(server) as (reader, writer):
                writer.write(b"\x01\x00\x00\x02\x7a\x00" + PING)
                await server.events.until("any", 15)
                await server.events.until("unknown", 2, 15)
                assert await reader.readexactly(4) == PONG
        assert ("message_ind", 1, "not wanted") not in server.events.all
        assert not any(each[0] == "message_ind" for each in client.events.all)

    run(body())
