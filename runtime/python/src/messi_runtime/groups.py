"""The groups of a server."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from .server_client import ServerClient

Client = TypeVar("Client", bound=ServerClient)


class Groups(Generic[Client]):
    """A group exists while it has members."""

    def __init__(self) -> None:
        self._members: dict[Hashable, dict[int, Client]] = {}
        self._keys: dict[int, dict[Hashable, None]] = {}  # of the groups of each client

    def join(self, key: Hashable, client: Client) -> None:
        self._members.setdefault(key, {})[client.id] = client
        self._keys.setdefault(client.id, {})[key] = None

    def leave(self, key: Hashable, client: Client) -> None:
        members = self._members.get(key, {})
        if members.pop(client.id, None) is None:
            return
        if not members:
            del self._members[key]
        keys = self._keys[client.id]
        del keys[key]
        if not keys:
            del self._keys[client.id]

    def leave_all(self, client: Client) -> None:
        """The client is gone."""
        for key in self.keys_of(client):
            self.leave(key, client)

    def members(self, key: Hashable) -> list[Client]:
        return list(self._members.get(key, {}).values())

    def size(self, key: Hashable) -> int:
        return len(self._members.get(key, ()))

    def contains(self, key: Hashable, client: Client) -> bool:
        return client.id in self._members.get(key, {})

    def keys_of(self, client: Client) -> list[Hashable]:
        """In the order in which it has joined them."""
        return list(self._keys.get(client.id, ()))
