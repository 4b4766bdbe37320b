"""The frame with which a server says why it closes a connection. Its payload is

0 code   1 flags   2-3 reserved   4-7 retry after, ms   8-15 and 16-23 for sessions   24 text
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from .frame import FrameType, encode_frame


class CloseCode(enum.IntEnum):
    BUSY = 7
    """The server takes no more clients now."""

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


class CloseFrame(NamedTuple):
    code: int
    """As on the wire; it need not be a `CloseCode`."""

    retry_after: float = 0.0
    """In seconds."""

    text: bytes = b""
    """From the network: it may be anything."""


CLOSE_FIXED_SIZE = 24

# The original's client has a buffer of 128 bytes, into which a whole frame must fit.
MOST_CLOSE_TEXT = 96


def encode_close(frame: CloseFrame) -> bytes:
    """A whole frame, with its header; the text has at most `MOST_CLOSE_TEXT` bytes."""
    milliseconds = round(frame.retry_after * 1000).to_bytes(4, "big")
    payload = b"".join((bytes((frame.code, 0, 0, 0)), milliseconds, bytes(16), frame.text))
    return encode_frame(FrameType.CLOSE, payload)


def decode_close(payload: bytes) -> CloseFrame | None:
    """`None` if the payload is too short. What exceeds the longest text is ignored."""
    if len(payload) < CLOSE_FIXED_SIZE:
        return None
    milliseconds = int.from_bytes(payload[4:8], "big")
    return CloseFrame(payload[0], milliseconds / 1000, payload[CLOSE_FIXED_SIZE:][:MOST_CLOSE_TEXT])
