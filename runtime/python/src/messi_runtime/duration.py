"""Spans of time in options: seconds, and infinity for ever."""

from __future__ import annotations


def check_durations(**durations: float) -> None:
    for name, seconds in durations.items():
        if not seconds >= 0:  # also true for NaN
            raise ValueError(f"{name} is 0 or more seconds, but got {seconds}.")
