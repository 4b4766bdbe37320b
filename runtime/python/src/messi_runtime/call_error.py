"""Why a call has no answer."""

from __future__ import annotations

import enum


class StatusCode(enum.IntEnum):
    """The canonical codes, with the numbers of Abseil and gRPC."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @staticmethod
    def of(code: int) -> StatusCode:
        """Of a number from the network."""
        try:
            return StatusCode(code)
        except ValueError:
            return StatusCode.UNKNOWN


class CallError(Exception):
    """A call has no answer.

    DEADLINE_EXCEEDED: not in time. CANCELLED: this side was stopped, or has disconnected the other.
    UNAVAILABLE: the connection has ended, or there is none; in a session: that has ended. The
    callee may have handled the request all the same. RESOURCE_EXHAUSTED: `max_open_calls` are open,
    or too much is waiting. INVALID_ARGUMENT: the request is too big or cannot be encoded. INTERNAL:
    the callee has dropped its `Responder`. Other codes, and texts, are the callee's.
    """

    def __init__(self, code: StatusCode, text: str) -> None:
        super().__init__(f"{code.name}: {text}")
        self.code = code
        self.text = text
