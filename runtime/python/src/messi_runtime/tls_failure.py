"""Why TLS fails, in words; as far as `ssl` tells, in those of the C++ runtime."""

from __future__ import annotations

import re
import ssl

from .hint import Hint, foreign_protocol


class TlsError(ConnectionError):
    """A TLS handshake has failed; `str` says why, such as "the server's certificate has expired".
    Its `__cause__` is the `ssl.SSLError`, if there was one."""


def spoken_instead(start: bytes) -> str:
    """What a peer speaks that begins with these bytes; "" if it may be TLS."""
    if start[0] in _RECORDS and start[1:2] in (b"", b"\x03"):
        return ""
    header = start[:_HEADER_SIZE]
    if len(header) == _HEADER_SIZE and foreign_protocol(header) is Hint.HTTP:
        return "HTTP"
    return "messi without TLS" if start[:2] in _PLAIN else "something else"


def why_no_handshake(error: OSError, who: str, host: str) -> str:
    """`who` is the peer, "the server" or "the client"; `host` is whom a client expects."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{who}'s certificate {_why_not_trusted(error, who, host)}"
    reason = _reason(error)
    if alert := re.fullmatch(r"(?:SSLV3|TLSV1|TLSV13)_ALERT_(\w+)", reason):
        return _meaning(_plain(alert[1]), who)
    if reason in _NO_CIPHER:
        return f"{who} and we have no cipher in common ({_plain(reason)})"
    if reason in _NO_VERSION:
        return f"{who} and we have no TLS version in common"
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return f"{who} has shown no certificate"
    return f"{who} does not keep to TLS: {_plain(reason)}"


def _why_not_trusted(error: ssl.SSLCertVerificationError, who: str, host: str) -> str:
    if error.verify_code in _FOR_ANOTHER:
        return f"is not for {host}"
    if error.verify_code == _INVALID_PURPOSE:
        return f"is not meant for {who.removeprefix('the ')}s (extended key usage)"
    return _DISTRUST.get(error.verify_code) or f"is not accepted: {error.verify_message}"


def _meaning(alert: str, who: str) -> str:
    if alert == "certificate required":
        return f"{who} demands a certificate, and we have shown none"
    if alert == "protocol version":
        return f"{who} and we have no TLS version in common"
    if alert in _NOTHING_IN_COMMON:
        return f"{who} found no cipher, signature or certificate in common ({alert})"
    if alert in _REFUSALS:
        return f"{who} refuses our certificate: {_REFUSALS[alert] or alert}"
    return f"{who} has ended TLS with an alert: {alert}"


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or str(error)


def _plain(reason: str) -> str:
    return reason.replace("_", " ").lower()


_HEADER_SIZE = 4

# What a record of a handshake begins with, or that of an alert.
_RECORDS = (0x16, 0x15)

# What peers without TLS begin with: a frame of less than 64 KiB.
_PLAIN = (b"\x01\0", b"\x02\0", b"\x03\0", b"\x04\0")

# Of OpenSSL's X509_V_ERR_...
_INVALID_PURPOSE = 26
_FOR_ANOTHER = (62, 63, 64)
_UNKNOWN_ISSUER = "has an unknown issuer"
_DISTRUST = {
    2: _UNKNOWN_ISSUER,
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed, and not among those that we trust",
    19: "comes from an authority that we do not trust",
    20: _UNKNOWN_ISSUER,
    21: _UNKNOWN_ISSUER,
}

# Alerts, and what they mean if their name does not say it.
_NOTHING_IN_COMMON = ("handshake failure", "insufficient security")
_REFUSALS = {
    "access denied": "",
    "bad certificate": "",
    "certificate expired": "it has expired",
    "certificate revoked": "",
    "certificate unknown": "",
    "unknown ca": "its issuer is unknown there",
    "unsupported certificate": "",
}

_NO_CIPHER = {
    "NO_SHARED_CIPHER",
    "NO_SHARED_GROUPS",
    "NO_SHARED_SIGNATURE_ALGORITHMS",
    "NO_SUITABLE_KEY_SHARE",
    "NO_SUITABLE_SIGNATURE_ALGORITHM",
}
_NO_VERSION = {
    "INAPPROPRIATE_FALLBACK",
    "NO_PROTOCOLS_AVAILABLE",
    "UNSUPPORTED_PROTOCOL",
    "VERSION_TOO_HIGH",
    "VERSION_TOO_LOW",
    "WRONG_SSL_VERSION",
}
