"""Two processes and what happens to them and between them."""

import dataclasses
import functools
import random
import signal
import time
from collections.abc import Callable

import abuse
import network
import strangers
from ledger import History
from possible import NotPossible
from processes import Failure, wait_until
from proxy import DOWN, UP, Proxy, Treatment

__all__ = ["GROUPS", "NotPossible"]
PAIRS = [("C++", "C++"), ("Python", "C++"), ("C++", "Python"), ("Python", "Python")]  # client and server


@dataclasses.dataclass
class Result:
    injected: str
    history: History | None = None
    figures: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Scenario:
    name: str
    run: Callable


def history_of(workshop):
    history = History()
    history.add(workshop.clients, workshop.servers)
    return history


def need_python(workshop, *languages):
    if "Python" in languages and workshop.python is None:
        raise NotPossible("there is no Python 3.10 with protobuf (Debian: python3-protobuf)")


# Cut at every byte.

def cut_everywhere(pair, workshop, is_long):
    """A short dialogue through a proxy that cuts it one byte later in each connection, in one direction and then the other."""
    need_python(workshop, *pair)
    step = 1 if is_long else 29
    server, port = workshop.start_server(pair[1], "tcp://127.0.0.1:0", "--rate", -1, "--first", 4)
    with Proxy(port) as proxy:
        first = workshop.start(pair[0], "client", f"tcp://127.0.0.1:{proxy.port}", "--rate", -1, "--first", 4)
        first.expect("connected")
        wait_until(lambda: history_of(workshop).up >= 4 and history_of(workshop).down >= 4, "the dialogue")
        first.stop()
        length = dict(proxy.bytes)
    plans = [Treatment(cut={direction: cut}, how=how) for direction in (UP, DOWN)
             for cut in range(1, length[direction] + 1, step) for how in ("rst", "fin")]
    with Proxy(port, lambda number: plans[number] if number < len(plans) else Treatment()) as proxy:
        client = workshop.start(pair[0], "client", f"tcp://127.0.0.1:{proxy.port}", "--rate", -1, "--first", 4)
        before = history_of(workshop).up
        wait_until(lambda: proxy.connections > len(plans), "the last cut", 60 + len(plans))
        wait_until(lambda: history_of(workshop).up >= before + 4, "the dialogue after all cuts")
        workshop.stop(client, server)
    return Result(f"{len(plans)} cuts of {length[UP]} B up, {length[DOWN]} B down", history_of(workshop))


# A proxy in between.

def cut_often(pair, how, workshop, is_long):
    need_python(workshop, *pair)
    cuts = (2_500 if is_long else 12) if how != "hole" else (40 if is_long else 1)
    server, port = workshop.start_server(pair[1], "tcp://127.0.0.1:0", "--rate", 2_000)
    done = 0
    with Proxy(port) as proxy:
        client = workshop.start(pair[0], "client", f"tcp://127.0.0.1:{proxy.port}", "--rate", 2_000)
        slowest = 0.0
        while done < cuts:
            began, _ = client.expect("connected")
            if done:
                slowest = max(slowest, began - cut_at)
            time.sleep(random.uniform(0.002, 0.1))
            cut_at = time.monotonic()
            while not proxy.cut_all(how):  # it may not have been accepted yet
                time.sleep(0.001)
            done += 1
            client.expect("disconnected")
        client.expect("connected")
        time.sleep(0.05)
        workshop.stop(client, server)
    return Result(f"{done} × {how}", history_of(workshop), [f"connected again after at most {slowest:.2f} s"])


def stalled(pair, workshop, is_long):
    """Shorter than what counts as silence: nobody is given up. Longer: both give up, and come back."""
    need_python(workshop, *pair)
    stalls = (100 if is_long else 2, 20 if is_long else 1)
    server, port = workshop.start_server(pair[1], "tcp://127.0.0.1:0", "--rate", 1_000)
    wrong = []
    with Proxy(port) as proxy:
        client = workshop.start(pair[0], "client", f"tcp://127.0.0.1:{proxy.port}", "--rate", 1_000)
        client.expect("connected")
        for _ in range(stalls[0]):
            proxy.stall(random.uniform(0.2, 1.5))
            time.sleep(0.2)
        # The machine may have stood still too.
        if client.count("disconnected") > stalls[0] / 2:
            wrong.append("stalls of less than 1.5 s have ended the connection")
        for _ in range(stalls[1]):
            proxy.stall(5)
            client.expect("disconnected")
            client.expect("connected")
        time.sleep(0.2)
        workshop.stop(client, server)
    return Result(f"{stalls[0]} × 0.2 to 1.5 s, {stalls[1]} × 5 s", history_of(workshop), wrong=wrong)


