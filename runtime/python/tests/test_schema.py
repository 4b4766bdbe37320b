import chat_pb2
import pytest

from messi_runtime.schema import Incoming, Outgoing, encode_varint, first_field

OUTGOING = Outgoing(chat_pb2.ClientToServer)
INCOMING = Incoming(chat_pb2.ClientToServer)


@pytest.mark.parametrize("size", [0, 1, 120, 127, 128, 16383, 16384, 300_000])
def test_a_member_is_encoded_as_protobuf_encodes_the_message_around_it(size):
    message = chat_pb2.MessageInd(user="u" * size, text="t")
    around = chat_pb2.ClientToServer(message_ind=message)
    assert OUTGOING.encode("message_ind", message) == around.SerializeToString()
    assert OUTGOING.encode_unique(message) == around.SerializeToString()


def test_a_message_of_another_type_is_refused():
    with pytest.raises(TypeError, match=r"connect_req is a chat\.ConnectReq, but got a chat\.Mess"):
        OUTGOING.encode("connect_req", chat_pb2.MessageInd())
    with pytest.raises(TypeError, match=r"chat\.ConnectReq, chat\.MessageInd, but got a chat\.Con"):
        OUTGOING.encode_unique(chat_pb2.ConnectRsp())


def test_a_prepared_message_is_sent_as_it_was_filled_in():
    wrapper, member = OUTGOING.prepare("connect_req")
    assert OUTGOING.encode_prepared(wrapper) == b"\x0a\x00"
    member.user = "Erik"
    assert OUTGOING.encode_prepared(wrapper) == b"\x0a\x06\x0a\x04Erik"


def test_a_payload_is_decoded_into_its_member():
    received = INCOMING.decode(b"\x0a\x06\x0a\x04Erik")
    assert (received.name, received.message.user) == ("connect_req", "Erik")


@pytest.mark.parametrize(
    ("payload", "user"),
    [
        (b"\x0a\x06\x0a\x04Erik\x0a\x00", "Erik"),  # split: protobuf merges
        (b"\x7a\x01x\x0a\x03\x0a\x01a", "a"),  # an unknown field first
        (b"\x12\x00\x0a\x03\x0a\x01a", "a"),  # of two members the last one
    ],
)
def test_any_legal_encoding_is_decoded(payload, user):
    received = INCOMING.decode(payload)
    assert (received.name, received.message.user) == ("connect_req", user)


def test_a_member_of_a_newer_schema_is_told_by_its_number():
    assert INCOMING.decode(b"\x7a\x01x") == ("", None, 15)
    assert INCOMING.decode(b"\xfa\xff\xff\xff\x0f\x00") == ("", None, (1 << 29) - 1)
    assert INCOMING.decode(b"") == ("", None, 0)


@pytest.mark.parametrize("payload", [b"\x0a", b"\x0a\x05abc", b"\x07", b"\x0a\x03\x0a\x01\xff"])
def test_what_is_no_message_is_not_decoded(payload):
    assert INCOMING.decode(payload) is None


def test_varints():
    assert encode_varint(0) == b"\x00"
    assert encode_varint(300) == b"\xac\x02"
    assert first_field(encode_varint(12345 << 3 | 2)) == 12345
