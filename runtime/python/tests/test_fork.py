"""A child of `fork` leaves alone what is its parent's."""

import os
import pathlib
import subprocess
import sys

import chat_server
import pytest

import messi_runtime

SOURCE = pathlib.Path(messi_runtime.__file__).parents[1]
GENERATED = pathlib.Path(chat_server.__file__).parent

PROGRAM = """
import asyncio, os, resource, sys
import chat_pb2
from chat_client import ChatClient
from chat_server import ChatServer

path = sys.argv[1]


class Server(ChatServer):
    async def on_message_ind(self, client, message):
        client.send(message)


class Client(ChatClient):
    heard = None

    async def on_message_ind(self, message):
        self.heard.set_result(message.text)


async def main():
    server = Server(f"unix://{path}")
    await server.start()
    client = Client(server.uri)
    client.start()
    while not (client.connected and server.clients):
        await asyncio.sleep(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    child = os.fork()
    if child == 0:
        CHILD
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
    assert os.path.exists(path)
    for text in ("one", "two"):
        client.heard = asyncio.get_running_loop().create_future()
        client.send(chat_pb2.MessageInd(text=text))
        assert await client.heard == text
    client.stop()
    server.stop()
    await client.wait_stopped()
    await server.wait_stopped()
    assert not os.path.exists(path)


asyncio.run(main())
"""


REFUSAL = "messi: a child of fork() must not run its parent's event loop\n"


def run(path, child):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("CHILD", child), str(path)],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{GENERATED}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    "child",
    [
        "server.stop(); client.stop()",
        "server.stop_now(); client.stop_now()",
        "server.clients[0].disconnect()",
        "server.clients[0].disconnect_now()",
        "client.send(chat_pb2.MessageInd(text='from the child'))",
        "client._messi_driver.link._flush()",
        "server.broadcast(chat_pb2.MessageInd(text='x')); server.stop()",
        "del server, client; import gc; gc.collect()",
        "os.execv('/bin/true', ['true'])",
    ],
)
def test_what_a_child_does_changes_nothing_for_its_parent(tmp_path, child):
    result = run(tmp_path / "chat", child)
    assert (result.stdout, result.stderr, result.returncode) == ("0\n", "", 0)


@pytest.mark.parametrize(
    "child",
    [
        "server.clients[0]._messi_link._handle_readable()",
        "server._messi_driver._listener._acceptors[0]._handle_ready()",
    ],
)
def test_a_child_does_not_run_its_parents_loop(tmp_path, child):
    result = run(tmp_path / "chat", child)
    assert (result.stdout, result.stderr, result.returncode) == ("-6\n", REFUSAL, 0)


def test_a_child_does_not_return_from_a_hook(tmp_path):
    forks = "from messi_runtime.hooks import call_hook; await call_hook(os.fork)"
    result = run(tmp_path / "chat", forks)
    assert (result.stdout, result.stderr, result.returncode) == ("0\n", REFUSAL, 0)
