"""How a client introduces itself to a server that offers it."""

from __future__ import annotations

import enum
from collections.abc import Callable

from .disconnect_reason import DisconnectReason
from .frame import FrameType
from .frame_decoder import Frame
from .schema_mismatch import SchemaMismatch, find_mismatch
from .schema_tlvs import PeerSchema
from .session_connection import SessionConnection
from .session_frames import VERSION, BadFrame, Hello, Offer, Welcome, read_tlvs
from .session_mode import SessionMode
from .wire_schema import Schema


class _Phase(enum.Enum):
    PROBE = enum.auto()
    """The first frame says whether the server offers anything."""

    AWAIT = enum.auto()
    """The WELCOME is to come."""

    KNOWN = enum.auto()


class ClientIntroduction:
    def __init__(
        self,
        mode: SessionMode,
        schema: Schema | None,
        make_hello: Callable[[bool], Hello],
        handle_known: Callable[[Welcome | None], None],
        handle_mismatch: Callable[[Welcome, SchemaMismatch], None],
    ) -> None:
        """`make_hello(sessions)` is called when the server has offered them, or only the
        introduction. `handle_known`: with the server's answer, or `None` for a server that offers
        nothing. `handle_mismatch`: with the answer of a server that has another schema, instead."""
        self._mode = mode
        self._schema = schema
        self._handle_mismatch = handle_mismatch
        self._make_hello = make_hello
        self._handle_known = handle_known
        self._phase = _Phase.PROBE

    def takes_message(self) -> bool:
        if self._phase is _Phase.PROBE:
            self._be_known(None)
        # Meanwhile the server may take the client for one that offers nothing, and greet it.
        return self._phase is _Phase.KNOWN

    def handle_frame(self, connection: SessionConnection, frame: Frame) -> bool:
        if self._phase is _Phase.PROBE:
            return self._handle_first(connection, frame)
        if self._phase is _Phase.AWAIT:
            return self._handle_answer(connection, frame)
        return False

    def handle_waiting(self, connection: SessionConnection) -> None:
        pass

    def handle_silence(self, connection: SessionConnection) -> None:
        pass

    def _handle_first(self, connection: SessionConnection, frame: Frame) -> bool:
        if frame.type != FrameType.OFFER:
            if frame.type == FrameType.CLOSE:
                return False
            self._be_known(None)
            return False
        try:
            offer = Offer.decode(frame.payload)
        except BadFrame:
            connection.close(DisconnectReason.PROTOCOL_ERROR)
            return True
        if not offer.min_version <= VERSION <= offer.max_version:
            self._be_known(None)
            return True
        sessions = offer.sessions and self._mode is not SessionMode.OFF
        if self._mode is SessionMode.REQUIRED and not sessions:
            self._be_known(None)
            return True
        self._phase = _Phase.AWAIT
        connection.say(self._make_hello(sessions).encode())
        return True

    def _handle_answer(self, connection: SessionConnection, frame: Frame) -> bool:
        if frame.type == FrameType.CLOSE:
            connection.handle_last(frame)
            return True
        if frame.type != FrameType.WELCOME:
            return False
        try:
            welcome = Welcome.decode(frame.payload)
            theirs = PeerSchema.of(read_tlvs(welcome.tlvs))
        except BadFrame:
            connection.close(DisconnectReason.PROTOCOL_ERROR)
            return True
        mismatch = self._schema and find_mismatch(self._schema, theirs, peer_is_server=True)
        if mismatch:
            self._phase = _Phase.KNOWN
            self._handle_mismatch(welcome, mismatch)
        else:
            self._be_known(welcome)
        return True

    def _be_known(self, welcome: Welcome | None) -> None:
        self._phase = _Phase.KNOWN
        self._handle_known(welcome)
