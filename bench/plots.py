"""SVG plots of benchmark results, with nothing but the standard library."""

import html
import math

COLOURS = {
    "messi": "#0b6e4f",
    "loop": "#c98a00",
    "plain": "#8a8a8a",
    "zeromq": "#a23b72",
    "grpc_async": "#2e6fbb",
    "grpc_callback": "#7fb0e3",
    "original": "#8c4a2f",
}
# Bars: (file, heading, [(bench, size, label)], a logarithmic scale?)
BARS = [
    ("one_way", "One way, messages per second", [("one_way", 16, "16 B"), ("one_way", 256, "256 B"),
                                                 ("one_way", 4096, "4 KiB"), ("one_way", 65536, "64 KiB")], True),
    ("throughput", "Messages per second", [("in_flight_64", 16, "64 in flight, one core"),
                                           ("broadcast_100", 16, "broadcast to 100, deliveries")], True),
    ("ping_pong", "Ping-pong, median µs", [("ping_pong_one_core_p50", 16, "one core"),
                                           ("ping_pong_two_cores_p50", 16, "two cores")], False),
]
LINES = [("slow_reader", "A flood against a slow reader", "slow_reader_memory", "seconds", "MB taken by the server")]

WIDTH, HEIGHT = 860, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 70, 40
STYLE = ("<style>text{font:12px system-ui,sans-serif;fill:#333}.heading{font-size:15px;font-weight:600}"
         ".grid{stroke:#ddd}.axis{stroke:#888}"
         "@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#444}.axis{stroke:#999}}</style>")


class Scale:
    """From values to pixels, upwards."""

    def __init__(self, highest, lowest=0.0, logarithmic=False):
        self.logarithmic = logarithmic
        if logarithmic:
            self.low, self.high = math.floor(math.log10(lowest)), math.log10(highest * 1.5)
        else:
            self.low, self.high = 0, highest * 1.1 or 1

    def y(self, value):
        at = math.log10(value) if self.logarithmic else value
        share = (at - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - max(0.0, share) * (HEIGHT - TOP - BOTTOM)

    def ticks(self):
        if self.logarithmic:
            return [10.0 ** power for power in range(self.low, math.floor(self.high) + 1)]
        step = 10.0 ** math.floor(math.log10(self.high))
        for part in (0.1, 0.2, 0.5, 1):
            if self.high / (step * part) <= 6:
                step *= part
                break
        return [step * i for i in range(int(self.high / step) + 1)]


def short(value):
    for factor, letter in ((1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


def text(x, y, content, anchor="middle", css=""):
    css = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{html.escape(content)}</text>'


def line(x1, y1, x2, y2, css):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def frame(heading, scale, peers, names):
    parts = [text(LEFT, 22, heading, "start", "heading")]
    x = LEFT
    for peer in peers:
        parts.append(f'<rect x="{x}" y="36" width="12" height="12" rx="2" fill="{COLOURS[peer]}"/>')
        parts.append(text(x + 17, 46, names[peer], "start"))
        x += 30 + 7 * len(names[peer])
    for tick in scale.ticks():
        parts.append(line(LEFT, scale.y(tick), WIDTH - RIGHT, scale.y(tick), "grid"))
        parts.append(text(LEFT - 8, scale.y(tick) + 4, short(tick), "end"))
    parts.append(line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"))
    return parts


def svg(parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
    return head + STYLE + "\n" + "\n".join(parts) + "\n</svg>\n"


def bars(rows, names, heading, groups, logarithmic):
    values = {(row["bench"], row["size"], row["peer"]): row["median"] for row in rows}
    groups = [group for group in groups if any(key[:2] == group[:2] for key in values)]
    peers = [peer for peer in COLOURS if any((bench, size, peer) in values for bench, size, _ in groups)]
    shown = [value for key, value in values.items() if any(key[:2] == group[:2] for group in groups)]
    if not shown:
        return None
    scale = Scale(max(shown), min(shown), logarithmic)
    parts = frame(heading, scale, peers, names)
    group_width = (WIDTH - LEFT - RIGHT) / len(groups)
    bar_width = min(44.0, 0.84 * group_width / len(peers))
    for index, (bench, size, label) in enumerate(groups):
        middle = LEFT + (index + 0.5) * group_width
        parts.append(text(middle, HEIGHT - 16, label))
        for position, peer in enumerate(peers):
            value = values.get((bench, size, peer))
            if value is None:
                continue
            x = middle + (position - len(peers) / 2) * bar_width
            y = scale.y(value)
            parts.append(f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{bar_width - 2:.1f}" '
                         f'height="{HEIGHT - BOTTOM - y:.1f}" rx="2" fill="{COLOURS[peer]}"/>')
            parts.append(text(x + bar_width / 2, y - 4, short(value)))
    return svg(parts)


def curves(rows, names, heading, bench, x_label, y_label):
    series = {row["peer"]: row["series"] for row in rows if row["bench"] == bench and "series" in row}
    if not series:
        return None
    peers = [peer for peer in COLOURS if peer in series]
    longest = max(points[-1][0] for points in series.values())
    scale = Scale(max(value for points in series.values() for _, value in points))
    parts = frame(f"{heading}: {y_label}", scale, peers, names)
    across = (WIDTH - LEFT - RIGHT) / longest
    for peer in reversed(peers):
        points = " ".join(f"{LEFT + x * across:.1f},{scale.y(y):.1f}" for x, y in series[peer])
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[peer]}" stroke-width="2.5"/>')
    for second in range(0, int(longest) + 1):
        parts.append(text(LEFT + second * across, HEIGHT - BOTTOM + 16, str(second)))
    parts.append(text(WIDTH - RIGHT, HEIGHT - 8, x_label, "end"))
    return svg(parts)


def write(rows, names, directory):
    directory.mkdir(parents=True, exist_ok=True)
    pictures = {name: bars(rows, names, heading, groups, log) for name, heading, groups, log in BARS}
    pictures.update({name: curves(rows, names, *what) for name, *what in LINES})
    for name, picture in pictures.items():
        if picture:
            (directory / f"{name}.svg").write_text(picture, encoding="utf-8")
