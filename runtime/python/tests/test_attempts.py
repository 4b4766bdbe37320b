from messi_runtime import BackoffSettings
from messi_runtime.attempts import Attempts


def test_addresses_are_tried_in_turn_and_only_then_comes_a_delay():
    attempts = Attempts(["a", "b", "c"], False, BackoffSettings())
    for _ in range(2):
        for address in "abc":
            assert attempts.next() == address
            attempts.handle_failed()
            assert (attempts.delay_after_failure() > 0) == (address == "c")


def test_the_delays_grow_until_a_connection_has_proved_itself():
    attempts = Attempts(["a"], False, BackoffSettings())

    def fail():
        attempts.handle_failed()
        return attempts.delay_after_failure()

    for _ in range(10):
        last = fail()
    assert last > 10
    attempts.handle_proved()
    assert fail() <= 1


def test_after_a_long_connection_the_delay_is_short_once():
    attempts = Attempts(["a"], False, BackoffSettings())
    attempts.handle_proved()
    assert attempts.delay_after_loss(10) <= 0.2
    attempts.handle_failed()
    assert attempts.delay_after_failure() >= 0.5


def test_a_client_that_is_started_again_has_a_whole_round_before_it():
    attempts = Attempts(["a", "b"], False, BackoffSettings())
    attempts.handle_failed()
    attempts.begin_round()
    attempts.handle_failed()
    assert [attempts.next(), attempts.delay_after_failure()] == ["a", 0]


def test_what_has_proved_itself_is_tried_first_when_it_is_lost_after_a_delay():
    attempts = Attempts(["a", "b", "c"], False, BackoffSettings())
    attempts.handle_failed()
    attempts.handle_proved()
    assert attempts.delay_after_loss(1) >= 0.5
    assert attempts.next() == "b"
    # A whole round is before it again.
    for _ in range(2):
        attempts.handle_failed()
        assert attempts.delay_after_failure() == 0
    assert attempts.next() == "a"


def test_after_a_drain_the_next_address_is_tried_soon():
    attempts = Attempts(["a", "b"], False, BackoffSettings())
    attempts.handle_proved()
    assert attempts.delay_after_drain() <= 0.2
    assert attempts.next() == "b"
    attempts.handle_failed()
    assert attempts.delay_after_failure() == 0
    attempts.handle_failed()
    assert attempts.delay_after_failure() >= 0.5


def tried(attempts):
    address = attempts.next()
    attempts.handle_failed()
    attempts.delay_after_failure()
    return address


def test_addresses_are_shuffled_when_a_round_begins():
    attempts = Attempts(list(range(10)), True, BackoffSettings())
    rounds = [[tried(attempts) for _ in range(10)] for _ in range(3)]
    assert all(sorted(each) == list(range(10)) for each in rounds)
    assert rounds[0] != rounds[1] != rounds[2]
