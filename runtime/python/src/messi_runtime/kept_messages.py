"""The messages of a session that the peer has not acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .call_frame import CallKind, decode_call
from .frame import HEADER_SIZE, FrameType
from .frame_queue import PendingTotal
from .session_loss import UnackedMessage

# As in a FrameQueue: larger frames may be shared, smaller ones would take several times their size.
_SHARED_FROM = 4 * 1024
_CHUNK_SIZE = 64 * 1024


class _Chunk:
    __slots__ = ("begin", "data", "last")

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data
        self.begin = 0
        """What is before it is acknowledged."""

        self.last = 0
        """The number of the last message."""


class KeptMessages:
    """Frames in order, numbered from 1. Some of them were given out for writing: to this stream;
    another one may begin anywhere."""

    def __init__(self, total: PendingTotal) -> None:
        self.acknowledged = 0
        """The number of the last message that is not kept any more."""

        self.accepted = 0
        """The number of the last message."""

        self.written = 0
        """The number of the last message that was given out."""

        self.size = 0
        """In bytes, with headers."""

        self._total = total
        self._chunks: deque[_Chunk] = deque()
        # Where the message after `written` begins.
        self._next_chunk = 0
        self._next_byte = 0

    def __len__(self) -> int:
        return self.accepted - self.acknowledged

    def __iter__(self) -> Iterator[UnackedMessage]:
        number = self.acknowledged
        for chunk in list(self._chunks):
            begin = chunk.begin
            while number < chunk.last:
                end = _end_of_frame(chunk.data, begin)
                number += 1
                payload = bytes(chunk.data[begin + HEADER_SIZE : end])
                yield UnackedMessage(number, _message(chunk.data[begin], payload))
                begin = end

    @property
    def unwritten(self) -> bool:
        return self.written < self.accepted

    def append(self, frame: bytes) -> None:
        self._count(len(frame))
        self.accepted += 1
        last = self._chunks[-1] if self._chunks else None
        if len(frame) >= _SHARED_FROM:
            self._chunks.append(last := _Chunk(frame))
        else:
            if (
                last is None
                or not isinstance(last.data, bytearray)
                or len(last.data) + len(frame) > _CHUNK_SIZE
            ):
                self._chunks.append(last := _Chunk(bytearray()))
            last.data += frame
        last.last = self.accepted

    def acknowledge(self, number: int) -> None:
        """`number` is at least `acknowledged` and at most `written`."""
        while self._chunks and self._chunks[0].last <= number:
            chunk = self._chunks.popleft()
            self._count(chunk.begin - len(chunk.data))
            self.acknowledged = chunk.last
            if self._next_chunk > 0:
                self._next_chunk -= 1
            else:
                self._next_byte = 0
        if self.acknowledged < number:
            chunk = self._chunks[0]
            begin = chunk.begin
            chunk.begin = _skip(chunk.data, begin, number - self.acknowledged)
            self._count(begin - chunk.begin)
            self.acknowledged = number

    def rewind(self, number: int) -> None:
        """What comes after this number is given out again."""
        self.acknowledge(number)
        self.written = number
        self._next_chunk = 0
        self._next_byte = self._chunks[0].begin if self._chunks else 0

    def next(self) -> bytes | bytearray | None:
        """What to write next: whole frames, about 64 KiB, or one that is larger."""
        if not self.unwritten:
            return None
        chunk = self._chunks[self._next_chunk]
        if self._next_byte == len(chunk.data):
            self._next_chunk += 1
            chunk = self._chunks[self._next_chunk]
            self._next_byte = chunk.begin
        begin, self._next_byte = self._next_byte, len(chunk.data)
        self.written = chunk.last
        # A bytearray still grows.
        return chunk.data if isinstance(chunk.data, bytes) else chunk.data[begin:]

    def forget_total(self) -> None:
        """What is kept is not part of what waits in all any more."""
        self._total.count(-self.size)
        self._total = PendingTotal()

    def _count(self, size: int) -> None:
        self.size += size
        self._total.count(size)


def _message(frame_type: int, payload: bytes) -> bytes:
    """What the program has sent with the frame."""
    if frame_type != FrameType.CALL:
        return payload
    call = decode_call(payload)
    return call.rest if call is not None and call.kind is CallKind.ANSWER else b""


def _end_of_frame(data: bytes | bytearray, begin: int) -> int:
    return begin + HEADER_SIZE + int.from_bytes(data[begin + 1 : begin + HEADER_SIZE], "big")


def _skip(data: bytes | bytearray, begin: int, count: int) -> int:
    for _ in range(count):
        begin = _end_of_frame(data, begin)
    return begin
