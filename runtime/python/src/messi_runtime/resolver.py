"""Looks up names."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import weakref
from collections import deque
from typing import Any


class Resolver:
    """One for each event loop. A look-up takes a thread as long as the system wants, so there is a
    bound; of all who ask for one host at a time, only the first makes a question of it.

    Threads of its own, not the loop's default executor, since a name server that is silent would
    fill that; and daemons, since the end of the program does not wait for it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._questions: dict[str, _Question] = {}
        self._waiting: deque[_Question] = deque()
        self._running = 0

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
        if _is_address(host):
            return [host]
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
        while self._waiting and self._running < _MOST_THREADS:
            question = self._waiting.popleft()
            self._running += 1
            thread = threading.Thread(target=self._look_up, args=(question,), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # there is no thread to be had
                self._handle_answer(question, OSError(str(error)))

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
        del self._questions[question.host]
        if isinstance(answer, Exception):
            question.answer.set_exception(answer)
            question.answer.exception()  # perhaps nobody waits for it any more
        else:
            question.answer.set_result(answer)
        self._begin()


class _Question:
    def __init__(self, host: str, answer: asyncio.Future[list[str]]) -> None:
        self.host = host
        self.answer = answer
        self.askers = 0


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


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


_MOST_THREADS = 16

_resolvers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Resolver] = (
    weakref.WeakKeyDictionary()
)
