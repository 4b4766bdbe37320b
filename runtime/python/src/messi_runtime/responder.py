"""Requests of the other side, and their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from google.protobuf.message import Message

from .call_error import StatusCode
from .call_frame import MOST_FAILURE_TEXT, CallKind
from .farewell import cut
from .hooks import call_hook
from .outbox import Accepted, OutboxSettings
from .schema import Outgoing
from .send_result import SendResult
from .statistics import CallEnd, Statistics
from .task import current_request

if TYPE_CHECKING:
    from .link import Link, LinkSettings
    from .session_line import SessionLine

Reply = TypeVar("Reply", bound=Message)


class Request:
    """A request whose hook is running, or that is answered later."""

    __slots__ = (
        "answered",
        "cancelled",
        "line",
        "name",
        "number",
        "outgoing",
        "reply",
        "settings",
        "statistics",
    )

    def __init__(
        self,
        line: Link | SessionLine,
        number: int,
        name: str,
        reply: str,
        outgoing: Outgoing,
        settings: OutboxSettings,
        statistics: Statistics,
    ) -> None:
        """`number` is 0 if messages have none: then its answer is a message like any other."""
        self.line = line
        self.number = number
        self.name = name
        self.reply = reply
        self.outgoing = outgoing
        self.settings = settings
        self.statistics = statistics
        self.answered = False
        self.cancelled = False

    def send(self, payload: bytes | None) -> None:
        self.answered = True
        self._count(CallEnd.ANSWERED)
        self.line.send(self._frame(payload))

    def try_send(self, payload: bytes | None) -> SendResult:
        result = self.line.try_send(self._frame(payload))
        self.answered = result is SendResult.OK
        if self.answered:
            self._count(CallEnd.ANSWERED)
        return result

    def _count(self, how: CallEnd) -> None:
        if self.cancelled:
            how = CallEnd.CANCELLED
        elif self.line.closed:
            how = CallEnd.LOST
        self.statistics.served_calls[how] += 1

    def _frame(self, payload: bytes | None) -> bytes | Accepted:
        if self.number:
            return self.settings.encode_call(self.number, CallKind.ANSWER, payload)
        return self.settings.encode(payload)

    def fail(self, code: StatusCode, text: str) -> None:
        self.answered = True
        self._count(CallEnd.FAILED)
        if not self.number:
            return
        encoded = bytes((code,)) + cut(text.encode(errors="replace"), MOST_FAILURE_TEXT)
        if len(encoded) > self.settings.max_payload_size:
            encoded = encoded[:1]
        self.line.send(self.settings.encode_call(self.number, CallKind.FAILURE, encoded))


def find_request(
    line: Link | SessionLine,
    name: str,
    replies: dict[str, str] | None,
    outgoing: Outgoing,
    settings: LinkSettings,
) -> Request | None:
    """The message of this name that was handed out last, if it is a request. `replies` has the
    names of the replies, by those of their requests."""
    if replies is None or (reply := replies.get(name)) is None:
        return None
    outbox = settings.connection.outbox
    number = line.last_handed_out
    return Request(line, number, name, reply, outgoing, outbox, settings.statistics)


def call_message_hook(
    request: Request | None, hook: Callable[..., Any], *arguments: Any
) -> Coroutine[Any, Any, Any]:
    """Calls the hook of a message. If that is a request, it can be answered meanwhile."""
    if request is None:
        return call_hook(hook, *arguments)
    return _call_hook_of(request, hook, *arguments)


async def _call_hook_of(request: Request, hook: Callable[..., Any], *arguments: Any) -> None:
    token = current_request.set(request)
    try:
        await call_hook(hook, *arguments)
    finally:
        current_request.reset(token)


def send_message(
    line: Link | SessionLine, name: str, payload: bytes | None, settings: OutboxSettings
) -> None:
    """Sends a message of this name. It may be the answer to the request whose hook is running."""
    if (request := _answered_by(line, name)) is not None:
        request.send(payload)
    else:
        line.send(settings.encode(payload))


def try_send_message(
    line: Link | SessionLine, name: str, payload: bytes | None, settings: OutboxSettings
) -> SendResult:
    """The same, if it is accepted."""
    if (request := _answered_by(line, name)) is not None:
        return request.try_send(payload)
    return line.try_send(settings.encode(payload))


def answers_in_vain(line: object, name: str, settings: OutboxSettings) -> bool:
    """Whether a client would send the answer to the request whose hook is running, but its `line`
    is another by now than the one that has asked."""
    request: Request | None = current_request.get()
    if request is None or request.answered or request.reply != name:
        return False
    return request.settings is settings and request.line is not line


def _answered_by(line: object, reply: str) -> Request | None:
    """The request whose hook is running, if this message to `line` is its answer."""
    request: Request | None = current_request.get()
    if request is None or request.answered or request.reply != reply or request.line is not line:
        return None
    return request


class Responder(Generic[Reply]):
    """A request that is answered later: `reply` or `fail`, once. If it is dropped without, the
    caller gets INTERNAL. It may outlive its client or server; then it answers nobody."""

    def __init__(self, request: Request | None) -> None:
        self._request = request
        self._loop = asyncio.get_running_loop()
        if request is not None and request.line.calls is not None:
            request.line.calls.keep(request)

    @property
    def open(self) -> bool:
        """Whether an answer still goes anywhere: none was given, and the caller's connection lives,
        or its session."""
        return self._request is not None and not self._request.line.closed

    @property
    def cancelled(self) -> bool:
        """Whether the caller has said that it does not wait any more."""
        return self._request is not None and self._request.cancelled

    def reply(self, answer: Reply) -> None:
        """Does nothing after the first answer."""
        if (request := self._take()) is not None:
            request.send(request.outgoing.encode(request.reply, answer))

    def fail(self, code: StatusCode, text: str = "") -> None:
        """Answers that there is no answer; at most 256 bytes of the text arrive. Does nothing after
        the first answer, and to a caller that knows nothing of calls: its time-out tells it."""
        if (request := self._take()) is not None:
            request.fail(code, text)

    def _take(self) -> Request | None:
        request, self._request = self._request, None
        if request is not None and request.line.calls is not None:
            request.line.calls.drop(request)
        return request

    def __del__(self) -> None:
        request = self._take()
        if request is not None and not self._loop.is_closed():
            # Another thread may have dropped it.
            self._loop.call_soon_threadsafe(request.fail, StatusCode.INTERNAL, "not answered")


def take_request(line: Link | SessionLine | None, name: str) -> Request | None:
    """The request of this name whose hook is running, to be answered later."""
    request: Request | None = current_request.get()
    if request is None or request.answered or request.name != name or request.line is not line:
        return None
    request.answered = True
    return request
