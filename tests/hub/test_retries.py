"""Calls of the client: what is tried again, and what a person is told in the end."""

import email.utils
import errno
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from collectivesft.common import retry
from collectivesft.common.errors import UserError
from collectivesft.hub.client.retries import LONGEST_WAIT_S, TRIES, with_retries


def answered(status: int, text: str = "no", **headers: str) -> HfHubHTTPError:
    request = httpx2.Request("POST", "http://hub/api")
    return HfHubHTTPError(text, response=httpx2.Response(status, request=request, headers=headers))


def wrapped(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


class Call:
    """Fails with each error in turn, then returns 42."""

    def __init__(self, *errors: Exception):
        self.errors, self.count = list(errors), 0

    def __call__(self) -> int:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return 42


PASSING = {
    "server error": answered(500),
    "gateway": answered(502),
    "too many requests": answered(429),
    "branch moved on": answered(412),
    "no connection": httpx2.ConnectError("refused"),
    "timeout": httpx2.ReadTimeout("slow"),
    "upload": wrapped(RuntimeError("Error while uploading"), answered(503)),
    "upload cut": wrapped(RuntimeError("Error while uploading"), httpx2.WriteError("cut")),
    "download": wrapped(LocalEntryNotFoundError("Got: ..."), answered(503)),
    "download of another size": OSError("Consistency check failed: 3 of 4 bytes"),
}
LASTING = {
    "wrong token": (answered(401), "hf auth login"),
    "no right": (answered(403), "hf auth login"),
    "no repository": (answered(404), "Check its name"),
    "bad request": (answered(400), "Run again"),
    "upload refused": (wrapped(RuntimeError("upload"), answered(403)), "hf auth login"),
}


@pytest.mark.parametrize("error", PASSING.values(), ids=list(PASSING))
def test_what_may_go_away_is_tried_again(quick, error):
    call = Call(error, error)
    assert with_retries(call, "demo/model: read") == 42
    assert call.count == 3


@pytest.mark.parametrize("error", PASSING.values(), ids=list(PASSING))
def test_what_does_not_go_away_ends_in_one_line(quick, error):
    call = Call(*[error] * 100)
    with pytest.raises(UserError) as caught:
        with_retries(call, "demo/model: read")
    assert call.count == TRIES
    assert str(caught.value).startswith("demo/model: read: ")
    assert "\n" not in str(caught.value) and "again" in str(caught.value)


@pytest.mark.parametrize("error, remedy", LASTING.values(), ids=list(LASTING))
def test_a_refusal_is_not_tried_again(quick, error, remedy):
    call = Call(error)
    with pytest.raises(UserError, match=remedy):
        with_retries(call, "demo/model: read")
    assert call.count == 1


@pytest.mark.parametrize(
    "error",
    [KeyError("a mistake of ours"), RuntimeError("another"), OSError(errno.ENOSPC, "full", "/x")],
    ids=str,
)
def test_errors_of_this_machine_or_package_pass_through(quick, error):
    call = Call(error)
    with pytest.raises(type(error)) as caught:
        with_retries(call, "demo/model: read")
    assert caught.value is error
    assert call.count == 1


def test_waits_grow_with_each_failure(monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    with pytest.raises(UserError):
        with_retries(Call(*[answered(500)] * 100), "x")
    assert waits == [1, 2, 4]


@pytest.mark.parametrize("ahead, wait", [(60, 60), (86400, LONGEST_WAIT_S)])
def test_waits_until_the_date_that_the_hub_names(monkeypatch, ahead, wait):
    waits = []
    clock = SimpleNamespace(time=lambda: 1_800_000_000, sleep=waits.append)
    monkeypatch.setattr(retry, "time", clock)
    date = email.utils.formatdate(1_800_000_000 + ahead, usegmt=True)
    assert with_retries(Call(answered(429, **{"retry-after": date})), "x") == 42
    assert waits == [wait]


def test_signatures_of_upload_addresses_are_not_shown(quick):
    text = (
        "Server error '503' for url 'https://store/part?X-Amz-Signature=5ec1e7&n=1'\n"
        "For more information check: https://somewhere/503"
    )
    with pytest.raises(UserError) as caught:
        with_retries(Call(*[answered(503, text)] * 100), "x")
    assert str(caught.value) == (
        "x: the Hub answered 503 (Server error '503' for url 'https://store/part'). "
        "Run again; the uploaded files are kept."
    )


def test_a_long_wait_is_said_before_it_begins(monkeypatch, capsys):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with_retries(Call(answered(429, **{"retry-after": "300"})), "demo/model: upload")
    said = "demo/model: upload: attempt 1 of 4 failed (no); trying again in 300 s\n"
    assert capsys.readouterr().err == said


def test_a_full_account_is_not_told_to_log_in(quick):
    error = answered(403, "You have reached your storage limit")
    with pytest.raises(UserError, match="Free space in that account") as caught:
        with_retries(Call(error), "x")
    assert "log" not in str(caught.value).lower()


@pytest.mark.parametrize("token", ["hf_令牌", "hf_a b", "hf_a\nb", "hf_\udc80"])
def test_a_token_that_no_header_can_hold_is_one_line_without_it(monkeypatch, token):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: token)
    call = Call()
    with pytest.raises(UserError, match="HF_TOKEN: holds a character") as caught:
        with_retries(call, "x")
    assert token not in str(caught.value) and "\n" not in str(caught.value)
    assert call.count == 0


def test_signatures_of_addresses_are_not_in_the_clients_log():
    import logging

    from huggingface_hub.utils.logging import get_logger

    from collectivesft.hub.client.retries import plain_log

    plain_log()
    plain_log()
    handlers = get_logger().handlers
    assert handlers and all(len(handler.filters) == 1 for handler in handlers)
    text = "thrown while requesting PUT %s"
    for handler in handlers:
        values = ("https://store/part?sig=5ec1e7&se=2026",)
        record = logging.LogRecord("huggingface_hub", logging.WARNING, "", 1, text, values, None)
        assert handler.filter(record)
        assert record.getMessage() == "thrown while requesting PUT https://store/part"
