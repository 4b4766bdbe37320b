"""The URIs to connect to or to listen at."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import ClassVar

_LONGEST_PATH = 107  # the room in a socket address

_FORMS = "tcp://<host>:<port>, tls://<host>:<port>, unix://<path> or unix-abstract:<name>"


@dataclass(frozen=True)
class TcpAddress:
    scheme: ClassVar[str] = "tcp"

    host: str
    """A name or address, IPv6 without brackets; empty is any address."""

    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True)
class TlsAddress(TcpAddress):
    """Where TLS is spoken on TCP."""

    scheme: ClassVar[str] = "tls"


@dataclass(frozen=True)
class UnixAddress:
    name: str
    """The name for the system: a path, absolute in `unix:///run/x` and relative in `unix://x`; for
    an abstract socket, a NUL byte and the name."""

    @property
    def abstract(self) -> bool:
        return self.name.startswith("\0")

    def __str__(self) -> str:
        return f"unix-abstract:{self.name[1:]}" if self.abstract else f"unix://{self.name}"


@dataclass(frozen=True)
class InheritedAddress:
    """A descriptor that systemd has opened for us."""

    name: str
    """As in LISTEN_FDNAMES; empty for the first one."""

    def __str__(self) -> str:
        return f"systemd:{self.name}"


def parse_uri_to_connect(uri: str) -> TcpAddress | UnixAddress:
    """`tcp://<host>:<port>` or `tls://<host>:<port>`, IPv6 addresses in brackets, `unix://<path>`
    or `unix-abstract:<name>`.

    Raises `ValueError` with what was given and what was expected.
    """
    address = parse_uri(uri)
    if isinstance(address, TcpAddress) and address.port == 0:
        raise ValueError(
            f'"{uri}": port 0 cannot be connected to; expected the port that the server listens at'
        )
    return address


def parse_uri_to_listen(uri: str) -> TcpAddress | UnixAddress | InheritedAddress:
    """The URIs to connect to, also with port 0, and `systemd:` or `systemd:<name>`."""
    if uri.startswith("systemd:"):
        _check_nul(uri)
        return InheritedAddress(uri[len("systemd:") :])
    return parse_uri(uri)


def parse_uri(uri: str) -> TcpAddress | UnixAddress:
    _check_nul(uri)
    if uri.startswith("unix://"):
        return _parse_path(uri, uri[len("unix://") :])
    if uri.startswith("unix-abstract:"):
        return _parse_abstract(uri, uri[len("unix-abstract:") :])
    if uri.startswith("tcp://"):
        return TcpAddress(*_parse_host_and_port(uri, uri[len("tcp://") :]))
    if uri.startswith("tls://"):
        return TlsAddress(*_parse_host_and_port(uri, uri[len("tls://") :]))
    if uri.startswith(("ws://", "wss://")):
        raise _wrong(uri, "there is no WebSocket in Python")
    raise _wrong(uri, "the scheme is unknown")


def parse_tcp_uri(uri: str) -> tuple[str, int]:
    """Host and port; a function of the original Messi, for programs written for it."""
    if uri.startswith("tcp://"):
        try:
            return _parse_host_and_port(uri, uri[len("tcp://") :])
        except ValueError:
            pass
    raise ValueError(f"Expected URI on the form tcp://<host>:<port>, but got '{uri}'.")


def _check_nul(uri: str) -> None:
    if "\0" in uri:
        raise _wrong(uri, "there is a NUL byte in it")


def _parse_path(uri: str, path: str) -> UnixAddress:
    if not path:
        raise _wrong(uri, "the path is missing")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise _wrong(uri, f"the path is longer than {_LONGEST_PATH} bytes")
    return UnixAddress(path)


def _parse_abstract(uri: str, name: str) -> UnixAddress:
    if not name:
        raise _wrong(uri, "the name is missing")
    if len(os.fsencode(name)) > _LONGEST_PATH:
        raise _wrong(uri, f"the name is longer than {_LONGEST_PATH} bytes")
    return UnixAddress("\0" + name)


def _parse_host_and_port(uri: str, rest: str) -> tuple[str, int]:
    host, colon, port = rest.rpartition(":")
    if not colon or not port:
        raise _wrong(uri, "the port is missing")
    if host.startswith("["):
        if len(host) < 3 or not host.endswith("]"):
            raise _wrong(uri, "an address in brackets must be [<IPv6 address>]")
        host = host[1:-1]
    elif ":" in host:
        raise _wrong(uri, "an IPv6 address must be in brackets")
    if re.search(r"[\[\]/@ ]", host):
        raise _wrong(uri, "there is a character in the host that does not belong there")
    if not re.fullmatch("[0-9]+", port):
        raise _wrong(uri, "the port is not a number")
    if len(port.lstrip("0")) > 5 or int(port) > 65535:
        raise _wrong(uri, "the port is larger than 65535")
    return host, int(port)


def _wrong(uri: str, what: str) -> ValueError:
    return ValueError(f'"{uri}": {what}; expected {_FORMS}')
