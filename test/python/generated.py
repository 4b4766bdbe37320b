"""Checks that what is generated for the protos of test/golden can be imported, and that mypy --strict accepts it.

    python generated.py --plugin protoc-gen-messi --directory <where to generate> <folder of cases> <file to check too>...
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

OURS = ("_client.py", "_server.py")
RUNTIME = pathlib.Path(__file__).resolve().parents[2] / "runtime"
OPTIONS = "messi/options.proto"
REFUSALS = ("which no import statement can name", "is a keyword of Python")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protoc", default="protoc")
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--directory", required=True, type=pathlib.Path)
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("examples", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.directory, ignore_errors=True)
    arguments.directory.mkdir(parents=True)

    problems = check_types(arguments.directory / "runtime", ["-p", "messi_runtime"])
    checked = 0
    for case in sorted(path for path in arguments.cases.iterdir() if any(path.rglob("*.proto"))):
        out = arguments.directory / case.name
        out.mkdir(parents=True)
        why_not = generate(arguments, case, out)
        if why_not is not None:
            print(f"{case.name}: not checked: {why_not}")
            continue
        modules = [path for path in sorted(out.rglob("*.py")) if path.name.endswith(OURS) and is_name(path)]
        problems += [f"{case.name}: {problem}" for problem in check_imports(out, modules)]
        examples = arguments.examples if case.name == "chat" else []
        problems += [f"{case.name}: {problem}" for problem in check_types(out, [*modules, *examples])]
        checked += len(modules)

    for problem in problems:
        print(problem)
    print(f"{checked} modules checked")
    return 1 if problems or checked == 0 else 0


def generate(arguments, case, out):
    """Returns why the case is none for Python, if it is not."""
    protos = [str(path.relative_to(case)) for path in sorted(case.rglob("*.proto"))]
    if any(OPTIONS in path.read_text(errors="replace") for path in case.rglob("*.proto")):
        subprocess.run([arguments.protoc, f"-I{RUNTIME}", f"--python_out={out}", f"--pyi_out={out}", OPTIONS], check=True)
    command = [arguments.protoc, f"-I{case}", f"-I{RUNTIME}", f"--plugin=protoc-gen-messi={arguments.plugin}", f"--python_out={out}",
               f"--pyi_out={out}", f"--messi_out={out}", "--messi_opt=lang=python"]
    run = subprocess.run([*command, *protos], capture_output=True, text=True, check=False)
    if run.returncode == 0:
        pb2 = [module_name(out, path) for path in out.rglob("*_pb2.py")]
        run = import_all(out, pb2)
        return f"protobuf's own code: {last_line(run.stderr)}" if run.returncode != 0 else None
    errors = [line for line in run.stderr.splitlines() if ": error: " in line]
    if errors and all(any(refusal in error for refusal in REFUSALS) for error in errors):
        return f"refused: {errors[0]}"
    if not errors:
        return f"protoc: {last_line(run.stderr)}"
    sys.exit("\n".join([f"{case.name}: refused for a reason that is not Python's", *errors]))


def check_imports(directory, modules):
    run = import_all(directory, [module_name(directory, path) for path in modules])
    return [] if run.returncode == 0 else [run.stderr]


def import_all(directory, names):
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    return subprocess.run([sys.executable, "-c", program, *names], cwd=directory, capture_output=True, text=True, check=False)


def check_types(directory, what):
    """What protoc itself writes is not strict, and not ours."""
    directory.mkdir(exist_ok=True)
    pb2 = ",".join(module_name(directory, path) for path in directory.rglob("*_pb2.py"))
    config = directory / "mypy.ini"
    config.write_text("[mypy]\nstrict = True\nexplicit_package_bases = True\n" +
                      (f"[mypy-{pb2}]\nignore_errors = True\n" if pb2 else ""))
    run = subprocess.run(["mypy", "--config-file", config.resolve(), "--cache-dir", directory.resolve().parent / "mypy_cache",
                          *(each.resolve() if isinstance(each, pathlib.Path) else each for each in what)],
                         cwd=directory, env={**os.environ, "MYPYPATH": str(directory.resolve())},
                         capture_output=True, text=True, check=False)
    return [run.stdout + run.stderr] if run.returncode != 0 else []


def module_name(directory, path):
    return ".".join(path.relative_to(directory).with_suffix("").parts)


def is_name(path):
    """No import statement can name 2empty.py; where there is no protocol, that is nobody's loss."""
    return path.stem.isidentifier()


def last_line(text):
    return text.strip().splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
