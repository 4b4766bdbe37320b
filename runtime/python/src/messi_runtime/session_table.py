"""The sessions of a server."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from .disconnect_reason import DisconnectReason
from .server_client import ServerClient
from .session_frames import ID_SIZE, SECRET_SIZE, Hello
from .session_line import SessionLine
from .session_loss import SessionLossReason

Principal = tuple[str, str]
"""Whom a session belongs to."""


@dataclass(eq=False)
class Entry:
    line: SessionLine
    client: ServerClient
    principal: Principal
    attempt: int
    """That of the client's latest connection."""

    expiry: asyncio.TimerHandle | None = None


class Lost(NamedTuple):
    """A session that cannot be resumed."""

    reason: SessionLossReason
    rx: int | None = None
    """How many messages were handled."""


class _Tombstone(NamedTuple):
    secret: bytes
    principal: Principal
    lost: Lost
    until: float


class Stale(Exception):
    """A later connection of the session has come already."""


class Busy(Exception):
    """The session is over, and the hook of its last message is still running."""


class SessionTable:
    """They are found by their id, and wait for their clients for so long."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._entries: dict[bytes, Entry] = {}
        self._detached: dict[Entry, None] = {}  # the longest first
        self._tombstones: OrderedDict[bytes, _Tombstone] = OrderedDict()

    @property
    def detached(self) -> int:
        """How many have no connection."""
        return len(self._detached)

    def add(
        self, line: SessionLine, client: ServerClient, principal: Principal, attempt: int
    ) -> Entry:
        """A new one, which gets its id and secret."""
        line.session.id = secrets.token_bytes(ID_SIZE)
        line.session.secret = secrets.token_bytes(SECRET_SIZE)
        entry = Entry(line, client, principal, attempt)
        self._entries[line.session.id] = entry
        line.handle_detached = partial(self._handle_detached, entry)
        line.handle_ended = partial(self.handle_resumed, entry)
        return entry

    def find(self, hello: Hello, principal: Principal) -> Entry | Lost:
        """The session to be resumed. Raises `Stale` and `Busy`. A wrong secret or principal is told
        nothing else than a wrong id."""
        entry = self._entries.get(hello.id)
        if entry is not None:
            if not _matches(hello, principal, entry.line.session.secret, entry.principal):
                return Lost(SessionLossReason.UNKNOWN)
            if hello.attempt <= entry.attempt:
                raise Stale
            if entry.line.over:
                raise Busy
            entry.attempt = hello.attempt
            return entry
        self._bury_no_more()
        tombstone = self._tombstones.get(hello.id)
        if tombstone is None or not _matches(
            hello, principal, tombstone.secret, tombstone.principal
        ):
            return Lost(SessionLossReason.UNKNOWN)
        return tombstone.lost

    def handle_resumed(self, entry: Entry) -> None:
        """It does not wait for its client any more."""
        self._detached.pop(entry, None)
        if entry.expiry is not None:
            entry.expiry.cancel()
            entry.expiry = None

    def evict(self) -> None:
        """The one that has been without a connection for longest makes room; first one whose client
        has never said that it knows it."""
        unconfirmed = (entry for entry in self._detached if not entry.line.confirmed)
        entry = next(unconfirmed, next(iter(self._detached)))
        entry.line.lose(SessionLossReason.EVICTED, DisconnectReason.SESSION_LOST)

    def bury(self, entry: Entry) -> None:
        """It is over, and so are its hooks; a client that comes back for it is told why."""
        line = entry.line
        self._entries.pop(line.session.id, None)
        reason = SessionLossReason.CLOSED if line.loss is None else line.loss.reason
        until = asyncio.get_running_loop().time() + _TOMBSTONE_STAYS
        lost = Lost(reason, line.session.rx)
        session = line.session
        self._tombstones[session.id] = _Tombstone(session.secret, entry.principal, lost, until)
        self._bury_no_more()

    def _handle_detached(self, entry: Entry) -> None:
        self._detached[entry] = None
        entry.expiry = asyncio.get_running_loop().call_later(self._timeout, self._expire, entry)

    def _expire(self, entry: Entry) -> None:
        entry.line.lose(SessionLossReason.EXPIRED, DisconnectReason.SESSION_LOST)

    def _bury_no_more(self) -> None:
        """There are not too many tombstones, and none is too old."""
        now = asyncio.get_running_loop().time()
        while self._tombstones:
            session_id, oldest = next(iter(self._tombstones.items()))
            if len(self._tombstones) <= _MOST_TOMBSTONES and now < oldest.until:
                return
            del self._tombstones[session_id]


def _matches(hello: Hello, principal: Principal, secret: bytes, owner: Principal) -> bool:
    return hmac.compare_digest(hello.secret, secret) and principal == owner


_MOST_TOMBSTONES = 10_000
_TOMBSTONE_STAYS = 600.0  # seconds
