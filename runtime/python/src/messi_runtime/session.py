"""One side of a session, as numbers and messages: without a connection and without a clock."""

from __future__ import annotations

from .frame import HEADER_SIZE, message_size
from .kept_messages import KeptMessages
from .outbox import Accepted, OutboxSettings
from .session_frames import NO_ID, NO_SECRET, encode_ack
from .session_loss import SessionLossReason


class Session:
    """Messages of both directions are numbered from 1. Those that were sent are kept until the peer
    has acknowledged them; a new connection goes on behind the last one that the peer has
    handled."""

    def __init__(self, settings: OutboxSettings) -> None:
        self.id = NO_ID
        self.secret = NO_SECRET
        self.kept = KeptMessages(settings.total)

        self.rx = 0
        """The number of the last message that was handed to a hook."""

        self.received = 0
        """The number of the last message that has arrived."""

        self.replayed = 0
        """How many messages that were written to an earlier connection are written again."""

        self._settings = settings
        self._peer_accepts = settings.max_payload_size
        self._ack_from = _MOST_UNACKED
        self._unacked = 0
        self._most_written = 0

    # Out

    def send(self, frame: bytes | Accepted, most: int | None = None) -> Accepted:
        """Keeps the frame if then at most `most` bytes are kept, or only this frame."""
        if isinstance(frame, Accepted):
            return frame
        size = len(frame)
        if message_size(frame[0], size - HEADER_SIZE) > self._peer_accepts:
            return Accepted.TOO_BIG
        kept = self.kept
        most = self._settings.max_pending_bytes if most is None else most
        if kept.size + size > most and kept.size > 0:
            return Accepted.FULL
        kept.append(frame)
        return Accepted.YES

    def next(self) -> bytes | bytearray | None:
        """The next frames to write to this connection."""
        frames = self.kept.next()
        self._most_written = max(self._most_written, self.kept.written)
        return frames

    @property
    def tx(self) -> int:
        """The number of the last message that was written to this connection."""
        return self.kept.written

    # A connection

    def attach(
        self, peer_rx: int, peer_retains: int, peer_accepts: int
    ) -> SessionLossReason | None:
        """Goes on in another connection. `peer_rx`: what the peer has handled. What has arrived and
        was not handed out will come again. Returns why it cannot go on, if so."""
        if not self.kept.acknowledged <= peer_rx <= self._most_written:
            return SessionLossReason.PROTOCOL
        self.received = self.rx
        self.replayed = self._most_written - peer_rx
        self.kept.rewind(peer_rx)
        self._unacked = 0
        self._ack_from = min(peer_retains // 4, _MOST_UNACKED)
        if peer_accepts < self._peer_accepts and any(
            len(message.payload) > peer_accepts for message in self.kept
        ):
            return SessionLossReason.LIMIT
        self._peer_accepts = min(peer_accepts, self._settings.max_payload_size)
        return None

    # Acknowledgements

    def handle_acknowledged(self, rx: int) -> bool:
        """False if the peer cannot have handled that much, or that little."""
        if not self.kept.acknowledged <= rx <= self.tx:
            return False
        self.kept.acknowledge(rx)
        return True

    def handle_last_rx(self, rx: int) -> bool:
        """The peer has said how far it got when the session was lost. False if that cannot be."""
        possible = self.kept.acknowledged <= rx <= self._most_written
        if possible:
            self.kept.rewind(rx)
        return possible

    def handle_ack(self, rx: int, tx: int) -> bool:
        """False if the two sides count differently."""
        return tx == self.received and self.handle_acknowledged(rx)

    def handle_dispatched(self, payload_size: int) -> bool:
        """The next message is handed to its hook. Whether it is the first to be acknowledged, or so
        much is that it must not wait."""
        first = self._unacked == 0
        self.rx += 1
        self._unacked += _MESSAGE_COST + HEADER_SIZE + payload_size
        return first or self._unacked >= self._ack_from

    @property
    def owes_ack(self) -> bool:
        """There is something to acknowledge."""
        return self._unacked > 0

    @property
    def ack_due(self) -> bool:
        """It is so much that it must not wait."""
        return self._unacked > 0 and self._unacked >= self._ack_from

    @property
    def ack_rides(self) -> bool:
        """It is enough to be written with other things."""
        return self._unacked > 0 and self._unacked >= self._ack_from // 4

    def make_ack(self) -> bytes:
        """The payload of an ACK that is written now."""
        self._unacked = 0
        return encode_ack(self.rx, self.tx)


# So much may be handled before it is acknowledged, in bytes; and what each message counts besides
# its own.
_MOST_UNACKED = 256 * 1024
_MESSAGE_COST = 64
