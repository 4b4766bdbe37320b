#!/usr/bin/env python3
"""Compiles what golden.py has generated for all cases: twice each header, without warnings, in one translation unit.

So the cases also show that any protocols get along in one program.
"""

import argparse
import pathlib
import re
import sys

from tools import Tools, add_tool_arguments, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("directory", type=pathlib.Path, help="has a folder per case")
    arguments = parser.parse_args()

    messi_dirs = sorted(arguments.directory.glob("*/messi"))
    cpp_dirs = sorted(arguments.directory.glob("*/cpp"))
    # With protobuf 36 the guard of 3d.pb.h is no identifier.
    broken = {path.relative_to(directory).with_suffix("").with_suffix("") for directory in cpp_dirs
              for path in directory.rglob("*.pb.h") if re.search(r"^#ifndef \d", path.read_text(), re.MULTILINE)}
    headers = [path.relative_to(directory) for directory in messi_dirs for path in sorted(directory.rglob("*.messi.h*"))]
    headers = [header for header in headers if header.with_suffix("").with_suffix("") not in broken]
    if not headers:
        return report([f"{arguments.directory} has no headers"])
    # What protobuf generates may have warnings.
    return report(Tools(arguments).check_compiles(arguments.directory / "include_all.cc", headers, messi_dirs, cpp_dirs))


if __name__ == "__main__":
    sys.exit(main())
