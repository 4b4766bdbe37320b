#!/usr/bin/env python3
"""A generated header reads like documentation: the client's class begins near the top, whatever the schema, then come the server's,
and only below a ruler what is not for use.

Runs over the folder that the golden cases were generated into, and over a large schema with long comments.
"""

import argparse
import pathlib
import re
import sys

from tools import Tools, add_tool_arguments, report

FIRST_LINES = 45
RULER = "// " + "-" * 96


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_arguments(parser)
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where to generate the large schema")
    parser.add_argument("generated", type=pathlib.Path, help="the folder with a folder per golden case")
    arguments = parser.parse_args()

    arguments.directory.mkdir(parents=True, exist_ok=True)
    (arguments.directory / "large.proto").write_text(large_schema())
    run = Tools(arguments).generate(arguments.directory, ["large.proto"], messi_out=arguments.directory)
    if run.returncode != 0:
        return report([run.stderr])
    headers = [*sorted(arguments.generated.glob("*/messi/**/*.messi.h*")), arguments.directory / "large.messi.h"]
    problems = [f"{header}: {problem}" for header in headers for problem in check(header.read_text().splitlines())]
    print(f"{len(headers)} headers")
    return report(problems)


def large_schema():
    comment = "\n".join("// " + "A line of a comment that goes on and on. " * 3 for _ in range(200))
    lines = [comment, 'syntax = "proto3";', comment, "package " + ".".join(["large"] * 20) + ";"]
    for direction in ("ClientToServer", "ServerToClient"):
        members = (f"    {comment if i == 1 else ''}\n    M message_{'of_a_long_name_' * 8}{i} = {i} [deprecated = true];" for i in range(1, 400))
        lines += [comment, f"message {direction} {{", "  oneof messages {", *members, "  }", "}"]
    fields = (f"  string field_{i} = {i};" for i in range(1, 400))
    return "\n".join([*lines, "message M {", *fields, "}"]) + "\n"


def check(lines):
    if '#include "messi/views/message.h"' in lines:
        return  # it begins with the messages
    classes = [(number, match.group(1)) for number, line in enumerate(lines, 1) if (match := re.match(r"(?:class|struct) (\w+) ", line))]
    kinds = [re.sub(".*(Client|Server|Codec)$", r"\1", name.replace("ServerClient", "Handle")) for _, name in classes]
    if not classes:
        return  # no protocol
    if classes[0][0] > FIRST_LINES:
        yield f"{classes[0][1]} begins at line {classes[0][0]}, and not within the first {FIRST_LINES}"
    if not re.fullmatch("(Client )?(.*Handle Server )?(Codec )?", "".join(f"{kind} " for kind in kinds)):
        yield f"the classes are {classes}"
    ruler = lines.index(RULER) + 1
    if any((number > ruler) != (kind == "Codec") for (number, _), kind in zip(classes, kinds)):
        yield f"the ruler, at line {ruler}, is not above all that is not for use"


if __name__ == "__main__":
    sys.exit(main())
