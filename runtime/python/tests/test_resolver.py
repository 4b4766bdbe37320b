"""Names are looked up on threads, which have to be few. Real time: threads know no other."""

import asyncio
import socket
import threading
from unittest.mock import patch

import pytest

from messi_runtime import hosts_file, resolver
from messi_runtime.resolver import Resolver


class NameServer:
    """Answers when it is told to."""

    def __init__(self):
        self.asked = []
        self.threads = set()
        self._lock = threading.Lock()
        self._may_answer = threading.Semaphore(0)

    def look_up(self, host):
        with self._lock:
            self.asked.append(host)
            self.threads.add(threading.current_thread())
        self._may_answer.acquire()
        with self._lock:
            self.threads.discard(threading.current_thread())
        if host == "no.such.host":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [f"address of {host}"]

    def answer(self, count=1):
        for _ in range(count):
            self._may_answer.release()


@pytest.fixture
def name_server(monkeypatch):
    name_server = NameServer()
    monkeypatch.setattr(resolver, "look_up", name_server.look_up)
    yield name_server
    name_server.answer(1000)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def asking(*hosts):
    return [asyncio.ensure_future(Resolver.of_running_loop().resolve(host)) for host in hosts]


def test_those_who_ask_for_one_host_share_the_question(name_server):
    async def body():
        questions = asking(*["a.host"] * 50)
        await asyncio.sleep(0)
        name_server.answer()
        assert await asyncio.gather(*questions) == [["address of a.host"]] * 50
        assert name_server.asked == ["a.host"]
        # It is asked anew the next time.
        (again,) = asking("a.host")
        name_server.answer()
        await again
        assert name_server.asked == ["a.host"] * 2

    asyncio.run(body())


def test_a_silent_name_server_takes_few_threads_and_none_of_others(name_server):
    async def body():
        hosts = [f"{number}.host" for number in range(200)]
        questions = asking(*hosts)
        await until(lambda: len(name_server.threads) == 16)
        # What the loop keeps for everybody is not taken.
        assert await asyncio.get_running_loop().run_in_executor(None, lambda: "free") == "free"
        name_server.answer(200)
        assert [answer[0] for answer in await asyncio.gather(*questions)] == [
            f"address of {host}" for host in hosts
        ]
        assert sorted(name_server.asked) == sorted(hosts)

    asyncio.run(body())


def test_a_question_that_nobody_waits_for_is_not_asked(name_server):
    async def body():
        busy = asking(*[f"{number}.host" for number in range(16)])
        await until(lambda: len(name_server.threads) == 16)
        given_up, kept = asking("given.up", "kept")
        await asyncio.sleep(0)
        given_up.cancel()
        name_server.answer(17)
        await asyncio.gather(*busy, kept)
        assert "given.up" not in name_server.asked
        assert name_server.asked[-1] == "kept"

    asyncio.run(body())


def test_what_the_system_says_is_passed_on_to_all(name_server):
    async def body():
        questions = asking("no.such.host", "no.such.host")
        name_server.answer()
        for question in questions:
            with pytest.raises(socket.gaierror, match="Name or service not known"):
                await question

    asyncio.run(body())


def test_without_a_thread_the_look_up_fails_and_the_next_one_does_not(name_server, monkeypatch):
    start = threading.Thread.start

    def fail(_thread):
        raise RuntimeError("can't start new thread")

    async def body():
        monkeypatch.setattr(threading.Thread, "start", fail)
        (question,) = asking("a.host")
        with pytest.raises(OSError, match="can't start new thread"):
            await question
        monkeypatch.setattr(threading.Thread, "start", start)
        (question,) = asking("a.host")
        name_server.answer()
        await question

    asyncio.run(body())


def test_the_end_of_the_loop_does_not_wait_for_the_answer(name_server):
    async def body():
        asking("a.host")
        await until(lambda: name_server.threads)

    asyncio.run(body())
    name_server.answer()


def test_addresses_are_not_looked_up(name_server):
    async def body():
        for address in ("127.0.0.1", "::1", "fe80::1%lo"):
            assert await Resolver.of_running_loop().resolve(address) == [address]
        assert name_server.asked == []

    asyncio.run(body())


def test_a_host_that_took_long_leaves_threads_to_others(name_server):
    async def body():
        loop = asyncio.get_running_loop()
        slow = [f"{number}.slow.host" for number in range(16)]
        questions = asking(*slow)
        await until(lambda: len(name_server.threads) == 16)
        now = loop.time()
        with patch.object(loop, "time", lambda: now + 2):
            name_server.answer(16)
            await asyncio.gather(*questions)
        questions = asking(*slow)
        await until(lambda: len(name_server.threads) == 12)
        asked = len(name_server.asked)
        others = asking("a.host", "b.host")
        await until(lambda: len(name_server.asked) == asked + 2)
        assert sorted(name_server.asked[-2:]) == ["a.host", "b.host"]
        name_server.answer(18)
        await asyncio.gather(*questions, *others)

    asyncio.run(body())


def test_what_the_hosts_file_says_is_not_looked_up(name_server, tmp_path, monkeypatch):
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "127.0.0.1 localhost\n"
        "::1 localhost ip6-localhost # not-a-name\n"
        "# 192.0.2.9 not-a-name\n"
        "192.0.2.1\tChat.Example  chat\n"
        "nonsense chat\n\n"
    )
    monkeypatch.setattr(hosts_file, "PATH", str(hosts))

    async def body():
        resolve = Resolver.of_running_loop().resolve
        assert await resolve("localhost") == ["127.0.0.1", "::1"]
        assert await resolve("chat.example") == ["192.0.2.1"]
        assert await resolve("chat") == ["192.0.2.1"]
        assert name_server.asked == []
        (question,) = asking("not-a-name")
        name_server.answer()
        assert await question == ["address of not-a-name"]
        hosts.unlink()
        (question,) = asking("chat")
        name_server.answer()
        assert await question == ["address of chat"]

    asyncio.run(body())


def test_the_system_knows_localhost():
    assert set(resolver.look_up("localhost")) <= {"127.0.0.1", "::1"}
