"""The calls of two peers, in one session, or one connection without a session.

Answers come out of turn: not to a hook, but to who waits for them, also while a hook runs. So a
hook may wait for the answer to its own call.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol

from google.protobuf.message import Message

from .call_error import CallError, StatusCode
from .call_frame import MOST_FAILURE_TEXT, CallKind, decode_call, encode_call
from .disconnect_reason import DisconnectReason
from .farewell import cut, harmless
from .outbox import Accepted
from .schema import Incoming, encode_varint, first_field
from .send_result import SendResult
from .statistics import CallEnd, Statistics

if TYPE_CHECKING:
    from .responder import Request


class Handled(bytes):
    """The payload of a message that hooks do not get any more. It only counts."""


class Line(Protocol):
    """Where messages go: a link, or a session."""

    @property
    def last_sent(self) -> int:
        """The number of the last message that was accepted."""

    def send(self, frame: bytes | Accepted) -> None: ...

    def try_send(self, frame: bytes | Accepted) -> SendResult: ...


class OpenCall:
    __slots__ = ("began", "future", "given_up", "number", "reply")

    def __init__(self, number: int, reply: str) -> None:
        self.number = number
        self.reply = reply
        loop = asyncio.get_running_loop()
        self.began = loop.time()
        self.future: asyncio.Future[Message] = loop.create_future()
        self.given_up = False
        """Nobody waits any more. It is kept until its answer has come, so that nobody else gets
        that."""

    def fail(self, error: CallError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Calls:
    def __init__(
        self, most: int, incoming: Incoming, max_depth: int, statistics: Statistics
    ) -> None:
        """At most `most` calls are open. `incoming` decodes what arrives, with at most so many
        levels."""
        self.named = False
        """Answers name their requests. If not, they come in the order of the requests of their
        pair."""

        self.late = 0
        """How many answers have come too late."""

        self._most = most
        self._incoming = incoming
        self._max_depth = max_depth
        self._statistics = statistics
        self._names = {number: name for name, number in incoming.numbers.items()}
        self._calls: dict[OpenCall, None] = {}  # in the order in which they were made
        self._open = 0  # of them
        self._given_up = 0  # of them
        self._waiting = 0  # tasks
        self._by_number: dict[int, OpenCall] = {}
        self._requests: dict[int, Request] = {}
        self._early: set[int] = set()  # of what has arrived: answers that were handed out of turn

    # The caller

    async def call(
        self, line: Line, frame: bytes | Accepted, reply: str, timeout: float
    ) -> Message:
        """Sends a request, and waits for its answer. Raises `CallError`."""
        given_up = 0 if self.named else self._given_up
        if self._open + given_up >= self._most:
            self._count(CallEnd.NOT_SENT)
            raise CallError(StatusCode.RESOURCE_EXHAUSTED, "too many calls are open")
        result = line.try_send(frame)
        if result is not SendResult.OK:
            self._count(CallEnd.NOT_SENT)
            raise CallError(_CODES[result], _TEXTS[result])
        call = OpenCall(line.last_sent, reply)
        self._calls[call] = None
        self._by_number[call.number] = call
        self._open += 1
        self._waiting += 1
        timer = None
        if timeout < math.inf:
            timer = asyncio.get_running_loop().call_later(timeout, self._expire, call)
        try:
            return await call.future
        finally:
            self._waiting -= 1
            if timer is not None:
                timer.cancel()
            if call in self._calls:
                self._give_up(line, call)

    def _expire(self, call: OpenCall) -> None:
        call.fail(CallError(StatusCode.DEADLINE_EXCEEDED, "no answer in time"))

    def _give_up(self, line: Line, call: OpenCall) -> None:
        self._count_unanswered(call)
        call.given_up = True
        self._open -= 1
        self._given_up += 1
        if not self.named:
            return
        line.try_send(encode_call(call.number, CallKind.CANCEL))
        if self._given_up > _MOST_GIVEN_UP:
            self._forget(next(each for each in self._calls if each.given_up))

    def _count(self, how: CallEnd) -> None:
        self._statistics.calls[how] += 1

    def _count_unanswered(self, call: OpenCall) -> None:
        """Nobody waits for it any more."""
        in_time = call.future.cancelled() or not call.future.done()
        self._count(CallEnd.CANCELLED if in_time else CallEnd.TIMED_OUT)

    def _forget(self, call: OpenCall) -> None:
        del self._calls[call]
        self._by_number.pop(call.number, None)
        if call.given_up:
            self._given_up -= 1
        else:
            self._open -= 1

    def end(self, reason: DisconnectReason) -> None:
        """All calls are over, and so is what was asked."""
        by_us = reason in (DisconnectReason.STOPPED, DisconnectReason.DISCONNECTED)
        code = StatusCode.CANCELLED if by_us else StatusCode.UNAVAILABLE
        calls, self._calls = self._calls, {}
        self._by_number.clear()
        self._requests.clear()
        self._open = self._given_up = 0
        for call in calls:
            if call.future.done() and not call.given_up:
                self._count_unanswered(call)
            elif not call.given_up:
                self._count(CallEnd.CANCELLED if by_us else CallEnd.LOST)
            if not call.future.get_loop().is_closed():
                call.fail(CallError(code, str(reason)))

    async def wait_told(self) -> None:
        """After `end`: until who has called knows it."""
        while self._waiting > 0:
            await asyncio.sleep(0)

    # What arrives

    def take_message(self, payload: bytes, number: int = 0) -> bytes:
        """A message has arrived, which may be an answer that names nothing. `number`: in a session,
        where it may come again."""
        if self.named:
            return payload
        if number in self._early:
            return Handled(payload)
        if not self._calls:
            return payload
        reply = self._names.get(first_field(payload))
        call = next((each for each in self._calls if each.reply == reply), None)
        if call is None or not self._answer(call, payload):
            return payload
        if number:
            self._early.add(number)
        return Handled(payload)

    def hear(self, payload: bytes, number: int, sent: int) -> bytes | None:
        """What the other side says about a request has arrived, as its message of this number.
        `sent`: the number of the last message to it. Returns what hooks get, or `None` if it has
        broken the protocol."""
        frame = decode_call(payload)
        if frame is None:
            return None
        if number in self._early:
            return Handled(payload)
        if frame.kind is CallKind.CANCEL:
            if frame.request >= number:
                return None
            if (request := self._requests.get(frame.request)) is not None:
                request.cancelled = True
            return Handled(payload)
        if frame.request > sent:
            return None
        call = self._by_number.get(frame.request)
        if frame.kind is CallKind.FAILURE:
            if call is not None:
                self._fail(call, frame.rest)
        elif call is None:
            return frame.rest  # the request was only sent
        elif not _is_member(frame.rest, self._incoming.numbers[call.reply]):
            return None
        elif not self._answer(call, frame.rest):
            return frame.rest  # hooks find out what is wrong with it
        self._early.add(number)
        return Handled(payload)

    def handle_handed_out(self, number: int) -> None:
        """The hooks have come to this message."""
        self._early.discard(number)

    def _answer(self, call: OpenCall, payload: bytes) -> bool:
        """False if it cannot be decoded."""
        received = self._incoming.decode(payload, self._max_depth)
        if received is None or received.message is None or received.name != call.reply:
            return False
        if self._finish(call, CallEnd.ANSWERED):
            call.future.set_result(received.message)
        return True

    def _fail(self, call: OpenCall, rest: bytes) -> None:
        if self._finish(call, CallEnd.FAILED):
            text = harmless(cut(rest[1:], MOST_FAILURE_TEXT))
            call.future.set_exception(CallError(StatusCode.of(rest[0]), text))

    def _finish(self, call: OpenCall, how: CallEnd) -> bool:
        """Its answer has come. Whether somebody waits for it."""
        self._forget(call)
        if call.given_up or call.future.done():
            self.late += 1
            if not call.given_up:
                self._count_unanswered(call)
            return False
        self._count(how)
        duration = asyncio.get_running_loop().time() - call.began
        self._statistics.call_duration.observe(duration)
        return True

    # The callee

    def keep(self, request: Request) -> None:
        """It is answered later, and may be cancelled before."""
        if request.number:
            self._requests[request.number] = request

    def drop(self, request: Request) -> None:
        self._requests.pop(request.number, None)


def _is_member(payload: bytes, number: int) -> bool:
    """Whether the payload is this member and nothing else."""
    tag = encode_varint(number << 3 | 2)
    if not payload.startswith(tag):
        return False
    size = shift = 0
    for position in range(len(tag), len(payload)):
        size |= (payload[position] & 0x7F) << shift
        shift += 7
        if payload[position] < 0x80:
            return len(payload) == position + 1 + size
    return False


# Of calls that name their requests: a peer that never answers is not remembered for ever.
_MOST_GIVEN_UP = 1024

_CODES = {
    SendResult.FULL: StatusCode.RESOURCE_EXHAUSTED,
    SendResult.TOO_BIG: StatusCode.INVALID_ARGUMENT,
    SendResult.INVALID: StatusCode.INVALID_ARGUMENT,
    SendResult.NOT_CONNECTED: StatusCode.UNAVAILABLE,
}

_TEXTS = {
    SendResult.FULL: "too much is waiting",
    SendResult.TOO_BIG: "the message is too big",
    SendResult.INVALID: "the message cannot be encoded",
    SendResult.NOT_CONNECTED: "not connected",
}
