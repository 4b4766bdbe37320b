"""Generates the code that the tests run, from the example's proto.

Needs protoc, and protoc-gen-messi on the PATH or named by PROTOC_GEN_MESSI.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

CHAT = pathlib.Path(__file__).resolve().parents[3] / "examples" / "chat"


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
            f"--python_out={generated.name}",
            f"--messi_out={generated.name}",
            "--messi_opt=lang=python",
            "chat.proto",
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
