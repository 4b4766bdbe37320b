#!/usr/bin/env python3
"""Checks cases of test/golden: what is generated from its protos is what stands beside them.

C++ must also be as clang-format wants it. compile_golden.py compiles all cases. With MESSI_UPDATE_GOLDEN=1 in the environment
the case is written anew instead of compared; read the diff before you commit it.

A case is a folder of protos. Its case.json, if there is one, may have
  options   for the plugin, such as "side=client"
  protos    the folder of another case, whose protos it takes, such as "../chat"
  protobuf  the oldest release of protoc that can read the protos, such as 27
  warnings  all that there are, each as file:line:column: warning: problem; remedy
"""

import argparse
import pathlib
import re
import shutil
import sys

from tools import Skipped, Tools, add_tool_arguments, check_golden, diff, is_update, run_cases

WARNING = re.compile(": warning: .*; ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where to generate: <case>/messi and <case>/cpp")
    parser.add_argument("case", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    return run_cases(check, Tools(arguments), arguments.case, arguments.directory)


def check(tools, case, settings, directory):
    if tools.protobuf_release() < settings.get("protobuf", 0):
        raise Skipped(f"needs protoc {settings['protobuf']}")

    out = directory / case.name
    messi_out = out / "messi"
    shutil.rmtree(out, ignore_errors=True)
    import_dir = case / settings.get("protos", ".")
    protos = sorted(str(path.relative_to(import_dir)) for path in import_dir.rglob("*.proto"))
    run = tools.generate(import_dir, protos, settings.get("options", ""), messi_out, out / "cpp")
    if run.returncode != 0:
        return [run.stderr]

    generated = {str(path.relative_to(messi_out)): path for path in sorted(messi_out.rglob("*.*"))}
    expected = {str(path.relative_to(case)): path for path in sorted(case.rglob("*.*")) if is_expectation(path)}
    problems = check_warnings(settings.get("warnings"), run.stderr)
    for name, path in generated.items():
        problems += check_golden(case / name, path.read_text())
        problems += tools.check_format(path)
    for name in expected.keys() - generated.keys():
        if is_update():
            expected[name].unlink()
        else:
            problems.append(f"{expected[name]} was not generated")
    return problems


def check_warnings(expected, errors):
    """Those of the plugin end in a remedy, those of protoc do not."""
    if expected is None:
        return []
    return diff("\n".join(expected), "\n".join(line for line in errors.splitlines() if WARNING.search(line)), "case.json", "said now")


def is_expectation(path):
    return path.suffix != ".proto" and path.name != "case.json" and path.is_file()


if __name__ == "__main__":
    sys.exit(main())
