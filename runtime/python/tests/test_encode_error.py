"""Required fields are of proto2, which the example is not."""

import asyncio

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from support import PING, PONG, Listener, raw_client, running
from virtual_time import run

from messi_runtime import ClientBase, DisconnectReason, ServerBase, ServerClient

FILE = descriptor_pb2.FileDescriptorProto(name="strict.proto", package="strict", syntax="proto2")


def add_message(message_name, **field):
    message = FILE.message_type.add(name=message_name)
    message.field.add(number=1, **field)
    return message


STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
REQUIRED = descriptor_pb2.FieldDescriptorProto.LABEL_REQUIRED
OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
add_message("Strict", name="needed", type=STRING, label=REQUIRED)
for direction in ("ClientToServer", "ServerToClient"):
    add_message(
        direction,
        name="strict",
        type=MESSAGE,
        type_name=".strict.Strict",
        label=OPTIONAL,
        oneof_index=0,
    ).oneof_decl.add(name="messages")

POOL = descriptor_pool.DescriptorPool()
POOL.Add(FILE)


def message_class(name):
    descriptor = POOL.FindMessageTypeByName(f"strict.{name}")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(POOL).GetPrototype(descriptor)


Strict = message_class("Strict")
ClientToServer = message_class("ClientToServer")
ServerToClient = message_class("ServerToClient")


class Client(ClientBase, sends=ClientToServer, receives=ServerToClient):
    def __init__(self, uri):
        super().__init__(uri)
        self.reasons = asyncio.Queue()

    async def on_disconnected(self, reason):
        self.reasons.put_nowait(reason)


class StrictServerClient(ServerClient, sends=ServerToClient):
    pass


class Server(ServerBase, client=StrictServerClient, receives=ClientToServer):
    def __init__(self):
        super().__init__("tcp://127.0.0.1:0")
        self.reasons = asyncio.Queue()

    async def on_client_disconnected(self, client, reason):
        self.reasons.put_nowait(reason)


def test_a_message_without_a_required_field_ends_the_clients_connection():
    class Sends(Client):
        async def on_connected(self):
            self._messi_send("strict", Strict())

    async def body():
        async with Listener() as listener:
            client = Sends(listener.uri)
            async with running(client):
                assert await client.reasons.get() is DisconnectReason.MESSAGE_ENCODE_ERROR

    run(body())


def test_a_prepared_message_without_a_required_field_does_too():
    class Prepares(Client):
        async def on_connected(self):
            self._messi_prepare("strict", Strict)
            self._messi_send_unique(None)

    async def body():
        async with Listener() as listener:
            client = Prepares(listener.uri)
            async with running(client):
                assert await client.reasons.get() is DisconnectReason.MESSAGE_ENCODE_ERROR

    run(body())


def test_a_broadcast_without_a_required_field_is_sent_to_nobody(caplog):
    async def body():
        server = Server()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(PING)
            assert await reader.readexactly(4) == PONG
            assert not server._messi_broadcast("strict", Strict(), None)
            assert server._messi_broadcast("strict", Strict(needed="x"), None)
            assert await reader.readexactly(9) == b"\x02\x00\x00\x05\x0a\x03\x0a\x01x"
            assert len(server.clients) == 1

    run(body())
    assert "A strict.Strict cannot be sent: required fields are missing: needed" in caplog.text


def test_a_received_message_without_a_required_field_is_a_decode_error():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(b"\x02\x00\x00\x02\x0a\x00")
                assert await client.reasons.get() is DisconnectReason.MESSAGE_DECODE_ERROR

    run(body())
