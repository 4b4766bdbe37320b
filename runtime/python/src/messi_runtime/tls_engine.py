"""TLS of one connection: bytes in, bytes out."""

from __future__ import annotations

import contextlib
import datetime
import ssl
from collections.abc import Callable

from .peer_certificate import PeerCertificate, peer_certificate_of
from .tls_failure import TlsError, spoken_instead, why_no_handshake


class TlsEngine:
    """Knows no sockets and no event loop. The buffers of OpenSSL do not shrink, so they get a
    record at a time."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        host: str | None,
        session: ssl.SSLSession | None = None,
        keep_session: Callable[[ssl.SSLSession], None] | None = None,
    ) -> None:
        """`host` is the name of the server; `None`: this is the server's side. `session` is one
        that `keep_session` was given. Raises `TlsError` for a name that cannot be in a
        certificate."""
        self.why_ended = ""
        """At the end: a sentence, if it is not the one that the peer wanted."""

        self.ended = False
        """Nothing more can be read."""

        self.failed = False
        """Nothing more can be written."""

        self.peer_certificate: PeerCertificate | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._plain = b""  # decrypted, and not read yet
        self._records: list[bytes] = []  # encrypted, and not taken yet
        self._host = host or ""
        self._who = "the client" if host is None else "the server"
        self._keep_session = keep_session
        self._begun = False
        self._shaken = False
        try:
            self._tls = context.wrap_bio(
                self._incoming,
                self._outgoing,
                server_side=host is None,
                server_hostname=host,
                session=session,
            )
        except ValueError as error:
            raise TlsError(f'"{host}" cannot be the name in a certificate: {error}') from error

    @property
    def holds_input(self) -> bool:
        """There is something to read, or its end."""
        return self.ended or bool(self._plain) or self._incoming.pending > 0

    def shake(self) -> bool:
        """Goes on with the handshake; returns whether it is over. Raises `TlsError`."""
        try:
            self._tls.do_handshake()
            self.peer_certificate = self._look_at_certificate()
        except ssl.SSLWantReadError:
            return False
        except TlsError:
            raise
        except OSError as error:
            raise TlsError(self._why(error)) from error
        except ValueError as error:
            raise TlsError(f"{self._who}'s certificate cannot be read") from error
        self._shaken = True
        return True

    def feed(self, data: bytes) -> None:
        """What the peer has sent, during the handshake. Raises `TlsError` if it is not TLS."""
        if data and not self._begun:
            self._begun = True
            if spoken := spoken_instead(data):
                self._outgoing.write(_UNEXPECTED_MESSAGE)
                raise TlsError(f"{self._who} does not speak TLS; it speaks {spoken}")
        self._incoming.write(data)

    def take(self) -> bytes:
        """What to send to the peer."""
        records, self._records = self._records, []
        return b"".join([*records, self._outgoing.read()])

    def read(self, data: bytes = b"") -> bytes:
        """All that the peer has sent up to now; `data` is the last of it."""
        parts = [self._plain, self._decrypt()]
        self._plain = b""
        view = memoryview(data)
        while view and not self.ended:
            self._incoming.write(view[:_RECORD_SIZE])
            view = view[_RECORD_SIZE:]
            parts.append(self._decrypt())
        return b"".join(parts)

    def cut(self) -> None:
        """Nothing more comes from the peer. Raises `TlsError` during a handshake."""
        if not self._shaken:
            doubt = "" if self._begun else "; does it speak TLS?"
            raise TlsError(f"{self._who} has closed the connection during the handshake{doubt}")
        if not self.ended:
            self._end(f"The connection was cut off; {self._who} did not end it.")

    def write(self, data: bytes | memoryview) -> None:
        """As few records as possible."""
        view = memoryview(data)
        while view and not self.failed:
            try:
                view = view[self._tls.write(view[:_RECORD_SIZE]) :]
            except OSError as error:
                self._fail(error)
            self._records.append(self._outgoing.read())

    def finish(self) -> None:
        """Says that this side has ended. Reading goes on."""
        if not self._shaken:
            return
        # `unwrap` also looks for the peer's answer, and would drop data.
        self._plain += self._decrypt()
        if self.failed:
            return
        # It has been said; the peer has not answered.
        with contextlib.suppress(OSError):
            self._tls.unwrap()
        # OpenSSL does not resume sessions of connections that have not ended so.
        if self._keep_session is not None and (session := self._tls.session) is not None:
            self._keep_session(session)

    def _decrypt(self) -> bytes:
        if self.ended:
            return b""
        parts: list[bytes] = []
        try:
            while part := self._tls.read(_RECORD_SIZE):
                parts.append(part)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except OSError as error:
            self._fail(error)
        return b"".join(parts)

    def _look_at_certificate(self) -> PeerCertificate | None:
        found = peer_certificate_of(self._tls)
        # OpenSSL looked at it when the session was new.
        now = datetime.datetime.now(datetime.timezone.utc)
        if found is not None and self._tls.session_reused and found.not_after < now:
            raise TlsError(f"{self._who}'s certificate has expired")
        return found

    def _why(self, error: OSError) -> str:
        return why_no_handshake(error, self._who, self._host)

    def _fail(self, error: OSError) -> None:
        self.failed = True
        why = self._why(error)
        self._end(f"{why[0].upper()}{why[1:]}.")

    def _end(self, why: str) -> None:
        self.ended = True
        self.why_ended = why


# An alert. From it a peer that speaks messi without TLS knows what it has connected to.
_UNEXPECTED_MESSAGE = b"\x15\x03\x03\x00\x02\x02\x0a"

_RECORD_SIZE = 16 * 1024
