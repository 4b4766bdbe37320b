"""What clients and servers can be told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .backoff import BackoffSettings
from .duration import check_durations
from .frame import check_max_payload_size
from .socket_options import SocketOptions


@dataclass(frozen=True)
class ClientOptions:
    """Times in seconds, `math.inf` for ever; sizes in bytes."""

    ping_interval: float = 2.0
    """How often the server is asked for a sign of life. The original's server drops a client that
    has not pinged for 3 s. 0: never."""

    pong_timeout: float = 4.0
    """The connection is given up when no byte at all came from the server for this long."""

    connect_timeout: float = 5.0
    """For one attempt to connect, name resolution and all addresses of the host included."""

    backoff: BackoffSettings = field(default_factory=BackoffSettings)
    """How long to wait between attempts."""

    max_payload_size: int = 1024 * 1024
    """The largest message sent or accepted, as encoded; at most 2^24 - 1."""

    max_pending_bytes: int = 16 * 1024 * 1024
    """The most that waits to be written. A message that would exceed it ends the connection
    (SLOW_READER, or TOO_MUCH_AT_ONCE), unless nothing is waiting."""

    linger: float = 5.0
    """How long what was sent before `stop` may take to be written. 0: `stop` is `stop_now`."""

    more_uris: Sequence[str] = ()
    """Tried in turn after the client's first URI."""

    shuffle_uris: bool = False
    """Each round tries the URIs in another order, chosen by chance."""

    socket: SocketOptions = field(default_factory=SocketOptions)

    def __post_init__(self) -> None:
        check_max_payload_size(self.max_payload_size)
        check_durations(
            ping_interval=self.ping_interval,
            pong_timeout=self.pong_timeout,
            connect_timeout=self.connect_timeout,
            linger=self.linger,
        )

    def check(self) -> None:
        """Raises `ValueError` for options that cannot work together."""
        _check_not_zero(pong_timeout=self.pong_timeout, connect_timeout=self.connect_timeout)
        if self.pong_timeout == math.inf:
            return
        if self.ping_interval == 0:
            raise ValueError(
                f"ping_interval is 0, which is never, so pong_timeout must be math.inf, "
                f"but it is {self.pong_timeout}."
            )
        if self.ping_interval >= self.pong_timeout:
            raise ValueError(
                f"ping_interval must be less than pong_timeout, "
                f"but they are {self.ping_interval} and {self.pong_timeout}."
            )


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
    client's connection (SLOW_READER, or TOO_MUCH_AT_ONCE), unless nothing is waiting for it."""

    linger: float = 5.0
    """How long what was sent before `stop` or `disconnect` may take to be written. 0: they are
    `stop_now` and `disconnect_now`."""

    unix_mode: int | None = None
    """The permissions of a Unix socket's file, 0o600 for one. `None`: what the umask leaves."""

    socket: SocketOptions = field(default_factory=SocketOptions)

    def __post_init__(self) -> None:
        check_max_payload_size(self.max_payload_size)
        check_durations(client_timeout=self.client_timeout, linger=self.linger)

    def check(self) -> None:
        """Raises `ValueError` for options that cannot work."""
        _check_not_zero(client_timeout=self.client_timeout)


def _check_not_zero(**durations: float) -> None:
    for name, seconds in durations.items():
        if seconds == 0:
            raise ValueError(f"{name} must be more than 0 seconds.")
