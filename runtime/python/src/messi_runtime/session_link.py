"""A connection whose peers introduce themselves, on a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from .disconnect_reason import DisconnectReason
from .inbox import Detached, Inbox, Resumed
from .link import Link, LinkSettings
from .session_connection import Introduction, SessionConnection
from .stream import Stream

if TYPE_CHECKING:
    from .session_line import SessionLine


class SessionLink(Link):
    """It may become one of a session. Then messages go to the session's inbox, which does not end
    with the link."""

    def __init__(
        self,
        settings: LinkSettings,
        stream: Stream,
        introduction: Introduction,
        admitted: bool = True,
    ) -> None:
        self._introduction = introduction
        super().__init__(settings, stream, admitted)
        self._line: SessionLine | None = None
        self.known = self._loop.create_future()
        """Done when the introduction is over, or nothing comes of it."""

        self.handle_replaced: Callable[[], None] = lambda: None
        """A client without a session, whose link this was, is none any more."""

        self.handle_admit: Callable[[], bool] = lambda: True
        """Answers the client before it is admitted; false if it is not admitted."""

    def _make_connection(self, admitted: bool) -> SessionConnection:
        self._peer = SessionConnection(
            self._settings.connection,
            self._loop.time(),
            self._write_early,
            self._introduction,
            admitted,
        )
        return self._peer

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the link is over."""
        return self._ended

    def admit(self) -> None:
        if not self.admitted and not self.closed and self.handle_admit():
            super().admit()

    def wait_no_longer(self) -> None:
        """The peer has had time to introduce itself."""
        if not self.closed:
            self._introduction.handle_silence(self._peer)
            self._give_up_if_closed()

    def hold(self) -> None:
        """What follows waits for `release`."""
        self._peer.hold_all()

    def release(self) -> None:
        self._peer.admit()
        if not self.closed and not self._read_end:
            self._connection.touch(self._loop.time())
            self._read(True)
            self._handle_bytes(b"")  # what has waited

    def handle_known(self) -> None:
        if not self.known.done():
            self.known.set_result(None)

    def replace(self) -> None:
        """What comes next is for another client, which is to be admitted."""
        self._inbox.drop()
        self._inbox = Inbox(self._loop)
        verdict, self._verdict = self._verdict, self._loop.create_future()
        self.handle_replaced()
        if verdict is not None and not verdict.done():
            verdict.set_result(None)

    def say(self, frame: bytes) -> None:
        """Sends a frame that is no message."""
        self._peer.say(frame)
        self._settle_soon()

    def begin(self, line: SessionLine) -> None:
        """From now on it is a link of this session."""
        self._line = line
        self._inbox = _Feed(self._loop, line)
        self._peer.begin(line)
        self._settle_soon()

    def begin_calls(self) -> None:
        """From now on both sides name requests in their answers, and number messages. It is not a
        link of a session."""
        self.its_calls().named = True
        self._outbox.sent = self._arrived = self._handed_out = 0
        self.hear_calls(self._hear_call)

    def hear_calls(self, handle_call: Callable[[bytes], bool]) -> None:
        """What the peer says about requests goes there; false if it has broken the protocol."""
        self._peer.handle_call = handle_call

    def _hear_call(self, payload: bytes) -> bool:
        self._arrived += 1
        event = self.its_calls().hear(payload, self._arrived, self.last_sent)
        if event is None:
            return False
        self._inbox.put(event)
        return True

    def leave_session(self) -> None:
        """The session goes on without it, or is over."""
        self._line = None
        self._peer.leave_session()

    def shut(self, reason: DisconnectReason, hint: str = "") -> None:
        """Like `close`, while bytes are being handled."""
        self._peer.close(reason, hint)
        self._settle_soon()

    def want_ack(self) -> None:
        self._peer.queue.want_ack()
        self._settle_soon()

    def _settle_soon(self) -> None:
        if not self._loop.is_closed():
            super()._settle_soon()

    def write_soon(self) -> None:
        """The session has something to write."""
        self._settle_soon()

    def _handle_bytes(self, data: bytes) -> None:
        super()._handle_bytes(data)
        if self._peer.waiting and not self.closed:
            self._introduction.handle_waiting(self._peer)
            self._give_up_if_closed()

    def _give_up_if_closed(self) -> None:
        if self.closed:
            self._write()
            self._give_up(self.reason)

    def _end(self) -> None:
        line, self._line = (None, self._line) if self._over else (self._line, None)
        super()._end()
        self.handle_known()
        if line is not None:
            line.handle_over(self)


class _Feed(Inbox):
    """Passes on to the session's inbox."""

    def __init__(self, loop: asyncio.AbstractEventLoop, line: SessionLine) -> None:
        super().__init__(loop)
        self._line = line

    @property
    def full(self) -> bool:
        return self._line.inbox.full

    @property
    def has_room(self) -> bool:
        return self._line.inbox.has_room

    @property
    def paused(self) -> bool:
        return self._line.inbox.paused

    def put(self, payload: bytes | Detached | Resumed) -> None:
        self._line.handle_message(payload)

    def pause(self) -> None:
        self._line.inbox.pause()

    def resume(self) -> None:
        self._line.inbox.resume()
