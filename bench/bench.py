#!/usr/bin/env python3
"""Runs the benchmarks that ./bench/run has built. See README.md beside this file."""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import footprint
import report

SIZES = [16, 256, 4096, 65536, 262144]
ALL = ["messi", "messi_compiled", "views", "loop", "views_loop", "plain", "zeromq", "grpc_async", "grpc_callback", "original"]
# Peers whose servers speak the Messi wire, so that a client without a library can misbehave.
WIRE = ["messi", "loop", "original"]
# Without sessions and with them.
SESSIONS = ["messi", "messi_sessions"]
# What a client of theirs may keep if nobody says otherwise.
DEFAULT_BOUND = 16 * 1024 * 1024
# How answers find their requests: see `calls` in common/options.h.
CALLS = ["messi_by_hand", "messi_in_order", "messi_named"]
# Peers that are measured over TLS too.
SECURE = ["messi", "messi_compiled", "grpc_async", "grpc_callback"]
TIMEOUT = 60


class Machine:
    """Where programs run: pinned to a CPU each, with cubic, as many descriptors as the system gives."""

    def __init__(self, build, certificates):
        self.build = pathlib.Path(build).resolve()
        self.certificates = certificates
        cpus = sorted(os.sched_getaffinity(0))
        self.first = cpus[0]
        self.second = cpus[1] if len(cpus) > 1 else cpus[0]
        self.environment = dict(os.environ, LD_PRELOAD=str(self.build / "bench_cubic.so"))
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.descriptors = hard

    def program(self, name):
        return self.build / f"bench_{name}"

    def has(self, peer):
        return self.program("messi" if peer in CALLS else peer.removesuffix("_sessions")).exists()

    @contextlib.contextmanager
    def counting_calls(self):
        before = self.environment
        with tempfile.TemporaryDirectory() as folder:
            self.environment = before | {"LD_PRELOAD": f"{before['LD_PRELOAD']}:{self.build}/bench_calls.so", "BENCH_CALLS": folder}
            yield
        self.environment = before

    @contextlib.contextmanager
    def running(self, name, role, cpu, **options):
        if "tls" in options and name.startswith("messi"):
            name = name.replace("messi", "messi_tls")  # a program of its own, since the other does not link OpenSSL
        if name in CALLS:
            name, options = "messi", options | {"calls": name.removeprefix("messi_")}
        if name.endswith("_sessions"):
            name, options = name.removesuffix("_sessions"), options | {"sessions": 1}
        command = [str(self.program(name)), role]
        for option, value in options.items():
            command += ["--" + option.replace("_", "-"), str(value)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=self.environment,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()

    @contextlib.contextmanager
    def server(self, peer, cpu, mode, **options):
        """A running server; `port` is set on the process."""
        # The original cannot tell which port the system has chosen.
        port = free_port() if peer == "original" else 0
        with self.running(peer, "server", cpu, mode=mode, port=port, **options) as process:
            line = process.stdout.readline().split()
            if len(line) != 2 or line[0] != "port":
                raise RuntimeError(f"the {peer} server did not start")
            process.port = int(line[1])
            yield process

    def client(self, peer, cpu, server, scenario, **options):
        """Runs a client to its end; what it has measured."""
        with self.running(peer, "client", cpu, scenario=scenario, port=server.port, server_pid=server.pid,
                          **options) as process:
            try:
                out, _ = process.communicate(timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"{peer} {scenario}: no result within {TIMEOUT} s") from None
        if process.returncode != 0:
            raise RuntimeError(f"{peer} {scenario}: exit code {process.returncode}")
        return json.loads(out.splitlines()[-1])

    @contextlib.contextmanager
    def companion(self, peer, cpu, server, scenario, **options):
        """A client that says when it is ready and then stays."""
        with self.running(peer, "client", cpu, scenario=scenario, port=server.port, **options) as process:
            in_time, _, _ = select.select([process.stdout], [], [], TIMEOUT)
            if not in_time or process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"{peer} {scenario}: the client did not get ready")
            yield process


