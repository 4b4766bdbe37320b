"""What more is known of why a connection ended than its `DisconnectReason` says."""

from __future__ import annotations

CLIENT = "The peer is a client, not a server."
HOOK_RAISED = "A hook raised an exception."

_HTTP = {b"HTTP", b"GET ", b"PUT ", b"POST", b"HEAD", b"OPTI", b"DELE", b"PATC", b"CONN", b"PRI "}


def foreign_protocol(header: bytes) -> str:
    """What somebody seems to speak who sends these four bytes in place of a frame's header; "" if
    they say nothing."""
    if header in _HTTP:
        return "The peer seems to speak HTTP."
    if header == b"SSH-":
        return "The peer seems to speak SSH."
    # A record of version 3.x with a handshake or an alert.
    if header[0] in (0x15, 0x16) and header[1] == 0x03 and header[2] <= 0x04:
        return "The peer seems to speak TLS."
    return ""
