"""What became of a message that was given to `try_send`."""

from __future__ import annotations

import enum

from .outbox import Accepted


class SendResult(enum.Enum):
    OK = enum.auto()
    """It was accepted."""

    FULL = enum.auto()
    """Too much is waiting; `on_writable` comes when there is room."""

    TOO_BIG = enum.auto()
    """It is larger than `max_payload_size`, or than the peer accepts."""

    NOT_CONNECTED = enum.auto()

    INVALID = enum.auto()
    """It cannot be encoded; a line in the log says why."""

    @staticmethod
    def of(accepted: Accepted | None) -> SendResult:
        """`None`: nothing can be sent."""
        return SendResult.NOT_CONNECTED if accepted is None else _RESULTS[accepted]


_RESULTS = {
    Accepted.YES: SendResult.OK,
    Accepted.FULL: SendResult.FULL,
    Accepted.TOO_BIG: SendResult.TOO_BIG,
    Accepted.INVALID: SendResult.INVALID,
}
