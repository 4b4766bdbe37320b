from messi_runtime.keepalive import Keepalive, KeepaliveSettings

CLIENT = KeepaliveSettings(ping_interval=2.0, silence_limit=4.0)
SERVER = KeepaliveSettings(ping_interval=0.0, silence_limit=3.0)


def test_the_first_ping_is_due_at_once_and_then_once_per_interval():
    keepalive = Keepalive(CLIENT, 10.0)
    assert [keepalive.poll_ping(now) for now in (10.0, 10.0, 11.9, 12.0, 13.9, 14.0)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_a_late_ping_does_not_make_the_next_one_early():
    keepalive = Keepalive(CLIENT, 0.0)
    keepalive.poll_ping(0.0)
    assert keepalive.poll_ping(3.5)
    assert not keepalive.poll_ping(5.4)
    assert keepalive.poll_ping(5.5)


def test_a_side_without_interval_never_pings():
    keepalive = Keepalive(SERVER, 0.0)
    assert not keepalive.poll_ping(100.0)


def test_silence_is_measured_from_the_last_byte():
    keepalive = Keepalive(CLIENT, 0.0)
    assert not keepalive.timed_out(3.9)
    keepalive.handle_received(3.9)
    assert not keepalive.timed_out(7.8)
    assert keepalive.timed_out(7.9)


def test_the_deadline_is_the_next_thing_to_do():
    keepalive = Keepalive(CLIENT, 0.0)
    assert keepalive.deadline() == 0.0
    keepalive.poll_ping(0.0)
    assert keepalive.deadline() == 2.0
    keepalive.poll_ping(3.0)
    assert keepalive.deadline() == 4.0
    assert Keepalive(SERVER, 1.0).deadline() == 4.0
