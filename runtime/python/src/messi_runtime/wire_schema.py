"""What matters on the wire of a protocol's schema: see doc/generated-code.md."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SchemaMember:
    number: int
    digest: int
    """The same for types that are the same on the wire."""

    name: str = ""
    """"" if a peer has told it."""


@dataclass(frozen=True)
class SchemaDirection:
    """What one side sends."""

    fingerprint: bytes = bytes(16)
    """The same for schemas that are the same on the wire."""

    members: list[SchemaMember] = field(default_factory=list)
    """By number."""


class Schema:
    """From a text of generated code:

    client_to_server 8b1c1e9d0d3a5e0f 2d7f6c1b9a8e4d3c 2
    1 9198a0da connect_req
    2 0d6ba1d2 message_ind
    server_to_client 13c39fc916907042 519e547f9f7c5d95 1
    2 0d6ba1d2 message_ind
    chat
    """

    def __init__(self, text: str) -> None:
        self.client_to_server, rest = _read_direction(text)
        self.server_to_client, self.protocol = _read_direction(rest)


def _read_direction(text: str) -> tuple[SchemaDirection, str]:
    first, rest = text.split("\n", 1)
    _, high, low, count = first.split(" ")
    members = []
    for _ in range(int(count)):
        line, rest = rest.split("\n", 1)
        number, digest, name = line.split(" ")
        members.append(SchemaMember(int(number), int(digest, 16), name))
    return SchemaDirection(bytes.fromhex(high + low), members), rest
