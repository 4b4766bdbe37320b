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
    lacking: frozenset = frozenset()  # endpoints that have nothing of what the section is about

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


VERBS = ("acked", "in", "frame", "out", "ping", "pong", "event", "maybe", "alive", "closed", "silence", "wait",
         "hangup", "halfclose", "reset", "reconnect", "no-reconnect", "connect", "on", "do", "show-pings",
         "silence-events", "refused")


def read_vectors(path):
    cases = []
    section = ""
    known_of_section = {}
    lacking = frozenset()
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.split(" //")[0].rstrip()
        if not line or line.startswith("//"):
            continue
        if line.startswith("== "):
            section = line.strip("= ")
            known_of_section = {}
            lacking = frozenset()
            continue
        title = re.fullmatch(r"([CS])(\d+) (.+)", line)
        if title:
            side = {"C": "client", "S": "server"}[title[1]]
            cases.append(Case(int(title[2]), side, title[3], section, number, known=dict(known_of_section), lacking=lacking))
            continue
        if line.startswith("known "):
            known_of_section |= _known(line.removeprefix("known "))
            continue
        if line.startswith("lacks "):
            known_of_section |= _known(line.removeprefix("lacks "))
            lacking = frozenset(known_of_section)
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
        case.known |= _known(rest)
    elif verb in VERBS:
        case.steps.append((number, verb, rest))
    else:
        raise BadVectors(f"{path}:{number}: unknown step {verb}")


def _known(text):
    """'one, other: how' -> how each differs"""
    names, how = text.split(": ", 1)
    return dict.fromkeys(names.split(", "), how)


def bytes_from(text):
    """'0a 61*3' -> b'\\naaa'"""
    return bytes.fromhex(expand(text))


def pattern_from(text):
    """'0a .. <id:2> *' -> a regular expression for hex: any byte, two bytes with a name, any rest"""
    text = expand(text).replace(" ", "")
    text = re.sub(r"<(\w+):(\d+)>", lambda m: f"(?P<{m[1]}>.{{{2 * int(m[2])}}})", text)
    return re.compile(text.removesuffix("*") + (".*" if text.endswith("*") else ""))


def expand(text):
    """Writes out the repetitions: 'message x 0a61*3' -> 'message x 0a616161'."""
    text = re.sub(r"([0-9a-f]{2}|\.\.)\*(\d+)", lambda m: m[1] * int(m[2]), text)
    return re.sub(r"\(([0-9a-f ]+)\)\*(\d+)", lambda m: m[1].replace(" ", "") * int(m[2]), text)
