"""What no message of the schema is ends the connection with MESSAGE_DECODE_ERROR, whatever the
implementation of protobuf makes of it."""

import pytest
from recursive import ClientToServer, RecursiveServer, Tree, field, tree
from support import is_closed, raw_client, running
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason, ServerOptions
from messi_runtime.schema import Incoming, Outgoing

BAD = {
    "text that is not UTF-8": field(2, b"\xff\xfe"),
    "a key that is not UTF-8": field(3, field(1, b"\xff")),
    "101 levels": tree(100),
    "5000 levels": tree(4999),
    "20000 levels": tree(19_999),
    "groups in groups": b"\x7b" * 5000 + b"\x7c" * 5000,
    "400000 groups in groups": b"\x7b" * 400_000 + b"\x7c" * 400_000,
    "wire type 6": b"\x0e",
    "a negative length": b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "a cut message": b"\x0a\x05abc",
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_message_ends_the_connection_with_its_reason(what):
    member = field(1, BAD[what])

    async def body():
        server = RecursiveServer()
        async with running(server), raw_client(server) as (reader, writer):
            writer.write(b"\x01" + len(member).to_bytes(3, "big") + member)
            assert await is_closed(reader)
            assert await server.reasons.get() is DisconnectReason.MESSAGE_DECODE_ERROR
            assert server.received == []

    run(body())


@pytest.mark.parametrize("raised", [UnicodeDecodeError("utf-8", b"", 0, 1, ""), RecursionError()])
def test_whatever_protobuf_raises_is_a_decode_error(raised):
    class Raising:
        DESCRIPTOR = ClientToServer.DESCRIPTOR

        def ParseFromString(self, _payload):
            raise raised

    assert Incoming(Raising).decode(b"") is None


def test_100_levels_below_the_outermost_message_are_accepted():
    async def body():
        server = RecursiveServer()
        async with running(server), raw_client(server) as (_, writer):
            member = field(1, tree(99))
            writer.write(b"\x01" + len(member).to_bytes(3, "big") + member)
            assert (await server.messages.get()).DESCRIPTOR.name == "Tree"

    run(body())


def test_100_levels_can_be_sent():
    deep = Tree()
    level = deep
    for _ in range(99):
        level = level.sub
        level.SetInParent()
    encoded = Outgoing(ClientToServer).encode("tree", deep)
    assert encoded == field(1, tree(99, b""))
    assert Incoming(ClientToServer).decode(encoded).name == "tree"


def test_maps_count_as_the_messages_that_they_are_made_of():
    def maps(levels):
        payload = b""
        for _ in range(levels):
            payload = field(4, field(1, b"key") + field(2, payload))
        return field(1, payload)

    incoming = Incoming(ClientToServer)
    assert incoming.decode(maps(49)).name == "tree"
    assert incoming.decode(maps(50)) is None


def test_fewer_levels_may_be_allowed():
    async def body():
        server = RecursiveServer(ServerOptions(max_decode_depth=5))
        async with running(server), raw_client(server) as (reader, writer):
            for levels in (4, 5):
                member = field(1, tree(levels))
                writer.write(b"\x01" + len(member).to_bytes(3, "big") + member)
            assert (await server.messages.get()).DESCRIPTOR.name == "Tree"
            assert await is_closed(reader)
            assert await server.reasons.get() is DisconnectReason.MESSAGE_DECODE_ERROR
            assert len(server.received) == 1

    run(body())


@pytest.mark.parametrize("options", [ClientOptions, ServerOptions])
@pytest.mark.parametrize("depth", [0, -1, 101])
def test_more_levels_than_protobuf_allows_are_a_value_error(options, depth):
    with pytest.raises(ValueError, match="max_decode_depth is 1 to 100"):
        options(max_decode_depth=depth)


def test_fields_that_the_schema_does_not_have_are_bound_by_protobufs_own_limit():
    unknown = field(1, field(15, field(1, field(1, b"\x12\x01x"))))
    assert Incoming(ClientToServer).decode(unknown, 1).name == "tree"
