"""From bytes to frames."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import NamedTuple

from .frame import HEADER_SIZE, message_size

MOST_EXEMPT = 2 * 1024


class Frame(NamedTuple):
    type: int
    """As on the wire; it need not be a `FrameType`."""

    payload: bytes


class FrameTooBig(Exception):
    """A header announces more than the limit; nothing further can be decoded."""


class FrameDecoder:
    """One per connection; a new connection starts with a new decoder.

    The received part of a cut frame is kept, so memory grows with the bytes that have arrived, not
    with the size in a header.
    """

    def __init__(
        self,
        max_payload_size: int,
        holds_back: int | None = None,
        exempt: Container[int] = (),
    ) -> None:
        """`holds_back`: the type of a frame that waits for `release`, with all behind it. `exempt`:
        the types of frames that may be 2 KiB large, whatever the limit."""
        self._max_payload_size = max_payload_size
        self._holds_back = holds_back
        self._exempt = exempt
        self._held = False
        self._cut = bytearray()
        self.waiting = False
        """Such a frame is waiting; no further bytes may be decoded."""
        self.waited = 0.0
        """How long the rest of a cut frame has been waited for, which the caller adds up."""

    @property
    def cut_size(self) -> int:
        """How much of a cut frame has arrived; 0: none is cut."""
        return len(self._cut)

    @property
    def unfinished_header(self) -> bytes:
        """The header of the frame that is incomplete or too big; empty if no header has arrived
        whole."""
        return bytes(self._cut[:HEADER_SIZE]) if len(self._cut) >= HEADER_SIZE else b""

    def decode(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes. Raises `FrameTooBig` after those before the bad one.

        Leaving the iterator early drops the rest of `data`.
        """
        if self._cut:
            self._cut += data
            if len(self._cut) < self._cut_frame_size():
                return
            data, self._cut = bytes(self._cut), bytearray()
            self.waited = 0.0

        begin = 0
        while len(data) - begin >= HEADER_SIZE:
            size = int.from_bytes(data[begin + 1 : begin + HEADER_SIZE], "big")
            payload_begin = begin + HEADER_SIZE
            if payload_begin + size > len(data):
                break
            if size > self._max_payload_size and self._too_big(data[begin], size):
                break
            if data[begin] == self._holds_back:
                self.waiting = True
                break
            yield Frame(data[begin], data[payload_begin : payload_begin + size])
            begin = payload_begin + size
        self._cut += data[begin:]
        self._cut_frame_size()

    def hold_back(self, frame_type: int) -> None:
        """As in the constructor, from the next frame on."""
        self._holds_back = frame_type

    def hold_all(self) -> None:
        """The next frame waits, whatever it is. That costs nothing where no frame waits: it is as
        if each were too big."""
        self._max_payload_size = -1
        self._held = True

    def release(self, max_payload_size: int) -> None:
        """No frame waits any more; those that do are decoded with the next bytes."""
        self._max_payload_size = max_payload_size
        self._holds_back = None
        self._held = self.waiting = False

    def _cut_frame_size(self) -> int:
        if len(self._cut) < HEADER_SIZE:
            return HEADER_SIZE
        size = int.from_bytes(self._cut[1:HEADER_SIZE], "big")
        if not self._held and size > self._max_payload_size and self._too_big(self._cut[0], size):
            raise FrameTooBig
        return HEADER_SIZE + size

    def _too_big(self, frame_type: int, size: int) -> bool:
        if self._held:
            self.waiting = True
            return True
        if message_size(frame_type, size) <= self._max_payload_size:
            return False
        return frame_type not in self._exempt or size > MOST_EXEMPT