def make_certificates(folder):
    """An authority's, and one of a server that it has signed: ca.pem, server.pem and server_key.pem."""
    def issue(name, subject, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=" + subject, "-keyout", name + "_key.pem", "-out", name + ".pem", *more],
                       cwd=folder, check=True, capture_output=True)
    issue("ca", "Benchmark CA")
    issue("server", "localhost", "-CA", "ca.pem", "-CAkey", "ca_key.pem", "-addext", "basicConstraints=CA:FALSE",
          "-addext", "subjectAltName=DNS:localhost")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def private_bytes(pid):
    """Memory that is this process's alone; what it maps of files may be shared with the next one, or not."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("smaps_rollup does not tell")


def cpu_seconds(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) * 1e-9


class Bench:
    """One measurement, made of several peers in turn. `measure(machine, peer)` gives {row: (value, unit)}."""

    def __init__(self, name, peers, measure, size=None):
        self.name, self.peers, self.measure, self.size = name, peers, measure, size


def with_cpu(name, unit, result):
    return {
        name: (result["rate"], unit),
        name + "_client_cpu": (result["client_cpu"], "CPU s/M"),
        name + "_server_cpu": (result["server_cpu"], "CPU s/M"),
    }


def one_way(size, seconds, tls=False):
    name = "tls_one_way" if tls else "one_way"
    def measure(machine, peer):
        secure = {"tls": machine.certificates} if tls else {}
        with machine.server(peer, machine.first, "sink", size=size, **secure) as server:
            result = machine.client(peer, machine.second, server, "one_way", size=size, seconds=seconds, **secure)
        return with_cpu(name, "messages/s", result)
    return Bench(name, SECURE if tls else [*ALL, "messi_ws"], measure, size)


def sessions_one_way(size, seconds, name="sessions_one_way", bound=DEFAULT_BOUND):
    def measure(machine, peer):
        options = {"size": size, "max_pending_bytes": bound}
        with machine.server(peer, machine.first, "sink", size=size) as server:
            result = machine.client(peer, machine.second, server, "one_way", seconds=seconds, **options)
        with machine.counting_calls(), machine.server(peer, machine.first, "sink", size=size) as server:
            counted = machine.client(peer, machine.second, server, "one_way", seconds=seconds / 2, **options)
        return with_cpu(name, "messages/s", result) | {
            f"{name}_{side}_calls": (counted[f"{side}_calls"] * 1000, "calls/1000") for side in ("client", "server")}
    return Bench(name, SESSIONS, measure, size)


def sessions_in_flight(seconds):
    """Both directions: acknowledgements ride on what is written anyway."""
    def measure(machine, peer):
        with machine.server(peer, machine.first, "echo") as server:
            result = machine.client(peer, machine.first, server, "round_trips", window=64, seconds=seconds)
        with machine.counting_calls(), machine.server(peer, machine.first, "echo") as server:
            counted = machine.client(peer, machine.first, server, "round_trips", window=64, seconds=seconds / 2)
        return with_cpu("sessions_in_flight_64", "round trips/s", result) | {
            f"sessions_in_flight_64_{side}_calls": (counted[f"{side}_calls"] * 1000, "calls/1000") for side in ("client", "server")}
    return Bench("sessions_in_flight_64", SESSIONS, measure, 16)


def ping_pong(name, same_core, seconds, peers=ALL, **options):
    def measure(machine, peer):
        with machine.server(peer, machine.first, "echo", **options) as server:
            cpu = machine.first if same_core else machine.second
            result = machine.client(peer, cpu, server, "round_trips", seconds=seconds, **options)
        return {name + "_p50": (result["p50"], "µs"), name + "_p99": (result["p99"], "µs")}
    return Bench(name, peers, measure, 16)


def tls_ping_pong(same_core, seconds):
    name = "tls_ping_pong_" + ("one_core" if same_core else "two_cores")
    def measure(machine, peer):
        secure = {"tls": machine.certificates}
        with machine.server(peer, machine.first, "echo", **secure) as server:
            cpu = machine.first if same_core else machine.second
            result = machine.client(peer, cpu, server, "round_trips", seconds=seconds, **secure)
        return {name + "_p50": (result["p50"], "µs"), name + "_p99": (result["p99"], "µs")}
    return Bench(name, SECURE, measure, 16)


def tls_connections(fresh, seconds):
    """Connections, each with a request and its answer. Fresh ones go to addresses that the client has no session with."""
    name = "tls_connections_" + ("fresh" if fresh else "resumed")
    def measure(machine, peer):
        with machine.server(peer, machine.first, "sink", tls=machine.certificates, any_address=1) as server:
            result = machine.client(peer, machine.second, server, "visits", window=8, seconds=seconds,
                                    fresh_sessions=int(fresh), tls=machine.certificates)
        return with_cpu(name, "connections/s", result)
    return Bench(name, ["messi"], measure)


def in_flight(seconds):
    def measure(machine, peer):
        with machine.server(peer, machine.first, "echo") as server:
            result = machine.client(peer, machine.first, server, "round_trips", window=64, seconds=seconds)
        return with_cpu("in_flight_64", "round trips/s", result)
    return Bench("in_flight_64", ALL, measure, 16)


def broadcast(seconds):
    def measure(machine, peer):
        with machine.server(peer, machine.first, "broadcast", connections=100) as server:
            result = machine.client(peer, machine.second, server, "broadcast", window=64, connections=100,
                                    seconds=seconds)
        return with_cpu("broadcast_100", "deliveries/s", result)
    return Bench("broadcast_100", ALL, measure, 16)


def idle(count, seconds, peers, tls=False):
    name = f"tls_idle_{count}" if tls else f"idle_{count}"
    def measure(machine, peer):
        secure = {"tls": machine.certificates} if tls else {}
        with machine.server(peer, machine.first, "sink", connections=count, **secure) as server:
            machine.client(peer, machine.second, server, "fresh", **secure)  # what the first client costs is not per client
            before = private_bytes(server.pid)
            with machine.companion(peer, machine.second, server, "idle", connections=count, **secure):
                time.sleep(1)
                growth = private_bytes(server.pid) - before
                cpu = cpu_seconds(server.pid)
                time.sleep(seconds)
                cpu = cpu_seconds(server.pid) - cpu
        return {
            f"{name}_memory": (growth / count, "bytes/client"),
            f"{name}_cpu": (cpu / seconds * 1000, "CPU ms/s"),
        }
    return Bench(name, peers, measure)


def calls(seconds):
    """A request, its answer, and a time-out, 64 at a time."""
    def measure(machine, peer):
        with machine.server(peer, machine.first, "sink") as server:
            result = machine.client(peer, machine.first, server, "calls", window=64, seconds=seconds)
        return with_cpu("calls_in_flight_64", "calls/s", result)
    return Bench("calls_in_flight_64", CALLS, measure, 16)


def sessions_idle(count):
    """Clients that are connected, and clients that are away: the processes of one wave after another are killed."""
    def measure(machine, peer):
        def wave():
            with machine.companion(peer, machine.second, server, "idle", connections=count):
                time.sleep(1)
                return private_bytes(server.pid)
        with machine.server(peer, machine.first, "sink", connections=count) as server:
            machine.client(peer, machine.second, server, "fresh")
            before = private_bytes(server.pid)
            first = wave()
            waves = 4
            for _ in range(waves):
                last = wave()
        return {
            f"sessions_idle_{count}_attached": ((first - before) / count, "bytes/client"),
            f"sessions_idle_{count}_detached": (max(last - first, 0) / (waves * count), "bytes/client"),
        }
    return Bench(f"sessions_idle_{count}", SESSIONS, measure)


def active_among_idle(count, seconds):
    def measure(machine, peer):
        with machine.server(peer, machine.first, "sink", connections=count) as server:
            alone = machine.client(peer, machine.first, server, "requests", seconds=seconds)
            with machine.companion(peer, machine.second, server, "idle", connections=count):
                among = machine.client(peer, machine.first, server, "requests", seconds=seconds)
        return {
            "active_alone_p50": (alone["p50"], "µs"),
            "active_alone_p99": (alone["p99"], "µs"),
            f"active_among_{count}_p50": (among["p50"], "µs"),
            f"active_among_{count}_p99": (among["p99"], "µs"),
        }
    return Bench("active_among_idle", ["messi", "loop"], measure, 16)


def storm(count, peers):
    def measure(machine, peer):
        with machine.server(peer, machine.first, "sink", connections=count) as server:
            # Not all may have been served by then.
            result = machine.client("wire_client", machine.second, server, "storm", connections=count, seconds=40)
        return {f"storm_{count}": (result["latency_ms"], "ms")}
    return Bench("storm", peers, measure)


def fairness(seconds, peers):
    def measure(machine, peer):
        with machine.server(peer, machine.first, "sink", connections=2) as server:
            alone = machine.client(peer, machine.second, server, "requests", seconds=seconds)
            flooder = ("wire_client", "wire_flood") if peer in WIRE else (peer, "flood")
            with machine.companion(flooder[0], machine.second, server, flooder[1]):
                time.sleep(0.2)
                try:
                    flooded = machine.client(peer, machine.second, server, "requests", seconds=seconds)
                except RuntimeError:
                    flooded = {"p50": TIMEOUT * 1e6, "p99": TIMEOUT * 1e6}  # starved, or dropped
        return {
            "fairness_alone_p99": (alone["p99"], "µs"),
            "fairness_flooded_p50": (flooded["p50"], "µs"),
            "fairness_flooded_p99": (flooded["p99"], "µs"),
        }
    return Bench("fairness", peers, measure, 16)


def group(seconds):
    """A broadcast to a group of all clients: what the group costs."""
    def measure(machine, peer):
        with machine.server(peer, machine.first, "broadcast", connections=100, groups=1) as server:
            result = machine.client(peer, machine.second, server, "broadcast", window=64, connections=100,
                                    seconds=seconds)
        return with_cpu("group_100", "deliveries/s", result)
    return Bench("group_100", ["messi"], measure, 16)


def fresh():
    def measure(machine, peer):
        with machine.server(peer, machine.first, "sink") as server:
            result = machine.client(peer, machine.second, server, "fresh")
        return {"fresh": (result["latency"], "µs")}
    return Bench("fresh", ["messi", "loop", "zeromq", "grpc_async", "grpc_callback", "original"], measure, 16)


def slow_reader(seconds):
    """The server's memory while it has far more to say than the client reads."""
    def measure(machine, peer):
        with machine.server(peer, machine.first, "stream", size=256) as server:
            before = private_bytes(server.pid)
            started = time.monotonic()
            series = []
            with machine.running("wire_client", "client", machine.second, scenario="slow_reader", port=server.port,
                                 rate=5e6, seconds=seconds) as reader:
                while reader.poll() is None:
                    growth = (private_bytes(server.pid) - before) / 1e6
                    series.append([round(time.monotonic() - started, 3), round(growth, 3)])
                    time.sleep(0.05)
        peak = max(growth for _, growth in series)
        return {"slow_reader_memory": (peak, "MB"), "series": series}
    return Bench("slow_reader", WIRE, measure, 256)


