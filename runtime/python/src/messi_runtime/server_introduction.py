"""How a server gets to know a client."""

from __future__ import annotations

import enum
from collections.abc import Callable

from .disconnect_reason import DisconnectReason
from .frame import FrameType
from .frame_decoder import Frame
from .schema_tlvs import PeerSchema
from .session_connection import SessionConnection
from .session_frames import TLV_AUTH_TOKEN, VERSION, BadFrame, Hello, read_tlvs
from .session_mode import SessionMode


class Acquaintance(enum.Enum):
    """What is known of a client."""

    NONE = enum.auto()

    PROVISIONAL = enum.auto()
    """It has said nothing for `ServerOptions.offer_wait`, so it is served without a session."""

    OLD = enum.auto()
    """It has sent a message, so it does not introduce itself any more."""

    INTRODUCED = enum.auto()
    """It has said HELLO."""


class ServerIntroduction:
    """A message from a client that is not known waits; see `Connection.admit`."""

    def __init__(self, mode: SessionMode, handle_known: Callable[[Acquaintance], None]) -> None:
        """`handle_known`: with what was known before."""
        self.known = Acquaintance.NONE
        self.hello: Hello | None = None
        self.auth_token = b""
        self.schema = PeerSchema()
        self._mode = mode
        self._handle_known = handle_known

    def handle_silence(self, connection: SessionConnection) -> None:
        """The client has been waited for."""
        if self.known is Acquaintance.NONE:
            self._serve_without(connection, Acquaintance.PROVISIONAL)

    def handle_waiting(self, connection: SessionConnection) -> None:
        """A message waits."""
        if self.known is Acquaintance.INTRODUCED:
            connection.close(DisconnectReason.PROTOCOL_ERROR)
        elif self.known is Acquaintance.NONE:
            self._serve_without(connection, Acquaintance.OLD)
        else:
            self.known = Acquaintance.OLD

    def _serve_without(self, connection: SessionConnection, known: Acquaintance) -> None:
        if self._mode is SessionMode.REQUIRED:
            connection.close(DisconnectReason.REFUSED, NO_SESSION)
        else:
            self._be(known)

    def _be(self, known: Acquaintance) -> None:
        before, self.known = self.known, known
        self._handle_known(before)

    def takes_message(self) -> bool:
        if self.known is Acquaintance.PROVISIONAL:
            self.known = Acquaintance.OLD
        return True

    def handle_frame(self, connection: SessionConnection, frame: Frame) -> bool:
        if frame.type == FrameType.PING:
            return False
        good = frame.type == FrameType.HELLO and self.known in _MAY_INTRODUCE
        if good:
            good = self._read(connection, frame.payload)
        if not good:
            connection.close(DisconnectReason.PROTOCOL_ERROR)
        return True

    def _read(self, connection: SessionConnection, payload: bytes) -> bool:
        try:
            hello = Hello.decode(payload)
            if hello.version != VERSION:
                connection.refuse_version()
                return True
            if hello.no_session and self._mode is SessionMode.REQUIRED:
                connection.close(DisconnectReason.REFUSED, NO_SESSION)
                return True
            if not hello.no_session and self._mode is SessionMode.OFF:
                return False
            if connection.draining:
                connection.close(DisconnectReason.DRAINING)
                return True
            tlvs = read_tlvs(hello.tlvs)
            self.schema = PeerSchema.of(tlvs)
            self.auth_token = tlvs.get(TLV_AUTH_TOKEN, b"")
        except BadFrame:
            return False
        self.hello = hello
        # Nothing may follow before the WELCOME.
        connection.hold()
        self._be(Acquaintance.INTRODUCED)
        return True


NO_SESSION = "A session is required."

_MAY_INTRODUCE = {Acquaintance.NONE, Acquaintance.PROVISIONAL}
