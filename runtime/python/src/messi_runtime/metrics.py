"""Statistics as text, which Prometheus and others read."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from .disconnect_reason import DisconnectReason
from .statistics import DurationHistogram, Statistics


class MetricsFormat(enum.Enum):
    """The value is the content type."""

    OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    """OpenMetrics 1.0."""

    PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
    """Prometheus's older text format, 0.0.4."""


class Metrics:
    def __init__(self) -> None:
        self._sources: list[tuple[str, Statistics]] = []

    def add(self, name: str, statistics: Statistics) -> None:
        """All samples of these statistics get the label `name`. What has the same name is added
        up."""
        self._sources.append((_label("name", name), statistics))

    def text(self, text_format: MetricsFormat = MetricsFormat.OPEN_METRICS) -> str:
        lines: list[str] = []
        for kind, name, help_text, read in _FAMILIES:
            lines += self._family(text_format, kind, name, help_text, read)
        if text_format is MetricsFormat.OPEN_METRICS:
            lines.append("# EOF")
        return "".join(line + "\n" for line in lines)

    def _family(
        self, text_format: MetricsFormat, kind: str, name: str, help_text: str, read: _Read
    ) -> Iterable[str]:
        sampled = name + "_total" if kind == "counter" else name
        unit = next((each for each in ("bytes", "seconds") if name.endswith("_" + each)), None)
        head = name if text_format is MetricsFormat.OPEN_METRICS else sampled
        yield f"# HELP {head} {help_text}"
        yield f"# TYPE {head} {kind}"
        if unit is not None and text_format is MetricsFormat.OPEN_METRICS:
            yield f"# UNIT {head} {unit}"
        if kind == "histogram":
            yield from self._histogram(name, read)
        else:
            samples: dict[str, int] = defaultdict(int)
            for labels, statistics in self._sources:
                for more, number in _samples(read(statistics)):
                    samples[labels + more] += number
            for labels, number in sorted(samples.items()):
                yield f"{sampled}{{{labels}}} {number}"

    def _histogram(self, name: str, read: _Read) -> Iterable[str]:
        histograms: dict[str, DurationHistogram] = defaultdict(DurationHistogram)
        for labels, statistics in self._sources:
            histograms[labels].add(read(statistics))
        for labels, histogram in sorted(histograms.items()):
            count = 0
            bounds = [*map(str, histogram.BOUNDS), "+Inf"]
            for bound, number in zip(bounds, histogram.buckets, strict=True):
                count += number
                yield f"{name}_bucket{{{labels},{_label('le', bound)}}} {count}"
            yield f"{name}_sum{{{labels}}} {histogram.sum:.9f}"
            yield f"{name}_count{{{labels}}} {count}"


def _label(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{escaped}"'


def _word(key: object) -> str:
    """What a label says of a reason, an outcome, or a type of frames."""
    if isinstance(key, DisconnectReason):
        return str(key).lower().replace(" ", "_").rstrip(".")
    return str(key.value if isinstance(key, enum.Enum) else key)


def _samples(numbers: Any) -> Iterable[tuple[str, int]]:
    """Numbers, with the labels that they have beside the name."""
    if isinstance(numbers, tuple):
        by, counts = numbers
        for key, number in counts.items():
            yield "," + _label(by, _word(key)), number
    else:
        yield "", numbers


_Read = Callable[[Statistics], Any]

_FAMILIES: list[tuple[str, str, str, _Read]] = [
    (
        "gauge",
        "messi_connections",
        "Connected now, with those whose session is detached.",
        lambda its: its.connections,
    ),
    (
        "gauge",
        "messi_detached",
        "Sessions that wait for a connection now.",
        lambda its: its.detached,
    ),
    (
        "gauge",
        "messi_pending_bytes",
        "Bytes that wait to be written, or acknowledged.",
        lambda its: its.pending_bytes,
    ),
    (
        "counter",
        "messi_connects",
        "Connections, or sessions, that have begun.",
        lambda its: its.connects,
    ),
    (
        "counter",
        "messi_reconnects",
        "A client's connects, but for its first.",
        lambda its: its.reconnects,
    ),
    (
        "counter",
        "messi_connect_failures",
        "Attempts to connect that have failed.",
        lambda its: its.connect_failures,
    ),
    (
        "counter",
        "messi_disconnects",
        "Connections, or sessions, that have ended.",
        lambda its: ("reason", its.disconnects),
    ),
    (
        "counter",
        "messi_refusals",
        "Connections that were turned away.",
        lambda its: ("reason", its.refusals),
    ),
    (
        "counter",
        "messi_handshake_failures",
        "Handshakes that went wrong, such as those of TLS.",
        lambda its: its.handshake_failures,
    ),
    (
        "counter",
        "messi_detaches",
        "Sessions that have lost their connection.",
        lambda its: its.detaches,
    ),
    (
        "counter",
        "messi_resumes",
        "Sessions that went on in another connection.",
        lambda its: its.resumes,
    ),
    (
        "counter",
        "messi_sessions_lost",
        "Sessions that could not keep their promise.",
        lambda its: its.sessions_lost,
    ),
    (
        "counter",
        "messi_slow_clients",
        "Times that a client fell behind broadcasts.",
        lambda its: its.slow_clients,
    ),
    (
        "counter",
        "messi_dropped_broadcasts",
        "Broadcasts left out for slow clients.",
        lambda its: its.dropped_broadcasts,
    ),
    ("counter", "messi_sent_bytes", "Bytes that were sent.", lambda its: its.sent_bytes),
    (
        "counter",
        "messi_received_bytes",
        "Bytes that were received.",
        lambda its: its.received_bytes,
    ),
    (
        "counter",
        "messi_sent_frames",
        "Frames that were sent.",
        lambda its: ("type", its.sent_frames),
    ),
    (
        "counter",
        "messi_received_frames",
        "Frames that were received.",
        lambda its: ("type", its.received_frames),
    ),
    (
        "counter",
        "messi_calls",
        "Calls that were made and are over.",
        lambda its: ("outcome", its.calls),
    ),
    (
        "histogram",
        "messi_call_duration_seconds",
        "How long calls took that the callee has ended.",
        lambda its: its.call_duration,
    ),
    (
        "counter",
        "messi_served_calls",
        "Requests of the other side that are over.",
        lambda its: ("outcome", its.served_calls),
    ),
]
