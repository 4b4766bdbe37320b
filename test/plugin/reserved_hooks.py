#!/usr/bin/env python3
"""No member gets a name that the runtime has for something else.

Every hook that the runtime and the generated classes have anyway is refused as a member's: it could get in the way of a hook
that was added later. (What is refused is shown by test/rejected/hooks_of_ours.) And no class that generated ones derive from has
another name that begins as what is generated for members does, since a member's would hide it.
"""

import pathlib
import re
import sys

from tools import report

HOOK = re.compile(r"virtual [^;{(]*\bon_(\w+)\(")
OF_A_MEMBER = re.compile(r"\b(?:on|send|try_send|reply|broadcast|call)_\w+")
PYTHON_HOOK = re.compile(r"async def on_(\w+)\(")
PYTHON_OF_A_MEMBER = re.compile(r"def ((?:on|send|try_send|reply|broadcast|call|init)_\w+)\(")
IGNORED = re.compile(r"//.*|^#include .*", re.MULTILINE)


def main():
    source_dir = pathlib.Path(sys.argv[1])
    runtime = source_dir / "runtime" / "messi"
    refused = (source_dir / "test" / "rejected" / "hooks_of_ours" / "expected.txt").read_text()
    bases = {name: IGNORED.sub("", (runtime / name).read_text()) for name in ("client.h", "group.h", "server.h", "server_of.h", "server_client.h")}
    devices = {name: IGNORED.sub("", (runtime / name).read_text())
               for name in ("device/calls.h", "device/client.h", "device/link.h", "device/session_client.h")}
    hooks = {"ServerToClient": HOOK.findall(bases["client.h"]) + [hook for text in devices.values() for hook in HOOK.findall(text)],
             "ClientToServer": HOOK.findall(bases["server.h"]) + HOOK.findall(bases["server_of.h"])}
    problems = [f'on_{hook} is a hook of ours, but member "{hook}" of {message} is not refused'
                for message, names in hooks.items() for hook in names if f'member "{hook}" of {message} ' not in refused]
    if not hooks["ServerToClient"] or not hooks["ClientToServer"]:
        problems.append("no hooks found; have they moved?")
    ours = {f"on_{hook}" for names in hooks.values() for hook in names}
    problems += [f"{header} has {name}, which what is generated for a member may hide"
                 for header, text in {**bases, **devices}.items() for name in OF_A_MEMBER.findall(text) if name not in ours]
    python = source_dir / "runtime" / "python" / "src" / "messi_runtime"
    for module, message in (("client", "ServerToClient"), ("server", "ClientToServer"), ("server_client", None), ("group", None)):
        text = (python / f"{module}.py").read_text()
        names = set(PYTHON_HOOK.findall(text))
        problems += [f'Python has on_{hook} in {module}, but member "{hook}" of {message} is not refused'
                     for hook in names if f'member "{hook}" of {message} ' not in refused]
        problems += [f"Python's {module} has {name}, which what is generated for a member may hide"
                     for name in PYTHON_OF_A_MEMBER.findall(text) if name not in {f"on_{hook}" for hook in names}]
    print(f"{len(ours)} hooks")
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
