"""Gives a server's clients the sessions that they ask for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .call_frame import CALLS_FEATURE
from .disconnect_reason import DisconnectReason
from .link import Link, LinkSettings
from .options import ServerOptions
from .schema_tlvs import encode_schema
from .server_client import ServerClient
from .session_frames import MOST_SIZE, MOST_TLVS, Hello, Welcome
from .session_line import SessionLine
from .session_link import SessionLink
from .session_table import Busy, Entry, Lost, Principal, SessionTable, Stale
from .wire_schema import Schema


class ServerSessions:
    def __init__(
        self,
        options: ServerOptions,
        settings: LinkSettings,
        links: set[Link | SessionLine],
        schema: Schema | None,
    ) -> None:
        """`links`: all of the server. A session is there in place of its link."""
        self.table = SessionTable(options.session_timeout)
        self.schema = schema
        self._tlvs = b"" if schema is None else encode_schema(schema, MOST_TLVS)
        self._options = options
        self._settings = settings
        self._links = links

    def welcome(self, client: ServerClient, link: SessionLink, hello: Hello) -> bool:
        """Answers HELLO. False if the connection is refused instead."""
        features = 0 if self._settings.make_calls is None else hello.features & CALLS_FEATURE
        if hello.no_session:
            most = self._options.max_payload_size
            link.say(Welcome(max_payload_size=most, tlvs=self._tlvs, features=features).encode())
            if features:
                link.begin_calls()
            return True
        principal = _principal_of(client)
        lost: Lost | None = None
        if hello.resume:
            try:
                found = self.table.find(hello, principal)
            except Stale:
                link.close(DisconnectReason.REPLACED, "The session has gone on elsewhere.")
                return False
            except Busy:
                link.close(DisconnectReason.TOO_MANY_CLIENTS, "The session is ending.")
                return False
            if isinstance(found, Entry):
                if self._resume(found, client, link, hello, features):
                    return True
                assert found.line.loss is not None
                found = Lost(found.line.loss.reason, found.line.session.rx)
            lost = found
        self._begin(client, link, hello, principal, lost, features)
        return True

    def make_room(self, clients: Collection[ServerClient]) -> None:
        """One of the clients is new. Strangers that are not accepted yet take nobody's place."""
        while self.table.detached > 0:
            if sum(client.connected for client in clients) <= self._options.max_clients:
                return
            self.table.evict()

    def _resume(
        self, entry: Entry, client: ServerClient, link: SessionLink, hello: Hello, features: int
    ) -> bool:
        line = entry.line
        line.prepare()
        if not line.attach(link, hello.rx, hello.retain, hello.max_payload_size):
            return False
        self.table.handle_resumed(entry)
        link.say(self._welcome(line, resumed=True, features=features).encode())
        line.begin()
        if features:
            line.begin_calls()
        self._links.discard(link)
        entry.client._messi_come_back(client)
        client._messi_link = SessionLine.ended(self._settings, DisconnectReason.REPLACED)
        return True

    def _begin(
        self,
        client: ServerClient,
        link: SessionLink,
        hello: Hello,
        principal: Principal,
        lost: Lost | None,
        features: int,
    ) -> None:
        line = SessionLine(self._settings)
        client._messi_entry = self.table.add(line, client, principal, hello.attempt)
        line.attach(link, 0, hello.retain, hello.max_payload_size)
        reason: dict[str, Any] = {}
        if lost is not None:
            reason = {"reason": lost.reason, "previous_rx": lost.rx}
        link.say(self._welcome(line, features=features, **reason).encode())
        line.begin()
        if features:
            line.begin_calls()
        self._links.discard(link)
        self._links.add(line)
        client._messi_link = line

    def _welcome(self, line: SessionLine, **more: Any) -> Welcome:
        return Welcome(
            window=self._options.session_timeout,
            retain=min(self._options.max_pending_bytes, MOST_SIZE),
            max_payload_size=self._options.max_payload_size,
            rx=line.session.rx,
            id=line.session.id,
            secret=line.session.secret,
            tlvs=self._tlvs,
            **more,
        )


def _principal_of(client: ServerClient) -> Principal:
    if client._messi_principal:
        return "name", client._messi_principal
    if (certificate := client.peer_certificate()) is not None:
        return "certificate", certificate.sha256.hex()
    if (credentials := client.peer_credentials()) is not None:
        return "user", str(credentials.uid)
    return "", ""
