"""What a session keeps and counts, without connections."""

import random
from collections import deque

import pytest

from messi_runtime.frame import FrameType, encode_frame
from messi_runtime.frame_queue import PendingTotal
from messi_runtime.kept_messages import KeptMessages
from messi_runtime.outbox import Accepted, OutboxSettings
from messi_runtime.session import Session
from messi_runtime.session_frames import (
    BadFrame,
    Hello,
    Offer,
    Welcome,
    decode_ack,
    decode_tlvs,
    encode_ack,
    encode_tlv,
)
from messi_runtime.session_loss import SessionLossReason
from messi_runtime.session_queue import SessionQueue

SETTINGS = {"max_payload_size": 100_000, "max_pending_bytes": 1 << 20}


def frame(payload):
    return encode_frame(FrameType.CLIENT_TO_SERVER, payload)


def make(**given):
    settings = OutboxSettings(FrameType.CLIENT_TO_SERVER, **{**SETTINGS, **given})
    session = Session(settings)
    assert session.attach(0, 1 << 20, 1 << 20) is None
    return session


def payloads(frames):
    found = []
    while frames:
        size = int.from_bytes(frames[1:4], "big")
        found.append(bytes(frames[4 : 4 + size]))
        frames = frames[4 + size :]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_what_is_kept_is_what_was_sent_and_not_acknowledged(seed):
    dice = random.Random(seed)
    total = PendingTotal()
    kept = KeptMessages(total)
    sent = []
    for _ in range(2000):
        what = dice.random()
        if what < 0.5:
            payload = str(len(sent)).encode() * dice.choice([1, 1, 1, 100, 3000, 20_000])
            sent.append(payload)
            kept.append(frame(payload))
        elif what < 0.7:
            before = kept.written
            frames = kept.next()
            assert (frames is None) == (before == len(sent))
            assert payloads(frames or b"") == sent[before : kept.written]
        elif what < 0.9:
            kept.acknowledge(dice.randint(kept.acknowledged, kept.written))
        else:
            kept.rewind(dice.randint(kept.acknowledged, kept.written))
        open_ones = sent[kept.acknowledged :]
        assert len(kept) == len(open_ones)
        assert kept.size == total.bytes == sum(4 + len(each) for each in open_ones)
    assert [message.payload for message in kept] == sent[kept.acknowledged :]
    assert [message.number for message in kept] == list(range(kept.acknowledged + 1, len(sent) + 1))
    kept.forget_total()
    assert total.bytes == 0


@pytest.mark.parametrize("seed", range(20))
def test_two_sessions_lose_nothing_double_nothing_and_change_no_order(seed):
    """Both directions, with random cuts at the level of frames: of what is under way any beginning
    arrives."""
    dice = random.Random(seed)
    ends = [make(), make()]
    sent, got = ([], []), ([], [])
    wires = [deque(), deque()]  # to each end

    def write(one, other):
        if dice.random() < 0.5:
            wires[other].append(ends[one].make_ack())
        if frames := ends[one].next():
            wires[other].extend(("message", payload) for payload in payloads(frames))

    def read(one, other):
        what = wires[one].popleft()
        if isinstance(what, tuple):
            ends[one].received += 1
            ends[one].handle_dispatched(len(what[1]))
            got[other].append(what[1])
        else:
            assert ends[one].handle_ack(*decode_ack(what))

    def cut():
        for one, other in ((0, 1), (1, 0)):
            for _ in range(dice.randint(0, len(wires[one]))):
                read(one, other)
        for wire in wires:
            wire.clear()
        for one, other in ((0, 1), (1, 0)):
            assert ends[one].attach(ends[other].rx, 1 << 20, 1 << 20) is None

    for _ in range(3000):
        one = dice.randrange(2)
        other = 1 - one
        what = dice.random()
        if what < 0.3:
            payload = f"{len(sent[one])}".encode() * dice.choice([1, 50, 9000])
            if ends[one].send(frame(payload)) is Accepted.YES:
                sent[one].append(payload)
        elif what < 0.6:
            write(one, other)
        elif what < 0.97 and wires[one]:
            read(one, other)
        elif what >= 0.97:
            cut()
        for session, theirs in ((ends[0], ends[1]), (ends[1], ends[0])):
            kept = session.kept
            assert kept.acknowledged <= theirs.rx <= kept.accepted
            assert kept.written <= kept.accepted
    for _ in range(10_000):
        for one, other in ((0, 1), (1, 0)):
            write(one, other)
            while wires[one]:
                read(one, other)
        if not any(len(end.kept) for end in ends):
            break
    assert got == sent


def test_a_session_keeps_so_much_and_one_message_more_than_nothing():
    session = make(max_pending_bytes=100, max_payload_size=500)
    assert session.send(frame(b"x" * 400)) is Accepted.YES
    assert session.send(frame(b"")) is Accepted.FULL
    session.next()
    assert session.handle_ack(1, 0)
    for _ in range(2):
        assert session.send(frame(b"x" * 46)) is Accepted.YES
    assert session.send(frame(b"")) is Accepted.FULL
    assert session.send(Accepted.INVALID) is Accepted.INVALID