def plan(options, machine):
    seconds = 0.3 if options.quick else 1.5
    many = min(10_000, machine.descriptors - 500)
    flavours_and_grpc = ["messi", "messi_compiled", "views", "device", "grpc"]
    sizes = [16, 65536] if options.quick else SIZES
    benches = [one_way(size, seconds) for size in sizes]
    benches += [
        ping_pong("ping_pong_one_core", True, seconds),
        ping_pong("ping_pong_two_cores", False, seconds),
        ping_pong("ping_pong_busy_poll", False, seconds, ["messi"], busy_poll_us=200),
        in_flight(seconds),
        broadcast(seconds),
        group(seconds),
        fresh(),
        fairness(seconds, ["messi", "loop"] if options.quick else
                 ["messi", "loop", "zeromq", "grpc_async", "original"]),
        storm(3000, ["messi", "loop"] if options.quick else WIRE),
        slow_reader(2 if options.quick else 6),
        idle(1000, 2 if options.quick else 5, ["messi", "loop"] if options.quick else
             ["messi", "loop", "zeromq", "grpc_async", "original"]),
        *(sessions_one_way(size, seconds) for size in sizes if size <= 65536),
        sessions_one_way(256, seconds, "sessions_one_way_1_mib", 1024 * 1024),
        sessions_in_flight(seconds),
        calls(seconds),
        sessions_idle(1000),
        Bench("size", flavours_and_grpc, footprint.sizes),
        *(one_way(size, seconds, tls=True) for size in sizes if size <= 65536),
        tls_ping_pong(True, seconds),
        tls_ping_pong(False, seconds),
        tls_connections(True, seconds),
        tls_connections(False, seconds),
        idle(1000, 2, ["messi"] if options.quick else ["messi", "grpc_async"], tls=True),
    ]
    if not options.quick:
        benches += [
            idle(many, 10, ["messi", "loop"]),
            active_among_idle(many, seconds),
            Bench("compile", flavours_and_grpc, footprint.compile_times),
        ]
    return benches


