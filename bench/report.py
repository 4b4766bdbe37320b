#!/usr/bin/env python3
"""Makes tables and plots from what ./bench/run --json has written.

    bench/report.py RESULTS.json                 a table for the terminal, and how far the targets are met
    bench/report.py RESULTS.json --markdown      the same for a page
    bench/report.py RESULTS.json --plots DIR     DIR/*.svg
"""

import argparse
import json
import pathlib

import plots

PEERS = ["messi", "messi_compiled", "views", "device", "messi_ws", "messi_sessions", "messi_by_hand", "messi_in_order", "messi_named", "loop", "views_loop", "plain", "zeromq",
         "grpc_async", "grpc_callback", "grpc", "original"]
NAMES = {
    "messi": "messi",
    "messi_compiled": "messi, compiled",
    "views": "messi, views",
    "device": "messi, device",
    "messi_ws": "messi, WebSocket",
    "messi_sessions": "messi, sessions",
    "messi_by_hand": "messi, paired by hand",
    "messi_in_order": "messi, calls in order",
    "messi_named": "messi, calls by name",
    "loop": "hand-written loop",
    "views_loop": "hand-written loop, views",
    "plain": "plain send/recv",
    "zeromq": "ZeroMQ",
    "grpc_async": "gRPC async",
    "grpc_callback": "gRPC callback",
    "grpc": "gRPC",
    "original": "original",
}
TITLES = {
    "tls_one_way": "TLS, one way",
    "tls_one_way_client_cpu": "TLS, one way client cpu",
    "tls_one_way_server_cpu": "TLS, one way server cpu",
    "tls_ping_pong_one_core_p50": "TLS, ping-pong, one core, p50",
    "tls_ping_pong_one_core_p99": "TLS, ping-pong, one core, p99",
    "tls_ping_pong_two_cores_p50": "TLS, ping-pong, two cores, p50",
    "tls_ping_pong_two_cores_p99": "TLS, ping-pong, two cores, p99",
    "tls_connections_fresh": "TLS, connections, whole handshakes",
    "tls_connections_resumed": "TLS, connections, resumed sessions",
    "tls_idle_1000_memory": "TLS, idle 1000 memory",
    "tls_idle_1000_cpu": "TLS, idle 1000 cpu",
    "sessions_one_way": "sessions, one way",
    "sessions_one_way_client_cpu": "sessions, one way client cpu",
    "sessions_one_way_server_cpu": "sessions, one way server cpu",
    "sessions_one_way_client_calls": "sessions, one way client calls",
    "sessions_one_way_server_calls": "sessions, one way server calls",
    "sessions_one_way_1_mib": "sessions, one way, bound of 1 MiB",
    "sessions_one_way_1_mib_client_cpu": "sessions, one way, bound of 1 MiB client cpu",
    "sessions_one_way_1_mib_server_cpu": "sessions, one way, bound of 1 MiB server cpu",
    "sessions_one_way_1_mib_client_calls": "sessions, one way, bound of 1 MiB client calls",
    "sessions_one_way_1_mib_server_calls": "sessions, one way, bound of 1 MiB server calls",
    "sessions_in_flight_64": "sessions, 64 in flight, one core",
    "sessions_in_flight_64_client_cpu": "sessions, 64 in flight client cpu",
    "sessions_in_flight_64_server_cpu": "sessions, 64 in flight server cpu",
    "sessions_in_flight_64_client_calls": "sessions, 64 in flight client calls",
    "sessions_in_flight_64_server_calls": "sessions, 64 in flight server calls",
    "calls_in_flight_64": "calls, 64 in flight, one core",
    "calls_in_flight_64_client_cpu": "calls, 64 in flight client cpu",
    "calls_in_flight_64_server_cpu": "calls, 64 in flight server cpu",
    "sessions_idle_1000_attached": "sessions, idle 1000, connected",
    "sessions_idle_1000_detached": "sessions, idle 1000, away",
    "one_way": "one way",
    "ping_pong_one_core_p50": "ping-pong, one core, p50",
    "ping_pong_one_core_p99": "ping-pong, one core, p99",
    "ping_pong_two_cores_p50": "ping-pong, two cores, p50",
    "ping_pong_two_cores_p99": "ping-pong, two cores, p99",
    "ping_pong_busy_poll_p50": "ping-pong, two cores, busy polling, p50",
    "ping_pong_busy_poll_p99": "ping-pong, two cores, busy polling, p99",
    "in_flight_64": "64 in flight, one core",
    "broadcast_100": "broadcast to 100",
    "group_100": "the same, to a group",
    "fresh": "two indications and a request on a fresh connection",
    "fairness_alone_p99": "ping-pong alone, p99",
    "fairness_flooded_p50": "ping-pong beside a flood, p50",
    "fairness_flooded_p99": "ping-pong beside a flood, p99",
    "slow_reader_memory": "memory taken by a flood against a slow reader",
}

