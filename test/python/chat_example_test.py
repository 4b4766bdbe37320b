"""The chat example in every pairing of Python and C++, with a server that is killed and started again.

The environment says where things are: MESSI_CHAT_GENERATED the folder of the code generated for chat.proto, MESSI_CHAT_CPP that
of chat_server and chat_client, if they have been built.
"""

import contextlib
import fnmatch
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / "examples/chat/python"
sys.path.insert(0, str(ROOT / "runtime/python/tests"))
from authority import Authority  # noqa: E402

CPP = os.environ.get("MESSI_CHAT_CPP")
LANGUAGES = ["python", *(["cpp"] if CPP else [])]
KINDS = [*LANGUAGES, *(["views"] if CPP else [])]  # C++ with both kinds of messages
CHAT = {"cpp": "chat", "views": "chat_views"}
PATIENCE = 30


class Program:
    """A program that is talked to in lines."""

    def __init__(self, command, listening=None):
        environment = {**os.environ, "PYTHONPATH": os.environ["MESSI_CHAT_GENERATED"]}
        if listening is not None:
            # As systemd does it: the socket is descriptor 3, and the process is named.
            command = ["bash", "-c", f'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@" 3<&{listening.fileno()}', "bash", *command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
                                        pass_fds=[] if listening is None else [listening.fileno()])
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self, pattern):
        """The next line, which must be as the pattern says."""
        line = self._lines.get(timeout=PATIENCE)
        assert fnmatch.fnmatchcase(line, pattern), f"heard '{line}', but expected '{pattern}'"
        return line

    def hear_sooner_or_later(self, pattern):
        """The next line which is as the pattern says."""
        while not fnmatch.fnmatchcase(line := self._lines.get(timeout=PATIENCE), pattern):
            pass
        return line

    def lines(self):
        """Those that were not heard yet."""
        lines = []
        with contextlib.suppress(queue.Empty):
            while True:
                lines.append(self._lines.get_nowait())
        return lines

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end_input(self):
        self.process.stdin.close()
        return self.process.wait(timeout=PATIENCE)

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))


@contextlib.contextmanager
def stage():
    """Starts programs, and ends them all."""
    programs = []

    def start(language, side, *arguments, listening=None):
        program = [sys.executable, str(PYTHON / f"{side}.py")] if language == "python" else [f"{CPP}/{CHAT[language]}_{side}"]
        programs.append(Program([*program, *arguments], listening))
        return programs[-1]

    try:
        yield start
    finally:
        for program in programs:
            program.kill()


@pytest.mark.parametrize("client_language", KINDS)
@pytest.mark.parametrize("server_language", KINDS)
def test_clients_talk_and_survive_the_death_of_their_server(server_language, client_language):
    with stage() as start:
        server = start(server_language, "server", "tcp://127.0.0.1:0")
        uri = server.hear("Listening at tcp://127.0.0.1:*").removeprefix("Listening at ")
        erik = start(client_language, "client", "erik", uri)
        erik.hear("Connected to the server.")
        server.hear("<erik> is here.")
        alice = start("python", "client", "alice", uri)
        alice.hear("Connected to the server.")
        server.hear("<alice> is here.")

        erik.say("Hello, Grüße, 你好!")
        erik.hear("<erik> Hello, Grüße, 你好!")
        alice.hear("<erik> Hello, Grüße, 你好!")

        server.kill()
        for client in (erik, alice):
            client.hear("Disconnected: Connection closed.")
            client.hear("What you type is sent when the server is back.")
        erik.say("Is anybody there?")
        server = start(server_language, "server", uri)
        server.hear(f"Listening at {uri}")
        # Alice may hear Erik's line before she is welcome, or after it, or not at all. And the socket of a process that is being killed may
        # still take a connection, which ends with it.
        for client in (erik, alice):
            client.hear_sooner_or_later("Connected to the server.")
        erik.hear("<erik> Is anybody there?")

        assert erik.end_input() == 0
        assert alice.end_input() == 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is missing")
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


def flags(ca=None, pair=(None, None)):
    named = {"--ca": ca, "--cert": pair[0], "--key": pair[1]}
    return [str(each) for flag, path in named.items() if path is not None for each in (flag, path)]


