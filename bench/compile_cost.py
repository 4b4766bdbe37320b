#!/usr/bin/env python3
"""What a generated C++ header costs those who include it, beside the .pb.h that it includes, and those who use it.

    bench/compile_cost.py --plugin build/dev/plugin/protoc-gen-messi

For each schema a file that includes only the header is compiled: x.pb.h, and x.messi.h in both flavours. Times are user time, the
least of several rounds in which all take turns; memory is the peak. Text is the machine code, at -O2, of a client and a server that
override nothing, per member and direction: the difference between schemas of n and n / 2 members. Needs GNU time.
"""

import argparse
import pathlib
import random
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCALARS = ("string", "bytes", "int32", "int64", "uint32", "uint64", "bool", "double", "sint32", "fixed32")
FLAVOURS = {"": [], ", compiled": ["-DMESSI_COMPILED"]}
OPTIMISED = {"-fsyntax-only": ["-fsyntax-only"], "-O0": ["-c", "-O0"], "-O2": ["-c", "-O2"]}


def flat(count):
    """`count` members in each direction, of the same messages, which are flat."""
    rng = random.Random(1)
    members = [f"    Message{i} message_{i} = {i};" for i in range(1, count + 1)]
    lines = ['syntax = "proto3";', "package flat;"]
    for direction in ("ClientToServer", "ServerToClient"):
        lines += [f"message {direction} {{", "  oneof messages {", *members, "  }", "}"]
    for i in range(1, count + 1):
        lines += [f"message Message{i} {{", *fields(rng, rng.randint(1, 5), ()), "}"]
    return {"flat": lines}


def nested(count):
    """`count` members in all, each of a message of its own: with nested messages, enums, maps, lists, and messages of an import."""
    rng = random.Random(3)
    shared = [f"Shared{i}" for i in range(60)]
    imported = ['syntax = "proto3";', "package nested.shared;"]
    for i, name in enumerate(shared):
        imported += [f"message {name} {{", *fields(rng, rng.randint(2, 9), shared[:i]), "}"]
    lines = ['syntax = "proto3";', "package nested;", 'import "shared.proto";']
    for direction, name in (("ClientToServer", "Req"), ("ServerToClient", "Rsp")):
        lines += [f"message {direction} {{", "  oneof messages {"]
        lines += [f"    {name}{i} {name.lower()}_{i} = {i};" for i in range(1, count // 2 + 1)]
        lines += ["  }", "}"]
        for i in range(1, count // 2 + 1):
            lines.append(f"message {name}{i} {{")
            if rng.random() < 0.4:
                lines += ["  message Inner {", *fields(rng, 3, ()), "  }", "  Inner inner = 41;"]
            if rng.random() < 0.3:
                lines += ["  enum Kind { ZERO = 0; ONE = 1; }", "  Kind kind = 40;"]
            lines += [*fields(rng, rng.randint(0, 8), [f"shared.{each}" for each in shared]), "}"]
    return {"nested": lines, "shared": imported}


def fields(rng, count, messages):
    for i in range(1, count + 1):
        kind = rng.random()
        scalar = rng.choice(SCALARS)
        if messages and kind < 0.2:
            yield f"  {rng.choice(('', 'repeated '))}{rng.choice(messages)} field_{i} = {i};"
        elif messages and kind < 0.3:
            yield f"  {rng.choice(('map<string, ' + scalar + '>', 'repeated ' + scalar))} field_{i} = {i};"
        else:
            yield f"  {scalar} field_{i} = {i};"


class Schema:
    def __init__(self, arguments, directory, protos):
        self.arguments = arguments
        self.directory = directory
        self.name = next(iter(protos))
        directory.mkdir()
        for name, lines in protos.items():
            (directory / f"{name}.proto").write_text("\n".join(lines) + "\n")
        subprocess.run([arguments.protoc, f"-I{directory}", f"--plugin=protoc-gen-messi={arguments.plugin}", f"--cpp_out={directory}",
                        f"--messi_out={directory}", *(f"{name}.proto" for name in protos)], check=True)

    def source(self, name, text):
        (self.directory / f"{name}.cc").write_text(text)
        return self.directory / f"{name}.cc"

    def compile(self, source, *options):
        """Returns seconds and KiB."""
        command = ["/usr/bin/time", "-f", "%U %M", self.arguments.compiler, "-std=c++17", "-w", f"-I{self.directory}", f"-I{ROOT}/runtime",
                   *options, str(source), *([] if "-fsyntax-only" in options else ["-o", str(self.directory / "out.o")])]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, memory = run.stderr.split()[-2:]
        return float(seconds), int(memory)

    def cost(self, options):
        """Of each header: seconds and MiB."""
        sources = {".pb.h": (self.source("pb", f'#include "{self.name}.pb.h"\n'), [])}
        for flavour, defines in FLAVOURS.items():
            sources[f".messi.h{flavour}"] = (self.source("messi", f'#include "{self.name}.messi.h"\n'), defines)
        rounds = [{header: self.compile(source, *options, *defines) for header, (source, defines) in sources.items()}
                  for _ in range(self.arguments.rounds)]
        return {header: (min(each[header][0] for each in rounds), max(each[header][1] for each in rounds) / 1024) for header in sources}

    def text_size(self):
        base = "".join(word.capitalize() for word in self.name.split("_"))
        program = [f'#include "{self.name}.messi.h"', '#include "messi/io/epoll_loop.h"', "int main() {", "  messi::EpollLoop loop;"]
        for side in ("Client", "Server"):
            program.insert(2, f"class {side} final : public {self.name}::{base}{side} {{ public: using {base}{side}::{base}{side}; }};")
            program.append(f'  {side} {side.lower()}(loop, "tcp://localhost:1");')
        self.compile(self.source("program", "\n".join([*program, "}"]) + "\n"), "-c", "-O2", "-DMESSI_COMPILED")
        sections = subprocess.run(["size", "-A", str(self.directory / "out.o")], capture_output=True, text=True, check=True).stdout
        return sum(int(size) for size in re.findall(r"^\.text\S*\s+(\d+)", sections, re.MULTILINE))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugin", type=pathlib.Path, required=True, help="protoc-gen-messi")
    parser.add_argument("--protoc", default="protoc")
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nested", type=int, default=300, help="how many nested members")
    parser.add_argument("--flat", type=int, default=1000, help="how many flat members in each direction")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        measure(arguments, pathlib.Path(directory))


def measure(arguments, directory):
    print("| members | | .pb.h | .messi.h | ratio | .messi.h, compiled | ratio |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for make, count in ((nested, arguments.nested), (flat, arguments.flat)):
        schema = Schema(arguments, directory / make.__name__, make(count))
        for name, options in OPTIMISED.items():
            cost = schema.cost(options)
            for unit, place, digits in (("s", 0, 2), ("MiB", 1, 0)):
                base, *others = (each[place] for each in cost.values())
                cells = " | ".join(f"{each:.{digits}f} | {each / base:.2f}" for each in others)
                print(f"| {count} {make.__name__} | {name}, {unit} | {base:.{digits}f} | {cells} |", flush=True)
    for make, count in ((nested, arguments.nested), (flat, arguments.flat)):
        whole, half = (Schema(arguments, directory / f"{make.__name__}_{members}", make(members)).text_size() for members in (count, count // 2))
        directions = 1 if make is nested else 2
        print(f"\n{make.__name__}: {(whole - half) / (count - count // 2) / directions:.0f} B of text per member and direction")


if __name__ == "__main__":
    main()
