"""Writes down what a program sends and receives, and what it is told of its sessions."""

from __future__ import annotations

import dataclasses
import pathlib
import time
import zlib
from collections.abc import Hashable
from typing import Literal

# Hashes of runs can be joined: that of both is a's times the factor for each message of b, plus
# b's. Also in history.h.
FACTOR = 0x9E3779B97F4A7C55
MODULUS = 1 << 64


@dataclasses.dataclass
class _Run:
    """Consecutive messages of one direction that are not written yet."""

    first: int = 1
    last: int = 0
    hash: int = 0
    time: int = 0  # of the first if they are sent, else of the last: none is later, or earlier

    @property
    def size(self) -> int:
        return self.last + 1 - self.first

    def add(self, content: bytes) -> None:
        self.last += 1
        self.hash = (self.hash * FACTOR + (len(content) << 32 | zlib.crc32(content))) % MODULUS


@dataclasses.dataclass
class _Client:
    accepted: _Run = dataclasses.field(default_factory=_Run)
    dispatched: _Run = dataclasses.field(default_factory=_Run)
    acknowledged: int | None = None


class History:
    """Writes the log of one side, which `check_history` reads with that of the other side.

    It says whether each message has arrived once and in order, or what is wrong first.
    doc/sessions.md in the repository has the format. Call each method in the hook that it is named
    after.

    A `key` tells the clients of one log apart: a server has the client's `id`, and a program with
    one client may use 0. Not for several threads at a time.
    """

    def __init__(
        self,
        path: str | pathlib.Path,
        side: Literal["client", "server"],
        messages_per_line: int = 1,
    ) -> None:
        """Writes to a file, which it empties first. At most so many messages of one direction share
        a line: with 1, what is wrong is told to the message; with more, the log of millions is
        small."""
        self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115
        self._messages_per_line = messages_per_line
        self._clients: dict[Hashable, _Client] = {}
        self._before = (0, 0)  # number and hash, before the last `sending`
        self._full: Hashable | None = None  # whose sent messages fill a line
        self._file.write(f"messi-history 1 {side} {_clock()}\n")

    def close(self) -> None:
        """Writes the end of the log."""
        for key, client in self._clients.items():
            self._write_runs(key, client)
        self._write_line(_now(), "end")
        self._file.close()

    def connected(self, key: Hashable) -> None:
        self._write_event(key, "connected")

    def named(self, key: Hashable, name: str) -> None:
        """What both sides call the session, such as the user and a number that the client counts;
        a message tells the server. Needed if there is more than one session. A word without
        blanks."""
        self._write_event(key, f"named {name}")

    def sending(self, key: Hashable, content: bytes) -> None:
        """A message is about to be sent. Its content is what both sides can tell of it, such as its
        text. Not after the message is sent: it may arrive from then on."""
        self._write_full_run()
        run = self._client(key).accepted
        self._before = (run.last, run.hash)
        if run.size == 0:
            run.time = _now()
        run.add(content)
        if run.size >= self._messages_per_line:
            self._full = key

    def not_sent(self, key: Hashable) -> None:
        """It was not accepted. Directly after `sending`."""
        run = self._client(key).accepted
        run.last, run.hash = self._before
        self._full = None

    def dispatched(self, key: Hashable, content: bytes) -> None:
        self._write_full_run()
        run = self._client(key).dispatched
        run.add(content)
        run.time = _now()
        if run.size >= self._messages_per_line:
            self._write_run(key, "dispatched", run)

    def unacknowledged(self, key: Hashable, count: int) -> None:
        """What `unacknowledged` says, as often as you like. After the last session it tells how
        many messages were accepted for another one."""
        self._write_full_run()
        client = self._client(key)
        acknowledged = client.accepted.last - count
        if client.acknowledged != acknowledged:
            client.acknowledged = acknowledged
            self._write_line(_now(), f"{key} acknowledged {acknowledged}")

    def detached(self, key: Hashable, why: object = "") -> None:
        self._write_event(key, f"detached {why}")

    def resumed(self, key: Hashable, replayed: int) -> None:
        self._write_event(key, f"resumed {replayed}")

    def lost(
        self,
        key: Hashable,
        first_unacked: int,
        last_accepted: int,
        peer_handled: int | None,
        why: object = "",
    ) -> None:
        """With the numbers of SessionLoss."""
        handled = "-" if peer_handled is None else peer_handled
        self._write_event(key, f"lost {first_unacked} {last_accepted} {handled} {why}")

    def disconnected(self, key: Hashable, why: object = "") -> None:
        self._write_event(key, f"disconnected {why}")
        self._client(key).acknowledged = None

    def _client(self, key: Hashable) -> _Client:
        return self._clients.setdefault(key, _Client())

    def _write_event(self, key: Hashable, words: str) -> None:
        self._write_full_run()
        self._write_runs(key, self._client(key))
        self._write_line(_now(), f"{key} {words.rstrip()}")

    def _write_runs(self, key: Hashable, client: _Client) -> None:
        self._write_run(key, "accepted", client.accepted)
        self._write_run(key, "dispatched", client.dispatched)

    def _write_full_run(self) -> None:
        """A full run of sent messages is written with the next event, since the last may be taken
        back."""
        if self._full is not None:
            self._write_run(self._full, "accepted", self._client(self._full).accepted)
            self._full = None

    def _write_run(self, key: Hashable, what: str, run: _Run) -> None:
        if run.size == 0:
            return
        numbers = f"{run.first}" if run.size == 1 else f"{run.first}-{run.last}"
        self._write_line(run.time, f"{key} {what} {numbers} {run.hash:x}")
        run.first = run.last + 1
        run.hash = 0

    def _write_line(self, microseconds: int, words: str) -> None:
        self._file.write(f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06} {words}\n")


def _now() -> int:
    return time.monotonic_ns() // 1000


def _clock() -> str:
    """Times of logs with the same clock can be compared."""
    try:
        return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "-"
