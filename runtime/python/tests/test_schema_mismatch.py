"""The same as test/session/schema_mismatch_test.cc, with the same texts."""

import copy

import pytest

from messi_runtime.schema_mismatch import find_mismatch
from messi_runtime.schema_tlvs import PeerSchema
from messi_runtime.wire_schema import Schema, SchemaDirection, SchemaMember

ONE, TWO, THREE, FOUR = ("0" * 15 + digit for digit in "1234")
OURS = Schema(
    f"client_to_server {ONE} {TWO} 3\n"
    "1 0000000b login\n"
    "2 0000000c say\n"
    "4 0000000e leave\n"
    f"server_to_client {THREE} {FOUR} 2\n"
    "1 00000015 welcome\n"
    "3 00000017 said\n"
    "chat"
)


def same():
    """A peer with our schema."""
    peer = PeerSchema()
    peer.protocol = b"chat"
    peer.client_to_server = copy.deepcopy(OURS.client_to_server)
    peer.server_to_client = copy.deepcopy(OURS.server_to_client)
    peer.tells_members = True
    return peer


def other(*members):
    """The direction of a peer that has these members."""
    return SchemaDirection(b"9" * 16, [SchemaMember(*member) for member in members])


def text(theirs, peer_is_server, ours=OURS):
    mismatch = find_mismatch(ours, theirs, peer_is_server=peer_is_server)
    return mismatch and mismatch.text()


def server(theirs):
    return text(theirs, True)


def client(theirs):
    return text(theirs, False)


def test_schemas_that_are_the_same_on_the_wire_do_not_differ():
    assert server(same()) is None
    assert client(same()) is None


def test_a_peer_that_says_nothing_of_its_schema_is_no_mismatch():
    theirs = same()
    theirs.protocol = None
    theirs.client_to_server = other()
    assert server(theirs) is None


@pytest.mark.parametrize(
    ("name", "told"), [(b"other", "other"), (b"\x1b[2J\xff", "?[2J?"), (b"", "")]
)
def test_a_peer_of_another_protocol_is_told_by_its_name(name, told):
    theirs = same()
    theirs.protocol = name
    assert server(theirs) == f'server speaks "{told}", not "chat"'
    theirs.client_to_server = other()
    assert client(theirs) == f'client speaks "{told}", not "chat"'


def test_a_long_name_is_compared_as_far_as_it_was_told():
    ours = copy.deepcopy(OURS)
    ours.protocol = "n" * 300
    theirs = same()
    theirs.protocol = b"n" * 255
    assert text(theirs, True, ours) is None
    theirs.protocol = b"n" * 300
    assert text(theirs, True, ours) is not None


def test_members_that_only_one_side_has_are_told_by_number_and_name():
    theirs = same()
    theirs.client_to_server = other((1, 11), (2, 12), (7, 0), (9, 0))
    mismatch = find_mismatch(OURS, theirs, peer_is_server=False)
    assert (mismatch.protocol, mismatch.peer_protocol) == ("chat", "chat")
    assert not mismatch.sent.differs
    assert mismatch.received.differs
    assert mismatch.received.unknown_here == [7, 9]
    assert mismatch.received.unknown_there == [4]
    assert mismatch.received.changed == []
    assert mismatch.text() == (
        "client has another chat: sends 7 and 9, unknown here; does not send 4 (leave)"
    )
    assert server(theirs) == (
        "server has another chat: does not know 4 (leave); knows 7 and 9, unknown here"
    )

    theirs = same()
    theirs.server_to_client = other((2, 0), (3, 23))
    assert server(theirs) == (
        "server has another chat: sends 2, unknown here; does not send 1 (welcome)"
    )
    assert client(theirs) == (
        "client has another chat: does not know 1 (welcome); knows 2, unknown here"
    )


def test_a_member_of_another_type_is_told_first():
    theirs = same()
    theirs.client_to_server = other((1, 11), (2, 0), (4, 0), (5, 0))
    theirs.server_to_client = other((1, 0), (3, 23))
    assert server(theirs) == (
        "server has another chat: has other types for 2 (say) and 4 (leave); "
        "sends other types for 1 (welcome); knows 5, unknown here"
    )
    assert client(theirs) == (
        "client has another chat: has other types for 1 (welcome); "
        "sends other types for 2 (say) and 4 (leave); sends 5, unknown here"
    )


def test_of_many_members_some_are_told():
    theirs = same()
    members = [(1, 21), (3, 23), *((i, 0) for i in range(11, 20))]
    theirs.server_to_client = other(*members)
    assert server(theirs) == (
        "server has another chat: sends 11, 12, 13, 14, 15, 16, 17, 18 and 19, unknown here"
    )
    theirs.server_to_client = other(*members, (536870911, 0))
    assert server(theirs) == (
        "server has another chat: sends 11, 12, 13, 14, 15, 16, 17, 18 and 2 more, unknown here"
    )


def test_without_the_members_it_is_told_which_sides_messages_differ():
    theirs = same()
    theirs.tells_members = False
    theirs.client_to_server = other()
    assert server(theirs) == "server has another chat: what servers get differs"
    assert client(theirs) == "client has another chat: what clients send differs"
    theirs.server_to_client = other()
    assert server(theirs) == "server has another chat: what servers send and get differs"
    assert client(theirs) == "client has another chat: what clients send and get differs"
    theirs.client_to_server = OURS.client_to_server
    assert server(theirs) == "server has another chat: what servers send differs"


def test_a_peer_whose_members_are_ours_but_not_its_fingerprint_is_told_as_different():
    theirs = same()
    theirs.server_to_client = SchemaDirection(b"9" * 16, theirs.server_to_client.members)
    assert server(theirs) == "server has another chat: what servers send differs"
