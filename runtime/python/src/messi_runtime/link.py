"""A `Connection` on a socket."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass

from .connection import Connection, ConnectionSettings
from .disconnect_reason import DisconnectReason
from .inbox import Inbox, Signal
from .patience import Patience
from .socket_options import SocketOptions, prepare
from .stream import PeerCredentials, Stream


@dataclass(frozen=True)
class LinkSettings:
    connection: ConnectionSettings
    socket: SocketOptions
    linger: float
    """How long an orderly end may take, in seconds."""


class Link:
    """One connection, from its socket to its inbox.

    Reading goes on while a hook runs, so that pings are answered and time-outs judged however long
    it takes; the messages wait in the inbox. A full inbox stops the reading, which stops the peer.
    """

    def __init__(
        self, settings: LinkSettings, connected: socket.socket, early: bytes = b""
    ) -> None:
        """`early` is what has been read from the socket before."""
        prepare(connected, settings.socket)
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._connection = Connection(settings.connection, self._loop.time())
        self._queue = self._connection.queue
        self._max_pending_bytes = settings.connection.max_pending_bytes
        self._stream = Stream(self._loop, connected, self._handle_readable, self._handle_writable)
        self._inbox = Inbox(self._loop)
        self._early = early

        self._reading = False
        self._flushing_soon = False
        self._takes_more = True
        self._cannot_write = False
        self._behind = False  # the system has not taken at the end of a turn what there was
        self._crowded = False
        self._judging = False

        self._timer: asyncio.Handle | None = None
        self._linger: asyncio.Handle | None = None
        self._ending = False
        self._wrote_end = False
        self._read_end = False
        self._over = False
        self._ended = self._loop.create_future()

    def start(self) -> None:
        """Reading begins; timers with the loop's next turn: what is sent before then goes ahead of
        the first ping."""
        if self.closed:
            return
        self._timer = self._loop.call_soon(self._handle_time)
        try:
            self._read(True)
        except OSError:  # the system cannot watch any more sockets
            self._give_up(DisconnectReason.CONNECTION_CLOSED)
            return
        if self._early:
            early, self._early = self._early, b""
            self._handle_bytes(early)

    @property
    def closed(self) -> bool:
        return self._connection.closed

    @property
    def deaf(self) -> bool:
        """Our side has had enough: what was received is not handed out any more."""
        return self._inbox.dropped

    @property
    def reason(self) -> DisconnectReason:
        """Why the link is closed; asked for only when it is."""
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
        return 0 if self.closed else self._queue.pending_bytes

    @property
    def handle(self) -> int:
        return self._stream.handle

    @property
    def credentials(self) -> PeerCredentials | None:
        return self._stream.credentials

    def send(self, frame: bytes | DisconnectReason) -> None:
        """Written at the end of the loop's turn, together with what else is sent in it."""
        if self._connection.reason is not None or self._cannot_write:
            return
        if isinstance(frame, DisconnectReason):
            self.close(frame)
            return
        if not self._connection.has_room(len(frame)) and not self._make_room(len(frame)):
            slow = self._behind
            self.close(DisconnectReason.SLOW_READER if slow else DisconnectReason.TOO_MUCH_AT_ONCE)
            return
        self._queue.append(frame)
        if self._queue.pending_bytes > self._max_pending_bytes // 2:
            self._crowded = True
        if not self._flushing_soon:
            self._flushing_soon = True
            self._loop.call_soon(self._flush_turn)

    def pause(self) -> None:
        self._inbox.pause()

    def resume(self) -> None:
        if self._inbox.paused:
            self._connection.excuse_silence(self._loop.time())
            self._inbox.resume()

    def close(self, reason: DisconnectReason, hint: str = "") -> None:
        """Our side has had enough: what has been received but not handed out is dropped.

        After STOPPED and DISCONNECTED what was sent is still written, if the peer reads it.
        """
        if self.closed:
            return
        self._connection.close(reason, hint)
        self._inbox.drop()
        if reason in _ORDERLY and self._settings.linger > 0 and not self._stream.broken:
            self._ending = True
            self._linger = self._loop.call_later(self._settings.linger, self._end)
            self._read(not self._read_end)
            self._flush()
        else:
            if reason not in _PEER_IS_GONE:
                self._write()
            self._end()

    def abort(self, reason: DisconnectReason) -> None:
        """As `close`, but at once."""
        self._connection.close(reason)
        self._inbox.drop()
        self._end()

    async def next_event(self) -> bytes | Signal | None:
        """The payload of the next message, or a signal, or `None` when no more can come."""
        event = await self._inbox.next()
        if not self._reading and self._inbox.has_room and not self.closed:
            self._connection.excuse_silence(self._loop.time())
            self._read(True)
        return event

    async def wait_ended(self) -> None:
        """Until the socket is closed, which after an orderly end is later than `closed`."""
        if not self._ended.done():
            await asyncio.wait({self._ended})

    # Reading

    def _read(self, wanted: bool) -> None:
        self._reading = wanted
        self._stream.want_read(wanted)

    def _handle_readable(self) -> None:
        data = self._stream.read()
        if data is None:
            return
        if data:
            self._handle_bytes(data)
            return
        self._read_end = True
        self._read(False)
        if self._ending:
            self._flush()
        else:
            self._give_up(DisconnectReason.CONNECTION_CLOSED)

    def _handle_bytes(self, data: bytes) -> None:
        if self._ending:
            self._connection.handle_farewell(data)
        else:
            for payload in self._connection.handle_bytes(data, self._loop.time()):
                self._inbox.put(payload)
            if self.closed:
                self._write()
                self._give_up(self.reason)
                return
            if self._inbox.full:
                self._read(False)
                self._look_by(self._loop.time() + _SIGN_OF_LIFE)
        self._flush()

    def _give_up(self, reason: DisconnectReason) -> None:
        """What has been received before is still handed out."""
        self._connection.close(reason)
        self._inbox.end()
        self._end()

    # Time

    def _handle_time(self) -> None:
        # What was sent in the turn of `start` goes out before the early ping.
        self._flush()
        now = self._loop.time()
        if not self._listening:
            self._connection.excuse_silence(now)
        if not self._reading and not self.closed:
            self._connection.say_alive()
        if self._over or (self.closed and not self._queue):
            return
        if not self.closed and self._connection.silent(now):
            self._judge_soon(now)
            return
        self._connection.handle_time(now)
        self._flush()
        if self._over:
            return
        deadline = self._connection.deadline()
        self._reschedule(deadline if self._reading else min(deadline, now + _SIGN_OF_LIFE))

    @property
    def _listening(self) -> bool:
        return (self._reading and not self._inbox.paused) or self._ending

    def _judge_soon(self, now: float) -> None:
        """When the loop, or the whole process, was held up, what the peer has sent meanwhile waits
        to be read. In the turn after the next, all that has come by now has been."""
        self._judging = True
        self._timer = self._loop.call_soon(self._loop.call_soon, self._judge, now)

    def _judge(self, heard_until: float) -> None:
        self._judging = False
        if self.closed:
            return
        if self._listening:
            self._connection.judge_silence(heard_until)
        if self.closed:
            self._give_up(self.reason)
        else:
            self._handle_time()

    def _look_by(self, deadline: float) -> None:
        """Brings the next look forward, never back: in a flood this happens all the time."""
        if isinstance(self._timer, asyncio.TimerHandle) and self._timer.when() > deadline:
            self._reschedule(deadline)

    def _reschedule(self, deadline: float) -> None:
        if self._judging:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._handle_time)

    # Writing

    def _make_room(self, size: int) -> bool:
        """Only who does not take what is offered is a slow reader."""
        self._write()
        patience = Patience.of(self._loop)
        while not (self._behind or self._stream.broken or self._connection.has_room(size)):
            began = time.monotonic()
            progress = patience.left > 0 and self._stream.wait_writable(patience.left)
            patience.spend(self._loop, began)
            if not progress:
                break
            self._takes_more = True
            self._write()
        return self._connection.has_room(size)

    def _handle_writable(self) -> None:
        self._takes_more = True
        self._flush()

    def _flush_turn(self) -> None:
        self._flushing_soon = False
        self._flush()
        self._behind = bool(self._queue)

    def _flush(self) -> None:
        if self._over:
            return
        self._write()
        self._behind = self._behind and bool(self._queue)
        if self._crowded and self._queue.pending_bytes <= self._max_pending_bytes // 2:
            self._crowded = False
            self._inbox.signal_writable()
        if self._ending:
            self._go_on_ending()

    def _write(self) -> None:
        while self._queue and self._takes_more:
            offered = self._queue.offer()
            taken = self._stream.write(offered)
            if self._stream.broken:
                self._cannot_write = True
                self._queue.clear()
                return
            self._takes_more = taken == sum(len(part) for part in offered)
            self._queue.take(taken)
        self._stream.want_write(bool(self._queue))

    # The end

    def _go_on_ending(self) -> None:
        if self._stream.broken:
            self._end()
        elif not self._queue:
            if not self._wrote_end:
                self._wrote_end = True
                self._stream.end_writing()
            if self._read_end or self._stream.broken:
                self._end()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        for timer in (self._timer, self._linger):
            if timer is not None:
                timer.cancel()
        self._queue.clear()
        self._stream.close()
        if not self._loop.is_closed():
            self._ended.set_result(None)


# A server that does not read says that it lives this often, in seconds.
_SIGN_OF_LIFE = 1.0

_ORDERLY = {DisconnectReason.STOPPED, DisconnectReason.DISCONNECTED}

_PEER_IS_GONE = {
    DisconnectReason.CONNECTION_CLOSED,
    DisconnectReason.KEEP_ALIVE_TIMEOUT,
    DisconnectReason.SLOW_READER,
    DisconnectReason.TOO_MUCH_AT_ONCE,
}
