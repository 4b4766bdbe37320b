"""Two hosts, which are network namespaces, and what can go wrong on the cable in between."""

import contextlib
import dataclasses
import functools
import os
import random
import shutil
import subprocess
import time

from ledger import History
from possible import NotPossible
from processes import Failure

CLIENT, SERVER = "10.77.0.1", "10.77.0.2"
PAIRS = [("C++", "C++"), ("Python", "Python")]


@dataclasses.dataclass
class Result:
    injected: str
    history: History
    figures: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)


def call(*command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if result.returncode:
        raise NotPossible(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


class Cable:
    """Hosts a, the client's, and b, the server's."""

    _made = 0

    def __init__(self):
        if os.getuid() != 0:
            raise NotPossible("only root may make network namespaces")
        for tool in ("ip", "nft", "tc", "ss", "nstat"):
            if shutil.which(tool) is None:
                raise NotPossible(f"there is no {tool} (Debian: iproute2 and nftables)")
        Cable._made += 1
        self.a, self.b = (f"messi-{os.getpid()}-{Cable._made}-{side}" for side in "ab")
        try:
            for host in (self.a, self.b):
                call("ip", "netns", "add", host)
                self.on(host, "ip", "link", "set", "lo", "up")
            call("ip", "link", "add", "cable", "netns", self.a, "type", "veth", "peer", "cable", "netns", self.b)
            for host, address in ((self.a, CLIENT), (self.b, SERVER)):
                self.on(host, "ip", "address", "add", f"{address}/24", "dev", "cable")
                self.on(host, "ip", "link", "set", "cable", "up")
        except NotPossible:
            self.remove()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        for host in (self.a, self.b):
            with contextlib.suppress(NotPossible):
                call("ip", "netns", "delete", host)

    def on(self, host, *command, **options):
        return call("ip", "netns", "exec", host, *command, **options)

    def prefix(self, host):
        return ["ip", "netns", "exec", host]

    def lose(self, percent):
        """So many of a hundred packets, in each direction."""
        rules = f"""
            add table ip faults
            add chain ip faults input {{ type filter hook input priority 0; }}
            add rule ip faults input numgen random mod 100 < {percent} drop
        """
        for host in (self.a, self.b):
            self.on(host, "nft", "-f", "-", input=rules)

    def retransmitted(self):
        text = "".join(self.on(host, "nstat", "-asz", "TcpRetransSegs") for host in (self.a, self.b))
        return sum(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("TcpRetransSegs"))


class Talk:
    """A client and a server at the ends of a cable."""

    def __init__(self, workshop, pair, cable, *options):
        if "Python" in pair and workshop.python is None:
            raise NotPossible("there is no Python 3.10 with protobuf (Debian: python3-protobuf)")
        self._workshop = workshop
        self.server, port = workshop.start_server(pair[1], f"tcp://{SERVER}:0", *options, prefix=cable.prefix(cable.b))
        self.client = workshop.start(pair[0], "client", f"tcp://{SERVER}:{port}", *options, prefix=cable.prefix(cable.a))
        self.client.expect("connected")

    def end(self):
        """In order, and what both ends have seen."""
        self._workshop.stop(self.client, self.server)
        history = History()
        history.add(self._workshop.clients, self._workshop.servers)
        return history


def lossy(pair, percent, workshop, is_long):
    with Cable() as cable:
        cable.lose(percent)
        talk = Talk(workshop, pair, cable, "--rate", 500)
        time.sleep(120 if is_long else 3)
        ends = talk.client.count("disconnected")
        lost = cable.retransmitted()
        return Result(f"{percent} % of all packets", talk.end(), [f"{lost} packets sent again, {ends} connections ended"])


def flapping(pair, workshop, is_long):
    with Cable() as cable:
        talk = Talk(workshop, pair, cable)
        downs = [random.uniform(0.2, 10) for _ in range(60)] if is_long else [0.3, 5.0]
        slowest = 0.0
        for seconds in downs:
            cable.on(cable.a, "ip", "link", "set", "cable", "down")
            time.sleep(seconds)
            cable.on(cable.a, "ip", "link", "set", "cable", "up")
            slowest = max(slowest, wait_connected(talk.client))
        return Result(f"{len(downs)} × link down for {min(downs):.1f} to {max(downs):.1f} s", talk.end(),
                      [f"connected again after at most {slowest:.2f} s"])


def moving(pair, workshop, is_long):
    """The client's host gets another address."""
    times = 30 if is_long else 1
    with Cable() as cable:
        talk = Talk(workshop, pair, cable)
        slowest = 0.0
        for number in range(times):
            old, new = (f"10.77.0.{10 + (number + after) % 2}" if number + after else CLIENT for after in (0, 1))
            before = talk.client.count("disconnected")
            cable.on(cable.a, "ip", "address", "add", f"{new}/24", "dev", "cable")
            cable.on(cable.a, "ip", "address", "delete", f"{old}/24", "dev", "cable")
            # The other addresses of a network go with its first one.
            if new not in cable.on(cable.a, "ip", "address", "show", "cable"):
                cable.on(cable.a, "ip", "address", "add", f"{new}/24", "dev", "cable")
            moved = time.monotonic()
            while talk.client.count("disconnected") == before:
                if time.monotonic() > moved + 20:
                    raise Failure("the client did not notice that its address was gone")
                time.sleep(0.02)
            wait_connected(talk.client)
            slowest = max(slowest, time.monotonic() - moved)
        return Result(f"{times} × another address", talk.end(), [f"connected again after at most {slowest:.1f} s"])


def killed_by_system(pair, workshop, is_long):
    times = 1_000 if is_long else 10
    with Cable() as cable:
        talk = Talk(workshop, pair, cable, "--rate", 2_000)
        done = 0
        for _ in range(times):
            before = talk.client.count("disconnected")
            time.sleep(random.uniform(0.002, 0.05))
            host, where = random.choice([(cable.a, ("dst", SERVER)), (cable.b, ("src", SERVER))])
            end = time.monotonic() + 20
            while talk.client.count("disconnected") == before:
                if time.monotonic() > end:
                    raise Failure("the client did not notice that its socket was killed (CONFIG_INET_DIAG_DESTROY?)")
                with contextlib.suppress(NotPossible):  # it may have ended while ss was looking
                    cable.on(host, "ss", "-K", "-H", "-t", "state", "established", *where)
                time.sleep(0.01)
            done += 1
            wait_connected(talk.client)
        return Result(f"{done} × ss -K", talk.end())


def narrow(pair, workshop, is_long):
    with Cable() as cable:
        for host in (cable.a, cable.b):
            cable.on(host, "tc", "qdisc", "add", "dev", "cable", "root", "tbf", "rate", "256kbit", "burst", "4kb",
                     "latency", "100ms")
        talk = Talk(workshop, pair, cable, "--rate", 0, "--narrow")
        time.sleep(60 if is_long else 3)
        ends = talk.client.count("disconnected")
        return Result("256 kbit/s, with drops", talk.end(), [f"{ends} connections ended"])


def wait_connected(client, seconds=30.0):
    """How long that takes."""
    began = time.monotonic()
    while client.count("connected") <= client.count("disconnected"):
        if time.monotonic() > began + seconds:
            raise Failure(f"the client was not connected in {seconds} s")
        time.sleep(0.005)
    return time.monotonic() - began


def for_pairs(name, run, *arguments):
    return [(f"{name}, {client} client, {server} server", functools.partial(run, (client, server), *arguments))
            for client, server in PAIRS]


SCENARIOS = [
    *for_pairs("loss of 1 %", lossy, 1),
    *for_pairs("loss of 5 %", lossy, 5),
    *for_pairs("loss of 15 %", lossy, 15),
    *for_pairs("a link that flaps", flapping),
    *for_pairs("an address that changes", moving),
    *for_pairs("sockets killed by the system", killed_by_system),
    *for_pairs("a narrow link", narrow),
]
