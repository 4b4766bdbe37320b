"""Plays cases against endpoints, many at once, and says what went wrong."""

import concurrent.futures
import contextlib
import dataclasses
import pathlib
import time
import traceback

import table
from endpoint import Failure
from player import Player
from vectors import Case, read_vectors

HERE = pathlib.Path(__file__).resolve().parent
ATTEMPTS = 3  # the machine may be busy, and most cases look at a clock
MOST_TRIED_AGAIN = 20  # more are no matter of a busy machine


@dataclasses.dataclass
class Play:
    """A connection of a case with an endpoint."""
    case: Case
    endpoint: str
    command: list
    what: str  # is special about it, in a family
    steps: list
    cut: int | None
    failure: str | None = None  # at the last attempt

    @property
    def as_expected(self):
        # By chance something else happens in time that makes a known difference come right.
        return (self.failure is None) == (self.endpoint not in self.case.known)

    def attempt(self):
        for _ in range(ATTEMPTS):
            self.failure = self._failure_of_one()
            if self.as_expected:
                return

    def _failure_of_one(self):
        try:
            Player(self.command, self.case, self.steps, self.cut).play()
            return None
        except Failure as failure:
            return f"{self.what}: {failure}" if self.what else str(failure)
        except Exception:
            return traceback.format_exc()


class Playing:
    """All cases with all endpoints, each (side, name, command)."""

    def __init__(self, endpoints, only=()):
        self.cases = [case for case in read_vectors(HERE / "vectors.txt") if not only or case.name in only]
        self._families = [
            (case, name, [] if name in case.lacking else [Play(case, name, command, *play) for play in case.plays()])
            for side, name, command in endpoints for case in self.cases if case.side == side]
        self._took = 0

    def play(self, at_once):
        """They mostly wait, so that many at once are not much work."""
        with self._timed(), concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            list(pool.map(Play.attempt, self._all()))

    def play_again_what_failed(self):
        """One at a time, for when nothing else is under way."""
        failed = [play for play in self._all() if not play.as_expected]
        if len(failed) > MOST_TRIED_AGAIN:
            return
        with self._timed():
            for play in failed:
                print(f"again: {play.endpoint}: {play.case.name} {play.case.title}: {play.failure or 'passed'}", flush=True)
                play.attempt()

    def results(self):
        return [table.Result(case, name, case.known.get(name), len(plays),
                             [play.failure for play in plays if play.failure] if plays else ["not played"])
                for case, name, plays in self._families]

    def report(self, verbose=False):
        """Prints what went wrong, and the sums. What failed, a text for each."""
        results = self.results()
        failures = [failure for result in results if (failure := _failure_of(result))]
        for failure in failures:
            print(f"FAILED {failure}")
        if verbose:
            for result in results:
                if result.known and result.failures:
                    print(f"differs {result.endpoint}: {result.case.name} {result.case.title}: {result.known}")
        differing = sum(bool(result.known and result.failures) for result in results)
        plays = sum(result.plays for result in results)
        print(f"{plays} connections played in {self._took:.0f} s; {differing} known differences")
        print(f"{len(results) - len(failures)} passed, {len(failures)} failed", flush=True)
        return failures

    @contextlib.contextmanager
    def _timed(self):
        began = time.monotonic()
        yield
        self._took += time.monotonic() - began

    def _all(self):
        return [play for _, _, plays in self._families for play in plays]


def _failure_of(result):
    """A text, or None if all was as expected."""
    if result.as_expected:
        return None
    reasons = result.failures[:3] or [f"passes, but vectors.txt knows a difference: {result.known}"]
    return "\n    ".join([f"{result.endpoint}: {result.case.name} {result.case.title}", *reasons])
