"""Does the work of a client. It is a class of its own, so that its names cannot conflict with those
of subclasses."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from .address_memory import AddressMemory
from .attempts import Attempts
from .call_error import CallError, StatusCode
from .calls import Calls
from .client_introduction import ClientIntroduction
from .client_machine import ClientAction, ClientEvent, ClientMachine, ClientState
from .client_sessions import ClientSessions
from .connection import ConnectionSettings, Side
from .disconnect_reason import DisconnectReason
from .duration import check_durations
from .handshake_error import HandshakeError
from .hint import Hint
from .hooks import LOGGER, HookFailed, call_hook, name_of
from .inbox import Detached, Event, Resumed
from .keepalive import KeepaliveSettings
from .link import Link, LinkSettings
from .observation import Observation
from .options import ClientOptions
from .responder import (
    Request,
    answers_in_vain,
    call_message_hook,
    find_request,
    send_message,
    try_send_message,
)
from .schema_mismatch import SchemaMismatch
from .send_result import SendResult
from .session_frames import Welcome
from .session_line import SessionLine
from .session_link import SessionLink
from .socket_connecting import Connected, connect, give_up
from .statistics import CallEnd
from .task import begin_task
from .tls_handshakes import ClientHandshakes
from .uri import TlsAddress, parse_uri_to_connect
from .wire_schema import Schema

if TYPE_CHECKING:
    from .client import ClientBase


class ClientDriver:
    """Drives a `ClientMachine`. Commands reach it at once. All else happens in one task: it waits,
    connects and serves as the state says, and awaits the hooks, one at a time. So actions after a
    hook begin when the hook has returned. In the states with a link the link has the timer."""

    def __init__(self, client: ClientBase, uri: str, options: ClientOptions) -> None:
        self.uri = uri
        self.options = options
        self.link: Link | None = None
        self.disconnect_hint = ""
        self.telling: SessionLine | None = None
        """The session whose end the hooks are told."""

        self._client = client
        uris = [uri, *options.more_uris]
        addresses = [parse_uri_to_connect(each) for each in uris]
        self._attempts = Attempts(addresses, options.shuffle_uris, options.backoff)
        self._needs_tls = any(isinstance(each, TlsAddress) for each in addresses)
        self._handshakes = ClientHandshakes(options.tls)
        self._memory = AddressMemory()
        incoming = client._messi_incoming
        connection = ConnectionSettings(
            side=Side.CLIENT,
            max_payload_size=options.max_payload_size,
            max_pending_bytes=options.max_pending_bytes,
            keepalive=KeepaliveSettings(options.ping_interval, options.pong_timeout),
            frame_timeout=options.frame_timeout,
        )
        self._observation = Observation(options.statistics, connection.outbox.total)
        self._statistics = self._observation.statistics
        make_calls = functools.partial(
            Calls, options.max_open_calls, incoming, options.max_decode_depth, self._statistics
        )
        self._settings = LinkSettings(
            connection=connection,
            linger=options.linger,
            make_calls=None if client._messi_requests is None else make_calls,
            statistics=self._statistics,
        )
        self.sessions = (
            ClientSessions(options, self._settings, self._schema, self._handle_session_over)
            if options.introduces
            else None
        )
        self._introducing: SessionLink | None = None
        self._mismatched: tuple[Welcome, SchemaMismatch] | None = None
        self._served: SessionLine | None = None
        self._linger = options.linger
        self._prepared: tuple[str, Message] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._machine = ClientMachine()
        self._task: asyncio.Task[None] | None = None
        self._attempt: asyncio.Future[Connected] | None = None
        self._delay = 0.0
        self._dropped: asyncio.Future[None] | None = None  # done when the task waits for nothing

    # Commands

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.options.check()
        if self._needs_tls:
            self._handshakes.context()
        if self._loop is not loop:
            self._forget_loop()
            self._loop = loop
        if self.sessions is not None:
            self.sessions.begin()
        self._command(ClientEvent.START)
        if self._task is None or self._task.done():
            self._task = begin_task(self._run(self._machine))

    @property
    def line(self) -> Link | SessionLine | None:
        """Where messages go."""
        return self.link if self.sessions is None else self.sessions.line(self.link)

    @property
    def connected(self) -> bool:
        line = self.line
        if isinstance(line, SessionLine):
            return line.established
        return line is not None and not line.closed

    def stop(self, linger: float | None = None) -> None:
        if linger is not None:
            check_durations(linger=linger)
        self._linger = self.options.linger if linger is None else linger
        without_link = self._machine.state in _WITHOUT_LINK
        if without_link and self.sessions is not None and self.sessions.end(self._linger):
            return  # what was sent still has to reach the server
        self._command(ClientEvent.STOP)
        self._abandon_if_stopped()

    def stop_now(self) -> None:
        self._command(ClientEvent.STOP_NOW)
        self._abandon_if_stopped()

    def _abandon_if_stopped(self) -> None:
        if self.sessions is not None and self._machine.state is ClientState.STOPPED:
            self.sessions.abandon()

    def _handle_session_over(self) -> None:
        """All has been said, or the time for that is over."""
        stopped = self.sessions is None or self.sessions.accepting is None
        if stopped and self._machine.state in _WITHOUT_LINK:
            self._command(ClientEvent.STOP)

    def _command(self, event: ClientEvent) -> None:
        for action in self._machine.handle(event):
            self._perform(action)

    async def wait_stopped(self) -> None:
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    def pause(self) -> None:
        if (line := self._served or self.line) is not None:
            line.pause()

    def resume(self) -> None:
        if (line := self._served or self.line) is not None:
            line.resume()

    def send(self, name: str, payload: bytes | None) -> None:
        settings = self._settings.connection.outbox
        if (line := self.line) is not None and not answers_in_vain(line, name, settings):
            send_message(line, name, payload, settings)

    def try_send(self, name: str, payload: bytes | None) -> SendResult:
        settings = self._settings.connection.outbox
        if (line := self.line) is None or answers_in_vain(line, name, settings):
            return SendResult.NOT_CONNECTED
        return try_send_message(line, name, payload, settings)

    async def call(self, payload: bytes | None, reply: str, timeout: float) -> Message:
        if (line := self.line) is None:
            self._statistics.calls[CallEnd.NOT_SENT] += 1
            raise CallError(StatusCode.UNAVAILABLE, "not connected")
        frame = self._settings.connection.outbox.encode(payload)
        return await line.its_calls().call(line, frame, reply, timeout)

    def prepare(self, name: str) -> Message:
        wrapper, member = self._client._messi_outgoing.prepare(name)
        self._prepared = name, wrapper
        return member

    def send_prepared(self) -> None:
        if self._prepared is None:
            raise RuntimeError("send() without a message needs one that init_<message>() has made")
        name, wrapper = self._prepared
        self.send(name, self._client._messi_outgoing.encode_prepared(wrapper))

    def delay_after_failure(self) -> float:
        return self._attempts.delay_after_failure()

    def _forget_loop(self) -> None:
        """The loop in which the client was started has ended, and perhaps the client with it."""
        if self.link is not None:
            self.link.abort(DisconnectReason.STOPPED)
        if self.sessions is not None:
            self.sessions.abandon()
            self.sessions.untold.clear()
        if self._task is not None and not _closed(self._loop):
            self._task.cancel()
        self._forget()

    def _forget(self) -> None:
        self._machine = ClientMachine()
        self.link = self._task = self._attempt = self._dropped = None
        self._introducing = self._served = None
        self._observation.forget()

    # Actions

    def _perform(self, action: ClientAction, delay: float = 0.0) -> None:
        """Those that take no time."""
        if action is ClientAction.BEGIN:
            self._attempts.begin_round()
        elif action is ClientAction.WAIT:
            self._delay = delay
        elif action is ClientAction.DROP:
            self._drop()
        elif self.link is not None and action is ClientAction.END:
            if self.sessions is not None:
                self.sessions.end(self._linger)
            (self._served or self.link).end(DisconnectReason.STOPPED, self._linger)
        elif self.link is not None and action is ClientAction.ABORT:
            if self.sessions is not None:
                self.sessions.abandon()
            (self._served or self.link).abort(DisconnectReason.STOPPED)

    def _drop(self) -> None:
        self.link = None
        if self._introducing is not None:
            self._introducing.abort(DisconnectReason.STOPPED)
            self._introducing = None
        if self._attempt is not None:
            give_up(self._attempt)
            self._attempt = None
        if self._dropped is not None and not self._dropped.done() and not _closed(self._loop):
            self._dropped.set_result(None)

    # The client's life

    async def _run(self, machine: ClientMachine) -> None:
        try:
            while True:
                await self._tell_sessions()
                if machine.state is ClientState.STOPPED:
                    return
                if machine.state is ClientState.WAITING:
                    await self._wait()
                else:
                    await self._connect()
        except BaseException:
            # The task is being cancelled, perhaps late, when another loop has taken its place.
            if self._machine is machine:
                self._forget()
            raise

    async def _wait(self) -> None:
        self._dropped = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._dropped}, timeout=self._delay)
        if not self._dropped.done():
            self._machine.handle(ClientEvent.TIMER)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self.options.connect_timeout
        self._dropped = dropped = loop.create_future()
        attempt = asyncio.ensure_future(
            connect(self._attempts.next(), self._memory, self.options.socket, self._handshakes)
        )
        self._attempt = attempt
        either: set[asyncio.Future[Any]] = {attempt, dropped}
        try:
            await asyncio.wait(
                either, timeout=self.options.connect_timeout, return_when=asyncio.FIRST_COMPLETED
            )
        except BaseException:  # the task is being cancelled
            give_up(attempt)
            raise
        if dropped.done():
            return
        if not attempt.done():
            await self._fail(ClientEvent.TIMER, asyncio.TimeoutError())
            return
        self._attempt = None
        try:
            connected = attempt.result()
        except Exception as exception:
            await self._fail(ClientEvent.NO_STREAM, exception)
        else:
            if self.sessions is None:
                await self._use(connected)
            else:
                await self._introduce(connected, dropped, give_up_at)

    async def _fail(self, event: ClientEvent, failure: Exception, least_delay: float = 0.0) -> None:
        machine = self._machine
        for action in machine.handle(event):
            if action is ClientAction.ASK:
                delay = await self._ask(failure)
                # An answer after `stop` does not count.
                if machine.state is ClientState.ASKING:
                    answer = ClientEvent.GIVE_UP if delay is None else ClientEvent.RETRY
                    for next_action in machine.handle(answer):
                        self._perform(next_action, max(delay or 0.0, least_delay))
                    self._abandon_if_stopped()
            else:
                self._perform(action)

    async def _ask(self, failure: Exception) -> float | None:
        self._statistics.connect_failures += 1
        LOGGER.info("Connecting to %s failed: %r.", self.uri, failure)
        self._attempts.handle_failed()
        hook = self._client.on_connect_failure
        try:
            delay = await call_hook(hook, failure)
        except HookFailed:
            return self.delay_after_failure()
        if delay is None or (isinstance(delay, (int, float)) and delay >= 0):
            return delay
        LOGGER.error("%s returns seconds or None, but got %r.", name_of(hook), delay)
        return self.delay_after_failure()

    async def _use(self, connected: Connected) -> None:
        """From `on_connected` to `on_disconnected`."""
        loop = asyncio.get_running_loop()
        connected_at = loop.time()
        link = Link(self._settings, self._observation.observe(connected.stream))
        self.link = link
        self.disconnect_hint = ""
        self._machine.handle(ClientEvent.STREAM)
        try:
            link.start()
            await self._serve(link)
            await link.wait_over()
        except BaseException:  # the task is being cancelled
            link.abort(DisconnectReason.STOPPED)
            raise
        await self._handle_over(link, connected.address, loop.time() - connected_at)

    async def _introduce(
        self, connected: Connected, dropped: asyncio.Future[None], give_up_at: float
    ) -> None:
        """From the first frame to the end of the connection."""
        loop = asyncio.get_running_loop()
        assert self.sessions is not None
        introduction = ClientIntroduction(
            self.options.session,
            self._schema,
            self.sessions.make_hello,
            self._handle_known,
            self._handle_mismatch,
        )
        stream = self._observation.observe(connected.stream)
        link = SessionLink(self._settings, stream, introduction)
        self._introducing = link
        self._mismatched = None
        self._machine.handle(ClientEvent.OPENED)
        try:
            link.start()
            await asyncio.wait(
                {link.known, dropped},
                timeout=give_up_at - loop.time(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if self._mismatched is not None and not link.closed:
                await self._ask_about_schema(link, *self._mismatched)
            if self.link is link:
                connected_at = loop.time()
                await self._serve_known(link)
                await self._handle_over(link, connected.address, loop.time() - connected_at)
                return
        except BaseException:  # the task is being cancelled
            link.abort(DisconnectReason.STOPPED)
            raise
        if dropped.done():
            return
        self._memory.failed(connected.address)
        if link.closed:
            failure = HandshakeError(link.reason, link.hint)
            await self._fail(ClientEvent.LOST, failure, link.retry_after)
        else:
            link.abort(DisconnectReason.STOPPED)
            await self._fail(ClientEvent.TIMER, asyncio.TimeoutError())

    def _handle_known(self, welcome: Welcome | None) -> None:
        link = self._introducing
        assert link is not None and self.sessions is not None
        try:
            session = self.sessions.welcome(link, welcome)
        except HandshakeError as error:
            link.shut(error.reason, str(error))
            return
        self._introducing = None
        self._served = session
        self.link = link
        self.disconnect_hint = ""
        self._machine.handle(ClientEvent.WELCOMED)
        if session is None and self.sessions.was_ended:
            self._command(ClientEvent.STOP)
        elif session is not None and session.closed:
            self._machine.handle(ClientEvent.STOP)
            if self.sessions.accepting is not None:
                self._command(ClientEvent.START)
        link.handle_known()

    @property
    def _schema(self) -> Schema | None:
        return getattr(self._client, "_messi_schema", None)

    def _handle_mismatch(self, welcome: Welcome, mismatch: SchemaMismatch) -> None:
        link = self._introducing
        assert link is not None
        self._mismatched = welcome, mismatch
        link.hold()
        link.handle_known()

    async def _ask_about_schema(
        self, link: SessionLink, welcome: Welcome, mismatch: SchemaMismatch
    ) -> None:
        try:
            accepted = await call_hook(self._client.on_schema_mismatch, mismatch)
        except HookFailed:
            link.close(DisconnectReason.GENERAL_ERROR, Hint.HOOK_RAISED)
            return
        if link.closed:
            return
        if not accepted:
            link.close(DisconnectReason.SCHEMA_MISMATCH, mismatch.text())
            return
        self._handle_known(welcome)
        link.release()

    async def _serve_known(self, link: SessionLink) -> None:
        await self._tell_sessions()
        if (session := self._served) is None:
            await self._serve(link)
        else:
            await self._serve_session(session)
            await session.wait_over(link)
        await link.wait_over()

    async def _serve_session(self, session: SessionLine) -> None:
        """Until the connection is lost, or the session is."""
        client = self._client
        failed = False
        while True:
            try:
                if not session.told and not failed:
                    session.told = True
                    self._observation.handle_client_connected(session)
                    await call_hook(client.on_connected)
                event = await session.next_event()
                if event is None or isinstance(event, Detached):
                    return
                if isinstance(event, Resumed):
                    self._observation.handle_resumed(session)
                    await call_hook(client.on_resumed, event.replayed)
                elif not failed:
                    await self._handle(session, event)
            except HookFailed:
                failed = True
                session.close(DisconnectReason.GENERAL_ERROR, Hint.HOOK_RAISED)

    async def _handle_over(self, link: Link, address: str, uptime: float) -> None:
        session, self._served = self._served, None
        if link.calls is not None:
            await link.calls.wait_told()
        reason = link.reason if session is None or not session.over else session.reason
        self.disconnect_hint = str(link.hint)
        LOGGER.info("Disconnected from %s: %s", self.uri, f"{reason} {link.hint}".rstrip())
        delay = 0.0
        event = ClientEvent.ENDED
        # A stopped connection tells nothing about its server.
        if reason is not DisconnectReason.STOPPED:
            event = ClientEvent.LOST
            delay = self._delay_after(link, reason, address, uptime)
        elif link.proved:
            self._handle_proved(address)
        if self.sessions is not None:
            event = self._go_on_with_sessions(self.sessions, event)
        for action in self._machine.handle(event):
            if action is not ClientAction.TELL:
                self._perform(action, delay)
            elif session is None:
                await self._tell_disconnected(link, link.reason)
            elif session.detached:
                self._observation.handle_detached(session)
                await self._tell(self._client.on_detached, link.reason)
            else:
                await self._tell_sessions()

    def _go_on_with_sessions(self, sessions: ClientSessions, event: ClientEvent) -> ClientEvent:
        if self._machine.state is not ClientState.ENDING:
            sessions.begin()
        elif sessions.ending is not None:
            # What was sent still has to reach the server.
            self._machine.handle(ClientEvent.START)
            return ClientEvent.LOST
        return event

    async def _tell_sessions(self) -> None:
        """Tells how sessions have ended."""
        while self.sessions is not None and self.sessions.untold:
            session = self.sessions.untold.popleft()
            self.telling = session
            if session.calls is not None:
                await session.calls.wait_told()
            self.disconnect_hint = session.hint
            if session.loss is not None:
                self._statistics.sessions_lost += 1
                await self._tell(self._client.on_session_lost, session.loss)
            if session.established:
                await self._tell_disconnected(session, session.reason)
            self.telling = None

    async def _tell(self, hook: Callable[..., Any], what: Any) -> None:
        with contextlib.suppress(HookFailed):
            await call_hook(hook, what)

    def _delay_after(
        self, link: Link, reason: DisconnectReason, address: str, uptime: float
    ) -> float:
        if link.turned_away or not link.proved:
            self._memory.failed(address)
            self._attempts.handle_failed()
            return max(self._attempts.delay_after_failure(), link.retry_after)
        self._handle_proved(address)
        if reason is DisconnectReason.DRAINING:
            return self._attempts.delay_after_drain()
        return self._attempts.delay_after_loss(uptime)

    def _handle_proved(self, address: str) -> None:
        self._memory.worked(address)
        self._attempts.handle_proved()

    async def _serve(self, link: Link) -> None:
        self._observation.handle_client_connected(link)
        try:
            await call_hook(self._client.on_connected)
            while (event := await link.next_event()) is not None:
                await self._handle(link, event)
        except HookFailed:
            link.close(DisconnectReason.GENERAL_ERROR, Hint.HOOK_RAISED)

    async def _handle(self, link: Link | SessionLine, event: Event) -> None:
        client = self._client
        if not isinstance(event, bytes):
            await call_hook(client.on_writable)
            return
        received = client._messi_incoming.decode(event, self.options.max_decode_depth)
        if received is None:
            link.close(DisconnectReason.MESSAGE_DECODE_ERROR)
            return
        if received.field_number == 0:
            return
        if client._messi_sees_all:
            wanted = await call_hook(client.on_any_message, received.field_number)
            if not wanted or link.deaf:
                return
        if received.message is not None:
            hook = getattr(client, f"on_{received.name}")
            await call_message_hook(self._request(link, received.name), hook, received.message)
        else:
            await call_hook(client.on_unknown_message, received.field_number)

    def _request(self, link: Link | SessionLine, name: str) -> Request | None:
        """The message, if it is a request with a reply."""
        client = self._client
        requests, outgoing = client._messi_requests, client._messi_outgoing
        return find_request(link, name, requests, outgoing, self._settings)

    async def _tell_disconnected(self, line: Link | SessionLine, reason: DisconnectReason) -> None:
        self._observation.handle_disconnected(line, reason)
        hook = self._client.on_disconnected
        arguments = (reason,) if _takes_arguments(hook) else ()
        with contextlib.suppress(HookFailed):
            await call_hook(hook, *arguments)


def _takes_arguments(hook: Any) -> bool:
    """Programs written for the original Messi override `on_disconnected` without the reason."""
    try:
        return len(inspect.signature(hook).parameters) > 0
    except (TypeError, ValueError):
        return True


_WITHOUT_LINK = {
    ClientState.WAITING,
    ClientState.CONNECTING,
    ClientState.ASKING,
    ClientState.INTRODUCING,
}


def _closed(loop: asyncio.AbstractEventLoop | None) -> bool:
    return loop is None or loop.is_closed()
