"""What generated servers derive from."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from google.protobuf.message import Message

from .connection import ConnectionSettings, Side
from .disconnect_reason import DisconnectReason
from .duration import check_durations
from .frame import check_max_payload_size
from .hooks import HookFailed, run_hook
from .keepalive import KeepaliveSettings
from .link import Link, Signal
from .listener import Listener
from .schema import Incoming
from .server_client import ServerClient
from .uri import parse_uri


@dataclass(frozen=True)
class ServerOptions:
    """Times in seconds, `math.inf` for ever; sizes in bytes."""

    client_timeout: float = 3.0
    """A client is dropped when no byte at all came from it for this long (KEEP_ALIVE_TIMEOUT)."""

    max_clients: int = 1024
    """Further clients are turned away."""

    max_payload_size: int = 1024 * 1024
    """The largest message sent or accepted, as encoded; at most 2^24 - 1."""

    max_pending_bytes: int = 4 * 1024 * 1024
    """The most that waits to be written to one client. A message that would exceed it ends that
    client's connection (SLOW_READER), unless nothing is waiting for it."""

    def __post_init__(self) -> None:
        check_max_payload_size(self.max_payload_size)
        check_durations(client_timeout=self.client_timeout)


Client = TypeVar("Client", bound=ServerClient)


class ServerBase(Generic[Client]):
    """Everything is called on the event loop's thread. From other threads, use the loop's
    `call_soon_threadsafe`.

    The hooks of one client are awaited one at a time, in order. While one awaits, those of other
    clients may run. In a hook anything is legal. One that raises an exception ends its client's
    connection (GENERAL_ERROR); the exception is logged.

    Messages to and from one client are in order, and none is lost while its connection lives.
    """

    _messi_client_class: ClassVar[type[ServerClient]]
    _messi_incoming: ClassVar[Incoming]

    def __init_subclass__(
        cls, client: type[ServerClient] | None = None, receives: type[Message] | None = None
    ) -> None:
        super().__init_subclass__()
        if client is not None:
            cls._messi_client_class = client
        if receives is not None:
            cls._messi_incoming = Incoming(receives)

    def __init__(self, uri: str, *, options: ServerOptions | None = None) -> None:
        """`uri` is `tcp://<host>:<port>`, where no host means any address and port 0 one that the
        system chooses, or `unix://<path>`; another raises `ValueError`."""
        self._messi_driver = _Driver[Client](self, uri, options or ServerOptions())

    async def start(self) -> None:
        """Listens at the URI. Raises `OSError` if that is not possible.

        Does nothing when started.
        """
        await self._messi_driver.start()

    def stop(self) -> None:
        """Stops listening and disconnects all clients.

        What was sent is still written, for a second at most.
        `on_client_disconnected(client, DisconnectReason.STOPPED)` follows for each. Does nothing
        when stopped.
        """
        self._messi_driver.stop()

    async def wait_stopped(self) -> None:
        """Returns when nothing of the server is left to happen after `stop`, which may still be to
        come. Not for hooks, which are what it waits for."""
        await self._messi_driver.wait_stopped()

    @property
    def uri(self) -> str:
        """What clients connect to, with the port that was chosen if port 0 was asked for. While
        stopped: the URI given."""
        return self._messi_driver.uri

    @property
    def port(self) -> int:
        """The port listened at; 0 while stopped, or if there is none."""
        return self._messi_driver.port

    @property
    def options(self) -> ServerOptions:
        return self._messi_driver.options

    @property
    def clients(self) -> list[Client]:
        """Those that are connected, in the order in which they came."""
        return [client for client in self._messi_driver.clients.values() if client.connected]

    def find_client(self, client_id: int) -> Client | None:
        client = self._messi_driver.clients.get(client_id)
        return client if client is not None and client.connected else None

    async def on_client_connected(self, client: Client) -> None:
        """A client is there; from now on messages are sent and received."""

    async def on_client_disconnected(self, client: Client, reason: DisconnectReason) -> None:
        """A client is gone; the last hook for it."""

    async def on_client_writable(self, client: Client) -> None:
        """Half of `max_pending_bytes` is free again after more than that was waiting."""

    async def on_client_refused(self, peer_address: str, reason: DisconnectReason) -> None:
        """A client was turned away: the server is full, or the process has no descriptor left
        (`peer_address` is "" then)."""

    async def on_unknown_message(self, client: Client, field_number: int) -> None:
        """A client has sent a message that this server's schema does not have."""

    # For generated code.

    def _messi_reply(self, name: str, message: Message) -> None:
        if (client := self._messi_driver.current_client()) is not None:
            client._messi_send(name, message)

    def _messi_reply_unique(self, message: Message) -> None:
        if (client := self._messi_driver.current_client()) is not None:
            client._messi_send_unique(message)

    def _messi_broadcast(self, name: str, message: Message, except_client: Client | None) -> None:
        outgoing = self._messi_client_class._messi_outgoing
        self._messi_driver.broadcast(outgoing.encode(name, message), except_client)

    def _messi_broadcast_unique(self, message: Message, except_client: Client | None) -> None:
        outgoing = self._messi_client_class._messi_outgoing
        self._messi_driver.broadcast(outgoing.encode_unique(message), except_client)


