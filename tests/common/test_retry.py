"""The wait that a server's Retry-After asks for, in each form of RFC 9110 (10.2.3) and without."""

import email.utils
from types import SimpleNamespace

import pytest

from collectivesft.common import retry
from collectivesft.common.retry import asked_wait

NOW = 1_800_000_000.25


@pytest.mark.parametrize(("value", "wanted"), [("0", 0.0), ("86400", 86400.0), (" 1.5 ", 1.5)])
def test_a_number_is_seconds(value, wanted):
    assert asked_wait({"retry-after": value}) == wanted


@pytest.mark.parametrize(("ahead", "wanted"), [(60, 59.75), (-60, 0)])
def test_a_date_is_the_time_until_then(monkeypatch, ahead, wanted):
    monkeypatch.setattr(retry, "time", SimpleNamespace(time=lambda: NOW))
    date = email.utils.formatdate(NOW + ahead, usegmt=True)
    assert asked_wait({"retry-after": date}) == wanted


@pytest.mark.parametrize(
    "value", ["", "tomorrow", "-3", "²", "nan", "1 Jan 99999999999999999999 00:00:00 GMT"]
)
def test_what_is_neither_asks_for_nothing(value):
    assert asked_wait({"retry-after": value}) is None


def test_an_answer_without_it_asks_for_nothing():
    assert asked_wait({}) is None


class Broken(Exception):
    """An error that passes."""


class Lasting(Exception):
    """An error that stays."""


class Calls:
    """Raises each error in turn, then returns 42; keeps the waits between."""

    def __init__(self, *errors: Exception):
        self.errors, self.count, self.waits = list(errors), 0, []

    def __call__(self) -> int:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return 42

    def run(self, tries: int = 4, **more) -> int:
        how = {"first_wait_s": 1.0, "longest_wait_s": 6.0, "sleep": self.waits.append} | more
        return retry.with_tries(self, lambda e: isinstance(e, Broken), tries=tries, **how)


def test_a_passing_error_is_tried_again_with_growing_waits():
    calls = Calls(*[Broken()] * 4)
    assert calls.run(tries=5) == 42
    assert (calls.count, calls.waits) == (5, [1, 2, 4, 6])


def test_the_last_error_comes_as_it_is():
    calls = Calls(*[Broken(n) for n in range(9)])
    with pytest.raises(Broken, match="2"):
        calls.run(tries=3)
    assert (calls.count, calls.waits) == (3, [1, 2])


def test_a_lasting_error_is_not_tried_again():
    calls = Calls(Broken(), Lasting())
    with pytest.raises(Lasting):
        calls.run()
    assert (calls.count, calls.waits) == (2, [1])


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0), (3.0, 3), (99.0, 6), (None, 1)])
def test_the_wait_that_the_server_asks_for_comes_before_our_own(asked, waited):
    calls = Calls(Broken())
    assert calls.run(asked=lambda error: asked) == 42
    assert calls.waits == [waited]


def test_progress_begins_the_count_again():
    reached = iter([0, 1, 2, 2, 3, 3, 3])
    calls = Calls(*[Broken()] * 9)
    with pytest.raises(Broken):
        calls.run(tries=3, progress=lambda: next(reached))
    assert calls.waits == [1, 1, 2, 1, 2]


def test_nothing_is_tried_again_once_nobody_needs_it():
    over = iter([False, True])
    calls = Calls(*[Broken()] * 9)
    with pytest.raises(Broken):
        calls.run(is_over=lambda: next(over))
    assert calls.count == 2


def test_each_wait_is_told_before_it_begins():
    told = []
    calls = Calls(Broken("a"), Broken("b"))
    calls.run(tell=lambda error, failures, wait: told.append((str(error), failures, wait)))
    assert told == [("a", 1, 1), ("b", 2, 2)]
