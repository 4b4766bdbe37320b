"""The layout of a frame.

Every message on the wire is one:

    +--------+------------------+----------------------+
    | type 1 | size 3, big end. | payload, size bytes  |
    +--------+------------------+----------------------+
"""

from __future__ import annotations

import enum


class FrameType(enum.IntEnum):
    CLIENT_TO_SERVER = 1
    SERVER_TO_CLIENT = 2
    PING = 3
    PONG = 4
    OFFER = 5
    HELLO = 6
    WELCOME = 7
    ACK = 8
    CLOSE = 9
    CALL = 10
    """An answer to a request, or what else there is to say about one: see `call_frame`."""


HEADER_SIZE = 4
MAX_PAYLOAD_SIZE = (1 << 24) - 1


CALL_HEAD_SIZE = 9
"""What a CALL has before its message. It does not count for the limit of messages."""


def message_size(frame_type: int, payload_size: int) -> int:
    """How much of the limit for messages the payload of a frame takes."""
    if frame_type == FrameType.CALL:
        return max(payload_size - CALL_HEAD_SIZE, 0)
    return payload_size


def encode_frame(frame_type: FrameType, payload: bytes) -> bytes:
    return b"".join((bytes((frame_type,)), len(payload).to_bytes(3, "big"), payload))


def check_max_payload_size(size: int) -> None:
    if not 0 < size <= MAX_PAYLOAD_SIZE:
        raise ValueError(f"max_payload_size is 1 to {MAX_PAYLOAD_SIZE}, but got {size}.")
