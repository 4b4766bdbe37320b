"""Detects that the process is a forked child."""

from __future__ import annotations

import os
import sys

_generation = 0


def _begin_next() -> None:
    global _generation
    _generation += 1


os.register_at_fork(after_in_child=_begin_next)


def generation() -> int:
    """A number that differs between a child of `fork` and its parent. An object for something
    outside of the process, such as a file or a descriptor that the kernel watches, keeps the number
    from when it was made. If the number is another one, the thing belongs to the parent, and the
    object does not touch it."""
    return _generation


def refuse_to_run(made_in: int) -> None:
    """Parent and child would take messages from each other."""
    if made_in != _generation:
        print("messi: a child of fork() must not run its parent's event loop", file=sys.stderr)
        sys.stderr.flush()
        os.abort()
