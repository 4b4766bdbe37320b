"""Who talks to whom."""

import contextlib
import dataclasses

from endpoint import Endpoint


@dataclasses.dataclass
class Implementation:
    """Endpoints of one implementation: by protocol and side, the command that starts one."""

    name: str
    commands: dict

    @property
    def original(self):
        return self.name.startswith("original")

    @property
    def has_limit(self):
        """Whether its client can be told a largest payload. The original's Python client cannot."""
        return self.name not in ("original-python", "python-unchanged")

    @property
    def has_sessions(self):
        """Whether its programs can be told to have them."""
        return not self.original and self.name != "python-unchanged"

    def start(self, protocol, side, uri, options=()):
        return Endpoint(self.commands[f"{protocol}_{side}"], uri, options)


@dataclasses.dataclass
class Pair:
    client_of: Implementation
    server_of: Implementation

    @property
    def name(self):
        return f"{self.client_of.name} client, {self.server_of.name} server"

    def client(self, port, *options, protocol="chat"):
        return self.client_of.start(protocol, "client", f"tcp://127.0.0.1:{port}", options)

    @contextlib.contextmanager
    def server(self, *options, port=0, protocol="chat"):
        with self.server_of.start(protocol, "server", f"tcp://127.0.0.1:{port}", options) as server:
            server.port = server.listening_port()
            yield server


def all_pairs(implementations):
    """Every client with every server; the original is not there to be tested with itself."""
    return [Pair(client_of, server_of)
            for client_of in implementations for server_of in implementations
            if "chat_server" in server_of.commands and not (client_of.original and server_of.original)]
