"""Calls the user's code."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

from . import fork
from .task import being_cancelled

LOGGER = logging.getLogger("messi_runtime")


class HookFailed(Exception):
    """A hook has raised an exception, which has been logged."""


async def call_hook(hook: Callable[..., Any], *arguments: Any) -> Any:
    """The hook's result. A hook may also be a plain function."""
    made_in = fork.generation()
    try:
        result = hook(*arguments)
        if inspect.isawaitable(result):
            result = await result
    except asyncio.CancelledError as exception:
        # Something that the hook awaited was cancelled, or the task of the hook, which then ends.
        if being_cancelled():
            raise
        raise _failed(hook, exception) from exception
    except Exception as exception:
        raise _failed(hook, exception) from exception
    fork.refuse_to_run(made_in)
    return result


def _failed(hook: Callable[..., Any], exception: BaseException) -> HookFailed:
    LOGGER.error("The hook %s has failed: %r", name_of(hook), exception, exc_info=exception)
    return HookFailed()


def name_of(hook: Callable[..., Any]) -> str:
    return getattr(hook, "__qualname__", None) or repr(hook)
