"""The addresses that have failed a client."""

from __future__ import annotations

from collections.abc import Iterable


class AddressMemory:
    """The next attempt begins with others: an address that does not answer, or whose connection
    never proves itself, is tried last."""

    def __init__(self) -> None:
        self._failed: dict[str, None] = {}  # the longest ago first

    def failed(self, address: str) -> None:
        """An attempt has failed, or has not ended in time, or its connection never proved
        itself."""
        self.worked(address)
        if len(self._failed) == _MOST:
            del self._failed[next(iter(self._failed))]
        self._failed[address] = None

    def worked(self, address: str) -> None:
        """A connection has proved itself."""
        self._failed.pop(address, None)

    def sort(self, addresses: Iterable[str]) -> list[str]:
        """First those that have not failed, in the given order, then the others; the last to fail
        comes last."""
        ranks = {address: rank for rank, address in enumerate(self._failed, start=1)}
        return sorted(addresses, key=lambda address: ranks.get(address, 0))


_MOST = 256
