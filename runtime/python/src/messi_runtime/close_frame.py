"""The frame with which a server says why it closes a connection, and either side that it ends a
session. Its payload is

0 code   1 flags   2-3 reserved   4-7 retry after, ms   8-15 rx   16-23 tx   24 text
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from .frame import FrameType, encode_frame


class CloseCode(enum.IntEnum):
    """Those up to CLOSED, OVERFLOW among them, are why a session is lost: `SessionLossReason`."""

    OVERFLOW = 3
    """Too much waits to be acknowledged."""

    CLOSED = 5
    """The session ends in order."""

    STALE = 6
    """A later connection of the session has come already."""

    BUSY = 7
    """The server takes no more clients now."""

    VERSION = 8
    """The server does not know this version of the handshake."""

    AUTH = 9
    """The server does not accept who the client is."""

    PROTOCOL = 10
    """The client has broken the protocol."""

    DECODE = 11
    """The client has sent a message that is not what the schema says."""

    LIMIT = 12
    """The client has exceeded a limit."""

    DRAIN = 14
    """The server lets its clients go. What was sent before still arrives."""

    REFUSED = 15
    """The server does not want this client."""

    SCHEMA = 16
    """The two do not speak the same protocol."""


class CloseFrame(NamedTuple):
    code: int
    """As on the wire; it need not be a `CloseCode`."""

    retry_after: float = 0.0
    """In seconds."""

    text: bytes = b""
    """From the network: it may be anything."""

    reply: bool = False
    """The peer has sent one before."""

    rx: int = 0
    """In a session: how many messages were handled."""

    tx: int = 0
    """In a session: the number of the last message before."""


CLOSE_FIXED_SIZE = 24

_REPLY = 1

# The original's client has a buffer of 128 bytes, into which a whole frame must fit.
MOST_CLOSE_TEXT = 96


def encode_close(frame: CloseFrame) -> bytes:
    """A whole frame, with its header; the text has at most `MOST_CLOSE_TEXT` bytes."""
    milliseconds = round(frame.retry_after * 1000).to_bytes(4, "big")
    numbers = frame.rx.to_bytes(8, "big") + frame.tx.to_bytes(8, "big")
    flags = _REPLY if frame.reply else 0
    payload = b"".join((bytes((frame.code, flags, 0, 0)), milliseconds, numbers, frame.text))
    return encode_frame(FrameType.CLOSE, payload)


def decode_close(payload: bytes) -> CloseFrame | None:
    """`None` if the payload is too short. What exceeds the longest text is ignored."""
    if len(payload) < CLOSE_FIXED_SIZE:
        return None
    milliseconds = int.from_bytes(payload[4:8], "big")
    return CloseFrame(
        payload[0],
        milliseconds / 1000,
        payload[CLOSE_FIXED_SIZE:][:MOST_CLOSE_TEXT],
        bool(payload[1] & _REPLY),
        int.from_bytes(payload[8:16], "big"),
        int.from_bytes(payload[16:24], "big"),
    )
