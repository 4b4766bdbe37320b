"""Looks up names."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import weakref
from collections import deque
from typing import Any

from .hosts_file import addresses_of, is_address


class Resolver:
    """One for each event loop. A look-up occupies a thread for as long as the system takes, so the
    number of threads is bounded. Several look-ups of one host at a time share one. Names in
    `/etc/hosts` need no thread, and hosts that took long the last time leave some threads to
    others. It uses its own threads, not the loop's default executor, since a silent name server
    would fill that. They are daemons, so the end of the program does not wait for them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._questions: dict[str, _Question] = {}
        self._waiting: deque[_Question] = deque()
        self._running = 0
        self._running_slow = 0
        self._slow: dict[str, None] = {}  # hosts that took long the last time

    @staticmethod
    def of_running_loop() -> Resolver:
        loop = asyncio.get_running_loop()
        if loop not in _resolvers:
            _resolvers[loop] = Resolver(loop)
        return _resolvers[loop]

    async def resolve(self, host: str) -> list[str]:
        """The host's addresses, those of IPv6 with their scope; never none.

        Raises `OSError`, as `socket.getaddrinfo` does, or `UnicodeError`.
        """
        if is_address(host):
            return [host]
        if known := addresses_of(host):
            return known
        question = self._questions.get(host)
        if question is None:
            question = _Question(host, self._loop.create_future())
            self._questions[host] = question
            self._waiting.append(question)
            self._begin()
        question.askers += 1
        try:
            await asyncio.wait({question.answer})
        finally:
            question.askers -= 1
            if question.askers == 0 and question in self._waiting:
                self._waiting.remove(question)
                del self._questions[host]
        return question.answer.result()

    def _begin(self) -> None:
        while (question := self._next()) is not None:
            self._waiting.remove(question)
            question.slow = question.host in self._slow
            question.begun = self._loop.time()
            self._running += 1
            self._running_slow += question.slow
            thread = threading.Thread(target=self._look_up, args=(question,), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # there is no thread to be had
                self._handle_answer(question, OSError(str(error)))

    def _next(self) -> _Question | None:
        if self._running == _MOST_THREADS:
            return None
        any_host = self._running_slow < _MOST_SLOW
        return next(
            (each for each in self._waiting if any_host or each.host not in self._slow), None
        )

    def _look_up(self, question: _Question) -> None:
        answer: list[str] | Exception
        try:
            answer = look_up(question.host)
        except Exception as error:
            answer = error
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._handle_answer, question, answer)

    def _handle_answer(self, question: _Question, answer: list[str] | Exception) -> None:
        self._running -= 1
        self._running_slow -= question.slow
        self._slow.pop(question.host, None)
        if self._loop.time() - question.begun > _LONG:
            self._slow[question.host] = None
            if len(self._slow) > _MOST_REMEMBERED:
                del self._slow[next(iter(self._slow))]
        del self._questions[question.host]
        if isinstance(answer, Exception):
            question.answer.set_exception(answer)
            question.answer.exception()  # perhaps no task waits for it any more
        else:
            question.answer.set_result(answer)
        self._begin()


class _Question:
    def __init__(self, host: str, answer: asyncio.Future[list[str]]) -> None:
        self.host = host
        self.answer = answer
        self.askers = 0
        self.slow = False
        self.begun = 0.0


def look_up(host: str) -> list[str]:
    """Blocks."""
    infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(_numeric(info[4]) for info in infos))
    if not addresses:
        raise OSError(f"{host} has no address")
    return addresses


def _numeric(where: tuple[Any, ...]) -> str:
    scope = where[3] if len(where) == 4 else 0
    return f"{where[0]}%{scope}" if scope else str(where[0])


_MOST_THREADS = 16
_MOST_SLOW = 12
_LONG = 1.0  # seconds
_MOST_REMEMBERED = 1024

_resolvers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Resolver] = (
    weakref.WeakKeyDictionary()
)
