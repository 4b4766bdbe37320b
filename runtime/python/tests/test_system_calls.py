"""Each system call fails in its turn, with errors that it may have. Clients go on by themselves,
and a server that cannot start says so. Nothing is left open, nothing is reported to the event loop,
and what arrives is in order."""

import asyncio
import errno
import fcntl
import os
import selectors
import socket
import sys

import pytest
import virtual_time
from support import Client, Server

from messi_runtime import BackoffSettings, ClientOptions, ServerOptions

MESSAGES = 3
CALLS = {
    "socket": [errno.EMFILE, errno.ENOBUFS],
    "connect": [errno.ECONNREFUSED, errno.ENETUNREACH],
    "bind": [errno.EADDRINUSE, errno.EACCES],
    "listen": [errno.ENOMEM],
    "accept": [errno.EMFILE, errno.ENOMEM, errno.ECONNABORTED],
    "recv": [errno.EAGAIN, errno.ECONNRESET, errno.ETIMEDOUT],
    "sendmsg": [errno.EAGAIN, errno.ENOBUFS, errno.EPIPE, errno.ECONNRESET],
    "setsockopt": [errno.ENOPROTOOPT],
    "getsockopt": [errno.ENOBUFS],
    "getsockname": [errno.ENOBUFS],
    "getpeername": [errno.ENOTCONN],
    "shutdown": [errno.ENOTCONN],
    "dup": [errno.EMFILE],
    "watch": [errno.ENOMEM, errno.ENOSPC],
    "open": [errno.EMFILE, errno.EACCES],
    "flock": [errno.ENOLCK, errno.EWOULDBLOCK],
    "stat": [errno.EACCES],
    "unlink": [errno.EACCES],
}


class Fault:
    """The `number`-th call (from 0) of this name fails."""

    def __init__(self, monkeypatch, name, number, code):
        self._number = number
        self._code = code
        self._calls = 0
        self.armed = False
        self.failed = False
        for owner, attribute in self._places(name):
            monkeypatch.setattr(owner, attribute, self._failing(name, getattr(owner, attribute)))

    @staticmethod
    def _places(name):
        if name == "socket":
            return [(socket.socket, "__init__")]
        if name == "accept":
            return [(socket.socket, "accept")]
        if name == "watch":
            return [(selectors.EpollSelector, "register")]
        if name == "flock":
            return [(fcntl, name)]
        if name in ("open", "stat", "unlink"):
            return [(os, name)]
        return [(socket.socket, name)]

    def _failing(self, name, original):
        def call(*args, **kwargs):
            if not self.armed or "fileno" in kwargs or not _is_ours(name):
                return original(*args, **kwargs)
            self._calls += 1
            if self._calls - 1 != self._number:
                return original(*args, **kwargs)
            self.failed = True
            if self._code in (errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT):
                # Then the system has no connection any more.
                socket.socket.shutdown(args[0], socket.SHUT_RDWR)
            raise OSError(self._code, os.strerror(self._code))

        return call


def _is_ours(name):
    """Whether the runtime makes the call. asyncio leaves a descriptor behind if some of its own
    calls fail."""
    frame = sys._getframe(2)
    while name == "watch" and frame is not None and "messi_runtime" not in frame.f_code.co_filename:
        frame = frame.f_back
    return name not in ("setsockopt", "watch") or (
        frame is not None and "messi_runtime" in frame.f_code.co_filename
    )


class Numbers:
    """Messages that come in the order of their numbers."""

    def __init__(self):
        self.next = 0

    def take(self, number):
        assert number in (self.next, 0), "a message is not in its turn"
        self.next = number + 1


class Talker(Client):
    def __init__(self, uri, tls):
        backoff = BackoffSettings(initial=0.01, max=0.1)
        super().__init__(uri, options=ClientOptions(backoff=backoff, tls=tls))
        self.numbers = Numbers()

    async def on_connected(self):
        self.numbers.next = 0
        for number in range(MESSAGES):
            self.init_message_ind().text = str(number)
            self.send()

    async def on_message_ind(self, message):
        self.numbers.take(int(message.text))


async def start(server):
    for _ in range(20):
        try:
            return await server.start()
        except OSError as error:
            assert error.errno
            await asyncio.sleep(0.1)
    raise AssertionError("the server never starts")


async def until(condition):
    for _ in range(6_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("this never happened")


async def talk(uri, fault, server_tls=None, client_tls=None):
    """The server sends back what it hears. The client is disconnected, and comes again."""
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    fault.armed = True
    server = Server(uri, options=ServerOptions(tls=server_tls))
    await start(server)
    client = Talker(server.uri, client_tls)
    client.start()
    await until(lambda: client.numbers.next == MESSAGES)
    client.numbers.next = 0
    for each in server.clients:
        each.disconnect()
    await until(lambda: client.numbers.next == MESSAGES)
    client.stop()
    await client.wait_stopped()
    server.stop()
    await server.wait_stopped()
    fault.armed = False
    assert not reported


async def accept_when_the_system_refuses(fault):
    loop = asyncio.get_running_loop()
    server = Server("tcp://127.0.0.1:0")
    await server.start()
    add_reader, refusals = loop.add_reader, [errno.ENOMEM, errno.ENOSPC]

    def refuse(*args):
        if refusals:
            code = refusals.pop()
            raise OSError(code, os.strerror(code))
        return add_reader(*args)

    fault.armed = True
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        await until(lambda: fault.failed)
        loop.add_reader = refuse
        await until(lambda: server.clients)
        assert not refusals
        raw.close()
    server.stop()
    await server.wait_stopped()


def test_a_server_accepts_again_when_the_system_may_watch_again(monkeypatch):
    virtual_time.run(accept_when_the_system_refuses(Fault(monkeypatch, "accept", 0, errno.ENOMEM)))


def descriptors():
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_fails(monkeypatch, tmp_path, name, scheme):
    uri = "tcp://127.0.0.1:0" if scheme == "tcp" else f"unix://{tmp_path}/socket"
    fail_each(monkeypatch, name, lambda fault: talk(uri, fault))


@pytest.mark.parametrize("name", ["accept", "recv", "sendmsg", "shutdown", "watch"])
def test_a_call_that_fails_with_tls(monkeypatch, files, name):
    tls = (files.server(), files.client())
    fail_each(monkeypatch, name, lambda fault: talk("tls://127.0.0.1:0", fault, *tls))


def fail_each(monkeypatch, name, talk):
    """Each of the calls, with each of its errors."""
    monkeypatch.setattr(virtual_time, "_DELAY", 0.002)
    for code in CALLS[name]:
        failed = True
        number = 0
        while failed and number < 20:
            with monkeypatch.context() as patches:
                before = descriptors()
                fault = Fault(patches, name, number, code)
                number += 1
                what = f"{name} number {number}: {os.strerror(code)}"
                try:
                    virtual_time.run(talk(fault))
                except Exception as error:
                    raise AssertionError(what) from error
                failed = fault.failed
            assert descriptors() == before, f"{what}: a descriptor is left"
