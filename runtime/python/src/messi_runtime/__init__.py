"""The runtime of the Python code that protoc-gen-messi generates."""

from .backoff import BackoffSettings
from .client import ClientBase, ClientOptions
from .disconnect_reason import DisconnectReason
from .server import ServerBase, ServerOptions
from .server_client import ServerClient
from .uri import parse_tcp_uri
from .version import __version__, require_runtime_api

__all__ = [
    "BackoffSettings",
    "ClientBase",
    "ClientOptions",
    "DisconnectReason",
    "ServerBase",
    "ServerClient",
    "ServerOptions",
    "__version__",
    "parse_tcp_uri",
    "require_runtime_api",
]
