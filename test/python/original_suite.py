"""Runs the original Messi's own tests of its Python client on the client that we generate.

    python original_suite.py --plugin protoc-gen-messi --chat <folder of chat.proto> --directory <where to work>

The tests are fetched from the package index, as the source distribution of messi 0.29.0. They import `messi` to generate what they
test; here that does nothing, since it is there already. Ends with status 77 if they cannot be had.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

STUB = """
class py_source:
    @staticmethod
    def generate_files(protos, side):
        pass
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protoc", default="protoc")
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--chat", required=True, type=pathlib.Path)
    parser.add_argument("--directory", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    work = arguments.directory
    shutil.rmtree(work, ignore_errors=True)

    generated = work / "tests/files/chat"  # from where the tests copy chat_pb2.py
    generated.mkdir(parents=True)
    subprocess.run([arguments.protoc, f"-I{arguments.chat}", f"--plugin=protoc-gen-messi={arguments.plugin}",
                    f"--python_out={generated}", f"--messi_out={work}", "--messi_opt=lang=python,side=client", "chat.proto"], check=True)
    (work / "messi.py").write_text(STUB)

    fetch = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                            "--no-binary=:all:", f"--dest={work}", "messi==0.29.0"], check=False)
    if fetch.returncode != 0:
        print("SKIPPED: the original's source distribution cannot be had", file=sys.stderr)
        return 77
    with tarfile.open(work / "messi-0.29.0.tar.gz") as archive:
        (work / "test_client.py").write_bytes(archive.extractfile("messi-0.29.0/tests/test_client.py").read())

    return subprocess.run([sys.executable, "-m", "unittest", "--verbose", "test_client"], cwd=work,
                          env={**os.environ, "PYTHONPATH": "."}, check=False, timeout=120).returncode


if __name__ == "__main__":
    sys.exit(main())
