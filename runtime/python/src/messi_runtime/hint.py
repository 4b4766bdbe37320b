"""More about why a connection ended than its `DisconnectReason` says."""

from __future__ import annotations

import enum

_HTTP_STARTS = {
    b"HTTP",
    b"GET ",
    b"PUT ",
    b"POST",
    b"HEAD",
    b"OPTI",
    b"DELE",
    b"PATC",
    b"CONN",
    b"PRI ",
}


class Hint(str, enum.Enum):
    """The hints that are known in advance. Any other sentence may be one too; "" says nothing."""

    NONE = ""
    HTTP = "The peer seems to speak HTTP."
    TLS = "The peer seems to speak TLS."
    SSH = "The peer seems to speak SSH."
    CLIENT = "The peer is a client, not a server."
    HOOK_RAISED = "A hook raised an exception."

    def __str__(self) -> str:
        return self.value


def foreign_protocol(header: bytes) -> Hint:
    """The protocol of a peer that sends these four bytes where a frame's header should be."""
    if header in _HTTP_STARTS:
        return Hint.HTTP
    if header == b"SSH-":
        return Hint.SSH
    # A record of version 3.x with a handshake or an alert.
    if header[0] in (0x15, 0x16) and header[1] == 0x03 and header[2] <= 0x04:
        return Hint.TLS
    return Hint.NONE
