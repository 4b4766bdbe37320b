#!/usr/bin/env python3
"""What generated code cannot be compiled with: the compiler says so in one line, and stops there.

A runtime of another generation, which in this test has nothing else that generated code knows; and a C++ that is too old.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from tools import Tools, add_tool_arguments, report

EXPECTED = "made for messi runtime API 4: run the protoc-gen-messi of this runtime's release"
TOO_OLD = "messi needs C++17: compile with -std=c++17, or set CMAKE_CXX_STANDARD to 17"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("case", type=pathlib.Path, help="the folder of chat.proto")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        tools = Tools(arguments)
        return report(check_generation(tools, arguments, pathlib.Path(directory) / "generation") +
                      check_standard(tools, arguments, pathlib.Path(directory) / "standard"))


def check_generation(tools, arguments, directory):
    run = tools.generate(arguments.case, ["chat.proto"], messi_out=directory, cpp_out=directory)
    if run.returncode != 0:
        return [run.stderr]
    (directory / "messi").mkdir()
    (directory / "messi" / "version.h").write_text("#define MESSI_RUNTIME_API 1000000\n")
    source = directory / "user.cc"
    source.write_text('#include "chat.messi.h"\nclass Server : public chat::ChatServer {};\n')
    return says_only(EXPECTED, arguments, "c++17", [directory], source)


def check_standard(tools, arguments, directory):
    run = tools.generate(arguments.case, ["chat.proto"], messi_out=directory, cpp_out=directory)
    if run.returncode != 0:
        return [run.stderr]
    problems = []
    for first in ("chat.messi.h", "messi/io/epoll_loop.h"):
        source = directory / "user.cc"
        source.write_text(f'#include "{first}"\n#include "chat.messi.h"\n')
        problems += says_only(TOO_OLD, arguments, "c++14", [directory, *tools.include_path], source)
    return problems


def says_only(words, arguments, standard, include_path, source):
    includes = [f"-isystem{path}" for path in include_path]
    run = subprocess.run([arguments.compiler, f"-std={standard}", "-fsyntax-only", *includes, str(source)],
                         capture_output=True, text=True, check=False, timeout=60)
    # A newer Abseil, which protobuf's header includes first, says so too.
    errors = [line for line in run.stderr.splitlines() if "error: " in line and "/absl/" not in line]
    if run.returncode != 0 and len(errors) == 2 and words in errors[0] and "see the error above" in errors[1]:
        return []
    return [f"expected {words!r} and no more, but the compiler says\n{run.stderr}"]


if __name__ == "__main__":
    sys.exit(main())
