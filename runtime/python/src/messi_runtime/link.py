"""A `Connection` on a stream."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from .awaited_room import Refused
from .calls import Calls, Handled
from .connection import Connection, ConnectionSettings, reason_of
from .disconnect_reason import DisconnectReason
from .inbox import Event, Inbox
from .left_out import LeftOut
from .outbox import Accepted
from .patience import Patience
from .peer_certificate import PeerCertificate
from .send_result import SendResult
from .slow_reader import SlowReader
from .statistics import Statistics
from .stream import READ_SIZE, PeerCredentials, Stream


@dataclass(frozen=True)
class LinkSettings:
    connection: ConnectionSettings
    linger: float
    """How long an orderly end may take, in seconds."""

    slow_reader: SlowReader = SlowReader.DISCONNECT
    keep_total: Callable[[], None] = lambda: None
    """Makes sure that something may be sent: that not too much waits in all links together."""

    total_fits: Callable[[int, Refused], bool] = lambda _size, _who: True
    """Whether so much may wait in addition, without `keep_total` ending anything; see
    `AwaitedRoom`."""

    make_calls: Callable[[], Calls] | None = None
    """`None`: the protocol has no requests with replies."""

    statistics: Statistics = field(default_factory=Statistics)

    def new_calls(self) -> Calls:
        """Those of a connection, or a session."""
        assert self.make_calls is not None
        return self.make_calls()

    def new_left_out(self) -> LeftOut:
        return LeftOut(self.slow_reader, self.connection.outbox.total, self.statistics)


class Link:
    """One connection, from its stream to its inbox.

    Reading goes on while a hook runs, so that pings are answered and time-outs work; messages wait
    in the inbox. A full inbox stops the reading, and so, in the end, the peer.
    """

    def __init__(self, settings: LinkSettings, stream: Stream, admitted: bool = True) -> None:
        """If it is not admitted, no message is sent or handed out before `admit`."""
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._connection = self._make_connection(admitted)
        self._outbox = self._connection.outbox
        self._frames = self._outbox.frames
        self._max_pending_bytes = settings.connection.max_pending_bytes
        self._stream = stream
        self._inbox = Inbox(self._loop)
        self._verdict = None if admitted else self._loop.create_future()

        self.calls: Calls | None = None
        """`None` if there were none."""

        self._arrived = 0  # messages
        self._handed_out = 0

        self._reading = False
        self._unsettled = False
        self._blocked = False  # the system took less than it was given: handle_writable will come
        self._cannot_write = False
        self._slow = False  # something was left to be written at the end of the last turn
        self._was_high = False  # more than half of the bound was waiting
        self._awaited = 0  # the size of what did not fit
        self._left_out = settings.new_left_out()
        self._judging = False

        self._timer: asyncio.Handle | None = None
        self._linger: asyncio.Handle | None = None
        self._ending = False
        self._finished = False
        self._read_end = False
        self._over = False
        self._ended = self._loop.create_future()

    def _make_connection(self, admitted: bool) -> Connection:
        settings = self._settings.connection
        return Connection(settings, self._loop.time(), self._write_early, admitted)

    def start(self) -> None:
        """Begins to read. The timers begin with the loop's next turn, so what is sent before goes
        ahead of the first ping."""
        if self.closed:
            return
        self._timer = self._loop.call_soon(self._handle_time)
        self._stream.start(self._handle_readable, self._handle_writable)
        try:
            self._read(True)
        except OSError:  # the system cannot watch any more sockets
            self._give_up(DisconnectReason.CONNECTION_CLOSED)

    @property
    def closed(self) -> bool:
        return self._connection.closed

    @property
    def draining(self) -> bool:
        """See `drain`."""
        return self._connection.draining

    @property
    def turned_away(self) -> bool:
        """The server has closed the connection, and has said why."""
        return self._connection.turned_away

    @property
    def retry_after(self) -> float:
        """How long the server wants not to see this client, in seconds."""
        return self._connection.retry_after

    @property
    def deaf(self) -> bool:
        """This side has ended the connection: what was received is not handed out any more."""
        return self._inbox.dropped

    @property
    def reason(self) -> DisconnectReason:
        """Why the link is closed. Only for a closed link."""
        assert self._connection.reason is not None
        return self._connection.reason

    @property
    def hint(self) -> str:
        return self._connection.hint

    @property
    def proved(self) -> bool:
        return self._connection.proved

    @property
    def pending_bytes(self) -> int:
        return 0 if self.closed else self.queued_bytes + self._stream.held_output

    @property
    def queued_bytes(self) -> int:
        """What the stream has not taken yet, also of a link that is ending."""
        return self._frames.pending + self._left_out.size

    @property
    def dropped_broadcasts(self) -> int:
        """How many were left out and will not be sent any more."""
        return self._left_out.dropped

    @property
    def native_handle(self) -> int:
        return self._stream.native_handle

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        return self._stream.peer_credentials

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        return self._stream.peer_certificate

    def send(self, frame: bytes | Accepted) -> None:
        """Sends a message. It is written at the end of the loop's turn, together with what else was
        sent."""
        if not self._can_send():
            return
        accepted = self._outbox.send(frame)
        if accepted is Accepted.YES:
            self._handle_sent()
        else:
            self.close(reason_of(accepted, slow=self._slow))

    def try_send(self, frame: bytes | Accepted) -> SendResult:
        """Like `send`, but a message that is not accepted is only not sent."""
        if not self._is_open:
            return SendResult.NOT_CONNECTED
        if isinstance(frame, Accepted):
            return SendResult.of(frame)
        if not self._settings.total_fits(len(frame), self):
            return SendResult.FULL
        accepted = self._outbox.send(frame)
        if accepted is Accepted.FULL:
            self._was_high = True
            self._awaited = len(frame)
        self._handle_sent()
        return SendResult.of(accepted)

    def handle_room(self) -> None:
        """Not too much is waiting for all together any more."""
        if not self._left_out.behind:
            self._inbox.signal_writable()

    @property
    def last_sent(self) -> int:
        """The number of the last message that was accepted."""
        return self._outbox.sent

    @property
    def last_handed_out(self) -> int:
        """The number of the message that was handed out last; 0 if messages have none."""
        return self._handed_out if self.calls is not None and self.calls.named else 0

    def its_calls(self) -> Calls:
        if self.calls is None:
            self.calls = self._settings.new_calls()
        return self.calls

    def broadcast(self, frame: bytes, kind: Hashable) -> None:
        """Sends a message that others get too. If it is too much it may be left out, see
        `SlowReader`. Of each `kind` the latest may be kept."""
        if self._settings.slow_reader is SlowReader.DISCONNECT:
            self.send(frame)
        elif self._can_send():
            if not self._left_out.behind and self._outbox.offer(frame, self._share):
                self._handle_sent()
            else:
                self._leave_out(frame, kind)

    def write(self) -> bool:
        """Writes what the system takes now; false if it takes nothing."""
        before = self._frames.pending
        self._flush()
        return self._frames.pending < before

    @property
    def admitted(self) -> bool:
        return self._verdict is None or self._verdict.done()

    def admit(self) -> None:
        if self._verdict is None or self._verdict.done() or self.closed:
            return
        self._verdict.set_result(None)
        self._connection.admit()
        if not self._read_end:
            self._connection.touch(self._loop.time())
            self._read(True)
            self._handle_bytes(b"")  # what has waited

    async def wait_admitted(self) -> bool:
        """False if the link is over before."""
        if self._verdict is not None:
            either = {self._verdict, self._ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return self.admitted

    def drain(self) -> None:
        """Tells the client, after what was sent, that it may go. What it sends until it has ended
        its side of the stream is handed out, and may be answered: see `next_event`."""
        if not self.admitted:
            self.close(DisconnectReason.DRAINING)
        elif not self.closed and not self.draining:
            self._connection.drain()
            self._settle_soon()

    def leave(self, reason: DisconnectReason) -> None:
        """Ends this side of the stream after what was sent; nothing is sent any more. What the peer
        sends until it has ended its own side is still handed out."""
        if not self.closed:
            if self._left_out.behind:
                self._catch_up(sys.maxsize)
            self._connection.leave(reason)
            self._flush()

    def pause(self) -> None:
        self._inbox.pause()

    def resume(self) -> None:
        if self._inbox.paused:
            self._connection.touch(self._loop.time())
            self._inbox.resume()

    def end(self, reason: DisconnectReason, linger: float | None = None) -> None:
        """Ends the connection in order: input that has not been handed out is dropped. What was
        sent is still written if the peer reads it within `linger`, by default that of the
        settings."""
        if not self._connection.hears:
            self._drop_input(reason)
            return
        if self._left_out.behind and not self.closed:
            self._catch_up(sys.maxsize)
        linger = self._settings.linger if linger is None else linger
        if linger <= 0 or self._stream.broken:
            self.close(reason)
            return
        self._connection.close(reason)
        self._inbox.drop()
        self._ending = True
        self._linger = self._loop.call_later(linger, self._end)
        self._read(not self._read_end)
        self._flush()

    def close(self, reason: DisconnectReason, hint: str = "") -> None:
        """Like `end`, but what is not written yet is written only as far as the system takes it
        now."""
        if not self._connection.hears:
            self._drop_input(reason, hint)
            return
        self._connection.close(reason, hint)
        self._inbox.drop()
        if reason not in _PEER_IS_GONE:
            self._write()
        self._end()

    def abort(self, reason: DisconnectReason) -> None:
        """Like `end`, but at once: nothing more is written."""
        if not self._connection.hears:
            self._drop_input(reason)
        self._connection.close(reason)
        self._inbox.drop()
        self._end()

    async def next_event(self) -> Event | None:
        """The payload of the next message, or a signal, or `None` when no more can come. Then the
        link is closed, or it is draining, and answers may still be sent before `end`."""
        while True:
            self._inbox.finish()
            event = await self._inbox.next()
            self.read_on()
            if isinstance(event, bytes):
                self._handed_out += 1
                if self.calls is not None:
                    self.calls.handle_handed_out(self._handed_out)
            if not isinstance(event, Handled):
                return event

    def read_on(self) -> None:
        """Goes on reading if the inbox has room again."""
        if not self._reading and self._hears and self._inbox.has_room:
            self._connection.touch(self._loop.time())
            self._read(True)

    async def wait_over(self) -> None:
        """Waits until the stream is closed. After an orderly end that is later than `closed`."""
        if not self._ended.done():
            await asyncio.wait({self._ended})

    # Reading

    @property
    def _hears(self) -> bool:
        return self._connection.hears and not self._read_end

    @property
    def _leaving(self) -> bool:
        return self.closed and self._connection.hears

    def _read(self, wanted: bool) -> None:
        self._reading = wanted
        self._stream.want_input(wanted)

    def _handle_readable(self) -> None:
        limit = self._settings.connection.max_payload_before_accept
        data = self._stream.read(READ_SIZE if self.admitted else limit)
        if data is None:
            # Something has arrived, if not enough for the stream.
            self._connection.touch(self._loop.time())
            return
        if data:
            self._handle_bytes(data)
            return
        self._read_end = True
        self._read(False)
        if self._ending:
            self._flush()
        elif self._leaving or self.draining:
            self._inbox.end()
            self._flush()
        else:
            self._give_up(DisconnectReason.CONNECTION_CLOSED, self._stream.why_ended)

    def _handle_bytes(self, data: bytes) -> None:
        if self._ending:
            self._connection.handle_farewell(data)
        else:
            for payload in self._connection.handle_bytes(data, self._loop.time()):
                self._arrived += 1
                self._inbox.put(payload if self.calls is None else self.calls.take_message(payload))
            if not self._connection.hears:
                self._write()
                self._give_up(self.reason)
                return
            if self._inbox.full or self._connection.waiting:
                self._read(False)
                self._look_by(self._loop.time() + _SIGN_OF_LIFE)
        self._flush()

    def _drop_input(self, reason: DisconnectReason, hint: str = "") -> None:
        """The connection is over, and what it has left is not handed out. If there is something,
        this side has come before the end that the peer has put behind it."""
        if self._inbox.unhandled:
            self._connection.reason, self._connection.hint = reason, hint
        self._inbox.drop()

    def _give_up(self, reason: DisconnectReason, hint: str = "") -> None:
        """What was received before is still handed out."""
        self._connection.close(reason, hint)
        self._inbox.end()
        self._end()

    # Time

    def _handle_time(self) -> None:
        # What was sent in the turn of `start` goes out before the early ping.
        self._flush()
        now = self._loop.time()
        if not self._listening:
            self._connection.touch(now)
        if not self._reading and self._connection.hears:
            self._connection.say_alive()
        if self._over or not (self._connection.hears or self._unwritten):
            return
        if self._connection.hears and self._connection.timed_out(now):
            self._judge_soon(now)
            return
        self._connection.handle_time(now, now)
        self._flush()
        if self._over:
            return
        deadline = self._connection.deadline()
        self._reschedule(deadline if self._reading else min(deadline, now + _SIGN_OF_LIFE))

    @property
    def _listening(self) -> bool:
        if self._read_end:
            return self.closed  # the peer may read what waits for it
        return (self._reading and not self._inbox.paused) or self._ending

    def _judge_soon(self, now: float) -> None:
        """When the loop, or the whole process, was held up, input waits to be read. In the turn
        after the next, all input that has arrived by now has been read."""
        self._judging = True
        self._timer = self._loop.call_soon(self._loop.call_soon, self._judge, now)

    def _judge(self, heard_until: float) -> None:
        self._judging = False
        if not self._connection.hears:
            return
        if self._listening:
            self._connection.handle_time(self._loop.time(), heard_until)
        if not self._connection.hears:
            self._give_up(self.reason)
        else:
            self._handle_time()

    def _look_by(self, deadline: float) -> None:
        """Moves the next look to an earlier time, never to a later one: in a flood this is called
        all the time."""
        if isinstance(self._timer, asyncio.TimerHandle) and self._timer.when() > deadline:
            self._reschedule(deadline)

    def _reschedule(self, deadline: float) -> None:
        if self._judging:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._handle_time)

    # Writing

    def _can_send(self) -> bool:
        self._settings.keep_total()
        return self._is_open

    @property
    def _is_open(self) -> bool:
        return self.admitted and not self.closed and not self._cannot_write

    def _handle_sent(self) -> None:
        if not self._is_low:
            self._was_high = True
        self._settle_soon()

    @property
    def _is_low(self) -> bool:
        return self._frames.pending <= self._max_pending_bytes // 2

    @property
    def _has_room(self) -> bool:
        return self._is_low and not self._outbox.too_much(self._awaited, self._max_pending_bytes)

    @property
    def _share(self) -> int:
        """Of broadcasts; the rest is for messages to this client alone."""
        return self._max_pending_bytes // 4 * 3

    def _leave_out(self, frame: bytes, kind: Hashable) -> None:
        if self._left_out.add(frame, kind):
            self._was_high = True
            self._inbox.signal_behind()
            self._settle_soon()
        if self._left_out.size > self._max_pending_bytes:
            self.close(DisconnectReason.SLOW_READER)

    def _catch_up(self, most: int) -> bool:
        """Sends what was left out and kept, as far as there is room; false if there is none."""
        return self._left_out.catch_up(lambda frame: self._outbox.offer(frame, most))

    def _write_early(self, frame_size: int, most: int) -> None:
        """A peer is a slow reader only if it does not take what is offered."""
        self._write()
        patience = Patience.of(self._loop)
        while self._outbox.too_much(frame_size, most) and not (self._slow or self._stream.broken):
            began = time.monotonic()
            progress = patience.left > 0 and self._stream.wait_for_room(patience.left)
            patience.spend(self._loop, began)
            if not progress:
                break
            self._blocked = False
            self._write()

    def _handle_writable(self) -> None:
        self._blocked = False
        if self._read_end:
            self._connection.touch(self._loop.time())
        self._flush()

    def _settle_soon(self) -> None:
        if not self._unsettled:
            self._unsettled = True
            self._loop.call_soon(self._settle)

    def _settle(self) -> None:
        self._unsettled = False
        self._flush()
        self._slow = bool(self._frames)

    def _flush(self) -> None:
        if self._over:
            return
        self._write()
        while self._left_out.behind and self._is_low and not self.closed:
            if not self._catch_up(self._share):
                break
            self._write()
        self._slow = self._slow and bool(self._frames)
        if self._was_high and self._has_room and not self._left_out.behind:
            self._was_high = False
            self._awaited = 0
            self._inbox.signal_writable()
        if self._ending or self._leaving:
            self._go_on_ending()

    def _write(self) -> None:
        if self._finished:
            self._frames.clear()  # a ping or a pong
        while self._frames and not self._blocked:
            offered = self._frames.gather()
            taken = self._stream.write(offered)
            if self._stream.broken:
                self._cannot_write = True
                self._frames.clear()
                return
            self._blocked = taken < sum(len(part) for part in offered)
            self._frames.handle_written(taken)
        self._stream.want_room(bool(self._frames))

    @property
    def _unwritten(self) -> bool:
        return bool(self._frames) or self._stream.held_output > 0

    # The end

    def _go_on_ending(self) -> None:
        if not self._unwritten and not self._finished:
            self._finished = True
            self._stream.finish()
        # A failed write does not lose what the peer has sent before.
        broken = self._stream.broken and not self._leaving
        if broken or (self._finished and self._read_end and not self._unwritten):
            self._end()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._connection.close(self.reason)
        if self.calls is not None:
            self.calls.end(self.reason)
        for timer in (self._timer, self._linger):
            if timer is not None:
                timer.cancel()
        self._frames.clear()
        self._left_out.clear()
        self._stream.close()
        if not self._loop.is_closed():
            self._ended.set_result(None)


# The interval of unasked pongs from a server that does not read, in seconds.
_SIGN_OF_LIFE = 1.0

_PEER_IS_GONE = {
    DisconnectReason.CONNECTION_CLOSED,
    DisconnectReason.KEEP_ALIVE_TIMEOUT,
    DisconnectReason.SLOW_READER,
    DisconnectReason.TOO_MUCH_AT_ONCE,
}
