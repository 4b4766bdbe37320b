import math
import os
import socket

import pytest
from support import Client, Server, option, running
from virtual_time import run

from messi_runtime import ClientOptions, ServerOptions, SocketOptions


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (
            {"ping_interval": 4},
            "ping_interval must be less than pong_timeout, but they are 4 and 4",
        ),
        ({"ping_interval": 5}, "ping_interval must be less than pong_timeout"),
        ({"ping_interval": math.inf}, "ping_interval must be less than pong_timeout"),
        ({"ping_interval": 0}, "so pong_timeout must be math.inf, but it is 4.0"),
        ({"pong_timeout": 0}, "pong_timeout must be more than 0 seconds"),
        ({"connect_timeout": 0}, "connect_timeout must be more than 0 seconds"),
    ],
)
def test_options_of_a_client_that_contradict_each_other_are_told_by_start(options, what):
    async def body():
        client = Client("tcp://127.0.0.1:1", options=ClientOptions(**options))
        with pytest.raises(ValueError, match=what):
            client.start()
        await client.wait_stopped()

    run(body())


@pytest.mark.parametrize(
    "options",
    [
        {"ping_interval": 0, "pong_timeout": math.inf},
        {"ping_interval": 100, "pong_timeout": math.inf},
        {"ping_interval": 1, "pong_timeout": 1.1},
    ],
)
def test_options_of_a_client_that_agree_are_accepted(options):
    ClientOptions(**options).check()


def test_options_of_a_server_that_cannot_work_are_told_by_start():
    async def body():
        with pytest.raises(ValueError, match="client_timeout must be more than 0 seconds"):
            await Server(options=ServerOptions(client_timeout=0)).start()

    run(body())


@pytest.mark.parametrize("options", [ClientOptions, ServerOptions])
def test_a_linger_that_is_no_time_is_told_at_once(options):
    with pytest.raises(ValueError, match="linger is 0 or more seconds, but got -1"):
        options(linger=-1)


def test_socket_options_are_those_of_the_sockets_of_both_sides():
    async def body():
        options = SocketOptions(send_buffer=50_000, receive_buffer=60_000, tcp_user_timeout=7.5)
        server = Server(options=ServerOptions(socket=options))
        async with running(server):
            client = Client(server.uri, options=ClientOptions(socket=options))
            async with running(client):
                await client.events.until("connect_rsp")
                for end in (client, server.clients[0]):
                    assert option(end, socket.SOL_SOCKET, socket.SO_SNDBUF) == 100_000
                    assert option(end, socket.SOL_SOCKET, socket.SO_RCVBUF) == 120_000
                    assert option(end, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500

    run(body())


def test_the_system_does_not_end_connections_by_itself_unless_it_is_told_to():
    async def body():
        server = Server()
        async with running(server):
            client = Client(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
                for end in (client, server.clients[0]):
                    assert option(end, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0

    run(body())


def test_a_unix_socket_has_buffers_but_no_user_timeout():
    async def body():
        options = SocketOptions(send_buffer=50_000, tcp_user_timeout=7)
        server = Server("unix-abstract:messi-test-options", options=ServerOptions(socket=options))
        async with running(server):
            client = Client(server.uri, options=ClientOptions(socket=options))
            async with running(client):
                await client.events.until("connect_rsp")
                assert option(client, socket.SOL_SOCKET, socket.SO_SNDBUF) == 100_000

    run(body())


@pytest.mark.parametrize("options", [{"send_buffer": -1}, {"receive_buffer": 1 << 31}])
def test_a_buffer_that_is_no_size_is_told_at_once(options):
    with pytest.raises(ValueError, match="is 0 to 2\\^31 - 1 bytes"):
        SocketOptions(**options)


def test_a_user_timeout_that_is_no_time_is_told_at_once():
    with pytest.raises(ValueError, match="tcp_user_timeout is 0 or more seconds"):
        SocketOptions(tcp_user_timeout=-1)


@pytest.fixture
def systemd(monkeypatch):
    """Hands sockets over as systemd does: as descriptors 3 and 4."""
    kept = [(fd, os.dup(fd)) for fd in (3, 4) if _is_open(fd)]
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    for fd, each in zip((3, 4), sockets, strict=True):
        os.dup2(each.fileno(), fd)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_FDNAMES", "web:chat")
    yield [each.getsockname()[1] for each in sockets]
    for fd in (3, 4):
        os.close(fd)
    for fd, copy in kept:
        os.dup2(copy, fd)
        os.close(copy)
    for each in sockets:
        each.close()


def _is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.mark.parametrize(("uri", "position"), [("systemd:", 0), ("systemd:chat", 1)])
def test_a_socket_of_systemds_is_listened_at_again_and_again(systemd, uri, position):
    async def body():
        for _ in range(2):
            server = Server(uri)
            assert server.uri == uri
            async with running(server):
                assert server.uri == f"tcp://127.0.0.1:{systemd[position]}"
                assert server.port == systemd[position]
                client = Client(server.uri)
                async with running(client):
                    await client.events.until("connect_rsp")
            # It is still listened at, if not by us.
            socket.create_connection(("127.0.0.1", systemd[position])).close()

    run(body())


@pytest.mark.parametrize(
    ("variable", "value"), [("LISTEN_FDNAMES", "a:b"), ("LISTEN_PID", "1"), ("LISTEN_FDS", "0")]
)
def test_a_socket_that_systemd_has_not_handed_over_is_an_error(
    systemd, monkeypatch, variable, value
):
    monkeypatch.setenv(variable, value)

    async def body():
        with pytest.raises(FileNotFoundError, match="systemd:chat: systemd has handed over no"):
            await Server("systemd:chat").start()

    run(body())


def test_a_unix_socket_of_systemds_is_not_removed(systemd, tmp_path):
    path = tmp_path / "chat"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        os.dup2(listening.fileno(), 4)

        async def body():
            async with running(server := Server("systemd:chat")):
                assert server.uri == f"unix://{path}"
                client = Client(server.uri)
                async with running(client):
                    await client.events.until("connect_rsp")
            assert path.exists()

        run(body())


def test_clients_cannot_be_of_systemds():
    with pytest.raises(ValueError, match="the scheme is unknown"):
        Client("systemd:chat")
