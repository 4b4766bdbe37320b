#!/usr/bin/env python3
"""Whatever word a proto has for a member, message, field, enum or value: what is generated compiles, or the word is refused.

The words are those that may get in the way: the macros that a file has which includes a generated header, what the runtime's
classes and generated code have in them, and what protobuf's messages have.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

from tools import Tools, add_tool_arguments, report

IDENTIFIER = re.compile(r"\b[A-Za-z][A-Za-z0-9_]*\b")
MACRO = re.compile(r"#define ([A-Za-z][A-Za-z0-9_]*)")
METHOD = re.compile(r"\b([A-Za-z]\w*)\(")
OF_A_HEADER = re.compile(r"_H_*$|^(ABSL|GOOGLE|PROTOBUF|LIBPROTO|MESSI|TSAN|ASAN|LANG_CXX)")
TAKEN = {"messages", "ClientToServer", "ServerToClient", "Nothing", "Outer", "Holder", "Fields", "E"}  # by the protos below


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where to work")
    parser.add_argument("source", type=pathlib.Path, help="the folder of the project")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    return report(check(Tools(arguments), arguments))


def check(tools, arguments):
    directory = arguments.directory
    write(directory / "plain.proto", protocol("plain", "Message plain = 1;", "message Message {}"))
    run = tools.generate(directory, ["plain.proto"], messi_out=directory, cpp_out=directory)
    if run.returncode != 0:
        return [run.stderr]

    # Messages and enums take long to compile, so there are fewer of them.
    few = macros(arguments, tools) | methods_of_protobuf(tools)
    all_words = few | names_of_ours(arguments.source)
    problems = []
    for kind, write_kind in KINDS.items():
        words = few if kind in ("messages", "nested_messages", "enums") else all_words
        name = f"words_{kind}"
        accepted = set(words)
        while True:
            write(directory / f"{name}.proto", write_kind(name, sorted(accepted)))
            run = tools.generate(directory, [f"{name}.proto"], messi_out=directory, cpp_out=directory)
            refused = refused_words(run.stderr) & accepted
            if run.returncode == 0:
                break
            if not refused:
                return [run.stderr]
            accepted -= refused
        print(f"{kind}: {len(words)} words, {len(words) - len(accepted)} refused")
        # Behind another, and so behind all macros. g++ takes forty seconds for a class with a thousand members, clang++ four.
        compiler = shutil.which("clang++") if kind in ("members", "fields") else None
        problems += compiles(tools, directory, ["plain.messi.h", f"{name}.messi.h"], compiler)
    return problems


def write(path, text):
    path.write_text(text)


def protocol(package, members, rest, syntax="proto2"):
    """A protocol whose ClientToServer has the members."""
    return (f'syntax = "{syntax}";\npackage {package};\n'
            f"message ClientToServer {{\n  oneof messages {{\n{members}\n  }}\n}}\n"
            "message ServerToClient {\n  oneof messages {\n    Nothing nothing = 1;\n  }\n}\n"
            f"message Nothing {{}}\n{rest}\n")


def lines(pattern, words):
    """With the word, and its number from 1."""
    return "\n".join(pattern.format(word=word, number=number) for number, word in enumerate(words, 1))


def as_members(package, words):
    return protocol(package, lines("    Nothing {word} = {number};", words), "")


def as_messages(package, words):
    return protocol(package, lines(f"    .{package}.{{word}} m{{number}} = {{number}};", words),
                    lines("message {word} {{}}", words))


def as_nested_messages(package, words):
    return protocol(package, lines("    Outer.{word} m{number} = {number};", words),
                    "message Outer {\n" + lines("  message {word} {{ optional string text = 1; }}", words) + "\n}")


def as_fields(package, words):
    # Fields that differ in capitals only are not allowed.
    words = list({re.sub("[^a-z0-9]", "", word.lower()): word for word in words}.values())
    return protocol(package, "    Fields fields = 1;",
                    "message Fields {\n" + lines("  string {word} = {number};", words[:2000]) + "\n}", "proto3")


def as_values(package, words):
    return protocol(package, "    Nothing nothing = 1;", "enum E {\n" + lines("  {word} = {number};", words) + "\n}")


def as_nested_values(package, words):
    values = "  enum E {\n" + lines("    {word} = {number};", words) + "\n  }\n"
    return protocol(package, "    Holder holder = 1;", "message Holder {\n" + values + "  optional E e = 1;\n}")


def as_enums(package, words):
    return protocol(package, "    Nothing nothing = 1;", lines("enum {word} {{ VALUE_{number} = 0; }}", words))


KINDS = {"members": as_members, "messages": as_messages, "nested_messages": as_nested_messages, "fields": as_fields,
         "values": as_values, "nested_values": as_nested_values, "enums": as_enums}


def refused_words(errors):
    """Of each error, all words in quotes: the name may be spelt as C++ spells it, too."""
    words = set()
    for line in errors.splitlines():
        if ": error: " in line:
            words |= {part for quoted in re.findall(r'"([\w.]+)"', line.split(";")[0])[:1] for part in quoted.split(".")}
    return words


def macros(arguments, tools):
    source = f'#include "{(arguments.directory / "plain.messi.h").resolve()}"\n'
    run = subprocess.run([arguments.compiler, "-dM", "-E", "-x", "c++", "-std=c++17", f"-I{arguments.directory}",
                          *(f"-isystem{path}" for path in tools.include_path), "-"],
                         input=source, capture_output=True, text=True, check=True)
    return {name for name in MACRO.findall(run.stdout) if not OF_A_HEADER.search(name)}


def names_of_ours(source):
    """All words of the classes that generated ones derive from, and of what generated code uses."""
    runtime = source / "runtime" / "messi"
    files = [runtime / "client.h", runtime / "server.h", runtime / "server_client.h", *sorted((runtime / "codec").glob("*.h")),
             source / "test" / "golden" / "chat" / "chat.messi.h"]
    code = "".join(re.sub("//.*", "", path.read_text()) for path in files)
    return {word for word in IDENTIFIER.findall(code) if not OF_A_HEADER.search(word)} - TAKEN


def methods_of_protobuf(tools):
    for path in map(pathlib.Path, [*tools.include_path, "/usr/include"]):
        headers = [path / "google" / "protobuf" / name for name in ("message_lite.h", "message.h")]
        if all(header.exists() for header in headers):
            names = {name for header in headers for name in METHOD.findall(re.sub("//.*", "", header.read_text()))}
            return {name for name in names if not OF_A_HEADER.search(name)} - TAKEN
    return set()


def compiles(tools, directory, files, compiler):
    source = directory / "source" / "include_all.cc"
    source.parent.mkdir(exist_ok=True)
    return tools.check_compiles(source, files, [], system_dirs=[directory], standards=["c++17"], compiler=compiler)


if __name__ == "__main__":
    sys.exit(main())
