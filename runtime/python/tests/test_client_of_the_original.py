import asyncio

import pytest
from support import (
    CONNECT_REQ,
    PING,
    Client,
    Listener,
    read_user_messages,
    running,
)
from virtual_time import run

from messi_runtime import ClientOptions


def test_the_originals_interval_argument_sets_ping_and_time_out():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, 1, 7)
            assert client.options == ClientOptions(
                ping_interval=1, pong_timeout=2, connect_timeout=7
            )
            async with running(client):
                reader, _ = await listener.accept()
                assert await reader.read() == CONNECT_REQ + PING + PING
                assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.1)

    run(body())


def test_hooks_of_the_original_without_a_reason_are_called_without():
    class Original(Client):
        async def on_disconnected(self):
            self.events.add("disconnected")

    async def body():
        async with Listener() as listener:
            client = Original(listener.uri)
            client.start()
            await listener.accept()
            await client.events.until("connected")
            client.stop()
            await client.events.until("disconnected")

    run(body())


def test_prepared_messages_are_sent_as_in_the_original():
    class Original(Client):
        async def on_connected(self):
            message = self.init_connect_req()
            message.user = "Erik"
            self.send()
            self.init_message_ind().text = "hi"
            self.send()
            self.send()

    async def body():
        async with Listener() as listener:
            async with running(Original(listener.uri)):
                reader, _ = await listener.accept()
                assert await read_user_messages(reader, 3) == [
                    CONNECT_REQ[4:],
                    b"\x12\x04\x12\x02hi",
                    b"\x12\x04\x12\x02hi",
                ]

    run(body())


def test_send_without_a_message_needs_a_prepared_one():
    with pytest.raises(RuntimeError, match="init_<message>"):
        Client("tcp://127.0.0.1:1").send()
