#!/usr/bin/env python3
"""Every hook that the runtime and the generated classes have anyway is refused as a member's.

Otherwise a member could get in the way of a hook that was added later. What is refused is shown by test/rejected/hooks_of_ours.
"""

import pathlib
import re
import sys

from tools import report

HOOK = re.compile(r"virtual [^;{(]*\bon_(\w+)\(")


def main():
    source_dir = pathlib.Path(sys.argv[1])
    runtime = source_dir / "runtime" / "messi"
    refused = (source_dir / "test" / "rejected" / "hooks_of_ours" / "expected.txt").read_text()
    emitted = (source_dir / "plugin" / "cpp" / "cpp_server.cc").read_text()
    hooks = {"ServerToClient": HOOK.findall((runtime / "client.h").read_text()),
             "ClientToServer": HOOK.findall((runtime / "server.h").read_text()) + HOOK.findall(emitted)}
    problems = [f'on_{hook} is a hook of ours, but member "{hook}" of {message} is not refused'
                for message, names in hooks.items() for hook in names if f'member "{hook}" of {message} ' not in refused]
    if not hooks["ServerToClient"] or not hooks["ClientToServer"]:
        problems.append("no hooks found; have they moved?")
    print(f"{sum(map(len, hooks.values()))} hooks")
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
