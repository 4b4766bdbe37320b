"""What breaks in the original and not in messi, each shown on both.

More of them, those that a few bytes show, are the known differences in test/conformance/vectors.txt.
"""

import contextlib
import dataclasses
import pathlib
import subprocess
import tempfile
import traceback

import client_defects
import generator_defects
import server_defects
from endpoint import Failure
from pairs import Implementation

OF_ENDPOINTS = client_defects.ALL + server_defects.ALL
OF_GENERATORS = generator_defects.ALL

# The original shows these only when the machine is quick enough; ours must do right all the same.
NEEDS_A_QUICK_MACHINE = {client_defects.fast_server_starves_own_pings}

# These keep two processors busy, so one is looked for at a time.
BUSY = {client_defects.fast_server_starves_own_pings, server_defects.flooder_starves_others}


@dataclasses.dataclass
class Subject:
    """The endpoints of one implementation, original or ours, to be looked at."""

    implementation: Implementation
    ours: Implementation
    checked: Implementation  # whose programs end when they use memory wrongly

    @property
    def name(self):
        return self.implementation.name

    @property
    def original(self):
        return self.implementation.original

    @property
    def largest_payload(self):
        """The option for as much as it can be told; the original takes anything."""
        return "--max-payload", str(2**24 + 2**20 if self.original else 2**24 - 1)

    def client(self, uri, *options):
        return self.implementation.start("chat", "client", uri, options)

    def server(self, *options):
        return listening(self.implementation, options)

    def our_server(self):
        return listening(self.ours, ())

    def checked_client(self, uri):
        return self.checked.start("chat", "client", uri)

    def checked_server(self):
        return listening(self.checked, ())


@contextlib.contextmanager
def listening(implementation, options):
    with implementation.start("chat", "server", "tcp://127.0.0.1:0", options) as server:
        server.port = server.listening_port()
        yield server


@dataclasses.dataclass
class Generator:
    """A program that generates code, to be looked at."""

    name: str
    original: bool
    command: list  # the folder for its output and the proto follow

    def run(self, *lines):
        """(status, the last line of what it said) for a proto with these lines below the first"""
        with tempfile.TemporaryDirectory() as folder:
            proto = pathlib.Path(folder) / "given.proto"
            proto.write_text("\n".join(['syntax = "proto3"; package given;', *lines, ""]), encoding="utf-8")
            done = subprocess.run([part.format(folder=folder) for part in self.command] + [str(proto)], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout.strip().rpartition("\n")[2]


def show(defect, subject):
    """(what was seen, whether it was the defect in the original and its absence in ours)"""
    seen, right = look(defect, subject)
    if subject.original and right and defect in NEEDS_A_QUICK_MACHINE:
        return f"{seen}   (not shown this time: the machine is busy)", True
    return seen, right is not None and right != subject.original


def look(defect, subject):
    """What was seen, and whether that is right; None if the look itself failed."""
    try:
        return defect(subject)
    except Failure as failure:
        return str(failure), None
    except Exception:
        return traceback.format_exc(), None
