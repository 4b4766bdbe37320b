"""What HELLO and WELCOME say of the schema, in two TLVs. The second one tells which members differ;
it is left out where there is no room for it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import pairwise

from .session_frames import BadFrame, encode_tlv
from .wire_schema import Schema, SchemaDirection, SchemaMember

PROTOCOL_TLV = 2
MEMBERS_TLV = 3

_MOST_NAME = 255
_FINGERPRINT_SIZE = 16
_COUNT = struct.Struct(">H")
_MEMBER = struct.Struct(">II")


class PeerSchema:
    """What a peer says of its schema, in TLVs that may come in any order, or not at all. Of several
    of one type the first counts."""

    def __init__(self) -> None:
        self.protocol: bytes | None = None
        """From the network: it may be any text."""

        self.client_to_server = SchemaDirection()
        self.server_to_client = SchemaDirection()
        self.tells_members = False

    @staticmethod
    def of(tlvs: Mapping[int, bytes]) -> PeerSchema:
        """Raises `BadFrame`."""
        schema = PeerSchema()
        for kind, value in tlvs.items():
            schema.read(kind, value)
        return schema

    def read(self, kind: int, value: bytes) -> None:
        """The value of a TLV, if it is one of the two. Raises `BadFrame`."""
        if kind == PROTOCOL_TLV and self.protocol is None:
            self._read_protocol(value)
        elif kind == MEMBERS_TLV and not self.tells_members:
            self._read_members(value)

    def _read_protocol(self, value: bytes) -> None:
        name_end = 1 + value[0] if value else 1
        middle = name_end + _FINGERPRINT_SIZE
        end = middle + _FINGERPRINT_SIZE
        if end > len(value):
            raise BadFrame
        self.protocol = value[1:name_end]
        members = self.client_to_server.members
        self.client_to_server = SchemaDirection(value[name_end:middle], members)
        members = self.server_to_client.members
        self.server_to_client = SchemaDirection(value[middle:end], members)

    def _read_members(self, value: bytes) -> None:
        members, begin = _read_direction(value, 0)
        self.client_to_server = SchemaDirection(self.client_to_server.fingerprint, members)
        members, _ = _read_direction(value, begin)
        self.server_to_client = SchemaDirection(self.server_to_client.fingerprint, members)
        self.tells_members = True


def name_on_wire(schema: Schema) -> bytes:
    """The protocol's name, or as much of it as there is room for."""
    return schema.protocol.encode()[:_MOST_NAME]


def encode_schema(schema: Schema, room: int) -> bytes:
    """The TLVs of `schema`, as many of them as `room` bytes have room for."""
    name = name_on_wire(schema)
    directions = schema.client_to_server, schema.server_to_client
    fingerprints = b"".join(direction.fingerprint for direction in directions)
    members = b"".join(_encode_members(direction) for direction in directions)
    tlvs = b""
    for kind, value in (
        (PROTOCOL_TLV, bytes([len(name)]) + name + fingerprints),
        (MEMBERS_TLV, members),
    ):
        if len(tlvs) + 4 + len(value) <= min(room, 0xFFFF):
            tlvs += encode_tlv(kind, value)
    return tlvs


def _encode_members(direction: SchemaDirection) -> bytes:
    members = (_MEMBER.pack(member.number, member.digest) for member in direction.members)
    return _COUNT.pack(min(len(direction.members), 0xFFFF)) + b"".join(members)


def _read_direction(value: bytes, begin: int) -> tuple[list[SchemaMember], int]:
    """What is there, and where it ends."""
    if begin + _COUNT.size > len(value):
        raise BadFrame
    (count,) = _COUNT.unpack_from(value, begin)
    begin += _COUNT.size
    end = begin + count * _MEMBER.size
    if end > len(value):
        raise BadFrame
    members = [SchemaMember(*each) for each in _MEMBER.iter_unpack(value[begin:end])]
    numbers = [0, *(member.number for member in members)]
    if any(after <= before for before, after in pairwise(numbers)):
        raise BadFrame
    return members, end
