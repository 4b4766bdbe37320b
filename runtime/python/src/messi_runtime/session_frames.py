"""The frames with which two peers introduce themselves, and keep a session: their payloads."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .frame import FrameType, encode_frame

VERSION = 1

ID_SIZE = 16
SECRET_SIZE = 16
NO_ID = bytes(ID_SIZE)
NO_SECRET = bytes(SECRET_SIZE)

MOST_SIZE = 0xFFFFFFFF

MOST_TLVS = 1024
MOST_AUTH_TOKEN = 512

_OFFER = struct.Struct(">BBH")
_HELLO = struct.Struct(">BBHIIIQ16s16s")
_WELCOME = struct.Struct(">BBBBIIIQ16s16sQIHH")
_ACK = struct.Struct(">QQ")
_TLV = struct.Struct(">HH")

_SESSIONS = 1
_RESUME, _NO_SESSION = 1, 2
_PREVIOUS_RX = 1

_NEW, _RESUMED = 0, 1

TLV_AUTH_TOKEN = 1


class BadFrame(Exception):
    """A payload is not as its type says."""


@dataclass(frozen=True)
class Offer:
    sessions: bool
    """Whether the server has sessions, or only introduces itself."""

    min_version: int = VERSION
    max_version: int = VERSION

    def encode(self) -> bytes:
        """A whole frame, as all `encode` here."""
        flags = _SESSIONS if self.sessions else 0
        payload = _OFFER.pack(self.min_version, self.max_version, flags)
        return encode_frame(FrameType.OFFER, payload)

    @staticmethod
    def decode(payload: bytes) -> Offer:
        """Raises `BadFrame`, as all `decode` here. What a newer peer has added is ignored."""
        min_version, max_version, flags = _unpack(_OFFER, payload)
        return Offer(bool(flags & _SESSIONS), min_version, max_version)


@dataclass(frozen=True)
class Hello:
    resume: bool = False
    no_session: bool = False
    attempt: int = 0
    retain: int = 0
    """How much the client keeps at most until it is acknowledged, in bytes."""

    max_payload_size: int = 0
    rx: int = 0
    """How many messages of the session the client has handled."""

    id: bytes = NO_ID
    secret: bytes = NO_SECRET
    tlvs: bytes = b""
    version: int = VERSION
    features: int = 0

    def encode(self) -> bytes:
        flags = (_RESUME if self.resume else 0) | (_NO_SESSION if self.no_session else 0)
        fixed = _HELLO.pack(
            self.version,
            flags,
            self.features,
            self.attempt,
            self.retain,
            self.max_payload_size,
            self.rx,
            self.id,
            self.secret,
        )
        return encode_frame(FrameType.HELLO, fixed + self.tlvs)

    @staticmethod
    def decode(payload: bytes) -> Hello:
        version, flags, features, attempt, retain, max_payload_size, rx, session_id, secret = (
            _unpack(_HELLO, payload)
        )
        return Hello(
            bool(flags & _RESUME),
            bool(flags & _NO_SESSION),
            attempt,
            retain,
            max_payload_size,
            rx,
            session_id,
            secret,
            payload[_HELLO.size :],
            version,
            features,
        )


@dataclass(frozen=True)
class Welcome:
    resumed: bool = False
    reason: int = 0
    """Why the session that was to be resumed is lost."""

    window: float = 0.0
    """How long the server keeps the session without a connection, in seconds."""

    retain: int = 0
    max_payload_size: int = 0
    rx: int = 0
    id: bytes = NO_ID
    secret: bytes = NO_SECRET
    previous_rx: int | None = None
    """How many messages of the lost session the server had handled."""

    tlvs: bytes = b""
    version: int = VERSION
    features: int = 0
    """Those of HELLO that the server has too."""

    def encode(self) -> bytes:
        fixed = _WELCOME.pack(
            self.version,
            _RESUMED if self.resumed else _NEW,
            self.reason,
            0 if self.previous_rx is None else _PREVIOUS_RX,
            min(round(min(self.window * 1000, MOST_SIZE)), MOST_SIZE),
            self.retain,
            self.max_payload_size,
            self.rx,
            self.id,
            self.secret,
            self.previous_rx or 0,
            0,
            self.features,
            0,
        )
        return encode_frame(FrameType.WELCOME, fixed + self.tlvs)

    @staticmethod
    def decode(payload: bytes) -> Welcome:
        version, status, reason, flags, window, *numbers = _unpack(_WELCOME, payload)
        retain, max_payload_size, rx, session_id, secret, previous, _, features, _ = numbers
        if status > _RESUMED or version != VERSION:
            raise BadFrame
        return Welcome(
            status == _RESUMED,
            reason,
            window / 1000,
            retain,
            max_payload_size,
            rx,
            session_id,
            secret,
            previous if flags & _PREVIOUS_RX else None,
            payload[_WELCOME.size :],
            version,
            features,
        )


def encode_ack(rx: int, tx: int) -> bytes:
    """The payload."""
    return _ACK.pack(rx, tx)


def decode_ack(payload: bytes) -> tuple[int, int]:
    rx, tx = _unpack(_ACK, payload)
    return rx, tx


def encode_tlv(kind: int, value: bytes) -> bytes:
    return _TLV.pack(kind, len(value)) + value


def decode_tlvs(tlvs: bytes) -> Iterator[tuple[int, bytes]]:
    """Each with its type, known or not. Raises `BadFrame`."""
    if len(tlvs) > MOST_TLVS:
        raise BadFrame
    begin = 0
    while begin < len(tlvs):
        kind, size = _unpack(_TLV, tlvs[begin:])
        begin += _TLV.size
        if begin + size > len(tlvs):
            raise BadFrame
        yield kind, tlvs[begin : begin + size]
        begin += size


def read_tlvs(tlvs: bytes) -> dict[int, bytes]:
    """By type; of several of one type the first counts. Raises `BadFrame`."""
    values: dict[int, bytes] = {}
    for kind, value in decode_tlvs(tlvs):
        values.setdefault(kind, value)
    if len(values.get(TLV_AUTH_TOKEN, b"")) > MOST_AUTH_TOKEN:
        raise BadFrame
    return values


def _unpack(layout: struct.Struct, payload: bytes) -> tuple[Any, ...]:
    if len(payload) < layout.size:
        raise BadFrame
    return layout.unpack_from(payload)
