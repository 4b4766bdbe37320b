#!/usr/bin/env python3
"""Runs random schemas, legal and illegal, through protoc and the plugin.

Of a legal one the generated header must compile without warnings, be as clang-format wants it, and be the same when
generated again. An illegal one must be refused, with an error at the place of each of its faults and no other.

The same seed gives the same schemas. A schema that fails is left in the working directory.
"""

import argparse
import pathlib
import random
import re
import sys

from tools import Tools, add_tool_arguments, report

WORDS = ("a ack all answer bar bye chat class connect data delete door enter erik event fetch file foo game go hello if ind "
         "int join key kick left line list log long loop me message move name namespace new no note on open peer ping poll "
         "port private public quit read ready rename reply req rsp say send server session set sign start state stop sub "
         "switch tell template this time topic typing union update user using value very virtual void volatile watch "
         "welcome while x y yes zip 2 3d v1").split()

# Not to be hooks: they are those of the runtime's classes.
RESERVED = {"client_connected", "client_disconnected", "client_writable", "client_behind", "client_refused", "unknown_message", "connected",
            "disconnected", "connect_failure", "writable", "handshake_failed"}

COMMENTS = ("Short.", "Two sentences. The second one.", "With */ in it, and /* too", "Ends with a backslash \\",
            "Grüße aus Köln, 東京 und \u202eanderswo", "A list:\n- one\n- two\n\n  indented", "%s $name$ $$ {0} \\n \\x",
            "Long " + "very " * 40 + "long.", "x" * 120, "", "   ", "??/", "TODO(me): nothing")


class Schema:
    """A legal schema, as lines that can be made illegal."""

    def __init__(self, rng, name):
        self.rng = rng
        self.name = name
        self.package = rng.choice(("", self.words(1, 2), f"{self.words(1, 1)}.{self.words(1, 3)}.v1"))
        self.package = ".".join(f"p_{part}" for part in self.package.split(".")) if self.package else ""
        self.syntax = rng.choice(("proto2", "proto3"))
        self.types = [self.type_name() for _ in range(rng.randint(1, 6))]
        self.types = list(dict.fromkeys(self.types))
        self.lines = []
        self.write()

    def words(self, least, most):
        return "_".join(self.rng.choice(WORDS) for _ in range(self.rng.randint(least, most)))

    def type_name(self):
        return "M" + "".join(word.capitalize() for word in self.words(1, self.rng.choice((1, 3, 6))).split("_"))

    def comment(self, indent):
        if self.rng.random() < 0.5:
            return []
        return [f"{indent}// {line}".replace("\u202e", "") for line in self.rng.choice(COMMENTS).split("\n")]

    def field_names(self):
        names = {}
        for _ in range(self.rng.choice((1, 2, 5, 12))):
            name = self.words(1, self.rng.choice((1, 2, 3, 6, 9)))
            if name[0].isdigit():
                name = "n" + name
            # What protobuf makes of it must be unique.
            key = re.sub(r"[^a-z0-9]", "", name)
            if name not in RESERVED and name != "messages":
                names.setdefault(key, name)
        return list(names.values()) or ["foo"]

    def write(self):
        self.lines += self.comment("")
        self.lines.append(f'syntax = "{self.syntax}";')
        if self.package:
            self.lines += ["", *self.comment(""), f"package {self.package};"]
        for message in ("ClientToServer", "ServerToClient"):
            self.lines += ["", *self.comment(""), f"message {message} {{"]
            self.lines += ["  oneof messages {"]
            numbers = self.rng.sample([*range(1, 60), 536870911, 19_000 - 1, 20_000], k=30)
            for field, number in zip(self.field_names(), numbers):
                options = self.rng.choice(("", "", "", " [deprecated = true]"))
                self.lines += self.comment("    ")
                self.lines.append(f"    {self.rng.choice(self.types)} {field} = {number}{options};")
            self.lines += ["  }", "}"]
        for each in self.types:
            self.lines += ["", *self.comment(""), f"message {each} {{"]
            self.lines += [f"  {'optional ' if self.syntax == 'proto2' else ''}string text = 1;", "}"]

    def text(self):
        return "\n".join(self.lines) + "\n"


