"""The frames of one connection that the transport has not been given yet."""

from __future__ import annotations

from collections import deque

from .frame import HEADER_SIZE, FrameType, encode_header


class SendQueue:
    """User messages in order; a ping or pong goes ahead of them.

    Frames leave whole, so nothing is ever put into the middle of one. Payloads are not copied
    before they leave, so that many queues can share one. Bounds are the caller's: ask
    `pending_bytes` before `append`.
    """

    def __init__(self, user_message: FrameType) -> None:
        self._user_message = user_message
        self._control = b""
        self._payloads: deque[bytes] = deque()
        self._pending_bytes = 0

    def __bool__(self) -> bool:
        return self._pending_bytes > 0

    @property
    def pending_bytes(self) -> int:
        """Headers included."""
        return self._pending_bytes

    def append(self, payload: bytes) -> None:
        self._payloads.append(payload)
        self._pending_bytes += HEADER_SIZE + len(payload)

    def push_control(self, frame_type: FrameType) -> None:
        """Adds an empty frame, ahead of user messages; nothing if one is waiting already."""
        if not self._control:
            self._control = encode_header(frame_type, 0)
            self._pending_bytes += HEADER_SIZE

    def take(self, size: int) -> bytes:
        """Removes and returns the next frames: up to `size` bytes of them, but at least one."""
        parts = [self._control] if self._control else []
        taken = len(self._control)
        self._control = b""
        while self._payloads:
            payload = self._payloads[0]
            if taken > 0 and taken + HEADER_SIZE + len(payload) > size:
                break
            parts += (encode_header(self._user_message, len(payload)), payload)
            taken += HEADER_SIZE + len(payload)
            self._payloads.popleft()
        self._pending_bytes -= taken
        return b"".join(parts)

    def clear(self) -> None:
        self._control = b""
        self._payloads.clear()
        self._pending_bytes = 0
