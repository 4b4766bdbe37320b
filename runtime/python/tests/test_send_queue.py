from messi_runtime.frame import FrameType
from messi_runtime.send_queue import SendQueue


def make_queue(*payloads):
    queue = SendQueue(FrameType.CLIENT_TO_SERVER)
    for payload in payloads:
        queue.append(payload)
    return queue


def test_messages_leave_in_order_as_frames():
    queue = make_queue(b"a", b"bc")
    assert queue.pending_bytes == 11
    assert queue.take(100) == b"\x01\x00\x00\x01a\x01\x00\x00\x02bc"
    assert queue.pending_bytes == 0
    assert not queue


def test_only_whole_frames_leave():
    queue = make_queue(b"aaaa", b"bbbb")
    assert queue.take(15) == b"\x01\x00\x00\x04aaaa"
    assert queue.pending_bytes == 8
    assert queue.take(15) == b"\x01\x00\x00\x04bbbb"


def test_a_frame_larger_than_asked_for_leaves_alone():
    queue = make_queue(b"x" * 100, b"y")
    assert queue.take(10) == b"\x01\x00\x00\x64" + b"x" * 100
    assert queue.take(10) == b"\x01\x00\x00\x01y"


def test_a_ping_goes_ahead_of_what_is_queued():
    queue = make_queue(b"a")
    queue.push_control(FrameType.PING)
    assert queue.take(100) == b"\x03\x00\x00\x00\x01\x00\x00\x01a"


def test_one_waiting_pong_answers_all_pings():
    queue = make_queue()
    queue.push_control(FrameType.PONG)
    queue.push_control(FrameType.PONG)
    assert queue.pending_bytes == 4
    assert queue.take(100) == b"\x04\x00\x00\x00"
    queue.push_control(FrameType.PONG)
    assert queue.take(100) == b"\x04\x00\x00\x00"


def test_a_cleared_queue_is_empty():
    queue = make_queue(b"a")
    queue.push_control(FrameType.PONG)
    queue.clear()
    assert not queue
    assert queue.take(100) == b""
