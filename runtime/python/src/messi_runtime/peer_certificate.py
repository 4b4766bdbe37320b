"""What the certificate of a peer says."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PeerCertificate:
    """It has been verified: an authority that this side trusts has signed it, and it was valid when
    the connection was made."""

    subject: str
    """Such as "CN=erik,O=Example" (RFC 2253)."""

    dns_names: tuple[str, ...]
    """The subject alternative names, here and below, in the order of the certificate."""

    ip_addresses: tuple[str, ...]
    """Such as "127.0.0.1" or "::1"."""

    uris: tuple[str, ...]
    emails: tuple[str, ...]

    sha256: bytes
    """SHA-256 of the whole certificate."""

    not_after: datetime.datetime
    """In UTC. From then on the certificate is not valid any more."""


def peer_certificate_of(tls: ssl.SSLObject) -> PeerCertificate | None:
    """`None` if the peer has shown none, or if nobody has verified it."""
    whole = tls.getpeercert(binary_form=True)
    # It is empty if the context does not verify.
    fields: Any = tls.getpeercert()
    if not whole or not fields:
        return None
    names: dict[str, list[str]] = {}
    for kind, name in fields.get("subjectAltName", ()):
        names.setdefault(kind, []).append(name)
    return PeerCertificate(
        subject=_subject(fields["subject"]),
        dns_names=tuple(names.get("DNS", ())),
        ip_addresses=tuple(_address(each) for each in names.get("IP Address", ())),
        uris=tuple(names.get("URI", ())),
        emails=tuple(names.get("email", ())),
        sha256=hashlib.sha256(whole).digest(),
        not_after=datetime.datetime.fromtimestamp(
            ssl.cert_time_to_seconds(fields["notAfter"]), datetime.timezone.utc
        ),
    )


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text.strip()))


def _subject(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    return ",".join(
        "+".join(f"{_SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in reversed(part))
        for part in reversed(parts)
    )


def _escaped(value: str) -> str:
    text = "".join(f"\\{char}" if char in ',+"\\<>;' else char for char in value)
    if text.endswith(" "):
        text = f"{text[:-1]}\\ "
    return f"\\{text}" if text.startswith((" ", "#")) else text


_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "street",
    "surname": "SN",
    "givenName": "GN",
    "userId": "UID",
}