class Progress:
    """One line that changes on a terminal, one line a benchmark elsewhere."""

    def __init__(self, total):
        self.total, self.done, self.last = total, 0, None
        self.terminal = sys.stderr.isatty()

    def show(self, bench, peer, run, runs):
        self.done += 1
        name = bench.name + (f" {bench.size} B" if bench.size else "")
        if self.terminal:
            print(f"\r\033[K[{self.done}/{self.total}] {name}: {peer}, run {run} of {runs}", end="", file=sys.stderr)
        elif name != self.last:
            print(f"[{self.done}/{self.total}] {name}", file=sys.stderr, flush=True)
        self.last = name

    def finish(self):
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr)


def run_bench(machine, bench, runs, progress, chosen):
    """The rows of one benchmark: its peers in turn, A B C A B C, and the median for each."""
    peers = [peer for peer in bench.peers if peer in chosen]
    collected = {}
    failures = []
    for run in range(1, runs + 1):
        for peer in peers:
            progress.show(bench, peer, run, runs)
            try:
                results = bench.measure(machine, peer)
            except RuntimeError as error:
                failures.append(str(error))
                continue
            series = results.pop("series", None)
            for name, (value, unit) in results.items():
                row = collected.setdefault((name, peer), {"unit": unit, "runs": []})
                row["runs"].append(value)
                if series is not None:
                    row["series"] = series
    rows = []
    for (name, peer), row in collected.items():
        rows.append({"bench": name, "peer": peer, "size": bench.size, "median": statistics.median(row["runs"]), **row})
    return rows, failures


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="where the programs are")
    parser.add_argument("--json", metavar="FILE", help="write one object a row there")
    parser.add_argument("--quick", action="store_true", help="a minute, once, without the slowest benchmarks")
    parser.add_argument("--runs", type=int, help="how many of each, for the median (5, or 1 with --quick)")
    parser.add_argument("--only", metavar="NAME", action="append", help="only benchmarks whose name contains this")
    parser.add_argument("--peers", metavar="LIST", help="only these, separated by commas: " + ",".join([*ALL, "messi_ws", "messi_sessions", *CALLS]))
    return parser.parse_args()


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as certificates:
        make_certificates(certificates)
        return run(options, Machine(options.build, certificates))


def run(options, machine):
    runs = options.runs or (1 if options.quick else 5)
    chosen = options.peers.split(",") if options.peers else [*ALL, "messi_sessions", *CALLS]
    missing = [peer for peer in chosen if not machine.has(peer)]
    if missing:
        print(f"LEFT OUT, since not built: {', '.join(missing)}", file=sys.stderr)
    chosen = [peer for peer in chosen if peer not in missing]
    if any(peer.startswith("grpc") for peer in chosen):
        chosen.append("grpc")
    if "views" in chosen:
        chosen.append("device")
    benches = [bench for bench in plan(options, machine)
               if not options.only or any(part in bench.name for part in options.only)]
    total = runs * sum(len([peer for peer in bench.peers if peer in chosen]) for bench in benches)
    if machine.first == machine.second:
        print("There is one CPU only: what is meant for two cores runs on one.", file=sys.stderr)

    progress = Progress(total)
    rows, failures = [], []
    for bench in benches:
        more_rows, more_failures = run_bench(machine, bench, runs, progress, chosen)
        rows += more_rows
        failures += more_failures
    progress.finish()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            for row in rows:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(report.text(rows))
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
