"""Does the work of a server. It is a class of its own, so that its names cannot conflict with those
of subclasses."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import socket
from collections.abc import Callable, Collection, Coroutine, Hashable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .admission import Admission
from .awaited_room import AwaitedRoom
from .calls import Calls
from .connection import ConnectionSettings, Side, reason_of
from .disconnect_reason import DisconnectReason
from .duration import check_durations
from .farewell import farewell
from .groups import Groups
from .hint import Hint
from .hooks import LOGGER, HookFailed, call_hook
from .inbox import Detached, Event, Resumed, Signal
from .keepalive import KeepaliveSettings
from .link import Link, LinkSettings
from .observation import Observation
from .options import ServerOptions
from .outbox import Accepted
from .responder import Request, call_message_hook, find_request
from .schema import first_field
from .schema_mismatch import find_mismatch
from .schema_tlvs import PeerSchema
from .server_client import ServerClient
from .server_introduction import Acquaintance, ServerIntroduction
from .server_sessions import ServerSessions
from .session_frames import Offer
from .session_line import SessionLine
from .session_link import SessionLink
from .session_mode import SessionMode
from .session_table import Entry
from .socket_listener import SocketListener
from .socket_stream import SocketStream
from .stream import Stream
from .task import begin_task, current_client
from .tls_failure import TlsError
from .tls_handshakes import ServerHandshakes
from .token_rate import TokenRate
from .uri import InheritedAddress, TcpAddress, TlsAddress, UnixAddress, parse_uri_to_listen
from .wire_schema import Schema

if TYPE_CHECKING:
    from .server import ServerBase

Client = TypeVar("Client", bound=ServerClient)

LastHook = tuple[Callable[..., Coroutine[Any, Any, None]], Any, Any]
"""What calls the last hook for somebody, with its arguments."""


class ServerDriver(Generic[Client]):
    def __init__(self, server: ServerBase[Client], uri: str, options: ServerOptions) -> None:
        self.options = options
        self.clients: dict[int, Client] = {}  # with those that are arriving or ending
        self.groups = Groups[Client]()

        self._server = server
        self._uri = uri
        self._address = parse_uri_to_listen(uri)
        self._handshakes = _handshakes(uri, self._address, options)
        incoming = server._messi_incoming
        connection = ConnectionSettings(
            side=Side.SERVER,
            max_payload_size=options.max_payload_size,
            max_pending_bytes=options.max_pending_bytes,
            keepalive=KeepaliveSettings(
                0.0,
                options.client_timeout,
                TokenRate.per_second(options.max_pings_per_second, _SAVED_PINGS),
            ),
            max_payload_before_accept=(
                options.max_payload_size
                if options.introduces and not server._messi_authenticates
                else options.max_payload_before_accept
            ),
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
            slow_reader=options.slow_reader,
            keep_total=self._keep_total,
            total_fits=lambda size, who: self._room.ask(size, who),
            make_calls=None if server._messi_requests is None else make_calls,
            statistics=self._statistics,
        )
        self._total = self._settings.connection.outbox.total
        self._room = AwaitedRoom(self._total, options.max_total_pending_bytes)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: SocketListener | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._admission = self._make_admission()
        self._present: set[Stream] = set()  # that are arriving, are here, or are ending
        self._links: set[Link | SessionLine] = set()  # with those that are ending
        self._sessions = ServerSessions(options, self._settings, self._links, self._schema)
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._deadlines: list[asyncio.TimerHandle] = []  # of the drain
        self._last_id = 0

    @property
    def uri(self) -> str:
        return self._uri if self._listener is None else self._listener.uri

    @property
    def _schema(self) -> Schema | None:
        return getattr(self._server, "_messi_schema", None)

    @property
    def port(self) -> int:
        return 0 if self._listener is None else self._listener.port

    # Commands

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.options.check()
        if self._handshakes is not None:
            self._handshakes.context()
        if self._loop is not loop:
            self._forget_loop()
            self._loop = loop
        if self._listener is not None:
            return
        listener = SocketListener(
            self._address,
            self.options.unix_mode,
            self._accept,
            self._handle_out_of_descriptors,
        )
        self._listener = listener
        self._draining = False
        self._stopped = loop.create_future()
        try:
            await listener.start()
        except BaseException:
            # It may have been stopped in the meantime, and another listener may have taken its
            # place.
            listener.stop()
            if self._listener is listener:
                self._stop_listening()
            raise

    def stop(self) -> None:
        self._draining = False
        self._stop_listening()
        for link in list(self._links):
            if not isinstance(link, SessionLine):
                link.end(DisconnectReason.STOPPED)
                continue
            link.may_return = False
            if link.detached:
                link.abort(DisconnectReason.STOPPED)
            else:
                link.end(DisconnectReason.STOPPED)

    def stop_now(self) -> None:
        for link in list(self._links):
            link.abort(DisconnectReason.STOPPED)
        self.stop()

    def drain(self, deadline: float) -> None:
        check_durations(deadline=deadline)
        if self._loop is None or self._loop.is_closed():
            self.stop()
            return
        self._draining = True
        self._stop_listening()
        for link in list(self._links):
            link.drain()
        for timer in self._deadlines:
            timer.cancel()
        self._deadlines = [
            self._loop.call_later(deadline / 2, self._leave_all),
            self._loop.call_later(deadline, self._abort_all),
        ]

    def _leave_all(self) -> None:
        """Clients that do not know what a drain is see the end of the stream."""
        for link in list(self._links):
            if link.draining:
                link.leave(DisconnectReason.DRAINING)

    def _abort_all(self) -> None:
        for link in list(self._links):
            if link.draining:
                link.abort(DisconnectReason.DRAINING)

    def _stop_listening(self) -> None:
        if self._listener is None or self._stopped is None:
            return
        listener, self._listener = self._listener, None
        if not self._stopped.done():
            self._stopped.set_result(None)
        listener.stop()
        if self._handshakes is not None:
            self._handshakes.stop()

    async def wait_stopped(self) -> None:
        while self._stopped is not None and not self._stopped.done():
            await asyncio.wait({self._stopped})
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def current_client(self) -> Client | None:
        server, client = current_client.get() or (None, None)
        return client if server is self._server else None

    def find_arriving(self, client_id: int) -> Client | None:
        client = self.clients.get(client_id)
        if client is None or client._messi_link.admitted or client._messi_link.closed:
            return None
        return client

    def broadcast(self, payload: bytes | None, except_client: Client | None) -> bool:
        clients = [client for client in self.clients.values() if client is not except_client]
        return self._send_to(clients, payload, first_field(payload or b""))

    def send_to_group(
        self, key: Hashable, payload: bytes | None, except_clients: Collection[Client]
    ) -> bool:
        members = self.groups.members(key)
        if except_clients:
            left_out = {client.id for client in except_clients}
            members = [client for client in members if client.id not in left_out]
        return self._send_to(members, payload, (key, first_field(payload or b"")))

    def _send_to(self, clients: Iterable[Client], payload: bytes | None, kind: Hashable) -> bool:
        """Of what is left out for slow readers, the latest of each kind may be kept."""
        frame = self._settings.connection.outbox.encode(payload)
        if isinstance(frame, Accepted):
            LOGGER.error("A broadcast is sent to nobody: %s", reason_of(frame))
            return False
        for client in clients:
            client._messi_link.broadcast(frame, kind)
        return True

    def _keep_total(self) -> None:
        while self._total.bytes > self.options.max_total_pending_bytes:
            most = max(self._links, key=lambda link: link.queued_bytes, default=None)
            if most is None or most.queued_bytes == 0:
                return
            if not most.write():
                most.abort(DisconnectReason.TOO_MUCH_QUEUED)

    def _make_admission(self) -> Admission:
        rate = TokenRate.per_second(self.options.max_accepts_per_second, _SAVED_ACCEPTS)
        return Admission(self.options.max_clients_per_address, rate)

    def _forget_loop(self) -> None:
        """The loop in which the server was started has ended, and the server with it."""
        if self._listener is not None:
            self._listener.stop()
        for link in self._links:
            link.abort(DisconnectReason.STOPPED)
        for timer in self._deadlines:
            timer.cancel()
        self._listener = self._stopped = None
        self._deadlines = []
        self.clients = {}
        self.groups = Groups[Client]()
        self._observation.forget()
        self._present = set()
        self._admission = self._make_admission()
        self._links = set()
        self._sessions = ServerSessions(self.options, self._settings, self._links, self._schema)
        self._tasks = set()

    # A client's life

    def _begin(self, life: Coroutine[Any, Any, None]) -> None:
        task = begin_task(life)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _accept(self, accepted: socket.socket, peer_address: str) -> None:
        self._begin(self._receive(accepted, peer_address, self._listener))

    def _handle_out_of_descriptors(self) -> None:
        if self._handshakes is not None:
            self._handshakes.handle_out_of_descriptors()
        why = DisconnectReason.TOO_MANY_CLIENTS
        self._begin(self._tell_refused("", why))

    async def _receive(
        self, accepted: socket.socket, peer_address: str, listener: SocketListener | None
    ) -> None:
        stream = await self._stream(accepted, peer_address, listener)
        if stream is None:
            return
        stream = self._observation.observe(stream)
        present = self._present
        present.add(stream)
        try:
            last_hook = await self._live(stream, peer_address, listener)
        finally:
            present.remove(stream)
        if last_hook is not None:
            tell, subject, why = last_hook
            await tell(subject, why)

    async def _stream(
        self, accepted: socket.socket, peer_address: str, listener: SocketListener | None
    ) -> Stream | None:
        """The stream on an accepted socket; `None` if it has failed its handshake."""
        inner = SocketStream(accepted, self.options.socket)
        if self._handshakes is None:
            return inner
        try:
            return await self._handshakes.shake_hands(inner)
        except TlsError as error:
            if self._listener is listener:
                self._statistics.handshake_failures += 1
                LOGGER.info("The handshake with %s has failed: %s", peer_address, error)
                await self._tell(self._server.on_handshake_failed, peer_address, error)
            return None

    async def _live(
        self, stream: Stream, peer_address: str, listener: SocketListener | None
    ) -> LastHook | None:
        """From the arrival to the end of the stream."""
        why_not: DisconnectReason | None = DisconnectReason.STOPPED
        try:
            why_not = await self._why_not(peer_address)
            if self._listener is not listener:
                draining = self._draining
                why_not = DisconnectReason.DRAINING if draining else DisconnectReason.STOPPED
        finally:
            if why_not is not None:
                if last_words := farewell(why_not, max_payload_size=self.options.max_payload_size):
                    stream.write([memoryview(last_words)])
                stream.close()
        if why_not in (DisconnectReason.STOPPED, DisconnectReason.DRAINING):
            return None
        if why_not is not None:
            return self._tell_refused, peer_address, why_not
        admission = self._admission
        admission.enter(peer_address)
        try:
            return await self._serve(stream, peer_address)
        finally:
            admission.leave(peer_address)

    async def _why_not(self, peer_address: str) -> DisconnectReason | None:
        """Why what has arrived cannot become a client; `None` if it can."""
        if len(self._present) > self.options.max_clients:
            return DisconnectReason.TOO_MANY_CLIENTS
        try:
            welcome = await call_hook(self._server.on_client_arriving, peer_address)
        except HookFailed:
            return DisconnectReason.GENERAL_ERROR
        if not welcome:
            return DisconnectReason.REFUSED
        return self._admission.refuse(peer_address, asyncio.get_running_loop().time())

    async def _serve(self, stream: Stream, peer_address: str) -> LastHook | None:
        """From `on_authenticate` or `on_client_connected` to the end of the stream."""
        if self.options.introduces:
            return await self._introduce(stream, peer_address)
        authenticates = self._server._messi_authenticates
        link = Link(self._settings, stream, admitted=not authenticates)
        self._last_id += 1
        client = self._make_client(self._last_id, link, peer_address)
        self.clients[client.id] = client
        self._links.add(link)
        try:
            link.start()
            admitted = not authenticates or await self._authenticate(client, link)
            if admitted:
                await self._handle_all(client, link)
            await link.wait_over()
        except BaseException:  # the task is being cancelled
            link.abort(DisconnectReason.STOPPED)
            raise
        finally:
            self.clients.pop(client.id, None)
            self._links.discard(link)
        if link.calls is not None:
            await link.calls.wait_told()
        if not admitted:
            return self._tell_refused, peer_address, link.reason
        return self._tell_disconnected, client, link.reason

    async def _introduce(self, stream: Stream, peer_address: str) -> LastHook | None:
        """The same, for clients that may introduce themselves."""

        def handle_known(before: Acquaintance) -> None:
            if before is Acquaintance.PROVISIONAL:
                link.replace()
            link.handle_known()

        introduction = ServerIntroduction(self.options.session, handle_known)
        link = SessionLink(self._settings, stream, introduction, admitted=False)
        link.say(Offer(self.options.session is not SessionMode.OFF).encode())
        self._links.add(link)
        try:
            link.start()
            await asyncio.wait({link.known}, timeout=self.options.offer_wait)
            link.wait_no_longer()
            while True:
                client = self._arrive(link, introduction, peer_address)
                admitted = await self._meet(client, link, introduction)
                replaced = client._messi_link is not link and not link.admitted
                if not replaced:
                    await link.wait_over()
                    if link.calls is not None:
                        await link.calls.wait_told()
                    return self._last_hook(client, link, peer_address, admitted)
                if admitted:
                    await self._tell_disconnected(client, DisconnectReason.REPLACED)
        except BaseException:  # the task is being cancelled
            link.abort(DisconnectReason.STOPPED)
            raise
        finally:
            self._links.discard(link)

    def _last_hook(
        self, client: Client, link: SessionLink, peer_address: str, admitted: bool
    ) -> LastHook | None:
        if client._messi_link is not link:
            return None  # its session goes on without it
        if not admitted:
            return self._tell_refused, peer_address, link.reason
        return self._tell_disconnected, client, link.reason

    async def _meet(
        self, client: Client, link: SessionLink, introduction: ServerIntroduction
    ) -> bool:
        """From `on_schema_mismatch` to the last message, unless it has a session. Whether it is a
        client."""
        self.clients[client.id] = client
        admitted = False
        try:
            if link.closed or not await self._accepts_schema(client, link, introduction.schema):
                pass
            elif self._server._messi_authenticates:
                admitted = await self._authenticate(client, link)
            else:
                client.accept()
                admitted = link.admitted
            if admitted:
                self._sessions.make_room(self.clients.values())
            if admitted and client._messi_link is link:
                await self._handle_all(client, link)
            return admitted
        finally:
            if client._messi_entry is not None:
                self._begin(self._live_session(client, client._messi_entry, admitted))
            else:
                self.clients.pop(client.id, None)

    async def _accepts_schema(self, client: Client, link: SessionLink, theirs: PeerSchema) -> bool:
        ours = self._sessions.schema
        mismatch = ours and find_mismatch(ours, theirs, peer_is_server=False)
        if not mismatch:
            return True
        try:
            accepted = await call_hook(self._server.on_schema_mismatch, client, mismatch)
        except HookFailed:
            link.close(DisconnectReason.GENERAL_ERROR, Hint.HOOK_RAISED)
            return False
        if not accepted:
            link.close(DisconnectReason.SCHEMA_MISMATCH, mismatch.text())
        return bool(accepted) and not link.closed

    async def _live_session(self, client: Client, entry: Entry, admitted: bool) -> None:
        """From `on_client_connected` to `on_client_disconnected`."""
        line = entry.line
        try:
            if admitted:
                await self._handle_session(client, line)
            else:
                line.abort(DisconnectReason.GENERAL_ERROR)
            await line.wait_over()
        except BaseException:  # the task is being cancelled
            line.abort(DisconnectReason.STOPPED)
            raise
        finally:
            self._sessions.table.bury(entry)
            self.clients.pop(client.id, None)
            self._links.discard(line)
        if line.calls is not None:
            await line.calls.wait_told()
        if not admitted:
            await self._tell_refused(client.peer_address, line.reason)
            return
        if line.loss is not None:
            self._statistics.sessions_lost += 1
            await self._tell(self._server.on_client_session_lost, client, line.loss)
        await self._tell_disconnected(client, line.reason)

    async def _handle_session(self, client: Client, line: SessionLine) -> None:
        """To the last message."""
        server = self._server
        self._observation.handle_connected(client)
        hook: tuple[Any, ...] | None = server.on_client_connected, client
        while True:
            try:
                if hook is not None:
                    await call_hook(*hook)
                event = await line.next_event()
                hook = None
                if event is None:
                    return
                if isinstance(event, Detached):
                    self._observation.handle_detached(client)
                    hook = server.on_client_detached, client, event.reason
                elif isinstance(event, Resumed):
                    self._observation.handle_resumed(client)
                    hook = server.on_client_resumed, client, event.replayed
                else:
                    await self._handle(client, line, event)
            except HookFailed:
                hook = None
                line.close(DisconnectReason.GENERAL_ERROR, Hint.HOOK_RAISED)

    def _arrive(
        self, link: SessionLink, introduction: ServerIntroduction, peer_address: str
    ) -> Client:
        self._last_id += 1
        client = self._make_client(self._last_id, link, peer_address)
        client._messi_auth_token = introduction.auth_token

        def handle_admit() -> bool:
            hello = introduction.hello
            return hello is None or self._sessions.welcome(client, link, hello)

        def handle_replaced() -> None:
            why = DisconnectReason.REPLACED
            client._messi_link = SessionLine.ended(self._settings, why)

        link.handle_admit = handle_admit
        link.handle_replaced = handle_replaced
        return client

    async def _authenticate(self, client: Client, link: Link) -> bool:
        """Whether it is accepted."""
        timeout = asyncio.get_running_loop().call_later(
            self.options.authentication_timeout, client.refuse
        )
        try:
            await call_hook(self._server.on_authenticate, client)
            return await link.wait_admitted()
        except HookFailed:
            link.close(DisconnectReason.GENERAL_ERROR, Hint.HOOK_RAISED)
            return False
        finally:
            timeout.cancel()

    async def _tell_refused(self, peer_address: str, why: DisconnectReason) -> None:
        self._statistics.refusals[why] += 1
        await self._tell(self._server.on_client_refused, peer_address, why)

    async def _tell_disconnected(self, client: Client, why: DisconnectReason) -> None:
        """It is in its groups until then."""
        self._observation.handle_disconnected(client, why)
        try:
            await self._tell(self._server.on_client_disconnected, client, why)
        finally:
            self.groups.leave_all(client)

    async def _tell(self, hook: Callable[..., Any], subject: Any, why: Any) -> None:
        with contextlib.suppress(HookFailed):
            await call_hook(hook, subject, why)

    def _make_client(self, client_id: int, link: Link, peer_address: str) -> Client:
        # Generated code names the class `Client`, once for the type checker and once for the
        # runtime.
        client_class: Any = self._server._messi_client_class
        client: Client = client_class(
            client_id, link, self._settings.connection.outbox, peer_address
        )
        return client

    async def _handle_all(self, client: Client, link: Link) -> None:
        """From `on_client_connected` to the last message."""
        self._observation.handle_connected(client)
        try:
            await call_hook(self._server.on_client_connected, client)
            while (event := await link.next_event()) is not None:
                await self._handle(client, link, event)
            # To a client that has gone since it may, all is said now. The drain's deadline remains.
            client._messi_link.end(DisconnectReason.DRAINING, math.inf)
        except HookFailed:
            client._messi_link.close(DisconnectReason.GENERAL_ERROR, Hint.HOOK_RAISED)

    async def _handle(self, client: Client, link: Link | SessionLine, event: Event) -> None:
        server = self._server
        if not isinstance(event, bytes):
            behind = event is Signal.BEHIND
            if behind:
                self._statistics.slow_clients += 1
            await call_hook(
                server.on_client_behind if behind else server.on_client_writable, client
            )
            return
        received = server._messi_incoming.decode(event, self.options.max_decode_depth)
        if received is None:
            link.close(DisconnectReason.MESSAGE_DECODE_ERROR)
            return
        if received.field_number == 0:
            return
        token = current_client.set((server, client))
        try:
            if server._messi_sees_all:
                wanted = await call_hook(server.on_any_message, client, received.field_number)
                if not wanted or link.deaf:
                    return
            if received.message is not None:
                hook = getattr(server, f"on_{received.name}")
                request = self._request(client, link, received.name)
                await call_message_hook(request, hook, client, received.message)
            else:
                await call_hook(server.on_unknown_message, client, received.field_number)
        finally:
            current_client.reset(token)

    def _request(self, client: Client, link: Link | SessionLine, name: str) -> Request | None:
        """The message, if it is a request with a reply."""
        requests = self._server._messi_requests
        return find_request(link, name, requests, client._messi_outgoing, self._settings)


def _handshakes(
    uri: str, address: TcpAddress | UnixAddress | InheritedAddress, options: ServerOptions
) -> ServerHandshakes | None:
    if not isinstance(address, TlsAddress):
        return None
    if options.tls is None:
        raise ValueError(
            f'"{uri}": TLS needs a certificate; expected '
            f"ServerOptions(tls=TlsConfig(certificate=..., key=...))"
        )
    return ServerHandshakes(options.tls)


# In seconds. What piles up while a client, the network or this process is held up, a client that
# pings ten times a second.
_SAVED_PINGS = 10.0
_SAVED_ACCEPTS = 1.0
