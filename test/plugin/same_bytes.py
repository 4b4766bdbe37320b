#!/usr/bin/env python3
"""Generates the same protos again and again: every run must give the same bytes."""

import argparse
import pathlib
import sys
import tempfile

from tools import Tools, add_tool_arguments, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("case", type=pathlib.Path, nargs="+", help="folders of protos")
    arguments = parser.parse_args()
    tools = Tools(arguments)
    problems = []
    with tempfile.TemporaryDirectory() as out:
        for case in arguments.case:
            runs = {generate(tools, case, pathlib.Path(out) / case.name) for _ in range(arguments.runs)}
            if len(runs) > 1:
                problems.append(f"{case}: {arguments.runs} runs gave {len(runs)} different outputs")
    print(f"{len(arguments.case)} cases, {arguments.runs} runs each")
    return report(problems)


def generate(tools, case, out):
    protos = sorted(str(path.relative_to(case)) for path in case.rglob("*.proto"))
    run = tools.generate(case, protos, messi_out=out)
    assert run.returncode == 0, run.stderr
    return tuple((path.name, path.read_bytes()) for path in sorted(out.rglob("*.*")))


if __name__ == "__main__":
    sys.exit(main())
