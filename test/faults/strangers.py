"""A server with TLS, the chat example's, among many handshakes: of clients, and of strangers that do not go on with theirs."""

import contextlib
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time

from abuse import MEGABYTE, Result, Watch, allow_descriptors
from possible import NotPossible
from processes import Failure, Peer

PING, PONG = bytes([3, 0, 0, 0]), bytes([4, 0, 0, 0])


class Secure:
    """The server, and what its clients trust."""

    def __init__(self, workshop):
        self.folder = workshop.folder
        self._make_certificate()
        program = workshop.build / "examples/chat/chat_server"
        if not program.exists():
            raise NotPossible(f"there is no {program}")
        self.server = workshop.add(Peer([str(program), "tls://127.0.0.1:0", "--cert", self.folder + "/cert.pem",
                                         "--key", self.folder + "/key.pem"]))
        _, line = self.server.expect("Listening")
        self.port = int(line.rsplit(":", 1)[1])
        self.context = ssl.create_default_context(cafile=self.folder + "/cert.pem")

    def _make_certificate(self):
        if shutil.which("openssl") is None:
            raise NotPossible("there is no openssl")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"],
                       cwd=self.folder, check=True, stderr=subprocess.DEVNULL)

    def connect(self):
        """How long a client takes until it has been answered."""
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            with self.context.wrap_socket(plain, server_hostname="localhost") as end:
                end.sendall(PING)
                if end.recv(4)[:1] != PONG[:1]:
                    raise Failure("a client was turned away")
        return time.monotonic() - began


class Crowd:
    """So many strangers have connected, and come again when they are turned out, a thousand a second. Each sends `word` when it has connected and then a
    byte a second, unless that is empty."""

    def __init__(self, port, count, word):
        self._port, self._count, self._word = port, count, word
        self.connected = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        began = time.monotonic()
        ends, watch, next_byte = {}, select.epoll(), began + 1
        with watch, contextlib.ExitStack() as stack:
            while not self._over.is_set():
                allowed = self._count + 1_000 * (time.monotonic() - began)
                for _ in range(min(50, self._count - len(ends), int(allowed) - self.connected)):
                    end = stack.enter_context(socket.socket())
                    end.setblocking(False)
                    end.connect_ex(("127.0.0.1", self._port))
                    ends[end.fileno()] = end
                    watch.register(end, select.EPOLLRDHUP | (select.EPOLLOUT if self._word else 0))
                    self.connected += 1
                for descriptor, event in watch.poll(0.02):
                    if event & ~select.EPOLLOUT:
                        ends.pop(descriptor).close()
                    else:
                        self._send(ends[descriptor])
                        watch.modify(descriptor, select.EPOLLRDHUP)
                if time.monotonic() > next_byte:
                    next_byte += 1
                    for end in ends.values():
                        self._send(end)

    def _send(self, end):
        with contextlib.suppress(OSError):
            end.send(self._word)


def beside_clients(workshop, is_long, word, slowest, in_vain, what):
    count = 5_000 if is_long else 500
    if not is_long:  # others have the processors, too
        slowest, in_vain = 10.0, 0.5
    allow_descriptors(count)
    secure = Secure(workshop)
    watch = Watch(secure.server)
    took, turned_away = [], 0
    with Crowd(secure.port, count, word) as crowd:
        end = time.monotonic() + (20 if is_long else 4)
        while crowd.connected < count:
            time.sleep(0.01)
        while time.monotonic() < end:
            try:
                took.append(secure.connect())
            except (Failure, OSError):
                turned_away += 1
            time.sleep(0.02)
    took = sorted(took) or [float("inf")]
    grown = watch.grown()
    figures = [f"{len(took)} clients came, {turned_away} more in vain: median {took[len(took) // 2] * 1e3:.1f} ms, p99 {took[len(took) * 99 // 100] * 1e3:.0f} ms, "
               f"most {took[-1] * 1e3:.0f} ms; the server: {grown // 1024} KiB more"]
    wrong = []
    if took[-1] > slowest:
        wrong.append(f"a client took {took[-1]:.1f} s")
    if turned_away > len(took) * in_vain:
        wrong.append(f"{turned_away} clients came in vain, and {len(took)} did not")
    if grown > 24 * MEGABYTE:
        wrong.append(f"the server has grown by {grown // 1024} KiB")
    secure.server.stop()
    return Result(f"{crowd.connected} strangers, {count} at a time, {what}", None, figures, wrong)


def silent(workshop, is_long):
    return beside_clients(workshop, is_long, b"", 1.0, 0.0, "who send nothing")


def slow(workshop, is_long):
    """All handshakes are taken by strangers at first."""
    return beside_clients(workshop, is_long, b"\x16", 5.0, 0.05, "each with a byte a second")


def herd(workshop, is_long):
    """Each client tries once. Handshakes that take 2 s may have to give way, so a machine that is too busy gets two more goes."""
    count = 1_000 if is_long else 500  # a server takes 1,024 clients
    allow_descriptors(count)
    secure = Secure(workshop)
    for is_last in (False, False, True):
        began = time.monotonic()
        try:
            herd_once(secure, count)
        except (Failure, OSError):
            if is_last or time.monotonic() - began < 2:
                raise
        else:
            break
    seconds = time.monotonic() - began
    secure.server.stop()
    return Result(f"{count} clients at once, none of which tries again", None, [f"all were answered after {seconds:.2f} s"], [])


def herd_once(secure, count):
    with contextlib.ExitStack() as stack, select.epoll() as watch:
        ends = {}
        for _ in range(count):
            end = stack.enter_context(socket.socket())
            end.setblocking(False)
            end.connect_ex(("127.0.0.1", secure.port))
            end = stack.enter_context(secure.context.wrap_socket(end, server_hostname="localhost", do_handshake_on_connect=False))
            ends[end.fileno()] = end
            watch.register(end, select.EPOLLOUT)
        asked = set()
        while ends:
            for descriptor, _ in watch.poll(30):
                end = ends[descriptor]
                try:
                    if descriptor not in asked:
                        end.do_handshake()
                        end.send(PING)
                        asked.add(descriptor)
                    if end.recv(4)[:1] != PONG[:1]:
                        raise Failure(f"{len(ends)} of {count} were not let in")
                    del ends[descriptor]
                    watch.unregister(descriptor)
                    continue
                except ssl.SSLWantReadError:
                    watch.modify(descriptor, select.EPOLLIN)
                except ssl.SSLWantWriteError:
                    watch.modify(descriptor, select.EPOLLOUT)


SCENARIOS = [
    ("a herd of TLS clients", herd),
    ("silent strangers beside TLS clients", silent),
    ("slow strangers beside TLS clients", slow),
]
