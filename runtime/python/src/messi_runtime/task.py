"""The tasks that hooks run in."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Coroutine
from typing import Any

# The server and its client whose message is being handled. Tasks that a hook starts inherit it.
current_client: contextvars.ContextVar[tuple[object, Any] | None] = contextvars.ContextVar(
    "messi_current_client", default=None
)

# The request whose hook is running, of a `responder.Request`. Tasks inherit it too.
current_request: contextvars.ContextVar[Any] = contextvars.ContextVar(
    "messi_current_request", default=None
)


def begin_task(life: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that is independent of the message whose hook starts it, and keeps nothing of it
    alive."""
    context = contextvars.copy_context()
    context.run(current_client.set, None)
    context.run(current_request.set, None)
    return context.run(_create, life)


if sys.version_info >= (3, 11):

    def being_cancelled() -> bool:
        """Whether the current task is being cancelled, not something that it awaits."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    def _create(life: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(life)

else:

    class _Task(asyncio.Task[None]):
        """Counts cancellations, as tasks do since Python 3.11."""

        being_cancelled = False

        def cancel(self, msg: Any = None) -> bool:
            self.being_cancelled = True
            return super().cancel(msg)

    def being_cancelled() -> bool:
        task = asyncio.current_task()
        return isinstance(task, _Task) and task.being_cancelled

    def _create(life: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return _Task(life, loop=asyncio.get_running_loop())
