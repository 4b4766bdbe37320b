"""The original, version 0.29.0: fetched, its code generated, and endpoints built around that."""

import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CONFORMANCE = HERE.parent / "conformance"
EXAMPLES = HERE.parent.parent / "examples"

GENERATORS = ["messi==0.29.0", "pbtools==0.39.0"]
# The C libraries that the generated code needs are in neither package, nor in any newer one. These are the last that
# have them: messi's has not changed since, and original/pbtools.h bridges what has changed in pbtools'.
LIBRARIES = ["messi==0.21.1", "pbtools==0.32.1"]

PROTOCOLS = ["chat", "my_protocol"]
RENAMED = "pbtools_decoder_sub_message_decode"


class Unreachable(Exception):
    """The original cannot be fetched here."""


class Original:
    def __init__(self, work):
        self._work = pathlib.Path(work).resolve()
        self._generated = self._work / "generated"
        self._library = self._work / "library"
        self._python = self._work / "venv" / "bin" / "python"

    def prepare(self):
        self._work.mkdir(parents=True, exist_ok=True)
        if not (self._work / "fetched").exists():
            self._fetch()
            (self._work / "fetched").touch()
        self._generate()
        self._compile(PROTOCOLS, "", [])
        self._compile(["chat"], "_asan", ["-fsanitize=address"])

    def c_command(self, name):
        return [str(self._work / name)]

    @property
    def generator(self):
        return str(self._work / "venv" / "bin" / "messi")

    def python_command(self, name):
        return ["env", f"PYTHONPATH={self._generated}:{CONFORMANCE}", str(self._python), "-B",
                str(HERE / "original" / f"python_{name}.py")]

    def _fetch(self):
        shutil.rmtree(self._work / "venv", ignore_errors=True)
        shutil.rmtree(self._work / "packages", ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(self._work / "venv")])
        try:
            self._pip("install", *GENERATORS)
            self._pip("install", "--no-deps", "--target", str(self._work / "packages"), *LIBRARIES)
        except subprocess.CalledProcessError as error:
            if self._index_answers():
                sys.exit(f"the original cannot be installed:\n{error.output}")
            raise Unreachable(error.output) from None

    def _pip(self, *arguments):
        _run([str(self._python), "-m", "pip", "--disable-pip-version-check", *arguments])

    def _index_answers(self):
        try:
            self._pip("download", "--no-deps", "--dest", str(self._work / "probe"), "protobuf")
        except subprocess.CalledProcessError:
            return False
        return True

    def _generate(self):
        shutil.rmtree(self._generated, ignore_errors=True)
        shutil.rmtree(self._library, ignore_errors=True)
        self._generated.mkdir()
        (self._library / "pbtools_0_32").mkdir(parents=True)
        for package, folder in (("messi", "."), ("pbtools", "pbtools_0_32")):
            for suffix in ("c", "h"):
                source = self._work / "packages" / package / "c_source" / f"{package}.{suffix}"
                shutil.copy(source, self._library / folder)
        for protocol in PROTOCOLS:
            folder = EXAMPLES / protocol
            proto = str(folder / f"{protocol}.proto")
            _run([self.generator, "generate_c_source", "-I", str(folder), "-o", str(self._generated), proto])
            _run([self.generator, "generate_py_source", "-s", "client", "-I", str(folder), "-o", str(self._generated), proto])

    def _compile(self, protocols, suffix, flags):
        """Clients and servers of the protocols, their names with a suffix."""
        compiler = ["cc", "-std=gnu11", "-O1", "-g", *flags]
        ours = HERE / "original"
        include = [f"-I{folder}" for folder in (ours, self._generated, self._library)]
        pbtools = str(self._work / f"pbtools{suffix}.o")
        _run([*compiler, "-w", f"-D{RENAMED}={RENAMED}_in_place", "-c", "-o", pbtools,
              str(self._library / "pbtools_0_32" / "pbtools.c")])
        for protocol in protocols:
            for side in ("client", "server"):
                _run([*compiler, "-Wall", "-Wextra", "-Werror", *include,
                      "-o", str(self._work / f"{protocol}_{side}{suffix}"),
                      str(ours / f"{protocol}_{side}.c"), str(ours / "endpoint.c"), str(ours / "pbtools_pointers.c"),
                      str(self._generated / f"{protocol}_{side}.c"), str(self._generated / f"{protocol}.c"),
                      str(self._library / "messi.c"), pbtools])


def _run(command):
    try:
        subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except subprocess.CalledProcessError as error:
        if command[0] == "cc":
            sys.exit(f"{' '.join(command)}\n{error.output}")
        raise
