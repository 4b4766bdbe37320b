"""What both ends of a connection have written down, and what is wrong with it."""

import collections
import contextlib
import struct

ENTRY = struct.Struct("<8Q")  # as in peer.cc
ENTRIES = 1 << 17
Entry = collections.namedtuple("Entry", "session sent received duplicated skipped changed reason unused")
# The order of DisconnectReason, plus one.
CONNECTION_CLOSED, STOPPED = 3, 10


def read(path):
    """The entries of one process, by session."""
    entries = {}
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        while len(data := file.read(ENTRY.size)) == ENTRY.size:
            entry = Entry._make(ENTRY.unpack(data))
            if entry.session == 0:
                break
            entries[entry.session] = entry
    return entries


class History:
    """The sums over all connections."""

    def __init__(self):
        self.connections = self.up = self.down = 0  # messages that arrived
        self.in_flight = 0  # sent, and not arrived, when a connection broke
        self.lost = self.duplicated = self.reordered = 0
        self.wrong = []

    def add(self, clients, servers):
        """The ledgers of the clients and servers that talked to each other."""
        sent = {}
        for path in clients:
            sent.update(read(path))
        seen = {}
        for path in servers:
            seen.update(read(path))
        self.connections += len(sent)
        for session, client in sent.items():
            server = seen.get(session)
            self._check(session, "up", client, server)
            if server is not None:
                self._check(session, "down", server, client)
        for session in seen.keys() - sent.keys():
            self.wrong.append(f"session {session}: the server knows it, no client does")

    def _check(self, session, direction, sender, receiver):
        received = 0 if receiver is None else receiver.received
        if receiver is not None:
            self.duplicated += receiver.duplicated
            self.reordered += receiver.skipped + receiver.changed
            if receiver.duplicated or receiver.skipped or receiver.changed:
                self.wrong.append(f"session {session} {direction}: {receiver}")
        if received > sender.sent:
            self.wrong.append(f"session {session} {direction}: {received} arrived, {sender.sent} were sent")
        setattr(self, direction, getattr(self, direction) + received)
        missing = max(0, sender.sent - received)
        # Only the client has ended it, in order: nothing is lost on the way up.
        if direction == "up" and missing and sender.reason == STOPPED and receiver is not None \
                and receiver.reason == CONNECTION_CLOSED:
            self.lost += missing
            self.wrong.append(f"session {session}: {missing} lost, and the client had stopped in order")
        self.in_flight += missing
