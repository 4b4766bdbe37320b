"""The results as a page of the documentation."""

import dataclasses
import itertools

from vectors import Case


@dataclasses.dataclass
class Result:
    case: Case
    endpoint: str
    known: str | None  # how this endpoint is known to differ
    plays: int = 0
    failures: list = dataclasses.field(default_factory=list)

    @property
    def as_expected(self):
        return bool(self.failures) == (self.known is not None)


NAMES = {"cpp": "C++", "python": "Python", "original-c": "original, C", "original-python": "original, Python"}

INTRODUCTION = """\
<!-- Written by test/conformance/run --table; do not edit. -->
# Conformance

What a client or server must do on the wire, as {cases} numbered cases in
[`test/conformance/vectors.txt`](../test/conformance/vectors.txt). A case lists the bytes that the peer sends, and the events and
bytes that must follow. Some cases are families, such as "cut anywhere", so {plays} connections are played in all.
[`test/conformance/README.md`](../test/conformance/README.md) says how to play them against your own implementation.

C cases are for clients, S cases for servers. ✓ is a pass. A number refers to a note below the table: there the
original, version 0.29.0, differs, and the runner checks that it does.
"""


def write(path, cases, results):
    by_case = {}
    for result in results:
        by_case.setdefault(result.case.name, {})[result.endpoint] = result
    with open(path, "w", encoding="utf-8") as out:
        played = {case.name: len(list(case.plays())) for case in cases}
        out.write(INTRODUCTION.format(cases=len(cases), plays=sum(played.values())))
        _write_summary(out, results)
        for section, of_section in itertools.groupby(cases, key=lambda case: case.section):
            _write_section(out, section, list(of_section), by_case)


def _write_summary(out, results):
    out.write("\n| endpoint | cases | pass | differ |\n|---|--:|--:|--:|\n")
    key = lambda result: (result.endpoint, result.case.side)
    order = list(dict.fromkeys(map(key, results)))
    for name, side in order:
        own = [result for result in results if key(result) == (name, side)]
        passed = sum(not result.failures for result in own)
        out.write(f"| {NAMES.get(name, name)}: {side} | {len(own)} | {passed} | {len(own) - passed} |\n")


def _write_section(out, section, cases, by_case):
    endpoints = list(dict.fromkeys(name for case in cases for name in by_case.get(case.name, {})))
    notes = []
    out.write(f"\n## {section}\n\n")
    out.write("| case | | " + " | ".join(NAMES.get(name, name) for name in endpoints) + " |\n")
    out.write("|---|---|" + ":-:|" * len(endpoints) + "\n")
    for case in cases:
        cells = [_cell(by_case.get(case.name, {}).get(name), notes) for name in endpoints]
        out.write(f"| {case.name} | {case.title} | " + " | ".join(cells) + " |\n")
    if notes:
        out.write("\n")
    for number, note in enumerate(notes, 1):
        out.write(f"{number}. {note}\n")


def _cell(result, notes):
    if result is None:
        return ""
    if not result.failures:
        return "✓"
    note = f"The {NAMES.get(result.endpoint, result.endpoint)}: {result.known or 'fails'}."
    if note not in notes:
        notes.append(note)
    return str(notes.index(note) + 1)
