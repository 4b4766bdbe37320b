"""Some clients of a server."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from google.protobuf.message import Message

from .server_client import ServerClient

if TYPE_CHECKING:
    from .server import ServerBase

Client = TypeVar("Client", bound=ServerClient)


class GroupBase(Generic[Client]):
    """Some clients of a server, by a name of yours: what is sent to the group is sent to its
    members, encoded once. This is a handle: keep it, or make it again. The group itself exists
    while it has members.

    A client may be in any number of groups. It leaves them when its `on_client_disconnected`
    returns: there `groups_of` still knows them, but nothing is sent to it any more. A client whose
    session waits for it is still in its groups, and so it is when it has come back.
    """

    def __init__(self, server: ServerBase[Client], key: Hashable) -> None:
        self._messi_server = server
        self._key = key

    @property
    def key(self) -> Hashable:
        return self._key

    def join(self, client: Client) -> None:
        """The client becomes a member. Does nothing if it is one, or not connected."""
        if client.connected:
            self._messi_server._messi_driver.groups.join(self._key, client)

    def leave(self, client: Client) -> None:
        """The client is no member any more. Does nothing if it is none."""
        self._messi_server._messi_driver.groups.leave(self._key, client)

    @property
    def members(self) -> list[Client]:
        """The connected members, in the order in which they have joined."""
        members = self._messi_server._messi_driver.groups.members(self._key)
        return [client for client in members if client.connected]

    @property
    def size(self) -> int:
        """The number of members, with those whose connection is ending."""
        return self._messi_server._messi_driver.groups.size(self._key)

    def contains(self, client: Client) -> bool:
        return self._messi_server._messi_driver.groups.contains(self._key, client)

    # For generated code.

    def _messi_send(self, name: str, message: Message, except_clients: Collection[Client]) -> bool:
        outgoing = self._messi_server._messi_client_class._messi_outgoing
        return self._send(outgoing.encode(name, message), except_clients)

    def _messi_send_unique(self, message: Message, except_clients: Collection[Client]) -> bool:
        outgoing = self._messi_server._messi_client_class._messi_outgoing
        return self._send(outgoing.encode_unique(message), except_clients)

    def _send(self, payload: bytes | None, except_clients: Collection[Client]) -> bool:
        return self._messi_server._messi_driver.send_to_group(self._key, payload, except_clients)
