"""How large a minimal client and server are, and how long the compiler takes for them."""

import json
import pathlib
import resource
import shlex
import subprocess
import tempfile

# Part of every C++ program.
LIBC = ("libc.so", "libm.so", "libgcc_s.so", "libstdc++.so", "ld-linux", "linux-vdso", "bench_cubic.so")
GENERATED = {"messi": ["chat.pb.cc"], "grpc": ["chat.pb.cc", "chat_service.pb.cc", "chat_service.grpc.pb.cc"]}


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


def compile_seconds(build, source):
    """The CPU time of compiling `source` once more, as the build does, but never from a cache."""
    commands = json.loads((build.parent / "compile_commands.json").read_text())
    entry = next(entry for entry in commands if entry["file"].endswith("/" + source))
    words = [word for word in shlex.split(entry["command"]) if not word.endswith("ccache")]
    words[words.index("-o") + 1] = "/dev/null"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, cwd=entry["directory"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(machine, peer):
    rows = {}
    for side in ("client", "server"):
        name = f"minimal_{side}_{peer}"
        program = machine.program(name)
        rows[f"size_{side}"] = (stripped_size(program), "bytes")
        rows[f"compile_{side}"] = (compile_seconds(machine.build, f"footprint/{side}_{peer}.cc"), "s")
    rows["size_libraries"] = (library_bytes(machine.program(f"minimal_client_{peer}")), "bytes")
    rows["compile_generated"] = (sum(compile_seconds(machine.build, source) for source in GENERATED[peer]), "s")
    return rows
