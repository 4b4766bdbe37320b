"""The file of a listening Unix socket."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator

from . import fork


class UnixSocketFile:
    """The lock `<path>.lock` is held while the file is made or removed. So when a dead server has
    left its file behind, only one server takes it over, and no server removes the file of
    another."""

    def __init__(self, unbound: socket.socket, path: str, mode: int | None) -> None:
        """Binds the socket, which does not listen yet. Raises `OSError`."""
        self._path = os.path.abspath(path)  # the process may change its working directory
        self._made_in = fork.generation()
        with _lock(f"{self._path}.lock") as locked:
            try:
                # The given path, since the absolute path may be too long.
                unbound.bind(path)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not locked or not _left_behind(self._path):
                    raise
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)
                unbound.bind(path)
            self._made = _identity(self._path)
            if mode is not None:
                # Nobody can connect before, since nobody listens.
                os.chmod(self._path, mode)

    def remove(self) -> None:
        """Removes the file, if it is still the one that was made, and not in a child of `fork`.
        Never raises."""
        if self._made_in != fork.generation():
            return
        with contextlib.suppress(OSError), _lock(f"{self._path}.lock") as locked:
            if locked and _identity(self._path) == self._made:
                os.unlink(self._path)


@contextlib.contextmanager
def _lock(path: str) -> Iterator[bool]:
    """A file that only one process holds at a time; it is removed afterwards. Never waits; yields
    whether it is held."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            # Its last holder may have removed the file between our opening and locking it.
            if _is_at(file, path):
                try:
                    yield True
                finally:
                    with contextlib.suppress(OSError):
                        os.unlink(path)
                return
        finally:
            os.close(file)


def _is_at(file: int, path: str) -> bool:
    there = os.fstat(file)
    try:
        return (there.st_dev, there.st_ino) == _identity(path)
    except FileNotFoundError:
        return False


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _left_behind(path: str) -> bool:
    """Whether it is the socket of a dead server, or was removed in the meantime."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except FileNotFoundError:
        return not os.path.islink(path)
    # Connecting with a socket of another type shows whether a server listens, without a connection:
    # the server sees no client, and a full queue causes no wait.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED
