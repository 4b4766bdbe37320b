import pytest

from messi_runtime import BackoffSettings
from messi_runtime.backoff import Backoff

ALMOST_ONE = 1 - 2**-53


def test_the_base_grows_by_the_factor_up_to_the_maximum():
    backoff = Backoff(BackoffSettings())
    bases = [backoff.next(ALMOST_ONE) for _ in range(10)]
    assert bases == pytest.approx([min(1.6**n, 30.0) for n in range(10)])


def test_jitter_takes_up_to_half_of_the_base():
    assert Backoff(BackoffSettings()).next(0.0) == 0.5
    assert Backoff(BackoffSettings()).next(0.5) == 0.75


def test_a_reset_begins_anew():
    backoff = Backoff(BackoffSettings())
    backoff.next(0.0)
    backoff.next(0.0)
    backoff.reset()
    assert backoff.next(0.0) == 0.5


def test_after_a_connection_that_had_settled_the_first_retry_is_quick():
    backoff = Backoff(BackoffSettings())
    backoff.handle_lost(10.0)
    assert backoff.next(0.0) == 0.0
    assert backoff.next(0.0) == 0.5

    backoff.handle_lost(10.0)
    assert backoff.next(ALMOST_ONE) == pytest.approx(0.2)


def test_after_a_short_connection_it_is_not():
    backoff = Backoff(BackoffSettings())
    backoff.handle_lost(9.9)
    assert backoff.next(0.0) == 0.5
