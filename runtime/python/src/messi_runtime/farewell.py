"""What a server's CLOSE means for both sides."""

from __future__ import annotations

import re

from .close_frame import CLOSE_FIXED_SIZE, MOST_CLOSE_TEXT, CloseCode, CloseFrame, encode_close
from .disconnect_reason import DisconnectReason
from .frame import MAX_PAYLOAD_SIZE

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
    DisconnectReason.REPLACED: CloseCode.STALE,
    DisconnectReason.SCHEMA_MISMATCH: CloseCode.SCHEMA,
}

# These say it all.
_WITHOUT_TEXT = {CloseCode.DRAIN, CloseCode.REFUSED}

_REASONS: dict[int, DisconnectReason] = {
    CloseCode.BUSY: DisconnectReason.TOO_MANY_CLIENTS,
    CloseCode.AUTH: DisconnectReason.UNAUTHENTICATED,
    CloseCode.DRAIN: DisconnectReason.DRAINING,
    CloseCode.REFUSED: DisconnectReason.REFUSED,
    CloseCode.SCHEMA: DisconnectReason.SCHEMA_MISMATCH,
}


def farewell(
    reason: DisconnectReason, text: str = "", max_payload_size: int = MAX_PAYLOAD_SIZE
) -> bytes:
    """The frame with which a server tells a client of the reason, by default in its own words. No
    bytes if it closes without a word, or the frame would be larger than both sides'
    `max_payload_size`."""
    if reason not in _CODES or max_payload_size < CLOSE_FIXED_SIZE:
        return b""
    code = _CODES[reason]
    if not text and code not in _WITHOUT_TEXT:
        text = str(reason)
    room = min(max_payload_size - CLOSE_FIXED_SIZE, MOST_CLOSE_TEXT)
    return encode_close(CloseFrame(code, text=cut(text.encode(errors="replace"), room)))


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


def cut(text: bytes, most: int = MOST_CLOSE_TEXT) -> bytes:
    """The longest beginning that has at most `most` bytes and ends with a whole character."""
    return text[:most].decode(errors="ignore").encode()