# The client whose message is being handled. Tasks that a hook starts inherit it.
_current_client: contextvars.ContextVar[tuple[object, Any] | None] = contextvars.ContextVar(
    "messi_current_client", default=None
)


class _Driver(Generic[Client]):
    """Does what a server does. Apart from it, so that its names cannot meet those of subclasses."""

    def __init__(self, server: ServerBase[Client], uri: str, options: ServerOptions) -> None:
        self.options = options
        self.clients: dict[int, Client] = {}

        self._server = server
        self._uri = uri
        self._address = parse_uri(uri)
        self._settings = ConnectionSettings(
            side=Side.SERVER,
            max_payload_size=options.max_payload_size,
            max_pending_bytes=options.max_pending_bytes,
            keepalive=KeepaliveSettings(0.0, options.client_timeout),
        )
        self._listener: Listener | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_id = 0

    @property
    def uri(self) -> str:
        return self._uri if self._listener is None else self._listener.uri

    @property
    def port(self) -> int:
        return 0 if self._listener is None else self._listener.port

    # Commands

    async def start(self) -> None:
        if self._listener is not None:
            return
        listener = Listener(
            self._address,
            lambda accepted, peer_address: self._begin(self._accept(accepted, peer_address)),
            lambda: self._begin(self._refuse("")),
        )
        self._listener = listener
        self._stopped = asyncio.get_running_loop().create_future()
        try:
            await listener.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._listener is None or self._stopped is None:
            return
        self._listener.stop()
        self._listener = None
        self._stopped.set_result(None)
        for client in list(self.clients.values()):
            client._messi_link.close(DisconnectReason.STOPPED)

    async def wait_stopped(self) -> None:
        if self._stopped is not None:
            await asyncio.wait({self._stopped})
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def current_client(self) -> Client | None:
        server, client = _current_client.get() or (None, None)
        return client if server is self._server else None

    def broadcast(self, payload: bytes | None, except_client: Client | None) -> None:
        for client in list(self.clients.values()):
            if client is not except_client:
                client._messi_link.send(payload)

    # A client's life

    async def _accept(self, accepted: socket.socket, peer_address: str) -> None:
        _, link = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Link(self._settings), accepted
        )
        if self._listener is None:
            link.close(DisconnectReason.STOPPED)
        elif len(self.clients) >= self.options.max_clients:
            link.close(DisconnectReason.TOO_MANY_CLIENTS)
            await self._refuse(peer_address)
        else:
            self._last_id += 1
            client = self._make_client(self._last_id, link, peer_address)
            self.clients[client.id] = client
            await self._serve(client, link)

    def _make_client(self, client_id: int, link: Link, peer_address: str) -> Client:
        # Generated code says which class `Client` is, once for the checker and once for us.
        client_class: Any = self._server._messi_client_class
        client: Client = client_class(client_id, link, peer_address)
        return client

    def _begin(self, life: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(life)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refuse(self, peer_address: str) -> None:
        reason = DisconnectReason.TOO_MANY_CLIENTS
        with contextlib.suppress(HookFailed):
            await run_hook(self._server.on_client_refused(peer_address, reason))

    async def _serve(self, client: Client, link: Link) -> None:
        """From `on_client_connected` to `on_client_disconnected`."""
        try:
            link.start()
            await run_hook(self._server.on_client_connected(client))
            while (event := await link.next_event()) is not None:
                await self._handle(client, link, event)
        except HookFailed:
            link.close(DisconnectReason.GENERAL_ERROR)
        finally:
            # Without a reason so far, the task is being cancelled.
            link.close(DisconnectReason.STOPPED)
            del self.clients[client.id]
        with contextlib.suppress(HookFailed):
            await run_hook(self._server.on_client_disconnected(client, link.reason))
        await link.wait_lost()

    async def _handle(self, client: Client, link: Link, event: bytes | Signal) -> None:
        server = self._server
        if isinstance(event, Signal):
            await run_hook(server.on_client_writable(client))
            return
        received = server._messi_incoming.decode(event)
        if received is None:
            link.close(DisconnectReason.MESSAGE_DECODE_ERROR)
            return
        token = _current_client.set((server, client))
        try:
            if received.message is not None:
                await run_hook(getattr(server, f"on_{received.name}")(client, received.message))
            elif received.unknown_field != 0:
                await run_hook(server.on_unknown_message(client, received.unknown_field))
        finally:
            _current_client.reset(token)
