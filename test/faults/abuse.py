"""A server among clients that want it no good, beside one that does."""

import contextlib
import dataclasses
import resource
import select
import signal
import socket
import threading
import time

from ledger import History
from possible import NotPossible
from processes import Failure

MEGABYTE = 1 << 20


@dataclasses.dataclass
class Result:
    injected: str
    history: History | None
    figures: list[str]
    wrong: list[str]


def allow_descriptors(count):
    """This process's limit is also its children's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        raise NotPossible(f"it takes {count + 200} descriptors in a process, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connect(port, count):
    sockets = []
    for _ in range(count):
        end = socket.socket()
        end.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            end.connect(("127.0.0.1", port))
        sockets.append(end)
        if len(sockets) % 200 == 0:
            time.sleep(0.01)  # the server accepts meanwhile
    return sockets


def send_quietly(end, data):
    with contextlib.suppress(OSError):
        end.send(data)


class Watch:
    """The server's memory while something happens."""

    def __init__(self, server):
        self.before = self.most = server.resident()
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._over.wait(0.05):
            with contextlib.suppress(OSError):
                self.most = max(self.most, self._server.resident())

    def grown(self):
        self._over.set()
        self._thread.join()
        return self.most - self.before


def beside_a_good_client(workshop, is_long, allowed, attack, what):
    """The attack is called again and again. The good client must not notice; the server may grow by `allowed`. In a short run
    others have the processors, too: then it only may not be held up."""
    seconds, slowest = (30, 100) if is_long else (4, 1_000)
    server, port = workshop.start_server("C++", "tcp://127.0.0.1:0", "--rate", -1)
    good = workshop.start("C++", "client", f"tcp://127.0.0.1:{port}", "--echo")
    good.expect("connected")
    watch = Watch(server)
    end = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        state = attack(port, stack)
        while time.monotonic() < end:
            next(state)
    wrong = []
    if good.count("disconnected"):
        wrong.append("the good client has lost its connection")
    good.stop()
    words = good.expect("echoes")[1].split()
    answered, asked = int(words[1]), int(words[3])
    median, p99, most = (int(word) / 1000 for word in words[5::2])
    grown = watch.grown()
    if answered < asked:
        wrong.append(f"{asked - answered} of {asked} echoes are missing")
    if p99 >= slowest:
        wrong.append(f"the good client's 99th percentile is {p99:.0f} ms")
    if grown > allowed:
        wrong.append(f"the server has grown by {grown // 1024} KiB, and {allowed // 1024} are allowed")
    server.stop()
    figures = [f"the good client: {answered} of {asked} echoes, median {median:.2f} ms, p99 {p99:.1f} ms, most {most:.1f} ms; "
               f"the server: {watch.before // 1024} KiB, {grown // 1024} KiB more"]
    return Result(what, None, figures, wrong)


def slow_loris(workshop, is_long):
    """Each sends a byte of a large message a second."""
    count = 5_000 if is_long else 500
    allow_descriptors(count)

    def attack(port, stack):
        sockets = [stack.enter_context(end) for end in connect(port, count)]
        for end in sockets:
            send_quietly(end, bytes([1, 0x0f, 0xff, 0xff]))
        while True:
            began = time.monotonic()
            for number, end in enumerate(sockets):
                send_quietly(end, b"x")
                if number % 50 == 0:
                    yield
                    time.sleep(max(0.0, began + number / count - time.monotonic()))

    # A buffer of 4 KiB for what has come of a message, and the connection.
    return beside_a_good_client(workshop, is_long, count * 8 * 1024 + 8 * MEGABYTE, attack, f"{count} slow lorises")


def ping_flood(workshop, is_long):
    """Nobody reads the answers."""
    count = 50 if is_long else 10

    def attack(port, stack):
        sockets = [stack.enter_context(end) for end in connect(port, count)]
        pings = bytes([3, 0, 0, 0]) * 4096
        while True:
            _, writable, _ = select.select([], sockets, [], 0.1)
            for number, end in enumerate(sockets):
                if end not in writable:
                    continue
                try:
                    end.send(pings)
                except BlockingIOError:
                    continue
                except OSError:  # it was turned out, and comes again
                    end.close()
                    sockets[number] = stack.enter_context(connect(port, 1)[0])
            time.sleep(0.01)
            yield

    return beside_a_good_client(workshop, is_long, 32 * MEGABYTE, attack, f"{count} floods of pings, unread")


