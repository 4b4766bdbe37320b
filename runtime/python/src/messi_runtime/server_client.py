"""One client, as a server sees it."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from google.protobuf.message import Message

from .disconnect_reason import DisconnectReason
from .link import Link
from .schema import Outgoing


class ServerClient:
    """A handle that means something from `on_client_connected` until `on_client_disconnected`.

    Used later, it does nothing.
    """

    _messi_outgoing: ClassVar[Outgoing]

    def __init_subclass__(cls, sends: type[Message] | None = None) -> None:
        super().__init_subclass__()
        if sends is not None:
            cls._messi_outgoing = Outgoing(sends)

    def __init__(self, client_id: int, link: Link, peer_address: str) -> None:
        self.state: Any = None
        """Yours: whatever the hooks of the server want to keep for this client."""

        self._messi_link = link
        self._id = client_id
        self._peer_address = peer_address
        self._connected_since = datetime.datetime.now(datetime.timezone.utc)

    @property
    def id(self) -> int:
        """Never that of another client of the same server."""
        return self._id

    @property
    def peer_address(self) -> str:
        """The other end, as "127.0.0.1:5000", "[::1]:5000" or "unix"."""
        return self._peer_address

    @property
    def connected_since(self) -> datetime.datetime:
        """In UTC."""
        return self._connected_since

    @property
    def connected(self) -> bool:
        return not self._messi_link.closed

    @property
    def pending_bytes(self) -> int:
        """Bytes that were sent and that the system has not taken yet."""
        return self._messi_link.pending_bytes

    def disconnect(self) -> None:
        """Ends the connection. What was sent is still written, for a second at most.

        `on_client_disconnected(client, DisconnectReason.DISCONNECTED)` follows.
        """
        self._messi_link.close(DisconnectReason.DISCONNECTED)

    # For generated code.

    def _messi_send(self, name: str, message: Message) -> None:
        self._messi_link.send(self._messi_outgoing.encode(name, message))

    def _messi_send_unique(self, message: Message) -> None:
        self._messi_link.send(self._messi_outgoing.encode_unique(message))
