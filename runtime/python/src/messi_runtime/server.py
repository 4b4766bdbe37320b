"""What generated servers derive from."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from google.protobuf.message import Message

from .disconnect_reason import DisconnectReason
from .options import ServerOptions
from .schema import Incoming
from .server_client import ServerClient
from .server_driver import ServerDriver

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
        system chooses, `unix://<path>`, `unix-abstract:<name>`, or `systemd:<name>` for a socket
        that systemd has opened, `systemd:` for the first; another raises `ValueError`."""
        self._messi_driver = ServerDriver[Client](self, uri, options or ServerOptions())

    async def start(self) -> None:
        """Listens at the URI; of a name at all of its addresses. Raises `OSError` if that is not
        possible, and `ValueError` for options that cannot work.

        Does nothing when started, unless that was in an event loop which has ended.
        """
        await self._messi_driver.start()

    def stop(self) -> None:
        """Stops listening, at once, and disconnects all clients, in order: what was sent before
        still arrives, if they read it within `ServerOptions.linger`.

        `on_client_disconnected(client, DisconnectReason.STOPPED)` follows for each when that is
        done. Does nothing when stopped.
        """
        self._messi_driver.stop()

    def stop_now(self) -> None:
        """As `stop`, but at once: what has not been written is dropped. Also ends what `stop` and
        `disconnect` have begun."""
        self._messi_driver.stop_now()

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

    async def on_client_arriving(self, peer_address: str) -> bool:
        """Somebody wants to be a client, and is one if this returns true. Else the connection is
        closed, and `on_client_refused(peer_address, DisconnectReason.REFUSED)` follows."""
        return True

    async def on_client_connected(self, client: Client) -> None:
        """A client is there; from now on messages are sent and received."""

    async def on_client_disconnected(self, client: Client, reason: DisconnectReason) -> None:
        """A client is gone; the last hook for it."""

    async def on_client_writable(self, client: Client) -> None:
        """Half of `max_pending_bytes` is free again after more than that was waiting."""

    async def on_client_refused(self, peer_address: str, reason: DisconnectReason) -> None:
        """A client was turned away: by `on_client_arriving` (REFUSED; GENERAL_ERROR if that hook
        has failed), or since the server is full, or the process has no descriptor left
        (`peer_address` is "" then)."""

    async def on_any_message(self, client: Client, field_number: int) -> bool:
        """A message has come, one that this server's schema does not have included: comes before
        the message's own hook, which is left out unless this returns true."""
        return True

    async def on_unknown_message(self, client: Client, field_number: int) -> None:
        """A client has sent a message that this server's schema does not have."""

    # For the driver.

    @property
    def _messi_sees_all(self) -> bool:
        """Whether `on_any_message` does anything."""
        return getattr(self.on_any_message, "__func__", None) is not ServerBase.on_any_message

    # For generated code.

    def _messi_reply(self, name: str, message: Message) -> None:
        if (client := self._messi_driver.current_client()) is not None:
            client._messi_send(name, message)

    def _messi_reply_unique(self, message: Message) -> None:
        if (client := self._messi_driver.current_client()) is not None:
            client._messi_send_unique(message)

    def _messi_broadcast(self, name: str, message: Message, except_client: Client | None) -> bool:
        outgoing = self._messi_client_class._messi_outgoing
        return self._messi_driver.broadcast(outgoing.encode(name, message), except_client)

    def _messi_broadcast_unique(self, message: Message, except_client: Client | None) -> bool:
        outgoing = self._messi_client_class._messi_outgoing
        return self._messi_driver.broadcast(outgoing.encode_unique(message), except_client)
