"""The base class of generated servers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Generic, TypeVar

from google.protobuf.message import Message

from .disconnect_reason import DisconnectReason
from .options import ServerOptions
from .responder import Responder, take_request
from .schema import Incoming
from .schema_mismatch import SchemaMismatch
from .server_client import ServerClient
from .server_driver import ServerDriver
from .session_loss import SessionLoss
from .tls_failure import TlsError
from .wire_schema import Schema

Client = TypeVar("Client", bound=ServerClient)


class ServerBase(Generic[Client]):
    """Everything is called on the event loop's thread. From other threads, use the loop's
    `call_soon_threadsafe`.

    The hooks of one client are awaited one at a time, in order. While one awaits, those of other
    clients may run. Every call is legal in a hook. A hook that raises an exception ends its
    client's connection (GENERAL_ERROR); the exception is logged. Messages to and from one client
    arrive in order, and none is lost while its connection lives.
    """

    _messi_client_class: ClassVar[type[ServerClient]]
    _messi_incoming: ClassVar[Incoming]
    _messi_schema: ClassVar[Schema]
    _messi_requests: ClassVar[dict[str, str] | None] = None
    """What clients ask, and with what they are answered; `None`: the protocol has no requests with
    replies."""

    def __init_subclass__(
        cls, client: type[ServerClient] | None = None, receives: type[Message] | None = None
    ) -> None:
        super().__init_subclass__()
        if client is not None:
            cls._messi_client_class = client
        if receives is not None:
            cls._messi_incoming = Incoming(receives)

    def __init__(self, uri: str, *, options: ServerOptions | None = None) -> None:
        """`uri` is `tcp://<host>:<port>`, `tls://<host>:<port>`, `unix://<path>`,
        `unix-abstract:<name>`, or `systemd:<name>` for a socket that systemd has opened (`systemd:`
        for the first). Without a host it means all addresses of this machine; the system chooses a
        port for 0. Any other raises `ValueError`."""
        self._messi_driver = ServerDriver[Client](self, uri, options or ServerOptions())

    async def start(self) -> None:
        """Listens at the URI; for a name, at all of its addresses. Raises `OSError` if that is not
        possible, and `ValueError` for options that contradict each other. Does nothing if started,
        unless in an event loop that has ended.
        """
        await self._messi_driver.start()

    def stop(self) -> None:
        """Stops listening at once, and disconnects all clients in order. Messages sent before still
        arrive if they are read within `ServerOptions.linger`; those that have arrived and wait for
        a hook are dropped. `on_client_disconnected(client, DisconnectReason.STOPPED)` follows for
        each when that is done. Does nothing if stopped.
        """
        self._messi_driver.stop()

    def stop_now(self) -> None:
        """Like `stop`, but at once: what has not been written is dropped. Also ends a `stop` or
        `disconnect` that is under way."""
        self._messi_driver.stop_now()

    def drain(self, deadline: float) -> None:
        """Stops listening at once, and lets all clients go, within `deadline` seconds. Nothing that
        was sent before is lost on a connection that works, in either direction. A client is told
        when it has got what was sent to it. Then it ends its side; what it had sent still reaches
        the hooks, which may answer, and the client connects elsewhere. At half of the deadline the
        server ends its side for clients that do not react, such as those of the original Messi, and
        at the deadline it closes what is left. For each client
        `on_client_disconnected(client, DisconnectReason.DRAINING)` follows.

        A further `drain` sets another deadline. `stop`, `stop_now` and `start` may also follow.
        Raises `ValueError` for a deadline that is negative.
        """
        self._messi_driver.drain(deadline)

    async def wait_stopped(self) -> None:
        """Waits for `stop` or `drain`, and until nothing is left to happen. Not for hooks: it waits
        for them."""
        await self._messi_driver.wait_stopped()

    @property
    def uri(self) -> str:
        """The URI that clients connect to, with the port that the system chose if the given URI has
        port 0. While stopped: the given URI."""
        return self._messi_driver.uri

    @property
    def port(self) -> int:
        """The port; 0 while stopped, or if there is none."""
        return self._messi_driver.port

    @property
    def options(self) -> ServerOptions:
        return self._messi_driver.options

    @property
    def clients(self) -> list[Client]:
        """The connected clients, in the order in which they came."""
        return [client for client in self._messi_driver.clients.values() if client.connected]

    def find_client(self, client_id: int) -> Client | None:
        client = self._messi_driver.clients.get(client_id)
        return client if client is not None and client.connected else None

    def find_arriving(self, client_id: int) -> Client | None:
        """The client, if its `on_authenticate` has begun, and it is not accepted or refused yet."""
        return self._messi_driver.find_arriving(client_id)

    async def on_client_arriving(self, peer_address: str) -> bool:
        """A connection has been accepted. Returns whether it becomes a client. If not, it is
        closed, and `on_client_refused(peer_address, DisconnectReason.REFUSED)` follows."""
        return True

    async def on_authenticate(self, client: Client) -> None:
        """Who is it? `client.peer_certificate()`, `peer_credentials()` and `peer_address` may say.
        Call `client.accept()` or `client.refuse(text)`, here or later, within
        `ServerOptions.authentication_timeout`. Until then it is no client: no message from it
        reaches a hook, none is sent to it, and it is not among the `clients`. By default all are
        accepted."""
        client.accept()

    async def on_schema_mismatch(self, client: Client, mismatch: SchemaMismatch) -> bool:
        """A client that has introduced itself has another schema; `mismatch.text()` says what
        differs. Returns whether to go on; if not, it is refused, and
        `on_client_refused(peer_address, DisconnectReason.SCHEMA_MISMATCH)` follows. Comes before
        `on_authenticate`."""
        return True

    async def on_client_connected(self, client: Client) -> None:
        """A client has connected; from now on messages are sent and received."""

    async def on_client_disconnected(self, client: Client, reason: DisconnectReason) -> None:
        """A client is gone; the last hook for it. A client with a session is gone when the session
        has ended."""

    async def on_client_detached(self, client: Client, reason: DisconnectReason) -> None:
        """A client with a session has lost its connection. It has `ServerOptions.session_timeout`
        to come back; what is sent to it meanwhile is kept."""

    async def on_client_resumed(self, client: Client, replayed: int) -> None:
        """A client has come back, and its session goes on. `replayed`: how many messages are sent
        to it again."""

    async def on_client_session_lost(self, client: Client, loss: SessionLoss) -> None:
        """A client's session has ended, and messages may be lost. `on_client_disconnected`
        follows."""

    async def on_client_writable(self, client: Client) -> None:
        """Less than half of `max_pending_bytes` is waiting, after it was more."""

    async def on_client_behind(self, client: Client) -> None:
        """From now on broadcasts are left out for the client, since too much is waiting for it,
        until `on_client_writable`: see `ServerOptions.slow_reader`."""

    async def on_client_refused(self, peer_address: str, reason: DisconnectReason) -> None:
        """A connection was turned away. REFUSED: `on_client_arriving` returned false.
        GENERAL_ERROR: that hook has failed. TOO_MANY_CLIENTS: the server is full, or the process
        has no descriptor left (then `peer_address` is "")."""

    async def on_handshake_failed(self, peer_address: str, error: TlsError) -> None:
        """A connection has ended before it was a client, since its TLS handshake went wrong.
        `error` says what was wrong, such as "the client's certificate has expired"."""

    async def on_any_message(self, client: Client, field_number: int) -> bool:
        """A message has arrived, perhaps one that this server's schema does not have. Comes before
        the message's own hook, which is called only if this returns true."""
        return True

    async def on_unknown_message(self, client: Client, field_number: int) -> None:
        """A client has sent a message that this server's schema does not have."""

    # For the driver.

    @property
    def _messi_sees_all(self) -> bool:
        """Whether `on_any_message` does anything."""
        return getattr(self.on_any_message, "__func__", None) is not ServerBase.on_any_message

    @property
    def _messi_authenticates(self) -> bool:
        """Whether `on_authenticate` does anything."""
        return getattr(self.on_authenticate, "__func__", None) is not ServerBase.on_authenticate

    # For generated code.

    def _messi_reply(self, name: str, message: Message) -> None:
        if (client := self._messi_driver.current_client()) is not None:
            client._messi_send(name, message)

    def _messi_reply_unique(self, message: Message) -> None:
        if (client := self._messi_driver.current_client()) is not None:
            client._messi_send_unique(message)

    def _messi_answer_later(self, name: str) -> Responder[Any]:
        client = self._messi_driver.current_client()
        link = None if client is None else client._messi_link
        return Responder(take_request(link, name))

    def _messi_broadcast(self, name: str, message: Message, except_client: Client | None) -> bool:
        outgoing = self._messi_client_class._messi_outgoing
        return self._messi_driver.broadcast(outgoing.encode(name, message), except_client)

    def _messi_broadcast_unique(self, message: Message, except_client: Client | None) -> bool:
        outgoing = self._messi_client_class._messi_outgoing
        return self._messi_driver.broadcast(outgoing.encode_unique(message), except_client)

    def _messi_groups_of(self, client: Client) -> list[Hashable]:
        return self._messi_driver.groups.keys_of(client)
