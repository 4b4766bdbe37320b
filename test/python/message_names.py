"""Whatever messages of this protobuf have by themselves, the plugin refuses as the name of a member.

    python message_names.py --plugin protoc-gen-messi
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

from google.protobuf import empty_pb2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protoc", default="protoc")
    parser.add_argument("--plugin", required=True)
    arguments = parser.parse_args()
    names = sorted(set(dir(empty_pb2.Empty)) | set(dir(empty_pb2.Empty())))
    print(f"{len(names)} names, such as {', '.join(names[::9])}")
    with tempfile.TemporaryDirectory() as directory:
        proto = pathlib.Path(directory) / "names.proto"
        members = "".join(f"    Message {name} = {number};\n" for number, name in enumerate(names, 1))
        proto.write_text('syntax = "proto2";\nmessage ClientToServer {\n  oneof messages {\n' + members + "  }\n}\n"
                         "message ServerToClient {\n  oneof messages {\n    Message rsp = 1;\n  }\n}\nmessage Message {}\n")
        run = subprocess.run([arguments.protoc, f"-I{directory}", f"--plugin=protoc-gen-messi={arguments.plugin}",
                              f"--messi_out={directory}", "--messi_opt=lang=python", proto.name],
                             capture_output=True, text=True, check=False)
    refused = set(re.findall(r'error: member "(\w+)"', run.stderr))
    accepted = [name for name in names if name not in refused]
    if accepted:
        print(f"accepted: {' '.join(accepted)}\n{run.stderr}")
    return 1 if accepted else 0


if __name__ == "__main__":
    sys.exit(main())
