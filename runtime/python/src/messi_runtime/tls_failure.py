"""Why TLS fails, in words."""

from __future__ import annotations

import re
import ssl

from .frame import FrameType
from .hint import Hint, foreign_protocol


class TlsError(ConnectionError):
    """A TLS handshake has failed; `str` says why, such as "the peer's certificate has expired". Its
    `__cause__` is the `ssl.SSLError`, if there was one."""


def foreign_peer(start: bytes) -> str:
    """Why a peer that begins with these bytes does not speak TLS; "" if it does."""
    if start[0] in _RECORDS:
        return ""
    spoken = ""
    if len(start) >= _HEADER_SIZE:
        foreign = foreign_protocol(start[:_HEADER_SIZE])
        if foreign in _SPOKEN:
            spoken = _SPOKEN[foreign]
        elif start[0] in _FRAMES:
            spoken = "messi without TLS"
    return "the peer does not speak TLS" + (f": it seems to speak {spoken}" if spoken else "")


def why_no_handshake(error: OSError, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _why_not_trusted(error, host)
    reason = _reason(error)
    if alert := _alert(reason):
        meaning = f"{_ALERTS[alert]}: " if alert in _ALERTS else ""
        return f'{meaning}the peer sent the alert "{alert}"'
    return _REASONS.get(reason) or _plain(reason)


def why_broken(error: OSError) -> str:
    """A sentence."""
    reason = _reason(error)
    if alert := _alert(reason):
        return f'The peer ended TLS with the alert "{alert}".'
    return f"TLS failed: {_plain(reason)}."


def _why_not_trusted(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code in _OTHER_NAME:
        return f"the peer's certificate is not for {host}"
    known = _DISTRUST.get(error.verify_code)
    return f"the peer's certificate {known or f'is refused: {error.verify_message}'}"


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or str(error)


def _alert(reason: str) -> str:
    match = re.fullmatch(r"(?:SSLV3|TLSV1|TLSV13)_ALERT_(\w+)", reason)
    return _plain(match[1]) if match else ""


def _plain(reason: str) -> str:
    return reason.replace("_", " ").lower()


# What a record of TLS begins with: change cipher spec, alert, handshake, data.
_RECORDS = range(0x14, 0x18)

_HEADER_SIZE = 4
_FRAMES = {frame_type.value for frame_type in FrameType}
_SPOKEN = {Hint.HTTP: "HTTP", Hint.SSH: "SSH"}

# Of OpenSSL's X509_V_ERR_...
_OTHER_NAME = {62, 63, 64}
_UNKNOWN_ISSUER = "is from an unknown issuer"
_DISTRUST = {
    2: _UNKNOWN_ISSUER,
    9: "is not valid yet",
    10: "has expired",
    18: _UNKNOWN_ISSUER,
    19: _UNKNOWN_ISSUER,
    20: _UNKNOWN_ISSUER,
    21: _UNKNOWN_ISSUER,
}

_ALERTS = {
    "handshake failure": "no common cipher, or no certificate where one is needed",
    "protocol version": "no common version of TLS",
}

_REASONS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer has sent no certificate",
    "NO_SHARED_CIPHER": "no common cipher",
    "NO_CIPHERS_AVAILABLE": "no common cipher",
    "UNSUPPORTED_PROTOCOL": "no common version of TLS",
    "WRONG_SSL_VERSION": "no common version of TLS",
    "NO_PROTOCOLS_AVAILABLE": "no common version of TLS",
    "INVALID_ALERT": "the peer does not speak TLS",
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS",
}
