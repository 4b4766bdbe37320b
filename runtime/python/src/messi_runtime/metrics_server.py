"""Answers scrapes of metrics by HTTP."""

from __future__ import annotations

import asyncio
import contextlib

from .metrics import Metrics, MetricsFormat
from .uri import parse_tcp_uri


class MetricsServer:
    """Answers `GET /metrics` and `HEAD /metrics`. It knows no TLS and no passwords: listen where
    only those can connect who may read. A peer can cost it little: there are at most 16
    connections, the oldest of which goes when another one comes, and each has 5 s and 4 KiB of
    request."""

    def __init__(self, uri: str, metrics: Metrics) -> None:
        """`uri` is `tcp://<host>:<port>`. Without a host it means all addresses of this machine;
        the system chooses a port for 0. Any other raises `ValueError`."""
        self._host, self._port = parse_tcp_uri(uri)
        self._metrics = metrics
        self._server: asyncio.Server | None = None
        self._guests: dict[asyncio.StreamWriter, None] = {}  # the oldest first

    async def start(self) -> None:
        """Raises `OSError` if it cannot listen."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, self._host or None, self._port, limit=_MOST_REQUEST
            )

    def stop(self) -> None:
        """Stops listening, and drops those that are being answered."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for guest in self._guests:
            guest.transport.abort()

    @property
    def port(self) -> int:
        """The port; 0 while stopped."""
        if self._server is None:
            return 0
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._guests[writer] = None
        if len(self._guests) > _MOST_GUESTS:
            next(iter(self._guests)).transport.abort()
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.TimeoutError):
                await asyncio.wait_for(self._answer(reader, writer), _PATIENCE)
        finally:
            del self._guests[writer]
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.LimitOverrunError:
            writer.write(_response("431 Request Header Fields Too Large"))
        else:
            writer.write(self._answer_to(head))
        writer.close()
        await writer.wait_closed()

    def _answer_to(self, head: str) -> bytes:
        method, _, rest = head.partition("\r\n")[0].partition(" ")
        target, _, version = rest.rpartition(" ")
        if not version.startswith("HTTP/1."):
            return _response("400 Bad Request")
        if method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", more="Allow: GET, HEAD\r\n")
        if target.partition("?")[0] != "/metrics":
            return _response("404 Not Found", with_body=method == "GET")
        # Only in an Accept header can there be such a thing, or where it does no harm.
        wants_newer = "application/openmetrics-text" in head
        text_format = MetricsFormat.OPEN_METRICS if wants_newer else MetricsFormat.PROMETHEUS
        body = self._metrics.text(text_format)
        return _response("200 OK", body, text_format.value, with_body=method == "GET")


def _response(
    status: str,
    body: str | None = None,
    content_type: str = "text/plain",
    more: str = "",
    with_body: bool = True,
) -> bytes:
    encoded = (f"{status}\n" if body is None else body).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(encoded)}\r\n"
        f"{more}Connection: close\r\n\r\n"
    )
    return head.encode() + (encoded if with_body else b"")


_MOST_REQUEST = 4096
_MOST_GUESTS = 16
_PATIENCE = 5.0  # in seconds
