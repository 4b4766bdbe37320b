"""What a server's CLOSE means for both sides."""

from __future__ import annotations

import re

from .close_frame import MOST_CLOSE_TEXT, CloseCode, CloseFrame, encode_close
from .disconnect_reason import DisconnectReason

_CODES = {
    DisconnectReason.TOO_MANY_CLIENTS: CloseCode.BUSY,
    DisconnectReason.TOO_MANY_FROM_ADDRESS: CloseCode.BUSY,
    DisconnectReason.TOO_MANY_AT_ONCE: CloseCode.BUSY,
    DisconnectReason.UNAUTHENTICATED: CloseCode.AUTH,
    DisconnectReason.PROTOCOL_ERROR: CloseCode.PROTOCOL,
    DisconnectReason.MESSAGE_DECODE_ERROR: CloseCode.DECODE,
    DisconnectReason.MESSAGE_TOO_BIG: CloseCode.LIMIT,
    DisconnectReason.FRAME_TOO_SLOW: CloseCode.LIMIT,
    DisconnectReason.TOO_MANY_PINGS: CloseCode.LIMIT,
    DisconnectReason.DRAINING: CloseCode.DRAIN,
    DisconnectReason.REFUSED: CloseCode.REFUSED,
}

# These say it all.
_WITHOUT_TEXT = {CloseCode.DRAIN, CloseCode.REFUSED}

_REASONS: dict[int, DisconnectReason] = {
    CloseCode.BUSY: DisconnectReason.TOO_MANY_CLIENTS,
    CloseCode.AUTH: DisconnectReason.UNAUTHENTICATED,
    CloseCode.DRAIN: DisconnectReason.DRAINING,
    CloseCode.REFUSED: DisconnectReason.REFUSED,
}


def farewell(reason: DisconnectReason, text: str = "") -> bytes:
    """The frame with which a server tells a client of the reason, by default in its own words; no
    bytes if it closes without a word."""
    if reason not in _CODES:
        return b""
    code = _CODES[reason]
    if not text and code not in _WITHOUT_TEXT:
        text = str(reason)
    return encode_close(CloseFrame(code, text=_cut(text.encode(errors="replace"))))


def reason_of_code(code: int) -> DisconnectReason:
    """Why the connection of a client ends that gets the code."""
    return _REASONS.get(code, DisconnectReason.CONNECTION_CLOSED)


def harmless(text: bytes) -> str:
    """`text`, which comes from the network, as it may be printed: control characters become "?". If
    it is not UTF-8, so does all that is not ASCII."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        decoded = text.decode("ascii", "replace").replace("\ufffd", "?")
    return _CONTROL_CHARACTERS.sub("?", decoded)


_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f]")


def _cut(text: bytes) -> bytes:
    """The longest beginning that is not too long and ends with a whole character."""
    return text[:MOST_CLOSE_TEXT].decode(errors="ignore").encode()
