"""Notices that the process is a child of the one that made something."""

from __future__ import annotations

import os
import sys

_generation = 0


def _begin_next() -> None:
    global _generation
    _generation += 1


os.register_at_fork(after_in_child=_begin_next)


def generation() -> int:
    """Another number in a child of `fork` than in its parent. What stands for something outside of
    the process, such as a file or what the kernel watches, compares it with the number of the day
    it was made, and leaves the parent's things alone."""
    return _generation


def refuse_to_run(made_in: int) -> None:
    """Parent and child would take each other's messages away."""
    if made_in != _generation:
        print("messi: a child of fork() must not run its parent's event loop", file=sys.stderr)
        sys.stderr.flush()
        os.abort()
