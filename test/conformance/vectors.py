"""Reads vectors.txt; README.md describes the format."""

import dataclasses
import re


@dataclasses.dataclass
class Case:
    number: int
    side: str  # the endpoint's: "client" or "server"
    title: str
    section: str
    line: int
    steps: list = dataclasses.field(default_factory=list)  # (line number, verb, rest)
    options: list = dataclasses.field(default_factory=list)
    parameter: tuple = ()  # (name, [values])
    split: str = ""
    known: dict = dataclasses.field(default_factory=dict)  # endpoint -> how it differs

    @property
    def name(self):
        return f"{self.side[0].upper()}{self.number}"

    def plays(self):
        """The cases that a family stands for, each as (what is special about it, steps, cut)."""
        if self.parameter:
            name, values = self.parameter
            for value in values:
                steps = [(n, verb, rest.replace("{" + name + "}", value)) for n, verb, rest in self.steps]
                yield f"{name} {value}", steps, None
        elif self.split == "everywhere":
            first = next(rest for _, verb, rest in self.steps if verb == "in")
            for cut in range(1, len(bytes_from(first))):
                yield f"cut at {cut}", self.steps, cut
        else:
            yield "", self.steps, 1 if self.split == "bytes" else None


class BadVectors(Exception):
    pass


VERBS = ("in", "frame", "out", "ping", "pong", "event", "maybe", "alive", "closed", "silence", "wait",
         "hangup", "halfclose", "reset", "reconnect", "no-reconnect", "connect", "on", "do", "show-pings",
         "silence-events", "refused")


def read_vectors(path):
    cases = []
    section = ""
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.split(" //")[0].rstrip()
        if not line or line.startswith("//"):
            continue
        if line.startswith("== "):
            section = line.strip("= ")
            continue
        title = re.fullmatch(r"([CS])(\d+) (.+)", line)
        if title:
            side = {"C": "client", "S": "server"}[title[1]]
            cases.append(Case(int(title[2]), side, title[3], section, number))
            continue
        if not line.startswith("  ") or not cases:
            raise BadVectors(f"{path}:{number}: not understood: {line}")
        _read_step(cases[-1], path, number, *(line.strip().split(" ", 1) + [""])[:2])
    names = [case.name for case in cases]
    doubles = {name for name in names if names.count(name) > 1}
    if doubles:
        raise BadVectors(f"{path}: used twice: {sorted(doubles)}")
    return cases


def _read_step(case, path, number, verb, rest):
    if verb == "option":
        case.options += rest.split()
    elif verb == "for":
        name, values = rest.split(":")
        case.parameter = (name.strip(), values.split())
    elif verb == "split":
        case.split = rest
    elif verb == "known":
        names, how = rest.split(": ", 1)
        for name in names.split(", "):
            case.known[name] = how
    elif verb in VERBS:
        case.steps.append((number, verb, rest))
    else:
        raise BadVectors(f"{path}:{number}: unknown step {verb}")


def bytes_from(text):
    """'0a 61*3' -> b'\\naaa'"""
    return bytes.fromhex(expand(text))


def expand(text):
    """Writes out the repetitions: 'message x 0a61*3' -> 'message x 0a616161'."""
    text = re.sub(r"([0-9a-f]{2})\*(\d+)", lambda m: m[1] * int(m[2]), text)
    return re.sub(r"\(([0-9a-f ]+)\)\*(\d+)", lambda m: m[1].replace(" ", "") * int(m[2]), text)
