"""Calls the user's code."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TypeVar

LOGGER = logging.getLogger("messi_runtime")

Result = TypeVar("Result")


class HookFailed(Exception):
    """A hook has raised an exception, which has been logged."""


async def run_hook(hook: Awaitable[Result]) -> Result:
    try:
        return await hook
    except Exception as exception:
        LOGGER.exception("A hook has failed.")
        raise HookFailed from exception