@pytest.mark.parametrize("client_language", LANGUAGES)
@pytest.mark.parametrize("server_language", LANGUAGES)
def test_they_talk_over_mutual_tls(authority, server_language, client_language):
    ca = authority.certificate
    with stage() as start:
        server = start(server_language, "server", "tls://127.0.0.1:0", *flags(ca, authority.sign("server")))
        uri = server.hear("Listening at tls://127.0.0.1:*").removeprefix("Listening at ")
        erik = start(client_language, "client", "erik", uri, *flags(ca, authority.sign("erik")))
        erik.hear("Connected to the server.")
        server.hear("<erik> is here.")
        erik.say("Hello, Grüße, 你好!")
        erik.hear("<erik> Hello, Grüße, 你好!")
        lines = [f"{number} {'x' * 50_000}" for number in range(20)]
        for line in lines:
            erik.say(line)
        for line in lines:
            erik.hear(f"<erik> {line}")

        stranger = start(client_language, "client", "mallory", uri, *flags(ca))
        stranger.hear("Disconnected: Connection closed.*")

        server.kill()
        erik.hear("Disconnected: Connection closed.*")
        erik.hear("What you type is sent when the server is back.")
        server = start(server_language, "server", uri, *flags(ca, authority.sign("server")))
        erik.hear_sooner_or_later("Connected to the server.")
        assert erik.end_input() == 0


@pytest.mark.parametrize("client_language", LANGUAGES)
@pytest.mark.parametrize("server_language", LANGUAGES)
def test_a_server_that_is_not_trusted_is_not_talked_to(authority, tmp_path, server_language, client_language):
    other = Authority(tmp_path / "other", "Other CA")
    with stage() as start:
        server = start(server_language, "server", "tls://127.0.0.1:0", *flags(pair=authority.sign("server")))
        uri = server.hear("Listening at tls://127.0.0.1:*").removeprefix("Listening at ")
        client = start(client_language, "client", "erik", uri, *flags(other.certificate))
        client.hear(f"{uri}: the server's certificate has an unknown issuer*. Trying again until the server is there.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_is_said_line_by_line(language):
    lines = [f"line {number}" for number in range(1000)]
    with stage() as start:
        server = start(language, "server", "tcp://127.0.0.1:0")
        uri = server.hear("Listening at tcp://127.0.0.1:*").removeprefix("Listening at ")
        listener = start("python", "client", "listener", uri)
        listener.hear("Connected to the server.")
        speaker = start("python", "client", "speaker", uri)
        speaker.hear("Connected to the server.")
        for line in lines:
            speaker.say(line)
        assert speaker.end_input() == 0
        for line in lines:
            listener.hear(f"<speaker> {line}")


@pytest.mark.parametrize("client_language", LANGUAGES)
@pytest.mark.parametrize("server_language", LANGUAGES)
def test_one_server_takes_the_place_of_another_without_a_loss(server_language, client_language):
    """As with systemd's socket activation: the socket stays open, and SIGTERM ends a server."""
    lines = [f"line {number}" for number in range(300)]
    with stage() as start, socket.create_server(("127.0.0.1", 0)) as listening:
        uri = f"tcp://127.0.0.1:{listening.getsockname()[1]}"

        def serve():
            server = start(server_language, "server", "systemd:", listening=listening)
            server.hear(f"Listening at {uri}")
            return server

        server = serve()
        listener = start(client_language, "client", "listener", uri)
        listener.hear("Connected to the server.")
        server.hear("<listener> is here.")
        speaker = start(client_language, "client", "speaker", uri)
        speaker.hear("Connected to the server.")
        server.hear("<speaker> is here.")
        for number, line in enumerate(lines):
            if number in (100, 200):
                server.process.send_signal(signal.SIGTERM)
                old, server = server, serve()
                assert old.process.wait(timeout=PATIENCE) == 0
            speaker.say(line)
        assert speaker.end_input() == 0
        # Nobody was told of a line that perhaps was not heard.
        assert not [each for each in speaker.lines() if "perhaps nobody heard" in each]


def test_a_client_that_finds_no_server_says_so_and_goes_on():
    with stage() as start:
        client = start("python", "client", "erik", "tcp://127.0.0.1:1")
        client.hear("tcp://127.0.0.1:1: *. Trying again until the server is there.")


@pytest.mark.parametrize("side", ["server", "client"])
def test_a_wrong_uri_is_told(side):
    arguments = ["erik"] if side == "client" else []
    with stage() as start:
        program = start("python", side, *arguments, "http://127.0.0.1")
        assert program.end_input() == 1
