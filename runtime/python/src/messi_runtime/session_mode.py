"""Whether a client or server wants sessions."""

from __future__ import annotations

import enum


class SessionMode(enum.Enum):
    OFF = enum.auto()
    """A message that is under way when a connection breaks may be lost."""

    PREFER = enum.auto()
    """A session goes on in the next connection, and nothing is lost; with a peer that has no
    sessions, as OFF."""

    REQUIRED = enum.auto()
    """A peer without sessions is refused."""
