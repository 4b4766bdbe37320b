"""The sessions of a client, one after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from .call_frame import CALLS_FEATURE
from .disconnect_reason import DisconnectReason
from .frame import encode_frame
from .handshake_error import HandshakeError
from .link import Link, LinkSettings
from .options import ClientOptions
from .schema_tlvs import encode_schema
from .session_frames import (
    MOST_SIZE,
    MOST_TLVS,
    NO_ID,
    NO_SECRET,
    TLV_AUTH_TOKEN,
    Hello,
    Welcome,
    encode_tlv,
)
from .session_line import SessionLine, loss_of
from .session_link import SessionLink
from .session_loss import SessionLossReason
from .session_mode import SessionMode
from .wire_schema import Schema


class ClientSessions:
    """There is one that accepts messages, from `begin` on, also while there is no connection; and
    perhaps one that has been ended, and waits for a connection to say the rest."""

    def __init__(
        self,
        options: ClientOptions,
        settings: LinkSettings,
        schema: Schema | None,
        handle_ended: Callable[[], None],
    ) -> None:
        """`handle_ended`: the one that was ended is over."""
        self.untold: deque[SessionLine] = deque()
        """Those whose end is to be told."""

        self.ending: SessionLine | None = None

        self.was_ended = False
        """What the connection without a session has to say is all that is left to be said."""

        self._options = options
        self._off = options.session is SessionMode.OFF
        self._settings = settings
        self._schema = schema
        self._handle_ended = handle_ended
        self._open: SessionLine | None = None
        self._plain = False  # the connection is not one of a session
        self._asked: SessionLine | None = None
        self._attempts = 0

    def begin(self) -> None:
        self._plain = False
        if not self._off and self._open is None:
            self._open = self._make()

    @property
    def accepting(self) -> SessionLine | None:
        """Where messages go."""
        if self._open is not None and (self._open.closed or self._open.draining):
            self._open = self._make()
        return self._open

    def line(self, link: Link | None) -> Link | SessionLine | None:
        """The same, also in a connection without a session."""
        if self._plain or self._off:
            return link
        session = self._open
        if session is None or not (session.closed or session.draining):
            return session
        return self.accepting

    def end(self, linger: float) -> bool:
        """Nothing more is accepted. Whether something is left to be said, which gets so much
        time."""
        session, self._open = self._open, None
        if session is not None and not session.closed:
            self.ending = session
            session.end(DisconnectReason.STOPPED, linger)
        return self.ending is not None

    def abandon(self) -> None:
        for session in (self.ending, self._open):
            if session is not None:
                session.abort(DisconnectReason.STOPPED)
        self._open = None

    def make_hello(self, sessions: bool) -> Hello:
        """`sessions`: the server offers them."""
        token = self._options.auth_token
        tlvs = encode_tlv(TLV_AUTH_TOKEN, token) if token else b""
        if self._schema is not None:
            tlvs += encode_schema(self._schema, MOST_TLVS - len(tlvs))
        accepts = self._options.max_payload_size
        self._asked = (self.ending or self.accepting) if sessions else None
        if self._asked is None:
            return Hello(
                no_session=True, max_payload_size=accepts, tlvs=tlvs, features=self._features
            )
        self._attempts += 1
        self._asked.prepare()
        session = self._asked.session
        return Hello(
            resume=self._asked.established,
            attempt=self._attempts,
            retain=min(self._options.max_pending_bytes, MOST_SIZE),
            max_payload_size=accepts,
            rx=session.rx,
            id=session.id,
            secret=session.secret,
            tlvs=tlvs,
            features=self._features,
        )

    def welcome(self, link: SessionLink, welcome: Welcome | None) -> SessionLine | None:
        """The session that goes on or begins in this connection; `None`: it has none. Raises
        `HandshakeError`."""
        asked, self._asked = self._asked, None
        with_calls = welcome is not None and welcome.features & self._features != 0
        if welcome is None or asked is None:
            self._go_without(link, with_calls)
            return None
        session = self._resumed(asked, welcome) if welcome.resumed else self._new(asked, welcome)
        if not session.attach(link, welcome.rx, welcome.retain, welcome.max_payload_size):
            if session.loss is not None:
                link.say(session.close_frame(session.loss.reason))
            raise HandshakeError(session.reason)
        session.begin()
        if with_calls:
            session.begin_calls()
        return session

    def _resumed(self, asked: SessionLine, welcome: Welcome) -> SessionLine:
        if not asked.established or welcome.id != asked.session.id:
            raise HandshakeError(DisconnectReason.PROTOCOL_ERROR)
        if asked.over:
            raise HandshakeError(asked.reason)
        return asked

    def _new(self, asked: SessionLine, welcome: Welcome) -> SessionLine:
        if welcome.rx != 0 or welcome.id == NO_ID or welcome.secret == NO_SECRET:
            raise HandshakeError(DisconnectReason.PROTOCOL_ERROR)
        session: SessionLine | None = asked
        if asked.established:
            asked.lose(
                loss_of(welcome.reason) or SessionLossReason.UNKNOWN,
                DisconnectReason.SESSION_LOST,
                welcome.previous_rx,
            )
            session = self.accepting
        if session is None or session.over:
            raise HandshakeError(DisconnectReason.STOPPED)
        session.session.id = welcome.id
        session.session.secret = welcome.secret
        session.confirmed = True
        return session

    @property
    def _features(self) -> int:
        return 0 if self._settings.make_calls is None else CALLS_FEATURE

    def _go_without(self, link: SessionLink, with_calls: bool) -> None:
        if self._options.session is SessionMode.REQUIRED:
            raise HandshakeError(DisconnectReason.REFUSED, "The server offers no sessions.")
        self._plain = True
        self.was_ended = self.ending is not None and self._open is None
        sessions = (self.ending, self._open)
        self.ending = self._open = None
        for session in sessions:
            if session is not None and not session.established:
                link.calls, session.calls = session.calls or link.calls, None
        if with_calls:
            link.begin_calls()
        for session in sessions:
            if session is None:
                continue
            if session.established:
                session.lose(SessionLossReason.DOWNGRADED, DisconnectReason.SESSION_LOST)
                continue
            for message in session.session.kept:
                outgoing = self._settings.connection.outbox.outgoing
                link.send(encode_frame(outgoing, message.payload))
            session.handle_ended = lambda: None
            session.abort(DisconnectReason.STOPPED)

    def _make(self) -> SessionLine:
        session = SessionLine(self._settings)
        session.handle_ended = partial(self._handle_over, session)
        return session

    def _handle_over(self, session: SessionLine) -> None:
        if session.established or session.loss is not None:
            self.untold.append(session)
        if self.ending is session:
            self.ending = None
            self._handle_ended()
