#!/usr/bin/env python3
"""Fetches the sources of upb, which PyPI's source package of protobuf has: fetch_upb.py DIRECTORY.

Ends with status 77, having said so, if they cannot be fetched.
"""

import pathlib
import shutil
import subprocess
import sys
import tarfile

PACKAGE = "protobuf==7.36.2"


def fetch(work):
    shutil.rmtree(work, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True, capture_output=True)
    pip = [work / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "download", "--no-deps", "--no-binary", "protobuf", "--dest", work, PACKAGE], check=True)
    with tarfile.open(next(work.glob("protobuf-*.tar.gz"))) as package:
        package.extractall(work)
    next(work.glob("protobuf-*/")).rename(work / "sources")


def main():
    work = pathlib.Path(sys.argv[1]).resolve()
    if not (work / "sources").exists():
        try:
            fetch(work)
        except subprocess.CalledProcessError:
            print("*** upb could not be fetched, so it is LEFT OUT of the codecs. ***", file=sys.stderr)
            return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
