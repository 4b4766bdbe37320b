"""Two peers with schemas that are not the same on the wire: what differs, and how to say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .farewell import harmless
from .schema_tlvs import PeerSchema, name_on_wire
from .wire_schema import Schema, SchemaDirection

_MOST_TOLD = 8


@dataclass
class DirectionMismatch:
    """What differs in what one side sends. The lists have the numbers of members; they are empty if
    the peer has not told its members, as with hundreds of them."""

    differs: bool = False
    unknown_here: list[int] = field(default_factory=list)
    """Only the peer has them."""

    unknown_there: list[int] = field(default_factory=list)
    """Only this side has them."""

    changed: list[int] = field(default_factory=list)
    """Both have them, with other types."""


class SchemaMismatch:
    """How the schema of a peer differs from the one here. That need not be wrong: a schema may
    grow, and then one side has members that the other does not know."""

    def __init__(self, ours: Schema, theirs: PeerSchema, peer_is_server: bool) -> None:
        self.protocol = harmless(name_on_wire(ours))
        """The name of the protocol here."""

        self.peer_protocol = harmless(theirs.protocol or b"")
        """That of the peer's. If they differ, the rest says little."""

        up = _compare(ours.client_to_server, theirs.client_to_server, theirs.tells_members)
        down = _compare(ours.server_to_client, theirs.server_to_client, theirs.tells_members)
        self.sent, self.received = (up, down) if peer_is_server else (down, up)
        self._schema = ours
        self._peer_is_server = peer_is_server

    def text(self) -> str:
        """A sentence, such as "server has another chat: sends 7 and 9, unknown here". It says what
        is worst first."""
        peer = "server" if self._peer_is_server else "client"
        if self.protocol != self.peer_protocol:
            return f'{peer} speaks "{self.peer_protocol}", not "{self.protocol}"'
        to_peer, from_peer = self._schema.client_to_server, self._schema.server_to_client
        if not self._peer_is_server:
            to_peer, from_peer = from_peer, to_peer
        parts = [
            f"{before} {_listed(numbers, direction)}{behind}"
            for before, numbers, direction, behind in (
                ("has other types for", self.sent.changed, to_peer, ""),
                ("sends other types for", self.received.changed, from_peer, ""),
                ("does not know", self.sent.unknown_there, to_peer, ""),
                ("sends", self.received.unknown_here, from_peer, ", unknown here"),
                ("does not send", self.received.unknown_there, from_peer, ""),
                ("knows", self.sent.unknown_here, to_peer, ", unknown here"),
            )
            if numbers
        ]
        return f"{peer} has another {self.protocol}: {'; '.join(parts) or self._in_short(peer)}"

    def _in_short(self, peer: str) -> str:
        if not self.received.differs:
            return f"what {peer}s get differs"
        if not self.sent.differs:
            return f"what {peer}s send differs"
        return f"what {peer}s send and get differs"


def find_mismatch(
    ours: Schema, theirs: PeerSchema, *, peer_is_server: bool
) -> SchemaMismatch | None:
    """`None` if the schemas are the same on the wire, or the peer has said nothing of its own."""
    if theirs.protocol is None:
        return None
    mismatch = SchemaMismatch(ours, theirs, peer_is_server)
    is_same = (
        theirs.protocol == name_on_wire(ours)
        and not mismatch.sent.differs
        and not mismatch.received.differs
    )
    return None if is_same else mismatch


def _compare(
    ours: SchemaDirection, theirs: SchemaDirection, tells_members: bool
) -> DirectionMismatch:
    found = DirectionMismatch(ours.fingerprint != theirs.fingerprint)
    if found.differs and tells_members:
        here = {member.number: member.digest for member in ours.members}
        there = {member.number: member.digest for member in theirs.members}
        found.unknown_here = [number for number in there if number not in here]
        found.unknown_there = [number for number in here if number not in there]
        found.changed = [
            number for number in here if number in there and here[number] != there[number]
        ]
    return found


def _listed(numbers: Sequence[int], direction: SchemaDirection) -> str:
    """`2 (message_ind) and 7`; only the numbers of those that are unknown here."""
    names = {member.number: member.name for member in direction.members}
    told = len(numbers) if len(numbers) <= _MOST_TOLD + 1 else _MOST_TOLD
    words = [f"{n} ({names[n]})" if n in names else str(n) for n in numbers[:told]]
    if told < len(numbers):
        words.append(f"{len(numbers) - told} more")
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
