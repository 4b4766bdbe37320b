"""Generates the code that the tests run, from the example's proto and that of the tests of calls.

Needs protoc, and protoc-gen-messi on the PATH or named by PROTOC_GEN_MESSI.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHAT = ROOT / "examples" / "chat"
CALLS = ROOT / "test" / "calls"
# messi/options.proto, as it is installed with the runtime.
OPTIONS = pathlib.Path(__file__).resolve().parents[1] / "src" / "messi_runtime" / "include"


def pytest_configure(config):
    plugin = os.environ.get("PROTOC_GEN_MESSI") or shutil.which("protoc-gen-messi")
    if plugin is None:
        raise RuntimeError("protoc-gen-messi is not on the PATH; name it by PROTOC_GEN_MESSI")
    generated = tempfile.TemporaryDirectory(prefix="messi-")
    config.add_cleanup(generated.cleanup)
    subprocess.run(
        [
            os.environ.get("PROTOC", "protoc"),
            f"--plugin=protoc-gen-messi={plugin}",
            f"-I{CHAT}",
            f"-I{CALLS}",
            f"-I{OPTIONS}",
            f"--python_out={generated.name}",
            f"--messi_out={generated.name}",
            "--messi_opt=lang=python",
            "chat.proto",
            "calls.proto",
            "quiet.proto",
            "messi/options.proto",
        ],
        check=True,
    )
    sys.path.insert(0, generated.name)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is missing")
    from authority import Authority
    from tls_support import Files

    return Files(Authority(tmp_path_factory.mktemp("tls") / "authority"))
