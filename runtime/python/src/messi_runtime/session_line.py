"""A session, as a client or server uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from .calls import Calls, Handled
from .close_frame import CloseCode, CloseFrame, encode_close
from .connection import Side, reason_of
from .disconnect_reason import DisconnectReason
from .farewell import cut, harmless, reason_of_code
from .frame import FrameType, encode_frame
from .inbox import Detached, Event, Inbox, Resumed
from .link import LinkSettings
from .outbox import Accepted
from .peer_certificate import PeerCertificate
from .send_result import SendResult
from .session import Session
from .session_connection import FATAL
from .session_link import SessionLink
from .session_loss import SessionLoss, SessionLossReason
from .slow_reader import SlowReader


class SessionLine:
    """Takes the place of a `Link`, and outlives its connections.

    It ends once: `reason` says why, and `loss` what was lost. An end in order takes time, since the
    peer is to say that it has handled all that was sent, and has to know how much was handled here.
    """

    def __init__(self, settings: LinkSettings) -> None:
        self.session = Session(settings.connection.outbox)
        self.inbox = Inbox(asyncio.get_running_loop())
        self.link: SessionLink | None = None
        self.hint = ""
        self.loss: SessionLoss | None = None
        self.established = False
        """The server has welcomed it; only on a client false."""

        self.told = False
        """The program has been told that it has begun."""

        self.confirmed = False
        """The peer has said that it knows the session."""

        self.draining = False
        """The server lets the client go. On a client, what is sent from now on is for another
        session."""

        self.handle_detached: Callable[[], None] = lambda: None
        """There is no connection any more."""

        self.handle_ended: Callable[[], None] = lambda: None
        """It is over."""

        self.may_return = True
        """There may be another connection."""

        self.calls: Calls | None = None
        """`None` if there were none."""

        self.peer_certificate: PeerCertificate | None = None

        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._on_server = settings.connection.side is Side.SERVER
        self._max_pending_bytes = settings.connection.max_pending_bytes
        self._half = self._max_pending_bytes // 2
        self._end_reason: DisconnectReason | None = None
        self._over = False
        self._closing: CloseCode | None = None  # is to be said behind all messages
        self._answers = False  # by that
        self._said = False  # on this connection
        self._to_answer: CloseCode | None = None  # when all is dispatched
        self._peer_handles_no_more = False
        self._peer_sends_no_more = False
        self._was_high = False  # more than half of the bound was kept
        self._awaited = 0  # the size of what did not fit
        self._left_out = settings.new_left_out()
        self._owed_since = 0.0
        self._ack_timer: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._ended = self._loop.create_future()

    @staticmethod
    def ended(settings: LinkSettings, reason: DisconnectReason) -> SessionLine:
        """One that has ended before it had a connection."""
        line = SessionLine(settings)
        line._finish(SessionLossReason.CLOSED, reason)
        return line

    # As a link

    @property
    def closed(self) -> bool:
        """Nothing more is accepted."""
        return self._end_reason is not None

    @property
    def over(self) -> bool:
        """It has ended, and it is known what was lost."""
        return self._over

    @property
    def detached(self) -> bool:
        return self.established and self.link is None and not self.closed

    @property
    def admitted(self) -> bool:
        return True

    @property
    def deaf(self) -> bool:
        return self.inbox.dropped

    @property
    def reason(self) -> DisconnectReason:
        """Why it is closed. Only for a closed one."""
        assert self._end_reason is not None
        return self._end_reason

    @property
    def unacknowledged(self) -> int:
        return len(self.session.kept)

    @property
    def pending_bytes(self) -> int:
        return 0 if self.closed else self.queued_bytes

    @property
    def queued_bytes(self) -> int:
        return self.session.kept.size + self._left_out.size

    @property
    def dropped_broadcasts(self) -> int:
        """As that of a link."""
        return self._left_out.dropped

    @property
    def native_handle(self) -> int:
        return -1 if self.link is None else self.link.native_handle

    def send(self, frame: bytes | Accepted) -> None:
        """Keeps a message until it is acknowledged."""
        accepted = self._offer(frame, self._max_pending_bytes)
        if accepted is not None and accepted is not Accepted.YES:
            self._break(reason_of(accepted, slow=True), _LOSS_BY_REFUSAL[accepted])

    def try_send(self, frame: bytes | Accepted) -> SendResult:
        if not self._accepts:
            return SendResult.NOT_CONNECTED
        if isinstance(frame, Accepted):
            return SendResult.of(frame)
        if not self._settings.total_fits(len(frame), self):
            return SendResult.FULL
        accepted = self._offer(frame, self._max_pending_bytes, keeps_total=False)
        if accepted is Accepted.FULL:
            self._was_high = True
            self._awaited = len(frame)
        return SendResult.of(accepted)

    def handle_room(self) -> None:
        """As that of a link."""
        if not self._left_out.behind:
            self.inbox.signal_writable()

    @property
    def last_sent(self) -> int:
        return self.session.kept.accepted

    @property
    def last_handed_out(self) -> int:
        return self.session.rx if self.calls is not None and self.calls.named else 0

    def its_calls(self) -> Calls:
        if self.calls is None:
            self.calls = self._settings.new_calls()
        return self.calls

    def begin_calls(self) -> None:
        """Both sides name requests in their answers."""
        self.its_calls().named = True
        if self.link is not None:
            self.link.hear_calls(self._hear_call)

    def _hear_call(self, payload: bytes) -> bool:
        event = self.its_calls().hear(payload, self.session.received + 1, self.session.tx)
        if event is None:
            return False
        self.handle_message(event)
        return True

    def broadcast(self, frame: bytes, kind: Hashable) -> None:
        """As that of a link."""
        if self._settings.slow_reader is SlowReader.DISCONNECT:
            self.send(frame)
        elif not self.closed:
            accepted = Accepted.FULL if self._left_out.behind else self._offer(frame, self._share)
            if accepted is Accepted.FULL:
                self._leave_out(frame, kind)
            elif accepted is Accepted.TOO_BIG:
                self._break(reason_of(accepted), _LOSS_BY_REFUSAL[accepted])

    def write(self) -> bool:
        """Writing alone makes no room."""
        return False

    def pause(self) -> None:
        self.inbox.pause()

    def resume(self) -> None:
        if self.link is not None:
            self.link.resume()
        self.inbox.resume()

    def admit(self) -> None:
        """It is admitted."""

    def drain(self) -> None:
        """A server lets its client go, as soon as everything is handled on both sides."""
        if self.closed or self.draining:
            return
        if self.link is None:
            self._finish(SessionLossReason.CLOSED, DisconnectReason.DRAINING)
            return
        self.draining = True
        self._closing = CloseCode.DRAIN
        self.link.write_soon()

    def leave(self, reason: DisconnectReason) -> None:
        """A client with a session knows what a drain is."""

    def end(self, reason: DisconnectReason, linger: float | None = None) -> None:
        """Ends the session in order: input that has not been handed out is dropped. What was sent
        is still to be acknowledged, within `linger`, perhaps by way of another connection."""
        if self.closed:
            self._drop_input(reason)
            self._go_on()
            return
        linger = self._settings.linger if linger is None else linger
        if linger <= 0:
            self.abort(reason)
            return
        self._catch_up(None)
        self._end_reason = reason
        self._to_answer = None
        self._handle_answers()
        self.inbox.drop()
        self._close(CloseCode.CLOSED)
        if not self.established and self.unacknowledged == 0:
            self._finish(SessionLossReason.CLOSED)
            return
        self._linger = self._loop.call_later(linger, self.abort, reason)

    def close(self, reason: DisconnectReason, hint: str = "") -> None:
        """Ends the connection; and the session, if it cannot go on."""
        if reason is DisconnectReason.MESSAGE_DECODE_ERROR:
            self.session.rx -= 1  # nobody has handled that one
        if reason in FATAL:
            self._drop_input(reason)
            if self.link is not None:
                self.link.write()  # what was sent before
            self._break(reason, FATAL[reason], hint)
        elif self.link is not None and (not self.closed or self._to_answer is CloseCode.CLOSED):
            # What was not handed out comes again.
            self._forget_close()
            self.inbox.drop_messages()
            self.link.close(reason, hint)

    def abort(self, reason: DisconnectReason) -> None:
        """Ends the session at once."""
        self._handle_answers()
        self._drop_input(reason)
        full = reason is DisconnectReason.TOO_MUCH_QUEUED
        self._break(reason, SessionLossReason.OVERFLOW if full else SessionLossReason.CLOSED)

    def lose(
        self, loss: SessionLossReason, reason: DisconnectReason, peer_handled: int | None = None
    ) -> None:
        """It cannot go on."""
        if self.link is not None:
            self._break(reason, loss)
        else:
            self._finish(loss, reason, peer_handled)

    async def next_event(self) -> Event | None:
        """The payload of the next message, or what else is to be told, or `None` when no more can
        come."""
        while True:
            self.inbox.finish()
            if self._end_reason is not None or self.draining:
                self._go_on()
            event = await self.inbox.next()
            if isinstance(event, bytes):
                if self.session.handle_dispatched(len(event)):
                    self._acknowledge()
                if self.calls is not None:
                    self.calls.handle_handed_out(self.session.rx)
            if self.link is not None:
                self.link.read_on()
            if not isinstance(event, Handled):
                return event

    async def wait_over(self, link: SessionLink | None = None) -> None:
        """Waits until it is known what was lost, or until this link is over."""
        self.inbox.finish()
        self._go_on()
        if link is not None:
            await asyncio.wait({self._ended, link.ended}, return_when=asyncio.FIRST_COMPLETED)
        elif not self._ended.done():
            await asyncio.wait({self._ended})

    # Its connections

    def prepare(self) -> None:
        """Another connection is to take over, so the present one must not change anything more."""
        if self.link is not None:
            link, self.link = self.link, None
            link.leave_session()
            link.abort(DisconnectReason.REPLACED)
            self._tell_detached(DisconnectReason.REPLACED)
        self.inbox.drop_messages()
        self._forget_close()

    def _forget_close(self) -> None:
        """The peer's, if it was not answered: it will say it again, behind what it has not seen
        acknowledged."""
        if self._to_answer is CloseCode.CLOSED:
            self._to_answer = self._end_reason = None
            self._peer_handles_no_more = False
            self.inbox.reopen()

    def attach(self, link: SessionLink, peer_rx: int, retains: int, accepts: int) -> bool:
        """Goes on in this connection, after `prepare`. False if it is lost."""
        problem = self.session.attach(peer_rx, retains, accepts)
        if problem is not None:
            too_big = problem is SessionLossReason.LIMIT
            reason = (
                DisconnectReason.MESSAGE_TOO_BIG if too_big else DisconnectReason.PROTOCOL_ERROR
            )
            self._finish(problem, reason)
            return False
        self.link = link
        self._said = False
        self.peer_certificate = link.peer_certificate
        if self.established and not self.closed:
            self.inbox.put(Resumed(self.session.replayed))
        self.established = True
        self._check_low()
        return True

    def begin(self) -> None:
        """Everything that comes before the messages has been said."""
        if self.link is not None:
            self.link.begin(self)

    def handle_over(self, link: SessionLink) -> None:
        if self.link is not link:
            return
        self.link = None
        self.hint = str(link.hint)
        reason = link.reason
        if self.closed:
            if self._peer_handles_no_more or self._linger is None or not self.may_return:
                self._finish(SessionLossReason.CLOSED)
        elif reason in FATAL:
            self._finish(FATAL[reason], reason)
        elif self.draining:
            self._finish(SessionLossReason.CLOSED, DisconnectReason.DRAINING)
        else:
            self._tell_detached(reason)
        if not self._over:
            self.handle_detached()

    def _tell_detached(self, reason: DisconnectReason) -> None:
        if not self.closed:
            self.inbox.put(Detached(reason))

    # What its connection reports

    def handle_message(self, payload: bytes | Detached | Resumed) -> None:
        self.session.received += 1
        if self.calls is not None and isinstance(payload, bytes):
            payload = self.calls.take_message(payload, self.session.received)
        if not self.inbox.dropped:
            self.inbox.put(payload)

    def handle_ack(self, rx: int, tx: int) -> bool:
        if not self.session.handle_ack(rx, tx):
            return False
        self.confirmed = True
        self._check_low()
        self._go_on_soon()
        return True

    def handle_close(self, frame: CloseFrame) -> bool:
        if not self._may_come(frame):
            return False
        text = harmless(frame.text)
        if frame.code not in (CloseCode.CLOSED, CloseCode.DRAIN):
            self._handle_no_further(frame, text)
            return True
        # An ACK may have gone ahead.
        if not self.handle_ack(max(frame.rx, self.session.kept.acknowledged), frame.tx):
            return False
        if frame.code == CloseCode.CLOSED:
            self._handle_closed(text)
        elif frame.reply:
            self._peer_sends_no_more = True
        elif not self.draining:
            self.draining = True
            self._to_answer = CloseCode.DRAIN
        self._go_on_soon()
        return True

    def _may_come(self, frame: CloseFrame) -> bool:
        """Whether the peer may say that now."""
        if not frame.reply:
            return not self._on_server or loss_of(frame.code) is not None
        if frame.code == CloseCode.DRAIN:
            return self._on_server and self.draining
        return self._closing is CloseCode.CLOSED and self._said

    def _handle_no_further(self, frame: CloseFrame, text: str) -> None:
        """The peer cannot go on: with the session, or only with the connection."""
        loss = loss_of(frame.code)
        if loss is None:
            if self.link is not None:
                self.link.shut(reason_of_code(frame.code), text)
            return
        # It may have been said in the middle of what was sent.
        self._peer_handles_no_more = True
        self.hint = text
        self._cut(loss, DisconnectReason.SESSION_LOST, frame.rx)

    def _handle_closed(self, text: str) -> None:
        self._peer_handles_no_more = True
        if self.closed:
            self._answers = True
            return
        self._end_reason = DisconnectReason.CONNECTION_CLOSED
        self.hint = text
        self._to_answer = CloseCode.CLOSED
        self.inbox.end()

    # What its connection writes

    @property
    def has_output(self) -> bool:
        return self._has_messages_to_write or self._has_close_to_write

    @property
    def _has_messages_to_write(self) -> bool:
        return self.session.kept.unwritten and not self._peer_handles_no_more

    @property
    def _has_close_to_write(self) -> bool:
        return self._closing is not None and not self._said

    @property
    def ack_rides(self) -> bool:
        waited = self._loop.time() - self._owed_since >= _RIDES_AFTER
        return self.session.ack_rides or (waited and self.session.owes_ack)

    def make_ack(self) -> bytes:
        return self.session.make_ack()

    def next(self) -> bytes | bytearray | None:
        if self._has_messages_to_write:
            return self.session.next()
        if self._closing is None or self._said:
            return None
        self._said = True
        self._go_on_soon()
        return self.close_frame(self._closing, reply=self._answers)

    def close_frame(self, code: int, text: str = "", reply: bool = False) -> bytes:
        numbers = {"rx": self.session.rx, "tx": self.session.tx}
        encoded = cut(text.encode(errors="replace"))
        return encode_close(CloseFrame(code, text=encoded, reply=reply, **numbers))

    # Sending

    @property
    def _accepts(self) -> bool:
        return self._end_reason is None and not (self.draining and self._to_answer is not None)

    def _offer(
        self, frame: bytes | Accepted, most: int, *, keeps_total: bool = True
    ) -> Accepted | None:
        """`None` if nothing can be sent."""
        if keeps_total:
            self._settings.keep_total()
        if not self._accepts:
            return None
        accepted = self.session.send(frame, most)
        if accepted is Accepted.YES:
            if self.session.kept.size > self._half:
                self._was_high = True
            if self.link is not None:
                self.link.write_soon()
        return accepted

    @property
    def _is_low(self) -> bool:
        return self.session.kept.size <= self._half

    @property
    def _has_room(self) -> bool:
        kept = self.session.kept.size
        return self._is_low and (kept == 0 or kept + self._awaited <= self._max_pending_bytes)

    @property
    def _share(self) -> int:
        return self._max_pending_bytes // 4 * 3

    def _check_low(self) -> None:
        if not self._is_low:
            return
        if self._left_out.behind:
            self._catch_up(self._share)
        if self._was_high and self._has_room and not self._left_out.behind:
            self._was_high = False
            self._awaited = 0
            self.inbox.signal_writable()

    def _leave_out(self, frame: bytes, kind: Hashable) -> None:
        if self._left_out.add(frame, kind):
            self._was_high = True
            self.inbox.signal_behind()
        if self._left_out.size > self._max_pending_bytes:
            self._break(DisconnectReason.SLOW_READER, SessionLossReason.OVERFLOW)

    def _catch_up(self, most: int | None) -> None:
        """Sends what was left out and kept, as far as there is room; `None`: all of it."""

        def offer(frame: bytes) -> bool:
            room = self.queued_bytes if most is None else most
            return self._offer(frame, room) is Accepted.YES

        self._left_out.catch_up(offer)

    def _acknowledge(self) -> None:
        if self.link is None:
            return
        if self.session.ack_due:
            self.link.want_ack()
            return
        self._owed_since = self._loop.time()
        if self._ack_timer is None:
            self._ack_timer = self._loop.call_later(_ACK_DELAY, self._acknowledge_late)

    def _acknowledge_late(self) -> None:
        self._ack_timer = None
        if self.link is not None and self.session.owes_ack:
            self.link.want_ack()

    # The end

    def _close(self, code: CloseCode, answers: bool = False) -> None:
        self._closing = code
        self._answers = answers
        self._said = False
        if self.link is not None:
            self.link.write_soon()

    def _go_on_soon(self) -> None:
        if self.closed or self.draining:
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Takes the next step to an end in order."""
        if self.link is None or self._over or not (self.closed or self.draining):
            return
        all_dispatched = not self.inbox.unhandled
        all_handled = self.unacknowledged == 0
        if self._to_answer is CloseCode.CLOSED:
            if all_dispatched:
                self._to_answer = None
                self._close(CloseCode.CLOSED, answers=True)
        elif self._to_answer is CloseCode.DRAIN:
            if all_dispatched and all_handled and self._closing is None:
                self._close(CloseCode.DRAIN, answers=True)
        elif self.closed:
            if self._said and self._peer_handles_no_more:
                self.link.end(self.reason, self._settings.linger)
        elif self._peer_sends_no_more and self._said and all_dispatched and all_handled:
            self._end_reason = DisconnectReason.DRAINING
            self.inbox.end()
            self.link.say(encode_frame(FrameType.ACK, self.make_ack()))
            self.link.end(DisconnectReason.DRAINING, self._settings.linger)

    def _drop_input(self, reason: DisconnectReason) -> None:
        """What was received is not handed out. If there is something, this side has come before the
        end that the peer has put behind it."""
        if self.closed and self.inbox.unhandled:
            self._end_reason = reason
        self.inbox.drop()

    def _handle_answers(self) -> None:
        """Callers have had their answers when they came. So those that are next are handled."""
        while (answer := self.inbox.take(Handled)) is not None:
            self.session.handle_dispatched(len(answer))

    def _break(self, reason: DisconnectReason, loss: SessionLossReason, text: str = "") -> None:
        """Ends it at once, and tells the peer as far as the stream takes it."""
        if self._over:
            return
        self._end_reason = self._end_reason or reason
        link, self.link = self.link, None
        if link is not None:
            if not (self._said and self._closing is CloseCode.CLOSED):
                link.say(self.close_frame(loss, text))
            link.leave_session()
            link.close(DisconnectReason.SESSION_LOST, text)
        self.hint = text
        self._finish(loss)

    def _cut(self, loss: SessionLossReason, reason: DisconnectReason, peer_handled: int) -> None:
        """The peer has ended it at once."""
        link, self.link = self.link, None
        if link is not None:
            link.leave_session()
            link.shut(reason, self.hint)
        self._finish(loss, reason, peer_handled)

    def _finish(
        self,
        loss: SessionLossReason,
        reason: DisconnectReason | None = None,
        peer_handled: int | None = None,
    ) -> None:
        if self._over:
            return
        self._over = True
        self._end_reason = self._end_reason or reason
        if self.calls is not None:
            self.calls.end(self._end_reason or DisconnectReason.CONNECTION_CLOSED)
        for timer in (self._ack_timer, self._linger):
            if timer is not None:
                timer.cancel()
        kept = self.session.kept
        self._left_out.hand_over(kept.append)
        kept.forget_total()
        if peer_handled is not None and not self.session.handle_last_rx(peer_handled):
            peer_handled = None
        if peer_handled is None and self._peer_handles_no_more:
            peer_handled = kept.acknowledged
        if loss is not SessionLossReason.CLOSED or len(kept) > 0:
            self.loss = SessionLoss(loss, kept.acknowledged + 1, kept.accepted, peer_handled, kept)
        if self._to_answer is not None:
            self.inbox.end()
        else:
            self.inbox.drop()
        if not self._loop.is_closed():
            self._ended.set_result(None)
        self.handle_ended()


def loss_of(code: int) -> SessionLossReason | None:
    """The reason that a peer has given; `None` if it is none."""
    return _LOSSES.get(code)


# That a server offers no sessions any more, only its client finds.
_LOSSES = {
    reason.value: reason
    for reason in SessionLossReason
    if reason is not SessionLossReason.DOWNGRADED
}

_LOSS_BY_REFUSAL = {
    Accepted.FULL: SessionLossReason.OVERFLOW,
    Accepted.TOO_BIG: SessionLossReason.LIMIT,
    Accepted.INVALID: SessionLossReason.CLOSED,
}

# How long what was handled may be owed an acknowledgement, in seconds.
_ACK_DELAY = 0.2

# And from when on it is said with other things.
_RIDES_AFTER = 0.05
