import asyncio
from unittest.mock import patch

import chat_pb2
import pytest
from support import (
    CONNECT_REQ,
    CONNECT_RSP,
    PING,
    PONG,
    Client,
    Listener,
    running,
)
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason


def test_stop_in_a_hook_stops():
    class StopsWhenConnected(Client):
        async def on_connected(self):
            await super().on_connected()
            self.stop()

    async def body():
        async with Listener() as listener:
            client = StopsWhenConnected(listener.uri)
            client.start()
            await client.wait_stopped()
            assert client.events.all == [
                ("connected",),
                ("disconnected", DisconnectReason.STOPPED),
            ]
            # What was sent before is written all the same.
            reader, _ = await listener.accept()
            assert await reader.read() == CONNECT_REQ

    run(body())


def test_stop_and_start_in_a_hook_connects_anew():
    class Restarts(Client):
        async def on_connect_rsp(self, message):
            await super().on_connect_rsp(message)
            self.stop()
            self.start()

    async def body():
        async with Listener() as listener:
            client = Restarts(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP + CONNECT_RSP)
                await listener.accept()
                await client.events.until("disconnected", DisconnectReason.STOPPED)
                await client.events.until("connected")
            # Nothing of the first connection came after the stop.
            assert client.events.all.count(("connect_rsp",)) == 1

    run(body())


def test_a_hook_that_fails_ends_the_connection_and_is_logged(caplog):
    class Fails(Client):
        async def on_connect_rsp(self, message):
            raise RuntimeError("as it should")

    async def body():
        async with Listener() as listener:
            client = Fails(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                await client.events.until("disconnected", DisconnectReason.GENERAL_ERROR)
                await listener.accept()

    run(body())
    assert "RuntimeError: as it should" in caplog.text


def test_a_slow_hook_delays_messages_but_not_the_keepalive():
    class Slow(Client):
        async def on_connect_rsp(self, message):
            await asyncio.sleep(20)
            await super().on_connect_rsp(message)

    async def body():
        async with Listener() as listener:
            client = Slow(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                await reader.readexactly(12)
                writer.write(CONNECT_RSP + CONNECT_RSP)
                for _ in range(21):
                    assert await reader.readexactly(4) == PING
                    writer.write(PONG)
                await client.events.until("connect_rsp")
                await client.events.until("connect_rsp")
                assert client.connected

    run(body())


@pytest.mark.parametrize("late", [0, 0.1])
def test_a_hook_that_never_catches_up_stops_the_reading(late):
    class Stuck(Client):
        async def on_message_ind(self, message):
            await asyncio.sleep(10_000)

    open_connection = asyncio.open_connection

    async def open_late(host, port):
        # Much has come before the client takes the connection over.
        streams = await open_connection(host, port)
        await asyncio.sleep(late)
        return streams

    async def body():
        options = ClientOptions(max_payload_size=1024 * 1024)
        async with Listener() as listener:
            client = Stuck(listener.uri, options=options)
            client.start()
            with patch("asyncio.open_connection", open_late):
                streams = await listener.accept()
            async with running(client):
                _, writer = streams
                payload = chat_pb2.ServerToClient(
                    message_ind=chat_pb2.MessageInd(text="x" * 10_000)
                ).SerializeToString()
                frame = b"\x02" + len(payload).to_bytes(3, "big") + payload
                for _ in range(2_000):
                    writer.write(frame)
                await asyncio.sleep(10)
                assert writer.transport.get_write_buffer_size() > 1_000_000
                assert client._messi_driver.link._inbox._size < 1_000_000
                # Silence is not the server's fault.
                assert client.connected
                client.stop()
                writer.transport.abort()
                client._messi_driver._task.cancel()

    run(body())