def spoil(schema):
    """Makes the schema illegal. Returns the places where errors are expected, as (line, column)."""
    rng = schema.rng
    at = {message: schema.lines.index(f"message {message} {{") for message in ("ClientToServer", "ServerToClient")}
    message = rng.choice(list(at))
    oneof = at[message] + 1
    optional = "optional " if schema.syntax == "proto2" else ""
    fault = rng.choice(("missing", "oneof", "second", "outside", "scalar", "enum", "map", "hook"))
    if fault == "missing":
        other = next(each for each in at if each != message)
        schema.lines[at[message]] = "message Other {"
        return [(at[other] + 1, 1)]
    if fault == "oneof":
        schema.lines[oneof] = "  oneof other_name {"
        return [(oneof + 1, 3)]
    if fault == "hook":
        names = ("unknown_message", "client_connected" if message == "ClientToServer" else "connected")
        schema.lines.insert(oneof + 1, f"    {schema.types[0]} {rng.choice(names)} = 99;")
        return [(oneof + 2, 5)]
    if fault in ("scalar", "enum"):
        kind = {"scalar": rng.choice(("int32", "bool", "bytes", "string", "double")), "enum": "E"}[fault]
        schema.lines.insert(oneof + 1, f"    {kind} my_value = 99;")
        schema.lines.append("enum E { E_ZERO = 0; }")
        return [(oneof + 2, 5)]
    lines = {"second": f"  oneof others {{ {schema.types[0]} other = 99; }}",
             "outside": f"  {rng.choice((optional, 'repeated '))}{schema.types[0]} outside = 99;",
             "map": f"  map<string, {schema.types[0]}> by_name = 99;"}
    schema.lines.insert(oneof, lines[fault])
    return [(oneof + 1, 3)]


def check_legal(tools, directory, schema):
    path = directory / f"{schema.name}.proto"
    path.write_text(schema.text())
    run = tools.generate(directory, [path.name], messi_out=directory, cpp_out=directory)
    if run.returncode != 0:
        return [f"{path}: a legal schema is refused:\n{run.stderr}"]
    header = path.with_suffix(".messi.h")
    first = header.read_text()
    tools.generate(directory, [path.name], messi_out=directory)
    problems = [] if header.read_text() == first else [f"{header}: generated twice, and not the same"]
    return problems + tools.check_format(header)


def check_illegal(tools, directory, schema):
    places = spoil(schema)
    path = directory / f"{schema.name}.proto"
    path.write_text(schema.text())
    run = tools.generate(directory, [path.name], messi_out=directory)
    if run.returncode == 0:
        return [f"{path}: an illegal schema is accepted; expected errors at {places}"]
    found = [(int(line), int(column)) for line, column in
             re.findall(rf"^{re.escape(path.name)}:(\d+):(\d+): error: .+; .+$", run.stderr, re.MULTILINE)]
    return [] if found == places else [f"{path}: expected errors at {places}, but protoc said:\n{run.stderr}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40, help="how many legal ones, and as many illegal ones")
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where to work")
    arguments = parser.parse_args()
    tools = Tools(arguments)
    directory = arguments.directory
    directory.mkdir(parents=True, exist_ok=True)

    rng = random.Random(arguments.seed)
    problems = []
    legal = []
    for i in range(arguments.count):
        schema = Schema(rng, f"legal_{i}")
        found = check_legal(tools, directory, schema)
        problems += found
        # All in one translation unit, so that they also have to get along. A package can have one protocol.
        if not found and schema.package not in {each.package for each in legal}:
            legal.append(schema)
        problems += check_illegal(tools, directory, Schema(rng, f"illegal_{i}"))
    headers = [f"{schema.name}.messi.h" for schema in legal]
    problems += tools.check_compiles(directory / "include_all.cc", headers, [directory])

    compiled = len(legal) if arguments.compiler else 0
    print(f"seed {arguments.seed}: {arguments.count} legal schemas, {compiled} of them compiled, "
          f"{arguments.count} illegal ones, {len(problems)} problems")
    return report(problems)


if __name__ == "__main__":
    sys.exit(main())
