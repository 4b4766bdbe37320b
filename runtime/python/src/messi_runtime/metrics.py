"""Statistics as text, which Prometheus and others read."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable
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
        for family in _FAMILIES:
            lines += self._family(text_format, *family)
        if text_format is MetricsFormat.OPEN_METRICS:
            lines.append("# EOF")
        return "".join(line + "\n" for line in lines)

    def _family(
        self, text_format: MetricsFormat, kind: str, what: str, help_text: str, by: str
    ) -> Iterable[str]:
        name = "messi_" + what + ("_seconds" if kind == "histogram" else "")
        sampled = name + "_total" if kind == "counter" else name
        unit = next((each for each in ("bytes", "seconds") if name.endswith("_" + each)), None)
        head = name if text_format is MetricsFormat.OPEN_METRICS else sampled
        yield f"# HELP {head} {help_text}"
        yield f"# TYPE {head} {kind}"
        if unit is not None and text_format is MetricsFormat.OPEN_METRICS:
            yield f"# UNIT {head} {unit}"
        if kind == "histogram":
            yield from self._histogram(name, what)
        else:
            samples: dict[str, int] = defaultdict(int)
            for labels, statistics in self._sources:
                for more, number in _samples(by, getattr(statistics, what)):
                    samples[labels + more] += number
            for labels, number in sorted(samples.items()):
                yield f"{sampled}{{{labels}}} {number}"

    def _histogram(self, name: str, what: str) -> Iterable[str]:
        histograms: dict[str, DurationHistogram] = defaultdict(DurationHistogram)
        for labels, statistics in self._sources:
            histograms[labels].add(getattr(statistics, what))
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


def _samples(by: str, numbers: Any) -> Iterable[tuple[str, int]]:
    """Numbers, with the label that they have beside the name, if they have one."""
    if by:
        return [("," + _label(by, _word(key)), number) for key, number in numbers.items()]
    return [("", numbers)]


# The kind, the attribute of the statistics, the help, and the label that tells its numbers apart.
_FAMILIES = (
    ("gauge", "connections", "Connected now, with those whose session is detached.", ""),
    ("gauge", "detached", "Sessions that wait for a connection now.", ""),
    ("gauge", "pending_bytes", "Bytes that wait to be written, or acknowledged.", ""),
    ("counter", "connects", "Connections, or sessions, that have begun.", ""),
    ("counter", "reconnects", "A client's connects, but for its first.", ""),
    ("counter", "connect_failures", "Attempts to connect that have failed.", ""),
    ("counter", "disconnects", "Connections, or sessions, that have ended.", "reason"),
    ("counter", "refusals", "Connections that were turned away.", "reason"),
    ("counter", "handshake_failures", "Handshakes that went wrong, such as those of TLS.", ""),
    ("counter", "detaches", "Sessions that have lost their connection.", ""),
    ("counter", "resumes", "Sessions that went on in another connection.", ""),
    ("counter", "sessions_lost", "Sessions that could not keep their promise.", ""),
    ("counter", "slow_clients", "Times that a client fell behind broadcasts.", ""),
    ("counter", "dropped_broadcasts", "Broadcasts left out for slow clients.", ""),
    ("counter", "sent_bytes", "Bytes that were sent.", ""),
    ("counter", "received_bytes", "Bytes that were received.", ""),
    ("counter", "sent_frames", "Frames that were sent.", "type"),
    ("counter", "received_frames", "Frames that were received.", "type"),
    ("counter", "calls", "Calls that were made and are over.", "outcome"),
    ("histogram", "call_duration", "How long calls took that the callee has ended.", ""),
    ("counter", "served_calls", "Requests of the other side that are over.", "outcome"),
)