def test_the_peer_says_how_large_a_message_may_be():
    session = make()
    assert session.send(frame(b"x" * 50)) is Accepted.YES
    assert session.attach(0, 1 << 20, 50) is None
    assert session.send(frame(b"x" * 51)) is Accepted.TOO_BIG
    assert session.attach(0, 1 << 20, 1 << 20) is None
    assert session.send(frame(b"x" * 51)) is Accepted.YES
    assert session.attach(0, 1 << 20, 50) is SessionLossReason.LIMIT


@pytest.mark.parametrize("rx", [0, 3])
def test_a_peer_cannot_have_handled_less_than_it_said_or_more_than_was_written(rx):
    session = make()
    for _ in range(3):
        session.send(frame(b"x" * 5000))
    session.next()
    session.next()
    assert not session.handle_ack(3, 0)
    assert session.handle_ack(1, 0)
    assert not session.handle_ack(0, 0)
    assert not session.handle_ack(2, 1)
    assert session.attach(rx, 1 << 20, 1 << 20) is SessionLossReason.PROTOCOL
    # What was written to an earlier connection may have been handled.
    assert session.attach(1, 1 << 20, 1 << 20) is None
    assert session.attach(2, 1 << 20, 1 << 20) is None


def test_a_peer_that_keeps_little_is_told_often():
    session = make()
    assert session.attach(0, 4 * 100, 1 << 20) is None
    assert not session.owes_ack and not session.ack_due and not session.ack_rides
    session.handle_dispatched(0)
    assert session.ack_rides and not session.ack_due
    session.handle_dispatched(0)
    assert session.ack_due
    session.received = 2
    assert session.make_ack() == encode_ack(2, 0)
    assert not session.owes_ack


FRAMES = [
    Offer(True),
    Offer(False, 2, 5),
    Hello(),
    Hello(True, False, 3, 1 << 30, 9, 1 << 60, b"i" * 16, b"s" * 16, encode_tlv(7, b"x")),
    Welcome(),
    Welcome(True, 2, 1.5, 5, 6, 1 << 60, b"i" * 16, b"s" * 16, 0, encode_tlv(7, b"x")),
]


@pytest.mark.parametrize("given", FRAMES)
def test_frames_are_read_as_they_were_written(given):
    encoded = given.encode()
    payload = encoded[4:]
    assert int.from_bytes(encoded[1:4], "big") == len(payload)
    assert type(given).decode(payload) == given


@pytest.mark.parametrize(("given", "size"), [(Offer(True), 4), (Hello(), 56), (Welcome(), 72)])
def test_a_payload_that_is_too_short_is_none(given, size):
    payload = given.encode()[4:]
    assert len(payload) == size
    with pytest.raises(BadFrame):
        type(given).decode(payload[:-1])


def test_the_bytes_of_the_handshake():
    hello = Hello(True, True, 1, 2, 3, 4, b"i" * 16, b"s" * 16, b"\0\7\0\1x")
    assert hello.encode() == bytes.fromhex(
        "0600003d 01 03 0000 00000001 00000002 00000003 0000000000000004"
        + "69" * 16
        + "73" * 16
        + "0007000178"
    )
    welcome = Welcome(True, 2, 1.5, 3, 4, 5, b"i" * 16, b"s" * 16, 6)
    assert welcome.encode() == bytes.fromhex(
        "07000048 01 01 02 01 000005dc 00000003 00000004 0000000000000005"
        + "69" * 16
        + "73" * 16
        + "0000000000000006 00000000 0000 0000"
    )


def test_tlvs():
    tlvs = encode_tlv(1, b"token") + encode_tlv(900, b"")
    assert list(decode_tlvs(tlvs)) == [(1, b"token"), (900, b"")]
    for cut in range(1, len(tlvs)):
        if cut != 9:
            with pytest.raises(BadFrame):
                list(decode_tlvs(tlvs[:cut]))
    with pytest.raises(BadFrame):
        list(decode_tlvs(encode_tlv(900, bytes(1021))))


class Waiting:
    """A session's messages, for a queue that writes them."""

    has_output = True
    ack_rides = False

    def __init__(self, *frames):
        self._frames = list(frames)

    def next(self):
        return self._frames.pop(0) if self._frames else None

    def make_ack(self):
        return encode_ack(0, 0)


def test_large_messages_share_a_write():
    queue = SessionQueue(PendingTotal())
    queue.begin(Waiting(*[frame(bytes(8_000))] * 20))
    ack, *offered = queue.gather()
    assert len(ack) == 20
    assert [len(each) for each in offered] == [8_004] * 9
    queue.handle_written(20 + 9 * 8_004)
    assert [len(each) for each in queue.gather()] == [8_004] * 9
