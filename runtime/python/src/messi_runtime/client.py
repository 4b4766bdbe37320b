"""The base class of generated clients: a connection that is made again whenever it is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, TypeVar, cast

from google.protobuf.message import Message

from .client_driver import ClientDriver
from .disconnect_reason import DisconnectReason
from .options import ClientOptions
from .peer_certificate import PeerCertificate
from .responder import Responder, take_request
from .schema import Incoming, Outgoing
from .schema_mismatch import SchemaMismatch
from .send_result import SendResult
from .session_line import SessionLine
from .session_loss import SessionLoss
from .wire_schema import Schema

Prepared = TypeVar("Prepared", bound=Message)
Reply = TypeVar("Reply", bound=Message)


class ClientBase:
    """Everything is called on the event loop's thread. From other threads, use the loop's
    `call_soon_threadsafe`.

    Hooks are awaited one at a time, in order. Every call is legal in a hook. A hook that raises an
    exception ends the connection (GENERAL_ERROR); the exception is logged.

    No message is lost while the connection lives. Messages in flight when it breaks may be lost, as
    with TCP. Messages sent while there is no connection are dropped.
    """

    _messi_outgoing: ClassVar[Outgoing]
    _messi_incoming: ClassVar[Incoming]
    _messi_schema: ClassVar[Schema]
    _messi_requests: ClassVar[dict[str, str] | None] = None
    """What the server asks, and with what it is answered; `None`: the protocol has no requests with
    replies."""

    def __init_subclass__(
        cls, sends: type[Message] | None = None, receives: type[Message] | None = None
    ) -> None:
        super().__init_subclass__()
        if sends is not None:
            cls._messi_outgoing = Outgoing(sends)
        if receives is not None:
            cls._messi_incoming = Incoming(receives)

    def __init__(
        self,
        uri: str,
        keep_alive_interval: float | None = None,
        connect_timeout: float | None = None,
        *,
        options: ClientOptions | None = None,
    ) -> None:
        """`uri` is `tcp://<host>:<port>`, `tls://<host>:<port>`, `unix://<path>` or
        `unix-abstract:<name>`. Any other raises `ValueError`, here and in
        `ClientOptions.more_uris`.

        Programs written for the original Messi use `keep_alive_interval=k` for
        `ClientOptions(ping_interval=k, pong_timeout=2 * k)` and `connect_timeout=c` for
        `ClientOptions(connect_timeout=c)`.
        """
        options = options or ClientOptions()
        if keep_alive_interval is not None:
            options = replace(
                options, ping_interval=keep_alive_interval, pong_timeout=2 * keep_alive_interval
            )
        if connect_timeout is not None:
            options = replace(options, connect_timeout=connect_timeout)
        self._messi_driver = ClientDriver(self, uri, options)

    def start(self) -> None:
        """Connects, and reconnects whenever the connection is lost, until `stop`. Call it in a
        running event loop. Does nothing if started, unless in a loop that has ended. Raises
        `ValueError` for options that contradict each other.
        """
        self._messi_driver.start()

    def stop(self) -> None:
        """Ends the connection and all attempts, in order. Messages sent before still arrive if the
        server reads them within `ClientOptions.linger`. If there was a connection,
        `on_disconnected(DisconnectReason.STOPPED)` follows when that is done. After `start` in the
        meantime the client connects then. Does nothing if stopped.
        """
        self._messi_driver.stop()

    def stop_now(self) -> None:
        """Like `stop`, but at once: what has not been written is dropped. Also ends a `stop` that
        is under way."""
        self._messi_driver.stop_now()

    def close(self, linger: float) -> None:
        """Like `stop`, with another `linger`. In a session, it has ended when the server has
        handled all that was sent, or that time is over: then `on_session_lost` says what is
        open."""
        self._messi_driver.stop(linger)

    async def wait_stopped(self) -> None:
        """Returns when nothing is left to happen: after `stop`, or after `on_connect_failure` has
        returned `None`. Not for hooks: it waits for them."""
        await self._messi_driver.wait_stopped()

    def pause(self) -> None:
        """No message reaches a hook until `resume`, or until the end of the connection, which is
        reported after the messages that wait. The server may be silent meanwhile."""
        self._messi_driver.pause()

    def resume(self) -> None:
        self._messi_driver.resume()

    @property
    def uri(self) -> str:
        return self._messi_driver.uri

    @property
    def options(self) -> ClientOptions:
        return self._messi_driver.options

    @property
    def connected(self) -> bool:
        """True from `on_connected` until the connection is lost or given up, or its server drains;
        in a session, until that ends. What is sent while it is false is dropped, unless the client
        wants sessions: then it is kept."""
        return self._messi_driver.connected

    @property
    def detached(self) -> bool:
        """True while the session waits for another connection."""
        line = self._messi_driver.line
        return isinstance(line, SessionLine) and line.detached

    @property
    def unacknowledged(self) -> int:
        """How many messages were sent in the session that the server's program is not known to have
        handled; in `on_session_lost` and `on_disconnected`, of the session that has ended."""
        line = self._messi_driver.telling or self._messi_driver.line
        return line.unacknowledged if isinstance(line, SessionLine) else 0

    @property
    def pending_bytes(self) -> int:
        """Bytes that were sent and that the system has not taken yet; in a session, that the server
        has not acknowledged."""
        line = self._messi_driver.line
        return 0 if line is None else line.pending_bytes

    @property
    def late_answers(self) -> int:
        """How many answers have come too late, in this session or connection: their calls were
        over."""
        line = self._messi_driver.line
        return 0 if line is None or line.calls is None else line.calls.late

    @property
    def disconnect_hint(self) -> str:
        """In `on_disconnected`: a sentence with more than the reason says, such as "The peer seems
        to speak HTTP.", or ""."""
        return self._messi_driver.disconnect_hint

    def peer_certificate(self) -> PeerCertificate | None:
        """What the server's certificate says; `None` without a connection, or without TLS."""
        link = self._messi_driver.link
        return None if link is None else link.peer_certificate

    def native_handle(self) -> int:
        """The descriptor of the connection's socket; -1 if there is none. It stays the client's."""
        link = self._messi_driver.link
        return -1 if link is None else link.native_handle

    async def on_connected(self) -> None:
        """The connection is up; from now on messages are sent and received. In a session it comes
        once, and so does `on_disconnected`."""

    async def on_disconnected(self, reason: DisconnectReason) -> None:
        """The connection is down, or the session has ended. The client reconnects by itself, unless
        it was stopped."""

    async def on_schema_mismatch(self, mismatch: SchemaMismatch) -> bool:
        """The server's schema is not that of this client; `mismatch.text()` says what differs.
        Comes before `on_connected`, or the connection with which a session goes on. Returns whether
        to go on; false is a failed attempt (`HandshakeError`). Only servers that let clients
        introduce themselves say what they have."""
        return True

    async def on_detached(self, reason: DisconnectReason) -> None:
        """The connection is down, and the session goes on in the next one. What is sent meanwhile
        is kept for it."""

    async def on_resumed(self, replayed: int) -> None:
        """The session goes on. `replayed`: how many messages are sent again."""

    async def on_session_lost(self, loss: SessionLoss) -> None:
        """The session has ended, and messages may be lost. `on_disconnected` follows."""

    async def on_connect_failure(self, exception: Exception) -> float | None:
        """An attempt to connect has failed: `ConnectionRefusedError`, `TlsError`, `HandshakeError`,
        another `OSError`, or `asyncio.TimeoutError`. Each URI is an attempt of its own. Returns the
        seconds until the next attempt, or `None`, which stops the client. By default: no delay
        while there are URIs that have not been tried, else exponential backoff with jitter.
        """
        return self._messi_driver.delay_after_failure()

    async def on_writable(self) -> None:
        """Less than half of `max_pending_bytes` is waiting, after it was more."""

    async def on_any_message(self, field_number: int) -> bool:
        """A message has arrived, perhaps one that this client's schema does not have. Comes before
        the message's own hook, which is called only if this returns true."""
        return True

    async def on_unknown_message(self, field_number: int) -> None:
        """The server has sent a message that this client's schema does not have."""

    # For the driver.

    @property
    def _messi_sees_all(self) -> bool:
        """Whether `on_any_message` does anything."""
        return getattr(self.on_any_message, "__func__", None) is not ClientBase.on_any_message

    # For generated code.

    def _messi_send(self, name: str, message: Message) -> None:
        self._messi_driver.send(name, self._messi_outgoing.encode(name, message))

    def _messi_try_send(self, name: str, message: Message) -> SendResult:
        return self._messi_driver.try_send(name, self._messi_outgoing.encode(name, message))

    def _messi_try_send_unique(self, message: Message) -> SendResult:
        return self._messi_try_send(self._messi_outgoing.unique_name(message), message)

    async def _messi_call(
        self, name: str, request: Message, reply: str, reply_type: type[Reply], timeout: float
    ) -> Reply:
        payload = self._messi_outgoing.encode(name, request)
        return cast(Reply, await self._messi_driver.call(payload, reply, timeout))

    def _messi_answer_later(self, name: str) -> Responder[Any]:
        return Responder(take_request(self._messi_driver.line, name))

    def _messi_send_unique(self, message: Message | None) -> None:
        if message is None:
            self._messi_send_prepared()
        else:
            self._messi_send(self._messi_outgoing.unique_name(message), message)

    def _messi_prepare(self, name: str, message_type: type[Prepared]) -> Prepared:
        return cast(Prepared, self._messi_driver.prepare(name))

    def _messi_send_prepared(self) -> None:
        self._messi_driver.send_prepared()
