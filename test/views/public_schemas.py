#!/usr/bin/env python3
"""Schemas that others use, hundreds of messages: ESPHome's and Meshtastic's. They are generated with messages=views, compiled without
warnings by g++ and clang++, and compared with libprotobuf on random messages, as random_messages.py does with random schemas.

The schemas are in packages of the package index, as the descriptors that protoc left in modules of Python. Nothing of the packages is
run. Needs Python's protobuf: run it with test/python/in_venv.
"""

import argparse
import ast
import pathlib
import shutil
import subprocess
import sys
import zipfile

from google.protobuf import descriptor_pb2

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "plugin"))
from tools import SKIPPED, Tools, add_tool_arguments, report  # noqa: E402

# The package, and files that are left out, since they are refused: they are about options of fields, and not for messages.
PACKAGES = {
    "aioesphomeapi==46.23.0": (),
    "meshtastic==2.7.11": ("meshtastic/protobuf/nanopb.proto",),
}
LEAST_MESSAGES = 300
PROTOBUFS = ".google.protobuf."


def downloaded(package, directory):
    """The package's wheel; None if it cannot be had."""
    name = package.split("==")[0]
    directory.mkdir(parents=True, exist_ok=True)
    if not any(directory.glob(f"{name}-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary=:all:", "--dest", directory, package]
        if subprocess.run(command, check=False, timeout=120).returncode != 0:
            return None
    return next(directory.glob(f"{name}-*.whl"))


def files_in(wheel):
    """The files that protoc compiled to modules, each after those that it imports."""
    found = {}
    with zipfile.ZipFile(wheel) as modules:
        for name in sorted(modules.namelist()):
            if not name.endswith("_pb2.py"):
                continue
            for call in ast.walk(ast.parse(modules.read(name))):
                if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "AddSerializedFile":
                    file = descriptor_pb2.FileDescriptorProto.FromString(ast.literal_eval(call.args[0]))
                    found[file.name] = file
    ordered = {}

    def add(name):
        if name in found and name not in ordered:
            for dependency in found[name].dependency:
                add(dependency)
            ordered[name] = found[name]

    for name in found:
        add(name)
    return list(ordered.values())


def theirs_of(file):
    """The same file, with all that it defines in the package `theirs`."""
    theirs = descriptor_pb2.FileDescriptorProto()
    theirs.CopyFrom(file)
    theirs.name = f"theirs/{file.name}"
    theirs.package = f"theirs.{file.package}".rstrip(".")
    theirs.dependency[:] = [name if name.startswith("google/") else f"theirs/{name}" for name in file.dependency]

    def rename(element, *names):
        for name in names:
            value = getattr(element, name)
            if value and not value.startswith(PROTOBUFS):
                setattr(element, name, f".theirs{value}")

    def rename_in(message):
        for field in [*message.field, *message.extension]:
            rename(field, "type_name", "extendee")
        for nested in message.nested_type:
            rename_in(nested)

    for message in theirs.message_type:
        rename_in(message)
    for field in theirs.extension:
        rename(field, "type_name", "extendee")
    for service in theirs.service:
        for method in service.method:
            rename(method, "input_type", "output_type")
    return theirs


def classes_of(messages, scope=""):
    for message in messages:
        if not message.options.map_entry:
            name = scope + ("void_" if message.name == "void" else message.name)
            yield name
            yield from classes_of(message.nested_type, f"{name}_")


def write_set(path, files):
    descriptor = descriptor_pb2.FileDescriptorProto()
    descriptor_pb2.DESCRIPTOR.CopyToProto(descriptor)
    path.write_bytes(descriptor_pb2.FileDescriptorSet(file=[descriptor, *files]).SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10, help="messages of each type; of each, eight variants follow")
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where to work")
    arguments = parser.parse_args()
    tools = Tools(arguments)
    directory = arguments.directory
    generated = directory / "generated"
    shutil.rmtree(generated, ignore_errors=True)
    generated.mkdir(parents=True)

    headers, sources, comparisons = [], [], []
    for package, left_out in PACKAGES.items():
        wheel = downloaded(package, directory / "wheels" / package)
        if wheel is None:
            print(f"SKIPPED: there is no {package} to be had")
            return SKIPPED
        files = files_in(wheel)
        problem = generate(arguments, generated, files, left_out)
        if problem:
            return report([f"{package}: {problem}"])
        for file in files:
            stem = file.name.removesuffix(".proto")
            sources.append(generated / "theirs" / f"{stem}.pb.cc")
            if file.name in left_out:
                continue
            headers.append(f"{stem}.messi.h")
            scope = f"{file.package}.".replace(".", "::") if file.package else ""
            for name in classes_of(file.message_type):
                comparisons.append(f"  compared.compare<::{scope}{name}, theirs::{scope}{name}>();")
    if len(comparisons) < LEAST_MESSAGES:
        return report([f"there are only {len(comparisons)} messages"])

    problems = check_warnings(tools, directory, generated, headers)
    return report(problems) or compare(arguments, tools, generated, headers, sources, comparisons)


def generate(arguments, generated, files, left_out):
    """Ours and theirs. Returns what is wrong."""
    for name, those in (("ours", files), ("theirs", [theirs_of(file) for file in files])):
        descriptors = generated / f"{name}.bin"
        write_set(descriptors, those)
        command = [arguments.protoc, f"--descriptor_set_in={descriptors}"]
        if name == "theirs":
            command.append(f"--cpp_out={generated}")
        else:
            those = [file for file in those if file.name not in left_out]
            command += [f"--plugin=protoc-gen-messi={arguments.plugin}", f"--messi_out={generated}", "--messi_opt=messages=views"]
        run = subprocess.run([*command, *(file.name for file in those)], capture_output=True, text=True, check=False, timeout=60)
        if run.returncode != 0:
            return run.stderr
    return None


def check_warnings(tools, directory, generated, headers):
    """g++ and clang++ have nothing to say about our headers."""
    problems = []
    for compiler in ("g++", "clang++"):
        if shutil.which(compiler) is None:
            print(f"left out: there is no {compiler}")
            continue
        tools.arguments.compiler = compiler
        problems += tools.check_compiles(directory / "all.cc", headers, [generated], standards=["c++17"])
    return problems


def compare(arguments, tools, generated, headers, sources, comparisons):
    theirs = [str(source.relative_to(generated).with_suffix(".h")) for source in sources]
    includes = [f'#include "{header}"' for header in ["test/views/against_libprotobuf.h", *headers, *theirs]]
    source = generated / "compare.cc"
    source.write_text("\n".join(
        [*includes, "int main() {", f"  messi::test::AgainstLibprotobuf compared({arguments.seed}, {arguments.rounds});", *comparisons,
         "  return compared.report();", "}", ""]))
    program = generated / "compare"
    command = ["g++", "-std=c++17", f"-I{generated}", *(f"-I{path}" for path in tools.include_path), str(source), *map(str, sources),
               "-o", str(program), "-lprotobuf", "-lpthread"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if run.returncode != 0:
        return report([f"{' '.join(command)}\n{run.stderr}"])
    print(f"{len(comparisons)} messages: ", end="", flush=True)
    return subprocess.run([program], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
