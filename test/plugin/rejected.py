#!/usr/bin/env python3
"""Checks cases of test/rejected: their protos, or its options, are refused with the errors in its expected.txt.

With MESSI_UPDATE_GOLDEN=1 in the environment expected.txt is written anew; read the diff before you commit it.

A case is a folder of protos. Its case.json, if there is one, may have
  options          for the plugin, such as "side=sever"
  protobuf         the oldest release of protoc that can read the protos
  protobuf_before  the oldest release of protobuf with which they would be accepted
"""

import argparse
import pathlib
import re
import sys
import tempfile

from tools import Skipped, Tools, add_tool_arguments, check_golden, run_cases

# protoc's, and those that a newer libprotobuf writes by Abseil's log.
WARNING = re.compile(r": warning: |^WARNING: All log messages before|^W\d{4} ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("case", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        return run_cases(check, Tools(arguments), arguments.case, pathlib.Path(directory))


def check(tools, case, settings, directory):
    release = tools.protobuf_release()
    if not settings.get("protobuf", release) <= release < settings.get("protobuf_before", release + 1):
        raise Skipped(f"is not a case for protoc {release}")

    protos = sorted(str(path.relative_to(case)) for path in case.rglob("*.proto"))
    out = directory / case.name
    run = tools.generate(case, protos, settings.get("options", ""), out)
    if run.returncode == 0:
        return [f"{case}: accepted, but expected to be refused"]
    errors = "".join(line for line in run.stderr.splitlines(keepends=True) if not WARNING.search(line))
    problems = check_golden(case / "expected.txt", errors.removeprefix("--messi_out: "))
    return problems + [f"{path} was generated all the same" for path in out.iterdir()]


if __name__ == "__main__":
    sys.exit(main())
