"""The processes of a scenario: where they are, what they say, and how they end."""

import contextlib
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time

import ledger

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOON = 30.0  # seconds, for what takes a moment on a machine that is not busy


class Failure(Exception):
    pass


def wait_until(condition, what, seconds=SOON):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"this did not happen in {seconds} s: {what}")
        time.sleep(0.02)


class Peer:
    """A process that says what happens to it, line by line."""

    def __init__(self, command, *, environment=None, prefix=(), errors=None):
        self.lines = []
        self._new = queue.Queue()
        self.process = subprocess.Popen([*prefix, *command], stdout=subprocess.PIPE, stderr=errors, text=True,
                                        env={**os.environ, **(environment or {})})
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self):
        return self.process.pid

    def _read(self):
        for line in self.process.stdout:
            self._new.put((time.monotonic(), line.rstrip("\n")))
        self._new.put(None)

    def expect(self, beginning, seconds=SOON):
        """The next line that begins so, and when it came."""
        end = time.monotonic() + seconds
        while True:
            try:
                said = self._new.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise Failure(f"{beginning!r} did not come in {seconds} s; last: {self.lines[-3:]}") from None
            if said is None:
                raise Failure(f"the process has ended ({self.process.wait()}) and did not say {beginning!r}")
            self.lines.append(said[1])
            if said[1].startswith(beginning):
                return said

    def count(self, beginning):
        """How many lines have begun so until now, of a process that is not to end."""
        while not self._new.empty():
            said = self._new.get()
            if said is None:
                raise Failure(f"the process has ended ({self.process.wait()})")
            self.lines.append(said[1])
        return sum(line.startswith(beginning) for line in self.lines)

    def last_session(self):
        """Of a client that is connected."""
        self.count("connected")
        return max(int(line.split()[1]) for line in self.lines if line.startswith("connected"))

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=SOON):
        """In order."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure("a process did not stop in order") from None
        if status != 0:
            raise Failure(f"a process has ended with status {status}")

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def resident(self):
        """In bytes."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Workshop:
    """Makes peers, each with a ledger of its own; they end with it."""

    def __init__(self, build):
        self.build = pathlib.Path(build)
        self.python = find_python(self.build / "test/faults/chat/chat_pb2.py")
        self._folder = tempfile.TemporaryDirectory(prefix="messi-faults-")
        self.folder = self._folder.name
        self.clients, self.servers = [], []  # ledgers
        self._peers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self._peers:
            peer.kill()
        self._folder.cleanup()

    def command(self, language):
        if language == "C++":
            return [str(self.build / "test/faults/messi_faults_peer")], {}
        paths = [ROOT / "runtime/python/src", self.build / "test/faults/chat", HERE]
        return [*self.python, str(HERE / "peer.py")], {"PYTHONPATH": ":".join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}

    def ledger(self, side):
        ledgers = self.clients if side == "client" else self.servers
        ledgers.append(f"{self._folder.name}/{side}-{len(ledgers)}")
        return ledgers[-1]

    def start(self, language, side, uri, *options, prefix=(), environment=None):
        command, own = self.command(language)
        arguments = [side, uri, self.ledger(side), *map(str, options)]
        return self.add(Peer([*command, *arguments], environment={**own, **(environment or {})}, prefix=prefix))

    def start_server(self, language, uri="tcp://127.0.0.1:0", *options, prefix=()):
        """The server, and its port."""
        for attempt in range(20):
            server = self.start(language, "server", uri, *options, prefix=prefix)
            try:
                _, line = server.expect("listening")
            except Failure:
                if attempt == 19:
                    raise
                time.sleep(0.05)  # another process may have the port for a moment
                continue
            return server, int(line.rsplit(":", 1)[1])
        raise AssertionError

    def stop(self, client, server):
        """In order. A server that stops drops what its hooks have not got yet; so what the client has sent is waited for."""
        session = client.last_session()
        client.stop()
        wait_until(lambda: self._has_seen_the_end(session), "the server's last word about the client")
        server.stop()

    def _has_seen_the_end(self, session):
        entries = [ledger.read(path).get(session) for path in self.servers]
        return any(entry and entry.reason for entry in entries)

    def herd(self, uri, count, prefix=()):
        return self.add(Peer([*self.command("C++")[0], "herd", uri, str(count)], prefix=prefix))

    def add(self, peer):
        self._peers.append(peer)
        return peer


def find_python(generated):
    """A Python that has protobuf, which Debian's has; nothing if there is none, or the file was not generated."""
    if not generated.exists():
        return None
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", "import sys, google.protobuf; sys.exit(sys.version_info < (3, 10))"],
                              stderr=subprocess.DEVNULL).returncode == 0:
                return [python]
    return None
