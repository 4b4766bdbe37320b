"""The runtime of the Python code that protoc-gen-messi generates."""

from .backoff import BackoffSettings
from .call_error import CallError, StatusCode
from .client import ClientBase
from .disconnect_reason import DisconnectReason
from .group import GroupBase
from .handshake_error import HandshakeError
from .metrics import Metrics, MetricsFormat
from .metrics_server import MetricsServer
from .options import ClientOptions, ServerOptions
from .peer_certificate import PeerCertificate
from .responder import Responder
from .schema_mismatch import SchemaMismatch
from .send_result import SendResult
from .server import ServerBase
from .server_client import ServerClient
from .session_loss import SessionLoss, SessionLossReason, UnackedMessage
from .session_mode import SessionMode
from .slow_reader import SlowReader
from .socket_options import SocketOptions
from .statistics import CallEnd, DurationHistogram, Statistics
from .stream import PeerCredentials
from .tls_config import TlsConfig
from .tls_failure import TlsError
from .uri import parse_tcp_uri
from .version import __version__, require_runtime_api
from .wire_schema import Schema

__all__ = [
    "BackoffSettings",
    "CallEnd",
    "CallError",
    "ClientBase",
    "ClientOptions",
    "DisconnectReason",
    "DurationHistogram",
    "GroupBase",
    "HandshakeError",
    "Metrics",
    "MetricsFormat",
    "MetricsServer",
    "PeerCertificate",
    "PeerCredentials",
    "Responder",
    "Schema",
    "SchemaMismatch",
    "SendResult",
    "ServerBase",
    "ServerClient",
    "ServerOptions",
    "SessionLoss",
    "SessionLossReason",
    "SessionMode",
    "SlowReader",
    "SocketOptions",
    "Statistics",
    "StatusCode",
    "TlsConfig",
    "TlsError",
    "UnackedMessage",
    "__version__",
    "parse_tcp_uri",
    "require_runtime_api",
]
