"""The options of clients and servers."""

from __future__ import annotations

import math
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from .backoff import BackoffSettings
from .duration import check_durations
from .frame import check_max_payload_size
from .nesting import check_max_decode_depth
from .session_frames import MOST_AUTH_TOKEN
from .session_mode import SessionMode
from .slow_reader import SlowReader
from .socket_options import SocketOptions
from .statistics import Statistics
from .tls_config import TlsConfig


@dataclass(frozen=True)
class ClientOptions:
    """Times in seconds; `math.inf` means for ever. Sizes in bytes."""

    ping_interval: float = 2.0
    """The time between pings; less than `pong_timeout`. 0: never ping, and then `pong_timeout` must
    be infinite. The original's server drops a client that has not pinged for 3 s, and a server of
    messi one that pings more than 10 times a second."""

    pong_timeout: float = 4.0
    """The client gives up the connection when no byte has arrived from the server for this long."""

    frame_timeout: float = 10.0
    """How long the rest of a frame may be waited for when a part of it has arrived
    (FRAME_TOO_SLOW): this long, and one second more for each 16 KiB that have arrived. It is judged
    when further bytes arrive."""

    connect_timeout: float = 5.0
    """The limit for one attempt to connect, with name resolution and all addresses of the host."""

    backoff: BackoffSettings = field(default_factory=BackoffSettings)
    """The delays between attempts."""

    max_payload_size: int = 1024 * 1024
    """The largest message to send or accept, in encoded bytes; at most 2^24 - 1."""

    max_decode_depth: int = 100
    """How many levels a message that arrives may be nested, 1 to 100 (MESSAGE_DECODE_ERROR). Fields
    that the schema does not have are only bound by 100, which is protobuf's own limit in Python."""

    max_pending_bytes: int = 16 * 1024 * 1024
    """The bound for what waits to be written. A message that would exceed it ends the connection
    (SLOW_READER or TOO_MUCH_AT_ONCE), unless nothing is waiting."""

    max_open_calls: int = 1024
    """At most this many calls are open; another one gets RESOURCE_EXHAUSTED. With a server that
    does not know calls, one whose time is up counts until its answer comes."""

    linger: float = 5.0
    """The longest time that `stop` waits for the server to read what was sent. 0: `stop` is
    `stop_now`."""

    session: SessionMode = SessionMode.OFF
    """Whether what was sent reaches the server although the connection is lost meanwhile. Then
    `max_pending_bytes` bounds what the server has not acknowledged."""

    handshake: bool = False
    """Whether to introduce itself to a server that offers it; with a session, or with an
    `auth_token`, it always does."""

    auth_token: bytes = b""
    """For the server's `on_authenticate`, at most 512 bytes."""

    more_uris: Sequence[str] = ()
    """Tried in turn after the client's first URI."""

    shuffle_uris: bool = False
    """Whether to try the URIs in random order."""

    tls: TlsConfig | ssl.SSLContext | None = None
    """For URIs that are `tls://`. `None`: `TlsConfig()`, so the authorities of the system."""

    socket: SocketOptions = field(default_factory=SocketOptions)

    statistics: Statistics | None = None
    """Counts what happens here."""

    def __post_init__(self) -> None:
        check_max_payload_size(self.max_payload_size)
        check_max_decode_depth(self.max_decode_depth)
        if len(self.auth_token) > MOST_AUTH_TOKEN:
            raise ValueError(
                f"auth_token has at most {MOST_AUTH_TOKEN} bytes, but got {len(self.auth_token)}."
            )
        check_durations(
            ping_interval=self.ping_interval,
            pong_timeout=self.pong_timeout,
            frame_timeout=self.frame_timeout,
            connect_timeout=self.connect_timeout,
            linger=self.linger,
        )
        _check_positive(max_open_calls=self.max_open_calls)

    @property
    def introduces(self) -> bool:
        return self.session is not SessionMode.OFF or self.handshake or self.auth_token != b""

    def check(self) -> None:
        """Raises `ValueError` for options that cannot work together."""
        _check_not_zero(
            pong_timeout=self.pong_timeout,
            frame_timeout=self.frame_timeout,
            connect_timeout=self.connect_timeout,
        )
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
    """Times in seconds; `math.inf` means for ever. Sizes in bytes."""

    client_timeout: float = 3.0
    """A client is dropped when no byte at all came from it for this long (KEEP_ALIVE_TIMEOUT)."""

    frame_timeout: float = 10.0
    """How long the rest of a frame may be waited for when a part of it has arrived
    (FRAME_TOO_SLOW): this long, and one second more for each 16 KiB that have arrived. It is judged
    when further bytes arrive."""

    max_pings_per_second: float = 10
    """The server drops a client that pings more often (TOO_MANY_PINGS). Ten seconds' worth may come
    at once: a network or a server that was held up passes on what has piled up. `math.inf`: no
    limit."""

    max_clients: int = 1024
    """Further clients are turned away (TOO_MANY_CLIENTS). Those that are arriving, or whose
    connection is ending, count too."""

    max_clients_per_address: float = math.inf
    """Further clients from one address are turned away (TOO_MANY_FROM_ADDRESS). Of IPv6 the network
    counts, the first 64 bits; Unix sockets do not count. `math.inf`: no limit, since many devices
    may be behind one address."""

    max_accepts_per_second: float = math.inf
    """Clients that come faster than this are turned away (TOO_MANY_AT_ONCE); this many may come at
    once. `math.inf`: no limit."""

    authentication_timeout: float = 5.0
    """If the server has an `on_authenticate`: a client that is neither accepted nor refused is
    refused after this time (UNAUTHENTICATED)."""

    max_payload_before_accept: int = 4096
    """The largest message of a client that is not accepted yet; see `on_authenticate`."""

    max_payload_size: int = 1024 * 1024
    """The largest message to send or accept, in encoded bytes; at most 2^24 - 1."""

    max_decode_depth: int = 100
    """How many levels a message that arrives may be nested, 1 to 100 (MESSAGE_DECODE_ERROR). Fields
    that the schema does not have are only bound by 100, which is protobuf's own limit in Python."""

    max_pending_bytes: int = 4 * 1024 * 1024
    """The bound for what waits to be written to one client. A message that would exceed it ends the
    client's connection (SLOW_READER or TOO_MUCH_AT_ONCE), unless nothing is waiting for it."""

    max_total_pending_bytes: int = 256 * 1024 * 1024
    """The bound for what waits to be written to all clients together. When it is exceeded, what
    waits is offered to the system, and then the client for which most is waiting is disconnected
    (TOO_MUCH_QUEUED), until it holds again. A broadcast counts for each client, though all share
    its memory. One message more may wait."""

    slow_reader: SlowReader = SlowReader.DISCONNECT
    """What happens when a broadcast does not fit. With DROP_NEWEST and KEEP_LATEST broadcasts take
    at most three quarters of `max_pending_bytes`, and the rest is for messages to that client
    alone. From the first that does not fit (`on_client_behind`) until less than half is waiting
    (`on_client_writable`), broadcasts are left out for that client. What KEEP_LATEST keeps counts
    as waiting, and takes at most `max_pending_bytes` more; else the client is disconnected
    (SLOW_READER)."""

    session: SessionMode = SessionMode.OFF
    """Whether clients may have sessions: what was sent reaches the other side although the
    connection is lost meanwhile. Then `max_pending_bytes` bounds what a client has not
    acknowledged. REQUIRED: a client without a session is refused."""

    handshake: bool = False
    """Whether clients may introduce themselves; with `session` they always may."""

    offer_wait: float = 1.0
    """How long the server waits for a client to introduce itself, or to send a message, before it
    counts as one that does not. 0: not at all."""

    session_timeout: float = 30.0
    """How long a session waits for its client to connect again."""

    max_open_calls: int = 1024
    """At most this many calls to one client are open; another one gets RESOURCE_EXHAUSTED. With a
    client that does not know calls, one whose time is up counts until its answer comes."""

    linger: float = 5.0
    """The longest time that `stop` and `disconnect` wait for a client to read what was sent. 0:
    they are `stop_now` and `disconnect_now`."""

    unix_mode: int | None = None
    """The permissions of a Unix socket's file, such as 0o600. `None`: what the umask leaves."""

    tls: TlsConfig | ssl.SSLContext | None = None
    """A server whose URI is `tls://` needs it, with a certificate."""

    socket: SocketOptions = field(default_factory=SocketOptions)

    statistics: Statistics | None = None
    """Counts what happens here."""

    def __post_init__(self) -> None:
        check_max_payload_size(self.max_payload_size)
        check_max_decode_depth(self.max_decode_depth)
        check_max_payload_size(self.max_payload_before_accept)
        check_durations(
            client_timeout=self.client_timeout,
            frame_timeout=self.frame_timeout,
            authentication_timeout=self.authentication_timeout,
            offer_wait=self.offer_wait,
            session_timeout=self.session_timeout,
            linger=self.linger,
        )
        _check_positive(
            max_pings_per_second=self.max_pings_per_second,
            max_clients_per_address=self.max_clients_per_address,
            max_accepts_per_second=self.max_accepts_per_second,
            max_total_pending_bytes=self.max_total_pending_bytes,
            max_open_calls=self.max_open_calls,
        )

    @property
    def introduces(self) -> bool:
        return self.session is not SessionMode.OFF or self.handshake

    def check(self) -> None:
        """Raises `ValueError` for options that cannot work."""
        _check_not_zero(
            client_timeout=self.client_timeout,
            frame_timeout=self.frame_timeout,
            authentication_timeout=self.authentication_timeout,
        )


def _check_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:  # also true for NaN
            raise ValueError(f"{name} is more than 0, but got {number}.")


def _check_not_zero(**durations: float) -> None:
    for name, seconds in durations.items():
        if seconds == 0:
            raise ValueError(f"{name} must be more than 0 seconds.")
