#!/usr/bin/env python3
"""Generated code and a runtime of another generation: the compiler says so in one line, and stops there.

The runtime of the test has nothing else that generated code knows.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from tools import Tools, add_tool_arguments, report

EXPECTED = "made for messi runtime API 2: run the protoc-gen-messi of this runtime's release"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("case", type=pathlib.Path, help="the folder of chat.proto")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        return report(check(Tools(arguments), arguments, pathlib.Path(directory)))


def check(tools, arguments, directory):
    run = tools.generate(arguments.case, ["chat.proto"], messi_out=directory, cpp_out=directory)
    if run.returncode != 0:
        return [run.stderr]
    (directory / "messi").mkdir()
    (directory / "messi" / "version.h").write_text("#define MESSI_RUNTIME_API 1000000\n")
    source = directory / "user.cc"
    source.write_text('#include "chat.messi.h"\nclass Server : public chat::ChatServer {};\n')
    run = subprocess.run([arguments.compiler, "-std=c++17", "-fsyntax-only", f"-I{directory}", str(source)],
                         capture_output=True, text=True, check=False, timeout=60)
    errors = [line for line in run.stderr.splitlines() if "error: " in line]
    if run.returncode != 0 and len(errors) == 2 and EXPECTED in errors[0] and "see the error above" in errors[1]:
        return []
    return [f"expected {EXPECTED!r} and no more, but the compiler says\n{run.stderr}"]


if __name__ == "__main__":
    sys.exit(main())