def treated(pair, treatment, options, what, workshop, is_long):
    """Nothing breaks: all arrives."""
    need_python(workshop, *pair)
    seconds = 60 if is_long else 2
    server, port = workshop.start_server(pair[1], "tcp://127.0.0.1:0", *options)
    wrong = []
    with Proxy(port, lambda number: treatment, narrow=treatment.rate is not None) as proxy:
        client = workshop.start(pair[0], "client", f"tcp://127.0.0.1:{proxy.port}", *options)
        client.expect("connected")
        time.sleep(seconds)
        if client.count("disconnected"):
            wrong.append("the connection has ended")
        workshop.stop(client, server)
    return Result(what, history_of(workshop), wrong=wrong)


# Processes that end or stand still.

def killed(pair, side, workshop, is_long):
    need_python(workshop, *pair)
    kills = 250 if is_long else 4
    server, port = workshop.start_server(pair[1], "tcp://127.0.0.1:0", "--rate", 2_000)
    uri = f"tcp://127.0.0.1:{port}"
    client = workshop.start(pair[0], "client", uri, "--rate", 2_000)
    told = 0.0
    for _ in range(kills):
        server.expect("known")
        client.count("disconnected")  # while a server dies its socket may still take a connection, which ends with it
        time.sleep(random.uniform(0.005, 0.2))
        killed_at = time.monotonic()
        if side == "server":
            server.kill()
            told = max(told, client.expect("disconnected")[0] - killed_at)
            server, _ = workshop.start_server(pair[1], uri, "--rate", 2_000)
            continue
        client.kill()
        told = max(told, server.expect("gone")[0] - killed_at)
        client = workshop.start(pair[0], "client", uri, "--rate", 2_000)
    server.expect("known")
    time.sleep(0.1)
    workshop.stop(client, server)
    return Result(f"{kills} × kill -9 of the {side}", history_of(workshop),
                  [f"the other side was told after at most {told * 1000:.0f} ms"])


def stood_still(pair, side, workshop, is_long):
    """SIGSTOP. A process that stood still does not give up a peer that has not; the peer gives it up when it was silent too long."""
    need_python(workshop, *pair)
    times = 60 if is_long else 3
    server, port = workshop.start_server(pair[1], "tcp://127.0.0.1:0", "--rate", 500)
    client = workshop.start(pair[0], "client", f"tcp://127.0.0.1:{port}", "--rate", 500)
    client.expect("connected")
    stopped = server if side == "server" else client
    ends = briefly = given_up = 0
    for number in range(times):
        seconds = random.uniform(1, 6) if is_long else (1.2, 5.5, 1.2)[number]
        before = client.count("disconnected")
        stopped.send(signal.SIGSTOP)
        time.sleep(seconds)
        stopped.send(signal.SIGCONT)
        time.sleep(0.3)
        briefly += seconds < 2
        if client.count("disconnected") == before:
            continue
        ends += 1
        given_up += seconds < 2
        wait_until(lambda: client.count("connected") > client.count("disconnected"), "another connection")
    workshop.stop(client, server)
    if given_up > briefly / 2:  # the machine may have stood still too
        raise Failure(f"{given_up} of {briefly} processes that stood still for less than 2 s were given up")
    return Result(f"{times} × SIGSTOP of the {side}, 1 to 6 s", history_of(workshop), [f"{ends} connections ended"])


def for_pairs(name, run, *arguments, pairs=None):
    return [Scenario(f"{name}, {client} client, {server} server", functools.partial(run, (client, server), *arguments))
            for client, server in pairs or PAIRS]


GROUPS = {
    "offsets": for_pairs("cut at every byte", cut_everywhere),
    "proxy": [
        *for_pairs("reset", cut_often, "rst"),
        *for_pairs("ended", cut_often, "fin"),
        *for_pairs("half open", cut_often, "hole"),
        *for_pairs("stalled", stalled),
        *for_pairs("1-byte pieces", treated, Treatment(slices=1), ("--rate", 50), "each byte alone"),
        *for_pairs("16 KB/s", treated, Treatment(rate=16_000, slices=1_000), ("--rate", 0, "--size", 500, "--narrow"), "16 KB/s",
                   pairs=[("C++", "C++"), ("Python", "Python")]),
        *for_pairs("jitter", treated, Treatment(jitter=0.5), ("--rate", 200), "0 to 500 ms"),
    ],
    "processes": [
        *for_pairs("the server is killed", killed, "server"),
        *for_pairs("the client is killed", killed, "client"),
        *for_pairs("the server stands still", stood_still, "server", pairs=[("C++", "C++"), ("Python", "Python")]),
        *for_pairs("the client stands still", stood_still, "client", pairs=[("C++", "C++"), ("Python", "Python")]),
    ],
    "abuse": [Scenario(name, run) for name, run in abuse.SCENARIOS + strangers.SCENARIOS],
    "network": [Scenario(name, run) for name, run in network.SCENARIOS],
}
