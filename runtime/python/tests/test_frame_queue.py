import random

from messi_runtime.frame import FrameType, encode_frame
from messi_runtime.frame_queue import Control, FrameQueue, PendingTotal

PING = b"\x03\x00\x00\x00"
PONG = b"\x04\x00\x00\x00"


def make_queue(*payloads):
    queue = FrameQueue(PendingTotal())
    for payload in payloads:
        queue.append(frame(payload))
    return queue


def frame(payload):
    return encode_frame(FrameType.CLIENT_TO_SERVER, payload)


def written(queue, at_a_time=1 << 30):
    """All that is in the queue, written piece by piece."""
    data = b""
    while queue:
        piece = b"".join(queue.gather())[:at_a_time]
        queue.handle_written(len(piece))
        data += piece
    return data


def test_messages_leave_in_order_as_frames():
    queue = make_queue(b"a", b"bc")
    assert queue.pending == 11
    assert written(queue) == b"\x01\x00\x00\x01a\x01\x00\x00\x02bc"
    assert queue.pending == 0
    assert not queue


def test_messages_of_all_sizes_leave_in_order_however_little_is_taken():
    dice = random.Random(1)
    for _ in range(50):
        payloads = [dice.randbytes(dice.choice((0, 3, 500, 5000, 70_000))) for _ in range(30)]
        queue = make_queue(*payloads)
        assert written(queue, dice.choice((1000, 5000, 100_000))) == b"".join(map(frame, payloads))


def test_about_64_kib_are_offered_at_a_time():
    queue = make_queue(*[b"x" * 10_000] * 20, *[b"y" * 100] * 2000)
    while queue:
        size = sum(len(part) for part in queue.gather())
        assert 0 < size <= 64 * 1024
        queue.handle_written(size)


def test_a_frame_larger_than_that_leaves_alone():
    queue = make_queue(b"x" * 100_000, b"y")
    assert b"".join(queue.gather()) == frame(b"x" * 100_000)
    queue.handle_written(100_004)
    assert b"".join(queue.gather()) == frame(b"y")


def test_a_ping_goes_ahead_of_what_is_queued():
    queue = make_queue(b"a")
    queue.want(Control.PING)
    assert written(queue) == PING + frame(b"a")


def test_a_ping_does_not_go_into_the_middle_of_a_frame():
    queue = make_queue(b"x" * 10_000, b"y" * 100_000)
    queue.gather()
    queue.handle_written(7)
    queue.want(Control.PING)
    assert written(queue) == frame(b"x" * 10_000)[7:] + PING + frame(b"y" * 100_000)


def test_a_ping_that_is_written_in_part_is_pending():
    queue = make_queue()
    queue.want(Control.PING)
    queue.gather()
    queue.handle_written(1)
    assert queue.pending == 3
    queue.want(Control.PING)
    assert written(queue) == PING[1:] + PING
    assert queue.pending == 0


def test_one_waiting_pong_answers_all_pings():
    queue = make_queue()
    queue.want(Control.PONG)
    queue.want(Control.PONG)
    assert queue and queue.pending == 0
    assert written(queue) == PONG
    assert queue.pending == 0
    queue.want(Control.PONG)
    assert written(queue) == PONG


def test_large_messages_are_shared_and_small_ones_are_not():
    shared = frame(b"x" * 10_000)
    small = frame(b"x" * 100)
    queue = FrameQueue(PendingTotal())
    queue.append(shared)
    queue.append(small)
    assert [
        part.obj is each for part, each in zip(queue.gather(), (shared, small), strict=True)
    ] == [
        True,
        False,
    ]


def test_a_cleared_queue_is_empty():
    queue = make_queue(b"a")
    queue.want(Control.PONG)
    queue.gather()
    queue.clear()
    assert not queue
    assert written(queue) == b""
