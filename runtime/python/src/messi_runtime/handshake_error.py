"""How a connection fails before the client is welcome."""

from __future__ import annotations

from .disconnect_reason import DisconnectReason


class HandshakeError(ConnectionError):
    """The connection was made, but the server did not welcome the client. `str` says why."""

    def __init__(self, reason: DisconnectReason, hint: str = "") -> None:
        super().__init__(hint or str(reason))
        self.reason = reason
