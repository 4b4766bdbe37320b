"""What a server does about clients that read too slowly."""

from __future__ import annotations

import enum


class SlowReader(enum.Enum):
    """What becomes of broadcasts that are too much for a client: `ServerOptions.slow_reader`."""

    DISCONNECT = enum.auto()
    """The client is disconnected, as if the message were for it alone."""

    DROP_NEWEST = enum.auto()
    """They are left out."""

    KEEP_LATEST = enum.auto()
    """They are left out, but for the latest of each member, which is sent later."""
