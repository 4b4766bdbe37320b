#!/usr/bin/env python3
"""Checks a case of test/rejected: its protos, or its options, are refused with the errors in its expected.txt.

With MESSI_UPDATE_GOLDEN=1 in the environment expected.txt is written anew; read the diff before you commit it.

A case is a folder of protos. Its case.json, if there is one, may have
  options          for the plugin, such as "side=sever"
  protobuf         the oldest release of protoc that can read the protos
  protobuf_before  the oldest release of protobuf with which they would be accepted
"""

import argparse
import json
import pathlib
import sys
import tempfile

from tools import SKIPPED, Tools, add_tool_arguments, check_golden, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("case", type=pathlib.Path)
    arguments = parser.parse_args()
    tools = Tools(arguments)
    case = arguments.case
    settings_path = case / "case.json"
    settings = json.loads(settings_path.read_text()) if settings_path.exists() else {}
    release = tools.protobuf_release()
    if not settings.get("protobuf", release) <= release < settings.get("protobuf_before", release + 1):
        print(f"skipped: not a case for protoc {release}")
        return SKIPPED

    protos = sorted(str(path.relative_to(case)) for path in case.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as out:
        out = pathlib.Path(out)
        run = tools.generate(case, protos, settings.get("options", ""), out)
        if run.returncode == 0:
            return report([f"{case}: accepted, but expected to be refused"])
        # What protoc puts in front.
        errors = "".join(line for line in run.stderr.splitlines(keepends=True) if ": warning: " not in line)
        problems = check_golden(case / "expected.txt", errors.removeprefix("--messi_out: "))
        problems += [f"{path} was generated all the same" for path in out.iterdir()]
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
