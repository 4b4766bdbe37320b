#!/usr/bin/env python3
"""The headers of protobuf's well-known types, which the runtime brings, are what the plugin generates.

With MESSI_UPDATE_GOLDEN=1 in the environment they are written anew. Releases of protoc differ in the comments of these protos, so this is
compared with the release that they were generated with, 3.21.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "plugin"))
from tools import SKIPPED, Tools, check_golden, report  # noqa: E402

NAMES = "any api duration empty field_mask source_context struct timestamp type wrappers".split()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protoc", default="protoc")
    parser.add_argument("--plugin", required=True)
    parser.add_argument("headers", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.include_path, arguments.style = "", None
    if Tools(arguments).protobuf_release() != 21:
        print("SKIPPED: the comments are those of protoc 3.21")
        return SKIPPED
    problems = []
    with tempfile.TemporaryDirectory() as directory:
        command = [arguments.protoc, f"--plugin=protoc-gen-messi={arguments.plugin}", f"--messi_out={directory}",
                   "--messi_opt=messages=views", *(f"google/protobuf/{name}.proto" for name in NAMES)]
        subprocess.run(command, check=True, timeout=60)
        for name in NAMES:
            text = (pathlib.Path(directory) / f"google/protobuf/{name}.messi.h").read_text()
            problems += check_golden(arguments.headers / f"{name}.messi.h", text)
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