# (bench, size, peer to compare with, at least this many times it)
TARGETS = [
    ("one_way", 16, "loop", 1.7), ("one_way", 256, "loop", 1.4), ("one_way", 4096, "loop", 1.1),
    ("one_way", 65536, "loop", 1.2), ("one_way", 16, "original", 6), ("one_way", 16, "grpc", 14),
    ("tls_one_way", 16, "grpc", 10),
    ("in_flight_64", 16, "loop", 1.3), ("in_flight_64", 16, "original", 8), ("in_flight_64", 16, "grpc", 20),
    ("broadcast_100", 16, "loop", 1.4), ("broadcast_100", 16, "original", 18), ("broadcast_100", 16, "grpc", 30),
]
# The same for messi with views, also against messi without them.
VIEWS_TARGETS = [
    ("one_way", 16, "views_loop", 0.9), ("one_way", 16, "messi", 5), ("one_way", 256, "plain", 0.9), ("one_way", 4096, "plain", 0.9),
    ("one_way", 65536, "plain", 0.95), ("in_flight_64", 16, "plain", 0.6), ("broadcast_100", 16, "plain", 0.8),
]
# (bench, size, at least this many times messi without sessions)
WITH_SESSIONS = [("sessions_one_way", size, 0.9) for size in (16, 256, 4096, 65536)]
# (how answers find their requests, at least this many times requests that are paired by hand)
CALLS = [("messi_in_order", 0.7), ("messi_named", 0.7)]
LIMITS = [  # (bench, of what, at most this many times it, which of messi's flavours, if it makes a difference)
    ("ping_pong_one_core_p50", ("ping_pong_one_core_p50", "plain"), 1.3),
    ("ping_pong_one_core_p50", ("ping_pong_one_core_p50", "original"), 1.0),
    ("fairness_flooded_p99", ("fairness_alone_p99", "messi"), 10),
    ("idle_10000_cpu", ("idle_10000_cpu", "loop"), 1.0),
    ("active_among_10000_p50", ("active_alone_p50", "messi"), 1.1),
]
FOOTPRINT = [("size_client", 0.5), ("size_libraries", 0.3), ("compile_client", 0.5), ("compile_server", 0.5)]
LIMITS += [(bench, (bench, "grpc"), factor, flavour)
           for bench, factor in FOOTPRINT for flavour in ("messi", "messi_compiled")]
LIMITS += [("compile_client", ("compile_client", "grpc"), 0.4, flavour) for flavour in ("views", "device")]
ABSOLUTE = [
    ("idle_10000_memory", 288, "bytes/client"), ("ping_pong_busy_poll_p50", 12, "µs"), ("storm_3000", 100, "ms"),
    ("fresh", 20_000, "µs"), ("size_client", 40_000, "bytes", "views"), ("size_client", 40_000, "bytes", "device"),
]


def number(value, unit):
    """As a person would write it, with three digits that count."""
    if unit.endswith("/s") and not unit.startswith("CPU"):
        for factor, letter in ((1e6, "M"), (1e3, "k")):
            if value >= factor:
                return f"{value / factor:.3g} {letter}/s" if value < 100 * factor else f"{value / factor:.0f} {letter}/s"
        return f"{value:.0f} /s"
    if unit == "bytes":
        return f"{value / 1e6:.2f} MB" if value >= 1e6 else f"{value / 1e3:.0f} kB"
    if unit == "bytes/client":
        return f"{value / 1024:.1f} KiB" if value >= 2048 else f"{value:.0f} B"
    if unit == "µs" and value >= 10_000:
        return f"{value / 1000:.0f} ms"
    digits = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    return f"{digits} {unit}"


def title(bench, size):
    name = TITLES.get(bench, bench.replace("_", " "))
    return f"{name}, {size_name(size)}" if "one_way" in bench else name


def size_name(size):
    return f"{size // 1024} KiB" if size >= 1024 else f"{size} B"


def table(rows):
    """The heading and the lines of a table: a line a measurement, a column a peer."""
    peers = [peer for peer in PEERS if any(row["peer"] == peer for row in rows)]
    lines = {}
    for row in rows:
        cells = lines.setdefault((row["bench"], row["size"]), {})
        cells[row["peer"]] = number(row["median"], row["unit"])
    heading = ["" ] + [NAMES[peer] for peer in peers]
    return heading, [[title(*key)] + [cells.get(peer, "–") for peer in peers] for key, cells in lines.items()]


