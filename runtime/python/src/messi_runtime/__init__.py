"""The runtime of the Python code that protoc-gen-messi generates."""

from .backoff import BackoffSettings
from .client import ClientBase
from .disconnect_reason import DisconnectReason
from .options import ClientOptions, ServerOptions
from .server import ServerBase
from .server_client import ServerClient
from .socket_options import SocketOptions
from .socket_stream import PeerCredentials
from .uri import parse_tcp_uri
from .version import __version__, require_runtime_api

__all__ = [
    "BackoffSettings",
    "ClientBase",
    "ClientOptions",
    "DisconnectReason",
    "PeerCredentials",
    "ServerBase",
    "ServerClient",
    "ServerOptions",
    "SocketOptions",
    "__version__",
    "parse_tcp_uri",
    "require_runtime_api",
]
