#!/usr/bin/env python3
"""A protocol of 500 messages in each direction is generated, as clang-format wants it, and compiles."""

import argparse
import pathlib
import sys

from tools import Tools, add_tool_arguments, report

MEMBERS = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_tool_arguments(parser)
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where to work")
    arguments = parser.parse_args()
    tools = Tools(arguments)
    arguments.directory.mkdir(parents=True, exist_ok=True)

    lines = ['syntax = "proto3";', "package many;"]
    for direction in ("ClientToServer", "ServerToClient"):
        members = (f"    Message{i} message_{i} = {i};" for i in range(1, MEMBERS + 1))
        lines += [f"message {direction} {{", "  oneof messages {", *members, "  }", "}"]
    lines += [f"message Message{i} {{}}" for i in range(1, MEMBERS + 1)]
    (arguments.directory / "many.proto").write_text("\n".join(lines) + "\n")

    run = tools.generate(arguments.directory, ["many.proto"], messi_out=arguments.directory, cpp_out=arguments.directory)
    if run.returncode != 0:
        return report([run.stderr])
    problems = tools.check_format(arguments.directory / "many.messi.h")
    problems += tools.check_compiles(arguments.directory / "include_all.cc", ["many.messi.h"], [arguments.directory],
                                     standards=["c++17"])
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