class Results:
    def __init__(self, rows):
        self.rows = {(row["bench"], row["size"], row["peer"]): row for row in rows}

    def median(self, bench, peer, size=None):
        """None if it was not measured. gRPC counts with the better of its two APIs."""
        found = [row["median"] for (b, s, p), row in self.rows.items()
                 if b == bench and (size is None or s == size) and (p == peer or peer == "grpc" and p.startswith("grpc"))]
        if not found:
            return None
        return max(found) if bench in ("one_way", "tls_one_way", "in_flight_64", "broadcast_100", "group_100", "sessions_one_way") else min(found)


def targets(rows):
    """(what, wanted, reached, whether) for each target that these results can speak about."""
    results = Results(rows)
    lines = []
    for flavour, whose in (("messi", TARGETS), ("views", VIEWS_TARGETS)):
        for bench, size, peer, factor in whose:
            ours, other = results.median(bench, flavour, size), results.median(bench, peer, size)
            if ours and other:
                ratio = ours / other
                of_whom = "" if flavour == "messi" else f" of {NAMES[flavour]}"
                lines.append((f"{title(bench, size)}{of_whom}, against {NAMES[peer]}", f"≥ {factor} ×", f"{ratio:.2f} ×", ratio >= factor))
    for bench, size, factor in WITH_SESSIONS:
        ours, other = results.median(bench, "messi_sessions", size), results.median(bench, "messi", size)
        if ours and other:
            ratio = ours / other
            lines.append((f"{title(bench, size)}, against none", f"≥ {factor} ×", f"{ratio:.2f} ×", ratio >= factor))
    for peer, factor in CALLS:
        ours, other = results.median("calls_in_flight_64", peer), results.median("calls_in_flight_64", "messi_by_hand")
        if ours and other:
            ratio = ours / other
            lines.append((f"{title('calls_in_flight_64', None)}, {NAMES[peer]}, against by hand", f"≥ {factor} ×",
                          f"{ratio:.2f} ×", ratio >= factor))
    for bench, (other_bench, peer), factor, *flavour in LIMITS:
        ours, other = results.median(bench, *flavour or ["messi"]), results.median(other_bench, peer)
        if ours and other:
            ratio = ours / other
            against = NAMES[peer] if other_bench == bench else title(other_bench, None)
            of_whom = f" of {NAMES[flavour[0]]}" if flavour else ""
            lines.append((f"{title(bench, None)}{of_whom}, against {against}", f"≤ {factor} ×", f"{ratio:.2f} ×", ratio <= factor))
    for bench, limit, unit, *flavour in ABSOLUTE:
        ours = results.median(bench, *flavour or ["messi"])
        if ours is not None:
            of_whom = f" of {NAMES[flavour[0]]}" if flavour else ""
            lines.append((f"{title(bench, None)}{of_whom}", f"≤ {number(limit, unit)}", number(ours, unit), ours <= limit))
    return lines


def aligned(heading, lines):
    widths = [max(len(line[column]) for line in [heading] + lines) for column in range(len(heading))]
    def cell(text, column):
        return text.ljust(widths[column]) if column == 0 else text.rjust(widths[column])
    return "\n".join("  ".join(cell(text, column) for column, text in enumerate(line)) for line in [heading] + lines)


def text(rows):
    heading, lines = table(rows)
    parts = [aligned(heading, lines)]
    met = [[what, wanted, reached, "met" if ok else "MISSED"] for what, wanted, reached, ok in targets(rows)]
    if met:
        parts.append(aligned(["target", "wanted", "reached", ""], met))
    return "\n\n".join(parts)


def markdown(rows):
    heading, lines = table(rows)
    met = [[what, wanted, reached, "yes" if ok else "no"] for what, wanted, reached, ok in targets(rows)]
    return markdown_table(heading, lines) + "\n" + markdown_table(["target", "wanted", "reached", "met"], met)


def markdown_table(heading, lines):
    rule = ["---"] + ["---:"] * (len(heading) - 1)
    return "".join("| " + " | ".join(line) + " |\n" for line in [heading, rule] + lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--plots", type=pathlib.Path, metavar="DIR")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.results.read_text(encoding="utf-8").splitlines()]
    if options.plots:
        plots.write(rows, NAMES, options.plots)
    else:
        print(markdown(rows) if options.markdown else text(rows))


if __name__ == "__main__":
    main()
