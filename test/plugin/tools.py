"""The programs that the tests of the plugin run."""

import difflib
import json
import os
import pathlib
import shutil
import subprocess

RUNTIME = pathlib.Path(__file__).resolve().parents[2] / "runtime"

OPTIONS = "messi/options.proto"
"""The one proto that the runtime brings."""

SKIPPED = 77
"""The exit status of a test that cannot run here."""

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def add_tool_arguments(parser):
    parser.add_argument("--protoc", default="protoc")
    parser.add_argument("--plugin", required=True, type=pathlib.Path, help="protoc-gen-messi")
    parser.add_argument("--compiler", help="a C++ compiler, to compile what is generated; by default it is not compiled")
    parser.add_argument("--include-path", default="", help="folders for the compiler, separated by colons")
    parser.add_argument("--style", type=pathlib.Path, help="a .clang-format, to check what is generated")


class Tools:
    def __init__(self, arguments):
        self.arguments = arguments
        # What the compiler searches anyway must not be searched earlier than it is.
        self.include_path = [path for path in arguments.include_path.split(":") if path not in ("", "/usr/include")]
        self.clang_format = shutil.which("clang-format") if arguments.style else None

    def generate(self, import_dir, protos, options="", messi_out=None, cpp_out=None):
        """Runs protoc on `protos`, which are paths below `import_dir`."""
        command = [self.arguments.protoc, f"-I{import_dir}", f"-I{RUNTIME}", f"--plugin=protoc-gen-messi={self.arguments.plugin}"]
        if messi_out:
            command.append(f"--messi_out={messi_out}")
            command += [f"--messi_opt={options}"] if options else []
        if cpp_out:
            command.append(f"--cpp_out={cpp_out}")
        for directory in filter(None, (messi_out, cpp_out)):
            directory.mkdir(parents=True, exist_ok=True)
        if cpp_out and any(OPTIONS in (pathlib.Path(import_dir) / proto).read_text(errors="replace") for proto in protos):
            subprocess.run([self.arguments.protoc, f"-I{RUNTIME}", f"--cpp_out={cpp_out}", OPTIONS], check=True, timeout=60)
        return subprocess.run([*command, *protos], capture_output=True, text=True, check=False, timeout=60)

    def protobuf_release(self):
        """21 for protoc 3.21.12, 36 for protoc 36.2."""
        version = subprocess.run([self.arguments.protoc, "--version"], capture_output=True, text=True, check=True).stdout
        numbers = version.split()[-1].split(".")
        return int(numbers[1] if numbers[0] == "3" else numbers[0])

    def check_format(self, header):
        if self.clang_format is None or header.suffix in (".py", ".json"):
            return []
        formatted = subprocess.run([self.clang_format, f"--style=file:{self.arguments.style}", header],
                                   capture_output=True, text=True, check=True).stdout
        return diff(formatted, header.read_text(), "as clang-format wants it", str(header))

    def check_compiles(self, source, headers, include_dirs, system_dirs=(), standards=("c++17", "c++20"), compiler=None):
        """Compiles one file that includes all headers, twice; with the compiler of the arguments, or another."""
        if self.arguments.compiler is None or not headers:
            return []
        source.write_text("".join(f'#include "{header}"\n' for header in [*headers, *headers]))
        problems = []
        for standard in standards:
            command = [compiler or self.arguments.compiler, f"-std={standard}", *WARNINGS, "-fno-exceptions", "-fno-rtti", "-fsyntax-only",
                       *(f"-I{directory}" for directory in include_dirs),
                       *(f"-isystem{directory}" for directory in [*system_dirs, *self.include_path]), str(source)]
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            if run.returncode != 0 or run.stderr:
                problems.append(f"{' '.join(command)}\n{run.stderr}")
        return problems


def is_update():
    return os.environ.get("MESSI_UPDATE_GOLDEN") == "1"


def check_golden(golden, text):
    """Compares, or with MESSI_UPDATE_GOLDEN=1 writes the golden file anew."""
    if is_update():
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
        return []
    if not golden.exists():
        return [f"{golden} is missing; see it written by MESSI_UPDATE_GOLDEN=1, and read it"]
    return diff(golden.read_text(), text, str(golden), "generated now")


def diff(want, have, want_name, have_name):
    lines = difflib.unified_diff(want.splitlines(), have.splitlines(), want_name, have_name, lineterm="")
    text = "\n".join(lines)
    return [text] if text else []


class Skipped(Exception):
    """A case is not for this release of protoc."""


def run_cases(check, tools, cases, directory):
    """Calls `check(tools, case, settings, directory)`, which returns problems, for each. Returns the exit status."""
    if shutil.which(tools.arguments.protoc) is None:
        print(f"SKIPPED: there is no {tools.arguments.protoc}")
        return SKIPPED
    problems = []
    reasons = []
    for case in cases:
        settings_path = case / "case.json"
        settings = json.loads(settings_path.read_text()) if settings_path.exists() else {}
        try:
            problems += check(tools, case, settings, directory)
        except Skipped as why:
            reasons.append(f"{case.name} {why}")
    if len(reasons) < len(cases):
        print("".join(f"left out: {reason}\n" for reason in reasons), end="")
        return report(problems)
    print(f"SKIPPED: {'; '.join(reasons)}")
    return SKIPPED


def report(problems):
    """Prints them. Returns the exit status."""
    for problem in problems:
        print(problem)
    return 1 if problems else 0
