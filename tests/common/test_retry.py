"""What a server's Retry-After asks for, in each form that RFC 9110 (10.2.3) knows, and in none."""

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
