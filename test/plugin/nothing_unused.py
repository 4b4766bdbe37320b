#!/usr/bin/env python3
"""A file that only includes a generated header has none of its functions, nor of the runtime's, in its object: in both flavours.

Runs over the folder that the golden cases were generated into.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

from tools import Tools, add_tool_arguments, report

# Functions and tables of ours that the file brings to the program.
OURS = re.compile(r"^\S* *[TWVBDu] (?!typeinfo).*\b(messi|chat)::.*", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("generated", type=pathlib.Path, help="the folder with a folder per golden case")
    arguments = parser.parse_args()
    tools = Tools(arguments)
    case = arguments.generated / "chat"
    includes = [f"-I{path}" for path in (case / "messi", case / "cpp", *tools.include_path)]
    problems = []
    with tempfile.TemporaryDirectory() as directory:
        source = pathlib.Path(directory) / "include.cc"
        source.write_text('#include "chat.messi.h"\n')
        for flavour in ([], ["-DMESSI_COMPILED"]):
            found = brought(arguments.compiler, source, [*includes, *flavour]) - brought_by_protobuf(arguments.compiler, source, includes)
            problems += [f"{' '.join(flavour)}: {symbol}" for symbol in sorted(found)]
    return report(problems)


def brought(compiler, source, options):
    subprocess.run([compiler, "-std=c++17", "-O2", *options, "-c", source, "-o", source.with_suffix(".o")], check=True)
    symbols = subprocess.run(["nm", "-C", source.with_suffix(".o")], capture_output=True, text=True, check=True).stdout
    return {match.group(0) for match in OURS.finditer(symbols)}


def brought_by_protobuf(compiler, source, options):
    alone = source.with_name("alone.cc")
    alone.write_text('#include "chat.pb.h"\n')
    return brought(compiler, alone, options)


if __name__ == "__main__":
    sys.exit(main())
