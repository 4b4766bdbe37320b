#!/usr/bin/env python3
"""Generated code is clean under clang-tidy (with the project's .clang-tidy) and Doxygen.

Runs over the folder that the golden cases were generated into. Skipped, with the reason, for a tool that is not there.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
# Each shows something the others do not; the rest are variations of them.
CASES = ("calls", "chat", "same_type")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=("clang-tidy", "doxygen"))
    parser.add_argument("--include-path", default="", help="separated by colons")
    parser.add_argument("--config", type=pathlib.Path, required=True, help="the .clang-tidy")
    parser.add_argument("generated", type=pathlib.Path, help="the folder with a folder per golden case")
    arguments = parser.parse_args()
    if shutil.which(arguments.tool) is None:
        print(f"SKIPPED: there is no {arguments.tool}")
        return SKIPPED
    failed = False
    for case in CASES:
        check = tidy if arguments.tool == "clang-tidy" else document
        complaints = check(arguments.generated / case, arguments)
        failed |= bool(complaints)
        print(f"{case}: {complaints or 'clean'}")
    return 1 if failed else 0


def headers(case):
    return sorted((case / "messi").rglob("*.messi.h"))


def tidy(case, arguments):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "lint.cc"
        source.write_text("".join(f'#include "{path.relative_to(case / "messi")}"\n' for path in headers(case)))
        includes = [f"-I{path}" for path in arguments.include_path.split(":") if path]
        run = subprocess.run(
            ["clang-tidy", f"--config-file={arguments.config}", "--quiet", source, "--",
             "-std=c++17", f"-I{case / 'messi'}", f"-I{case / 'cpp'}", *includes],
            capture_output=True, text=True, check=False)
    return run.stdout if run.returncode != 0 else ""


def document(case, _):
    with tempfile.TemporaryDirectory() as folder:
        settings = "\n".join([
            "INPUT = " + " ".join(f'"{path}"' for path in headers(case)),
            f"OUTPUT_DIRECTORY = {folder}",
            "GENERATE_LATEX = NO", "HAVE_DOT = NO", "QUIET = YES",
            # What a proto says nothing of has nothing to be documented with.
            "WARN_IF_UNDOCUMENTED = NO", "WARN_IF_DOC_ERROR = YES", "WARN_AS_ERROR = FAIL_ON_WARNINGS",
        ])
        run = subprocess.run(["doxygen", "-"], input=settings, capture_output=True, text=True, check=False)
    return run.stderr if run.returncode != 0 else ""


if __name__ == "__main__":
    sys.exit(main())
