"""The files of Unix sockets: whose they are, and who may remove them."""

import asyncio
import errno
import fcntl
import os
import pathlib
import socket
import stat
import subprocess
import sys

import pytest
from support import Client, Server, running
from virtual_time import run

from messi_runtime import ServerOptions


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "chat")


@pytest.fixture
def uri(path):
    return f"unix://{path}"


def leave_a_dead_socket(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)


def test_a_server_that_stops_leaves_nothing_behind(tmp_path, uri):
    async def body():
        async with running(Server(uri)):
            assert [each.name for each in tmp_path.iterdir()] == ["chat"]
        assert list(tmp_path.iterdir()) == []

    run(body())


def test_the_socket_of_a_newer_server_is_left_alone(tmp_path, path, uri):
    async def body():
        old = Server(uri)
        await old.start()
        # As tools do that put a new server in the place of an old one.
        os.unlink(path)
        new = Server(uri)
        async with running(new):
            old.stop()
            with pytest.raises(OSError):
                await Server(uri).start()
            client = Client(uri)
            async with running(client):
                await client.events.until("connect_rsp")
        assert list(tmp_path.iterdir()) == []

    run(body())


def test_the_file_is_removed_from_where_it_was_made(tmp_path, path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def body():
        server = Server("unix://chat")
        await server.start()
        assert os.path.exists(path)
        os.chdir("/")
        server.stop()
        assert not os.path.exists(path)

    run(body())


def test_a_path_that_is_short_only_from_here_can_be_listened_at(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.chdir(deep)

    async def body():
        async with running(Server("unix://chat")):
            assert (deep / "chat").exists()
        assert not (deep / "chat").exists()

    run(body())


def test_who_holds_the_lock_has_what_a_dead_server_has_left(path, uri):
    async def body():
        leave_a_dead_socket(path)
        with open(f"{path}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(OSError) as raised:
                await Server(uri).start()
            assert raised.value.errno == errno.EADDRINUSE
        async with running(server := Server(uri)):
            with open(f"{path}.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                server.stop()
            assert os.path.exists(path)
        async with running(Server(uri)):
            pass

    run(body())


def test_of_many_that_find_a_dead_socket_one_starts(path):
    program = """
import sys
import socket
from messi_runtime.unix_socket_file import UnixSocketFile
print("ready", flush=True)
sys.stdin.readline()
listening = socket.socket(socket.AF_UNIX)
try:
    file = UnixSocketFile(listening, sys.argv[1], None)
except OSError:
    print("no", flush=True)
    sys.exit()
listening.listen()
print("yes", flush=True)
sys.stdin.readline()
"""
    source = str(pathlib.Path(sys.modules["messi_runtime"].__file__).parents[1])
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", program, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": source},
            text=True,
        )
        for _ in range(6)
    ]
    try:
        leave_a_dead_socket(path)
        for each in starters:
            assert each.stdout.readline() == "ready\n"
        for each in starters:
            each.stdin.write("\n")
            each.stdin.flush()
        assert sorted(each.stdout.readline() for each in starters) == ["no\n"] * 5 + ["yes\n"]
    finally:
        for each in starters:
            each.kill()
            each.communicate()


def test_a_server_that_is_alive_does_not_see_who_wanted_to_start(path, uri):
    async def body():
        with socket.socket(socket.AF_UNIX) as other:  # of a program that knows no lock
            other.bind(path)
            other.listen()
            with pytest.raises(OSError) as raised:
                await Server(uri).start()
            assert raised.value.errno == errno.EADDRINUSE
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                other.accept()

    run(body())


def test_a_server_whose_queue_is_full_keeps_nobody_waiting(path, uri):
    async def body():
        with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
            other.bind(path)
            other.listen(0)
            waiting.connect(path)
            with pytest.raises(OSError) as raised:
                await Server(uri).start()
            assert raised.value.errno == errno.EADDRINUSE

    run(body())


def test_a_client_waits_for_a_queue_that_is_full(path, uri):
    async def body():
        with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as waiting:
            listening.bind(path)
            listening.listen(0)
            waiting.connect(path)
            client = Client(uri)
            async with running(client):
                await asyncio.sleep(1)
                assert client.events.all == []
                with listening.accept()[0]:
                    await client.events.until("connected")
                client.stop_now()

    run(body())


def test_stop_never_raises(path, uri):
    async def body():
        server = Server(uri)
        await server.start()
        client = Client(uri)
        async with running(client):
            await client.events.until("connect_rsp")
            os.unlink(path)
            os.mkdir(path)  # which unlink cannot remove, as after having given up one's rights
            os.mkdir(f"{path}.lock")
            server.stop()
            await server.wait_stopped()
            assert server.clients == []

    run(body())


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_the_mode_is_the_options(path, uri, mode):
    async def body():
        async with running(Server(uri, options=ServerOptions(unix_mode=mode))):
            assert stat.S_IMODE(os.stat(path).st_mode) == mode

    run(body())


def test_abstract_sockets_have_no_file():
    async def body():
        server = Server("unix-abstract:messi-test-abstract")
        async with running(server):
            assert server.uri == "unix-abstract:messi-test-abstract"
            client = Client(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
                with pytest.raises(OSError) as raised:
                    await Server(server.uri).start()
                assert raised.value.errno == errno.EADDRINUSE

    run(body())


def test_a_folder_that_does_not_exist_is_an_error_that_names_the_uri(tmp_path):
    async def body():
        with pytest.raises(FileNotFoundError, match=r"unix://.*/nowhere/chat"):
            await Server(f"unix://{tmp_path}/nowhere/chat").start()

    run(body())


def test_the_peer_of_a_unix_socket_is_known(uri):
    async def body():
        server = Server(uri)
        async with running(server):
            client = Client(uri)
            async with running(client):
                await client.events.until("connect_rsp")
                (its,) = server.clients
                assert its.peer_credentials() == (os.getpid(), os.getuid(), os.getgid())
                assert its.native_handle() >= 0
                assert client.native_handle() >= 0
        assert its.native_handle() == -1
        assert client.native_handle() == -1

    run(body())


def test_the_peer_of_a_tcp_socket_is_not():
    async def body():
        server = Server()
        async with running(server):
            client = Client(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
                assert server.clients[0].peer_credentials() is None

    run(body())
