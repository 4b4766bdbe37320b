"""Why connections end."""

from __future__ import annotations

import enum


class DisconnectReason(enum.Enum):
    """Why a connection ended. The first six are those of the original Messi. `str` gives a
    sentence."""

    MESSAGE_ENCODE_ERROR = "Message encode error."
    """A message given to `send` cannot be encoded: it lacks a required field, for example."""

    MESSAGE_DECODE_ERROR = "Message decode error."
    """A message from the peer is not what the schema says."""

    CONNECTION_CLOSED = "Connection closed."
    """The peer, or the network, closed the connection."""

    KEEP_ALIVE_TIMEOUT = "Keep alive timeout."
    """Nothing arrived from the peer for too long."""

    GENERAL_ERROR = "General error."
    """A hook raised an exception; it has been logged."""

    MESSAGE_TOO_BIG = "Message too big."
    """A message, sent or received, is larger than `max_payload_size`."""

    SLOW_READER = "Slow reader."
    """The peer reads more slowly than we send: `max_pending_bytes` is reached."""

    PROTOCOL_ERROR = "Protocol error."
    """The peer does not speak this protocol."""

    TOO_MANY_CLIENTS = "Too many clients."
    """The server takes no more clients now."""

    STOPPED = "Stopped."
    """`stop()` was called on this side, or its task was cancelled."""

    DISCONNECTED = "Disconnected."
    """`disconnect()` was called on this side."""

    TOO_MUCH_AT_ONCE = "Too much sent at once."
    """More than `max_pending_bytes` was sent in one turn, to a peer that is not known to be
    slow."""

    REFUSED = "Refused."
    """The server does not want this client: its `on_client_arriving` returned false."""

    UNAUTHENTICATED = "Not authenticated."
    """The server's `on_authenticate` refused the client, or did not answer in time."""

    DRAINING = "Draining."
    """The server is draining: it lets its clients go."""

    FRAME_TOO_SLOW = "Frame too slow."
    """The rest of a frame took too long to arrive: `frame_timeout`."""

    TOO_MANY_PINGS = "Too many pings."
    """The client sends more than `max_pings_per_second`."""

    TOO_MUCH_QUEUED = "Too much queued."
    """The server's `max_total_pending_bytes` was reached, and most of it waited for this client."""

    TOO_MANY_FROM_ADDRESS = "Too many clients from this address."
    """Only in `on_client_refused`: `max_clients_per_address` is reached."""

    TOO_MANY_AT_ONCE = "Too many connections at once."
    """Only in `on_client_refused`: more arrive than `max_accepts_per_second`."""

    SESSION_LOST = "Session lost."
    """The session cannot go on: see `on_session_lost`."""

    SCHEMA_MISMATCH = "Schema mismatch."
    """Only in `on_client_refused`: `on_schema_mismatch` returned False."""

    REPLACED = "Replaced."
    """The server took it for a client without a session; then it asked for one, and is another
    client now."""

    def __str__(self) -> str:
        return self.value
