import asyncio

import chat_pb2
from support import (
    CONNECT_REQ,
    CONNECT_RSP,
    HI,
    HI_IND,
    PING,
    PONG,
    Server,
    raw_client,
    read_user_messages,
    running,
)
from virtual_time import run

from messi_runtime import DisconnectReason


def test_a_broadcast_reaches_all_or_all_but_one():
    async def body():
        server = Server()
        async with running(server):
            async with raw_client(server) as (one, writer), raw_client(server) as (two, _):
                await server.events.until("connected", 2)
                server.broadcast_message_ind(HI)
                server.broadcast(HI, except_client=server.find_client(1))
                assert await two.readexactly(32) == HI_IND + HI_IND
                assert await one.readexactly(16) == HI_IND
                writer.write(PING)
                assert await one.readexactly(4) == PONG

    run(body())


def test_a_broadcast_with_a_client_that_has_failed_reaches_the_others():
    async def body():
        server = Server()
        async with running(server):
            async with raw_client(server) as (_, failing), raw_client(server) as (reader, _):
                await server.events.until("connected", 2)
                failing.transport.abort()
                server.broadcast(HI)
                assert await reader.readexactly(16) == HI_IND
                await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)
                server.broadcast(HI)
                assert await reader.readexactly(16) == HI_IND

    run(body())


def test_a_reply_goes_to_the_client_whose_message_is_handled():
    class Slow(Server):
        async def on_message_ind(self, client, message):
            # Meanwhile the other client's message is handled, by another call of this hook.
            await asyncio.sleep(1 if message.text == "slow" else 0)
            self.reply_message_ind(message)
            asyncio.get_running_loop().create_task(self.later(message))

        async def later(self, message):
            await asyncio.sleep(0.5)
            self.reply(message)

    def request(text):
        payload = chat_pb2.ClientToServer(
            message_ind=chat_pb2.MessageInd(text=text)
        ).SerializeToString()
        return b"\x01" + len(payload).to_bytes(3, "big") + payload

    async def body():
        server = Slow()
        async with running(server):
            async with raw_client(server) as (one, write_one):
                async with raw_client(server) as (two, write_two):
                    write_one.write(request("slow"))
                    write_two.write(request("fast"))
                    for reader, text in ((one, b"slow"), (two, b"fast")):
                        payloads = await read_user_messages(reader, 2)
                        assert all(text in payload for payload in payloads)

    run(body())


def test_a_reply_outside_of_a_message_hook_goes_nowhere():
    async def body():
        server = Server()
        async with running(server):
            async with raw_client(server) as (reader, writer):
                await server.events.until("connected", 1)
                server.reply(HI)
                writer.write(PING)
                assert await reader.readexactly(4) == PONG

    run(body())


def test_a_reply_is_that_servers_whose_hook_runs():
    class Nosy(Server):
        other = None

        async def on_connect_req(self, client, message):
            self.other.reply(HI)
            await super().on_connect_req(client, message)

    async def body():
        other = Server()
        nosy = Nosy()
        nosy.other = other
        async with running(other, nosy), raw_client(nosy) as (reader, writer):
            writer.write(CONNECT_REQ)
            assert await reader.readexactly(6) == CONNECT_RSP

    run(body())


def test_a_message_that_the_schema_does_not_have_can_be_replied_to():
    class Older(Server):
        async def on_unknown_message(self, client, field_number):
            self.reply(chat_pb2.MessageInd(user=str(field_number)))

    async def body():
        server = Older()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(b"\x01\x00\x00\x02\x7a\x00")
            message = chat_pb2.ServerToClient(message_ind=chat_pb2.MessageInd(user="15"))
            payload = message.SerializeToString()
            frame = b"\x02" + len(payload).to_bytes(3, "big") + payload
            assert await reader.readexactly(len(frame)) == frame

    run(body())