def large_headers(workshop, is_long):
    """Headers of 16 MiB, which are too large, and of 1 MiB, of which little follows."""
    count = 2_000 if is_long else 300
    allow_descriptors(count)

    def attack(port, stack):
        while True:
            with contextlib.ExitStack() as round_:
                sockets = [round_.enter_context(end) for end in connect(port, count)]
                yield
                for number, end in enumerate(sockets):
                    header = [1, 0xff, 0xff, 0xff] if number % 2 else [1, 0x0f, 0xff, 0xff]
                    send_quietly(end, bytes(header) + b"x" * 100)
                time.sleep(0.3)
                yield

    return beside_a_good_client(workshop, is_long, count * 8 * 1024 + 8 * MEGABYTE, attack,
                                f"{count} at a time with large headers")


def out_of_descriptors(workshop, is_long):
    server, port = workshop.start_server("C++", "tcp://127.0.0.1:0", prefix=["prlimit", "--nofile=64:64"])
    good = workshop.start("C++", "client", f"tcp://127.0.0.1:{port}", "--echo")
    good.expect("connected")
    rounds = 50 if is_long else 3
    wrong = []
    for _ in range(rounds):
        sockets = connect(port, 200)
        time.sleep(0.3)
        if server.descriptors() > 64:
            wrong.append("the limit did not hold")
        for end in sockets:
            end.close()
        late = workshop.start("C++", "client", f"tcp://127.0.0.1:{port}")
        late.expect("connected")
        late.stop()
    if good.count("disconnected"):
        wrong.append("the good client has lost its connection")
    good.stop()
    words = good.expect("echoes")[1].split()
    p99 = int(words[7]) / 1000
    server.stop()
    return Result(f"{rounds} × 200 clients for 64 descriptors", None, [f"the good client's p99: {p99:.1f} ms"], wrong)


def herd(workshop, is_long):
    """Many clients whose server is killed and starts again."""
    count = 2_000 if is_long else 300
    allow_descriptors(count)
    server, port = workshop.start_server("C++", "tcp://127.0.0.1:0", "--rate", -1)
    uri = f"tcp://127.0.0.1:{port}"
    clients = workshop.herd(uri, count)
    clients.expect(f"herd {count}")
    rounds = 10 if is_long else 1
    slowest = 0.0
    wrong = []
    before = overflows()
    for _ in range(rounds):
        server.send(signal.SIGKILL)
        server.kill()
        clients.expect("herd 0")
        server, _ = workshop.start_server("C++", uri, "--rate", -1)
        began = time.monotonic()
        back = 0
        while back < count * 0.99:
            at, line = clients.expect("herd", 15)
            back = int(line.split()[1])
        slowest = max(slowest, at - began)
        if slowest > 15:
            wrong.append(f"{back} of {count} were back after {slowest:.1f} s")
        if back < count:
            clients.expect(f"herd {count}")
    if overflows() != before:
        wrong.append(f"{overflows() - before} connections did not fit into the queue of SYNs")
    clients.kill()
    server.stop()
    return Result(f"{rounds} × {count} clients lose their server", None,
                  [f"99 % were back after at most {slowest:.1f} s; no queue of SYNs overflowed"], wrong)


def overflows():
    """ListenOverflows and ListenDrops of this machine."""
    with open("/proc/net/netstat") as file:
        lines = file.read().splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        table = dict(zip(names.split(), values.split()))
        if "ListenOverflows" in table:
            return int(table["ListenOverflows"]) + int(table["ListenDrops"])
    raise Failure("the system does not count overflows")


SCENARIOS = [
    ("slow lorises beside a good client", slow_loris),
    ("floods of pings beside a good client", ping_flood),
    ("large headers beside a good client", large_headers),
    ("a server without descriptors", out_of_descriptors),
    ("a herd whose server is killed", herd),
]
