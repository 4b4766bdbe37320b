"""The same as test/session/schema_tlvs_test.cc, with the same bytes."""

import random

import chat_client
import chat_server
import pytest

from messi_runtime.schema_tlvs import PeerSchema, encode_schema
from messi_runtime.session_frames import BadFrame, decode_tlvs
from messi_runtime.wire_schema import Schema, SchemaMember

SCHEMA = Schema(
    "client_to_server 0102030405060708 090a0b0c0d0e0f10 2\n"
    "1 a1a2a3a4 first\n"
    "536870911 ffffffff last\n"
    "server_to_client f1f2f3f4f5f6f7f8 f9fafbfcfdfeff00 1\n"
    "300 00000005 only\n"
    "chat"
)
PROTOCOL = (
    b"\x04chat"
    b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
    b"\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff\x00"
)
MEMBERS = (
    b"\x00\x02\x00\x00\x00\x01\xa1\xa2\xa3\xa4\x1f\xff\xff\xff\xff\xff\xff\xff"
    b"\x00\x01\x00\x00\x01\x2c\x00\x00\x00\x05"
)
PROTOCOL_TLV = b"\x00\x02\x00\x25" + PROTOCOL
MEMBERS_TLV = b"\x00\x03\x00\x1c" + MEMBERS


def read(*tlvs):
    peer = PeerSchema()
    for kind, value in tlvs:
        peer.read(kind, value)
    return peer


def direction(*numbers):
    members = b"".join(number.to_bytes(4, "big") + b"abcd" for number in numbers)
    return len(numbers).to_bytes(2, "big") + members


def test_a_schema_is_told_in_two_tlvs_or_one_if_there_is_no_room():
    both = PROTOCOL_TLV + MEMBERS_TLV
    assert encode_schema(SCHEMA, 1024) == both
    assert encode_schema(SCHEMA, len(both)) == both
    assert encode_schema(SCHEMA, len(both) - 1) == PROTOCOL_TLV
    assert encode_schema(SCHEMA, len(PROTOCOL_TLV)) == PROTOCOL_TLV


@pytest.mark.parametrize("tlvs", [PROTOCOL_TLV + MEMBERS_TLV, MEMBERS_TLV + PROTOCOL_TLV])
def test_what_is_told_is_read_in_any_order(tlvs):
    peer = read(*decode_tlvs(tlvs))
    assert peer.protocol == b"chat"
    assert peer.tells_members
    assert peer.client_to_server.fingerprint == SCHEMA.client_to_server.fingerprint
    assert peer.server_to_client.fingerprint == SCHEMA.server_to_client.fingerprint
    assert peer.client_to_server.members == [
        SchemaMember(1, 0xA1A2A3A4),
        SchemaMember(536870911, 0xFFFFFFFF),
    ]
    assert peer.server_to_client.members == [SchemaMember(300, 5)]


def test_a_tlv_may_grow_and_others_are_none_of_ours():
    assert read((2, PROTOCOL + b"more"), (1, b""), (4, b"?")).protocol == b"chat"
    assert read((3, MEMBERS + b"more")).tells_members


def test_of_several_tlvs_of_a_type_the_first_counts():
    peer = read((2, PROTOCOL), (2, b"\x05other" + b"f" * 32), (3, MEMBERS), (3, bytes(4)))
    assert peer.protocol == b"chat"
    assert peer.client_to_server.fingerprint == SCHEMA.client_to_server.fingerprint
    assert len(peer.client_to_server.members) == 2


def test_a_value_that_is_too_short_is_not_well_formed():
    for kind, value in ((2, PROTOCOL), (3, MEMBERS), (3, b"\xff\xff\xff")):
        for size in range(len(value)):
            with pytest.raises(BadFrame):
                read((kind, value[:size]))


@pytest.mark.parametrize("numbers", [(1, 1), (2, 1), (0,)])
def test_members_are_by_number_and_none_is_told_twice(numbers):
    read((3, direction(1, 2, 9) + direction()))
    with pytest.raises(BadFrame):
        read((3, direction(*numbers) + direction()))
    with pytest.raises(BadFrame):
        read((3, direction() + direction(*numbers)))


def test_any_bytes_are_read_or_refused():
    seeded = random.Random(1)
    refused = 0
    for _ in range(5_000):
        value = bytes(seeded.choice([0, 1, 2, seeded.randrange(256)]) for _ in range(40))
        try:
            read((seeded.randrange(5), value[: seeded.randrange(40)]))
        except BadFrame:
            refused += 1
    assert refused > 100


def test_a_name_is_told_as_far_as_there_is_room():
    schema = Schema(f"client_to_server {ZEROS}\nserver_to_client {ZEROS}\n{LONG}")
    assert read(*decode_tlvs(encode_schema(schema, 1024))).protocol == LONG[:255].encode()


def test_a_schema_with_too_many_members_is_told_without_them():
    members = "".join(f"{i} 00000000 member\n" for i in range(1, 70_001))
    schema = Schema(
        f"client_to_server {ZERO} {ZERO} 70000\n{members}server_to_client {ZERO} {ZERO} 0\nchat"
    )
    assert len(encode_schema(schema, 1024)) == len(PROTOCOL_TLV)
    assert len(encode_schema(schema, 1 << 30)) == len(PROTOCOL_TLV)


def test_generated_classes_have_their_schema():
    for side in (chat_client.ChatClient, chat_server.ChatServer):
        schema = side._messi_schema
        assert schema.protocol == "chat"
        numbers = [member.number for member in schema.client_to_server.members]
        assert numbers == list(chat_client.ChatClient.SENDS)
        names = [member.name for member in schema.server_to_client.members]
        assert names == list(chat_client.ChatClient.RECEIVES.values())


ZERO = "0" * 16
ZEROS = f"{ZERO} {ZERO} 0"
LONG = "n" * 300
