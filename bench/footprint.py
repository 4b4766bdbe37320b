"""How large a minimal client and server are, and how long the compiler takes for them."""

import json
import pathlib
import resource
import shlex
import subprocess
import tempfile

# Part of every C++ program.
LIBC = ("libc.so", "libm.so", "libgcc_s.so", "libstdc++.so", "ld-linux", "linux-vdso", "bench_cubic.so")
SIDES = ("client", "server")
# (what, the program that a source is compiled for), compiled once however many files use it. Structs need nothing.
ONCE = {
    "messi": [("chat.pb.cc", "bench_minimal_client_messi")],
    "messi_compiled": [("chat.pb.cc", "bench_minimal_client_messi_compiled"), ("messi.cc", "messi_compiled")],
    "grpc": [("chat.pb.cc", "bench_chat"), ("chat_service.pb.cc", "bench_chat_service"),
             ("chat_service.grpc.pb.cc", "bench_chat_service")],
}


def stripped_size(program):
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, program], check=True)
        return pathlib.Path(stripped.name).stat().st_size


def library_bytes(program):
    total = 0
    for line in subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.splitlines():
        words = line.split()
        path = words[2] if "=>" in words and len(words) > 2 else words[0]
        if path.startswith("/") and not pathlib.Path(path).name.startswith(LIBC):
            total += pathlib.Path(path).resolve().stat().st_size
    return total


def compile_seconds(build, source, target):
    """The CPU time of compiling `source` for `target` once more, as the build does, but never from a cache."""
    commands = json.loads((build.parent / "compile_commands.json").read_text())
    entry = next(entry for entry in commands
                 if entry["file"].endswith("/" + source) and f"/{target}.dir/" in entry["command"])
    words = [word for word in shlex.split(entry["command"]) if not word.endswith("ccache")]
    words[words.index("-o") + 1] = "/dev/null"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, cwd=entry["directory"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def sides(peer):
    return SIDES[:1] if peer == "device" else SIDES


def sizes(machine, peer):
    rows = {f"size_{side}": (stripped_size(machine.program(f"minimal_{side}_{peer}")), "bytes") for side in sides(peer)}
    rows["size_libraries"] = (library_bytes(machine.program(f"minimal_client_{peer}")), "bytes")
    return rows


def compile_times(machine, peer):
    rows = {}
    for side in sides(peer):
        source = f"footprint/{side}_{peer.removesuffix('_compiled')}.cc"
        rows[f"compile_{side}"] = (compile_seconds(machine.build, source, f"bench_minimal_{side}_{peer}"), "s")
    if peer in ONCE:
        rows["compile_once"] = (sum(compile_seconds(machine.build, *once) for once in ONCE[peer]), "s")
    return rows
