"""What a program says about TLS."""

from __future__ import annotations

import contextlib
import os
import pathlib
import ssl
from collections.abc import Iterator
from typing import Union

Pem = Union[str, "os.PathLike[str]", bytes]


class TlsConfig:
    """Certificates and keys of clients and servers whose URIs are `tls://`. Any number of them may
    share one.

    The version is TLS 1.2 or 1.3. Clients check the server's certificate and the name in it. For
    all else that `ssl` can do, options take an `ssl.SSLContext` instead.
    """

    def __init__(
        self,
        *,
        ca: Pem | None = None,
        certificate: Pem | None = None,
        key: Pem | None = None,
        server_name: str | None = None,
    ) -> None:
        """`ca`, `certificate` and `key` are in PEM: a path, or the content as `bytes`.

        `ca`: the authorities to trust. `None`: on a client, those of the system; on a server, no
        client is asked for a certificate. A server with a `ca` refuses clients without one.

        `certificate`: the own one, and those between it and the authority. A server needs one.
        `key`: the key of `certificate`, not encrypted. `None`: it is in `certificate` too.

        `server_name`: what a client expects in the server's certificate instead of the host of its
        URI.

        They are read when the first client or server that uses them starts, which raises
        `ValueError` if something is wrong with them.
        """
        if key is not None and certificate is None:
            raise ValueError("TLS: the key belongs to a certificate, but certificate is None.")
        self.server_name = server_name
        self._ca = ca
        self._certificate = certificate
        self._key = key
        self._contexts: dict[bool, ssl.SSLContext] = {}

    def reload(self) -> None:
        """Reads the files again. Handshakes from now on use what was read; connections go on.
        Raises `ValueError` if something is wrong, and changes nothing then."""
        self._contexts = {server_side: self._load(server_side) for server_side in self._contexts}

    def _messi_context(self, *, server_side: bool) -> ssl.SSLContext:
        """Raises `ValueError`."""
        if server_side not in self._contexts:
            self._contexts[server_side] = self._load(server_side)
        return self._contexts[server_side]

    def _load(self, server_side: bool) -> ssl.SSLContext:
        protocol = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        if self._ca is not None:
            _load_ca(context, self._ca)
            context.verify_mode = ssl.CERT_REQUIRED
        elif not server_side:
            context.load_default_certs()
        if self._certificate is not None:
            _load_certificate(context, self._certificate, self._key)
        elif server_side:
            raise ValueError("TLS: a server needs a certificate, but certificate is None.")
        return context


def _load_ca(context: ssl.SSLContext, ca: Pem) -> None:
    _check("ca", ca, "certificates in PEM", b"-----BEGIN CERTIFICATE-----")
    try:
        with _as_file(ca) as path:
            context.load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"TLS: {_named('ca', ca)} cannot be used: {error}.") from error


def _load_certificate(context: ssl.SSLContext, certificate: Pem, key: Pem | None) -> None:
    _check("certificate", certificate, "a certificate in PEM", b"-----BEGIN CERTIFICATE-----")
    key_name, key_pem = ("certificate", certificate) if key is None else ("key", key)
    _check(key_name, key_pem, "a private key in PEM", b"PRIVATE KEY-----")

    def refuse() -> str:
        raise ValueError(
            f"TLS: {_named(key_name, key_pem)} is encrypted, but a key without a password is "
            f"expected."
        )

    try:
        with _as_file(certificate) as path, _as_file(key_pem) as key_path:
            context.load_cert_chain(path, key_path, refuse)
    except OSError as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            why = f"{_named(key_name, key_pem)} is not the key of it"
        else:
            why = f"it cannot be used: {error}"
        raise ValueError(f"TLS: {_named('certificate', certificate)}: {why}.") from error


def _check(name: str, pem: Pem, expected: str, mark: bytes) -> None:
    """OpenSSL does not say what is wrong with which file."""
    if isinstance(pem, bytes):
        found = mark in pem
    else:
        try:
            found = mark in pathlib.Path(pem).read_bytes()
        except OSError as error:
            raise ValueError(
                f"TLS: {_named(name, pem)} is expected to have {expected}, but cannot be read: "
                f"{error.strerror}."
            ) from error
    if not found:
        raise ValueError(f"TLS: {_named(name, pem)} is expected to have {expected}, but has none.")


def _named(name: str, pem: Pem) -> str:
    return f"{name} (bytes)" if isinstance(pem, bytes) else f'{name} "{os.fspath(pem)}"'


@contextlib.contextmanager
def _as_file(pem: Pem) -> Iterator[str]:
    """`ssl` reads certificates and keys only from files."""
    if not isinstance(pem, bytes):
        yield os.fspath(pem)
        return
    # In memory, so that the key is on no disk.
    with open(os.memfd_create("messi"), "wb") as file:
        file.write(pem)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


SYSTEM = TlsConfig()
"""A client's, if it is given none."""
