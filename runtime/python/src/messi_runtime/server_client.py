"""One client, as a server sees it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from google.protobuf.message import Message

from .disconnect_reason import DisconnectReason
from .link import Link
from .outbox import OutboxSettings
from .peer_certificate import PeerCertificate
from .responder import send_message, try_send_message
from .schema import Outgoing
from .send_result import SendResult
from .session_line import SessionLine
from .stream import PeerCredentials

if TYPE_CHECKING:
    from .session_table import Entry

Reply = TypeVar("Reply", bound=Message)


class ServerClient:
    """A handle that can be used from `on_authenticate`, or else `on_client_connected`, to
    `on_client_disconnected`. Its calls do nothing afterwards.
    """

    _messi_outgoing: ClassVar[Outgoing]

    def __init_subclass__(cls, sends: type[Message] | None = None) -> None:
        super().__init_subclass__()
        if sends is not None:
            cls._messi_outgoing = Outgoing(sends)

    def __init__(
        self, client_id: int, link: Link, settings: OutboxSettings, peer_address: str
    ) -> None:
        self.state: Any = None
        """For your own use: the state of this client."""

        self._messi_link: Link | SessionLine = link
        self._messi_principal = ""
        self._messi_auth_token = b""
        self._messi_entry: Entry | None = None
        self._messi_settings = settings
        self._id = client_id
        self._peer_address = peer_address
        self._peer_credentials = link.peer_credentials
        self._connected_since = datetime.datetime.now(datetime.timezone.utc)

    @property
    def id(self) -> int:
        """No two clients of a server have the same."""
        return self._id

    @property
    def peer_address(self) -> str:
        """The other end, as "127.0.0.1:5000", "[::1]:5000" or "unix"."""
        return self._peer_address

    def peer_credentials(self) -> PeerCredentials | None:
        """Process, user and group of the peer of a Unix socket when it connected; `None` for
        TCP."""
        return self._peer_credentials

    def peer_certificate(self) -> PeerCertificate | None:
        """What the client's certificate says; `None` if it has shown none, as without TLS."""
        return self._messi_link.peer_certificate

    def native_handle(self) -> int:
        """The descriptor of the connection's socket; -1 if it is closed. It stays the server's."""
        return self._messi_link.native_handle

    @property
    def connected_since(self) -> datetime.datetime:
        """In UTC."""
        return self._connected_since

    @property
    def connected(self) -> bool:
        """True from `accept` until the connection is lost or given up. What is sent before and
        after is dropped."""
        return self._messi_link.admitted and not self._messi_link.closed

    @property
    def pending_bytes(self) -> int:
        """Bytes that were sent and that the system has not taken yet."""
        return self._messi_link.pending_bytes

    @property
    def dropped_broadcasts(self) -> int:
        """How many broadcasts were left out for this client and will not be sent any more, since it
        read too slowly: see `ServerOptions.slow_reader`."""
        return self._messi_link.dropped_broadcasts

    @property
    def late_answers(self) -> int:
        """How many answers of this client have come too late: their calls were over."""
        calls = self._messi_link.calls
        return 0 if calls is None else calls.late

    @property
    def disconnect_hint(self) -> str:
        """In `on_client_disconnected`: a sentence with more than the reason says, such as "The peer
        seems to speak HTTP.", or ""."""
        return str(self._messi_link.hint)

    @property
    def detached(self) -> bool:
        """True while its session waits for another connection. What is sent meanwhile is kept for
        that."""
        return isinstance(self._messi_link, SessionLine) and self._messi_link.detached

    @property
    def unacknowledged(self) -> int:
        """How many messages were sent in its session that its program is not known to have
        handled."""
        line = self._messi_link
        return line.unacknowledged if isinstance(line, SessionLine) else 0

    @property
    def auth_token(self) -> bytes:
        """What the client has given as `ClientOptions.auth_token`, from `on_authenticate` until
        `accept`; empty if nothing."""
        return self._messi_auth_token

    def accept(self, principal: str = "") -> None:
        """The answer to `on_authenticate`, in the hook or later: it is connected at once, and
        `on_client_connected` follows. Only the first answer counts.

        `principal` is who it is: a session goes on only for the same one. By default that is its
        certificate, or its user if it comes by a Unix socket."""
        self._messi_principal = principal
        self._messi_link.admit()
        self._messi_auth_token = b""

    def refuse(self, text: str = "") -> None:
        """The other answer to `on_authenticate`: the connection is closed, and
        `on_client_refused(peer_address, DisconnectReason.UNAUTHENTICATED)` follows. The client is
        told the text, of at most 96 bytes."""
        if not self._messi_link.admitted:
            self._messi_link.close(DisconnectReason.UNAUTHENTICATED, text)

    def disconnect(self) -> None:
        """Ends the connection in order, and the session. Messages sent before still arrive if the
        client reads them within `ServerOptions.linger`; in a session it may come back for them.

        `on_client_disconnected(client, DisconnectReason.DISCONNECTED)` follows when that is done.
        """
        self._messi_link.end(DisconnectReason.DISCONNECTED)

    def disconnect_now(self) -> None:
        """Like `disconnect`, but at once: what has not been written is dropped. Also ends a
        `disconnect` that is under way."""
        self._messi_link.abort(DisconnectReason.DISCONNECTED)

    def pause(self) -> None:
        """No message of the client reaches a hook until `resume`; the end of the connection is
        reported after the messages that wait. The client may be silent meanwhile; the server sends
        it pongs. Does nothing before `accept`."""
        if self._messi_link.admitted:
            self._messi_link.pause()

    def resume(self) -> None:
        self._messi_link.resume()

    # For the driver.

    def _messi_come_back(self, arriving: ServerClient) -> None:
        """Its session goes on in the connection of `arriving`."""
        self._peer_address = arriving._peer_address
        self._peer_credentials = arriving._peer_credentials

    # For generated code.

    def _messi_send(self, name: str, message: Message) -> None:
        payload = self._messi_outgoing.encode(name, message)
        send_message(self._messi_link, name, payload, self._messi_settings)

    def _messi_try_send(self, name: str, message: Message) -> SendResult:
        payload = self._messi_outgoing.encode(name, message)
        return try_send_message(self._messi_link, name, payload, self._messi_settings)

    def _messi_try_send_unique(self, message: Message) -> SendResult:
        return self._messi_try_send(self._messi_outgoing.unique_name(message), message)

    def _messi_send_unique(self, message: Message) -> None:
        self._messi_send(self._messi_outgoing.unique_name(message), message)

    async def _messi_call(
        self, name: str, request: Message, reply: str, reply_type: type[Reply], timeout: float
    ) -> Reply:
        line = self._messi_link
        frame = self._messi_settings.encode(self._messi_outgoing.encode(name, request))
        return cast(Reply, await line.its_calls().call(line, frame, reply, timeout))
