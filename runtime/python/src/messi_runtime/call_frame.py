"""What is said about a request: its answer, why there is none, or that nobody waits any more."""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from .frame import CALL_HEAD_SIZE, FrameType, encode_frame

CALLS_FEATURE = 1
"""In HELLO and WELCOME, of a side that knows these frames."""

MOST_FAILURE_TEXT = 256

_HEAD = struct.Struct(">QB")
assert _HEAD.size == CALL_HEAD_SIZE


class CallKind(enum.IntEnum):
    ANSWER = 1
    FAILURE = 2
    CANCEL = 3


class CallFrame(NamedTuple):
    request: int
    """The number of a message of the other side."""

    kind: CallKind
    rest: bytes
    """Of an answer: an encoded `ClientToServer` or `ServerToClient`. Of a failure: a code, and a
    text that may be anything."""


def encode_call(request: int, kind: CallKind, rest: bytes = b"") -> bytes:
    """A whole frame."""
    return encode_frame(FrameType.CALL, _HEAD.pack(request, kind) + rest)


def decode_call(payload: bytes) -> CallFrame | None:
    """`None` if it is not what it should be."""
    if len(payload) < CALL_HEAD_SIZE:
        return None
    request, kind = _HEAD.unpack_from(payload)
    rest = payload[CALL_HEAD_SIZE:]
    if request == 0 or kind not in _KINDS or (kind == CallKind.FAILURE and not rest):
        return None
    return CallFrame(request, CallKind(kind), rest)


_KINDS = frozenset(CallKind)
