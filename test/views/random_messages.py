#!/usr/bin/env python3
"""Generates random schemas of messages, with messages=views and by libprotobuf, and compares the two on random messages and on bytes
that are nearly messages: both must accept the same, and see the same in it. See against_libprotobuf.h.

The same seed gives the same schemas and bytes. A long run: --seed 7 --schemas 40 --rounds 20000.
"""

import argparse
import pathlib
import random
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "plugin"))
from tools import Tools, add_tool_arguments, report  # noqa: E402

NUMBERS = "double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool".split()
KEYS = "int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string".split()
WELL_KNOWN = "Any Duration Empty FieldMask Struct Value ListValue Timestamp Int32Value StringValue BoolValue DoubleValue".split()
IMPORTS = "any duration empty field_mask struct timestamp wrappers".split()


class Schema:
    """Messages that have each other, also in circles. Some are nested."""

    def __init__(self, rng):
        self.rng = rng
        self.names = [f"M{i}" for i in range(rng.randint(2, 7))]
        self.nested = {name: [f"{name}.N{i}" for i in range(rng.randint(0, 2))] for name in self.names}
        self.messages = [*self.names, *(each for nested in self.nested.values() for each in nested)]
        self.enums = ["E", *(f"{name}.F" for name in self.names if rng.random() < 0.3)]

    def type(self):
        return self.rng.choice((*NUMBERS, "string", "string", "bytes", self.rng.choice(self.enums), self.rng.choice(self.messages),
                                self.rng.choice(self.messages), f"google.protobuf.{self.rng.choice(WELL_KNOWN)}"))

    def fields(self, indent):
        numbers = self.rng.sample([*range(1, 40), 127, 128, 2047, 2048, 18999, 536870911], k=30)
        lines = []
        for i in range(self.rng.choice((0, 1, 3, 8, 14))):
            number = numbers.pop()
            shape = self.rng.choice(("", "", "optional", "repeated", "repeated", "map", "oneof"))
            if shape == "map":
                lines.append(f"map<{self.rng.choice(KEYS)}, {self.type()}> f{i} = {number};")
            elif shape == "oneof":
                members = (f"{self.type()} f{i}m{k} = {numbers.pop()};" for k in range(self.rng.randint(1, 3)))
                lines.append(f"oneof o{i} {{ {' '.join(members)} }}")
            else:
                kind = self.type()
                is_unpacked = shape == "repeated" and kind in NUMBERS and self.rng.random() < 0.4
                lines.append(f"{shape} {kind} f{i} = {number}{' [packed = false]' if is_unpacked else ''};".lstrip())
        return [indent + line for line in lines]

    def text(self, package):
        lines = ['syntax = "proto3";', f"package {package};", *(f'import "google/protobuf/{name}.proto";' for name in IMPORTS)]
        state = self.rng.getstate()
        lines.append("enum E { E_ZERO = 0; E_ONE = 1; E_MINUS = -7; }")
        for name in self.names:
            lines += [f"message {name} {{", *self.fields("  ")]
            for nested in self.nested[name]:
                lines += [f"  message {nested.split('.')[1]} {{", *self.fields("    "), "  }"]
            if f"{name}.F" in self.enums:
                lines.append("  enum F { F_ZERO = 0; F_LARGE = 2147483647; }")
            lines.append("}")
        self.rng.setstate(state)
        return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schemas", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=300, help="messages of each type; of each, eight variants follow")
    parser.add_argument("--flags", default="-O1", help="for the compiler")
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where to work")
    arguments = parser.parse_args()
    tools = Tools(arguments)
    directory = arguments.directory
    directory.mkdir(parents=True, exist_ok=True)

    rng = random.Random(arguments.seed)
    headers, comparisons = [], []
    for i in range(arguments.schemas):
        schema = Schema(rng)
        for package in (f"ours{i}", f"theirs{i}"):
            (directory / f"{package}.proto").write_text(schema.text(package))
        rng.random()
        run = tools.generate(directory, [f"ours{i}.proto"], "messages=views", messi_out=directory)
        if run.returncode == 0:
            run = tools.generate(directory, [f"theirs{i}.proto"], cpp_out=directory)
        if run.returncode != 0:
            return report([f"{directory}/ours{i}.proto: {run.stderr}"])
        headers += [f"ours{i}.messi.h", f"theirs{i}.pb.h"]
        for message in schema.messages:
            name = message.replace(".", "_")
            comparisons.append(f"  compared.compare<ours{i}::{name}, theirs{i}::{name}>();")
    includes = [f'#include "{header}"' for header in ["test/views/against_libprotobuf.h", *headers]]
    (directory / "compare.cc").write_text("\n".join(
        [*includes, "int main() {", f"  messi::test::AgainstLibprotobuf compared({arguments.seed}, {arguments.rounds});", *comparisons,
         "  return compared.report();", "}", ""]))
    program = directory / "compare"
    command = [arguments.compiler, "-std=c++17", *arguments.flags.split(), f"-I{directory}", *(f"-I{path}" for path in tools.include_path),
               str(directory / "compare.cc"), *(str(directory / f"theirs{i}.pb.cc") for i in range(arguments.schemas)),
               "-o", str(program), "-lprotobuf", "-lpthread"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return report([f"{' '.join(command)}\n{run.stderr}"])
    print(f"seed {arguments.seed}: {arguments.schemas} schemas, {len(comparisons)} messages, ", end="", flush=True)
    return subprocess.run([program], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
