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


HEADER_SIZE = 4
MAX_PAYLOAD_SIZE = (1 << 24) - 1


def encode_frame(frame_type: FrameType, payload: bytes) -> bytes:
    return b"".join((bytes((frame_type,)), len(payload).to_bytes(3, "big"), payload))


def check_max_payload_size(size: int) -> None:
    if not 0 < size <= MAX_PAYLOAD_SIZE:
        raise ValueError(f"max_payload_size is 1 to {MAX_PAYLOAD_SIZE}, but got {size}.")
