#!/usr/bin/env python3
"""Fetches the original Messi and generates its code, as its interoperability tests do: fetch_original.py DIRECTORY.

Ends with status 77, having said so, if it cannot be fetched.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "interop"))

from original import Original, Unreachable


def main():
    try:
        Original(sys.argv[1]).prepare()
    except Unreachable:
        print("*** The original Messi could not be fetched, so it is LEFT OUT of the benchmarks. ***", file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
