import tracemalloc

import pytest

from messi_runtime.frame_decoder import FrameDecoder, FrameTooBig

FRAMES = b"\x02\x00\x00\x02\x0a\x00" + b"\x04\x00\x00\x00" + b"\x09\x00\x01\x00" + b"x" * 256
DECODED = [(2, b"\x0a\x00"), (4, b""), (9, b"x" * 256)]


def decode(*pieces, limit=1000):
    decoder = FrameDecoder(limit)
    return [frame for piece in pieces for frame in decoder.decode(piece)]


def test_frames_of_one_read_come_in_order():
    assert decode(FRAMES) == DECODED


@pytest.mark.parametrize("cut", range(len(FRAMES)))
def test_a_frame_cut_at_any_byte_decodes_the_same(cut):
    assert decode(FRAMES[:cut], FRAMES[cut:]) == DECODED


def test_single_bytes_decode_the_same():
    assert decode(*(bytes((byte,)) for byte in FRAMES)) == DECODED


def test_a_tail_waits_for_the_rest():
    assert decode(FRAMES + b"\x02\x00\x00") == DECODED
    assert decode(FRAMES + b"\x02\x00\x00", b"\x01y") == [*DECODED, (2, b"y")]


@pytest.mark.parametrize("cut", range(1, 8))
def test_too_big_a_frame_is_refused_at_its_header_after_the_frames_before(cut):
    data = b"\x04\x00\x00\x00" + b"\x02\x00\x03\xe9"
    decoder = FrameDecoder(1000)
    frames = []
    with pytest.raises(FrameTooBig):
        for piece in (data[:cut], data[cut:]):
            # Not extend(), which loses the frames before the exception.
            for frame in decoder.decode(piece):
                frames.append(frame)
    assert frames == [(4, b"")]


def test_the_largest_allowed_frame_is_decoded():
    assert decode(b"\x02\x00\x03\xe8" + b"x" * 1000) == [(2, b"x" * 1000)]


def test_memory_is_taken_as_bytes_arrive_not_as_headers_promise():
    tracemalloc.start()
    decoders = [FrameDecoder((1 << 24) - 1) for _ in range(100)]
    for decoder in decoders:
        assert list(decoder.decode(b"\x02\xff\xff\xff" + b"x")) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024 * 1024
