"""Calls of the Hub's client that are tried again, and end in one message when that is no help."""

import json
import logging
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from collectivesft.common.errors import UserError
from collectivesft.common.retry import asked_wait, with_tries

Result = TypeVar("Result")
TRIES = 4
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 600.0
_SEE = "For more information check"  # a page about the status in general
_CARD = "Invalid metadata in README.md"
_UPLOAD = "Error while uploading"
# Answers to an upload that is over already, or whose address was given too long ago: the client
# repeats the last request of an upload whose answer was lost, and the storage no longer knows it.
# The next attempt first asks for the present files.
_UPLOAD_IS_OVER = (400, 404, 409, 410)
_FULL = re.compile(r"storage (?:limit|quota)|quota exceeded|out of storage", re.I)
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s')\"]*")
_TOLD_FROM_S = 5.0  # shorter waits are not worth a line


def plain_log() -> None:
    """Keep the client's bars out of a log file, and signatures of addresses out of its messages.

    A presigned address (``...?X-Amz-Signature=``, ``?sig=``) lets whoever reads it read or write
    the file. On a terminal the bars stay.
    """
    from huggingface_hub.utils import disable_progress_bars
    from huggingface_hub.utils import logging as client_logging

    if not sys.stderr.isatty():
        disable_progress_bars()
    for handler in client_logging.get_logger().handlers:
        if not any(isinstance(each, _WithoutQueries) for each in handler.filters):
            handler.addFilter(_WithoutQueries())


class _WithoutQueries(logging.Filter):
    """Cut the query from each address in a message, and pass the message on."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _QUERY.sub(r"\1", record.getMessage()), ()
        return True


def check_token() -> None:
    """Refuse a token that no header can hold, before the client fails at it.

    Raises:
        UserError: it does not show the token.
    """
    from huggingface_hub import get_token

    token = get_token() or ""
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UserError(
            "HF_TOKEN: holds a character that no access token has (was a different text pasted?). "
            "Set it again, or log in with `hf auth login`."
        )


@dataclass(frozen=True)
class Problem:
    """Describe the failure of a call.

    Attributes:
        text: what and what to do, for a person.
        passing: it may go away by itself.
        wait: seconds that the Hub asks to wait first; None: it asks for nothing.
    """

    text: str
    passing: bool
    wait: float | None = None


def with_retries(call: Callable[[], Result], what: str) -> Result:
    """Call again on a server error, a lost connection or a branch that moved on.

    The client retries uploads by itself, but not the creation, the commit and the tag.

    Raises:
        UserError: the Hub refused, or it failed each time.
    """
    check_token()
    try:
        return with_tries(
            call,
            _is_passing,
            tries=TRIES,
            first_wait_s=FIRST_WAIT_S,
            longest_wait_s=LONGEST_WAIT_S,
            asked=lambda error: getattr(_understand(error), "wait", None),
            tell=partial(_tell_wait, what),
        )
    except Exception as error:
        problem = _understand(error)
        if problem is None:
            raise
        raise UserError(f"{what}: {problem.text}") from error


def _is_passing(error: BaseException) -> bool:
    problem = _understand(error)
    return problem is not None and problem.passing


def _tell_wait(what: str, error: BaseException, failures: int, wait: float) -> None:
    """Say a long wait before it begins, so that nobody takes it for a hang."""
    if wait >= _TOLD_FROM_S:
        text = f"{what}: attempt {failures} of {TRIES} failed ({_line(error)})"
        sys.stderr.write(f"{text}; trying again in {wait:.0f} s\n")


def _understand(error: BaseException) -> Problem | None:
    """The problem behind an error of the client; None for an error of this machine or package."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    # The client wraps some: an upload's in a RuntimeError, a download's in a FileNotFoundError.
    cause: BaseException | None = error
    uploading = False
    while cause is not None:
        uploading = uploading or str(cause).startswith(_UPLOAD)
        match cause:
            case HfHubHTTPError():
                return _answered(cause, uploading)
            case OfflineModeIsEnabled():
                return Problem(f"{_line(cause)}. Unset HF_HUB_OFFLINE.", passing=False)
            case httpx2.TransportError():
                remedy = "Check the network and run again; the files that arrived are kept."
                text = f"the Hub could not be reached ({_line(cause)}). {remedy}"
                return Problem(text, passing=True)
            case json.JSONDecodeError():
                return Problem("the Hub's answer was cut off or no JSON. Run again.", passing=True)
            case ValueError() if str(cause).startswith(_CARD):
                text = f"the Hub does not take the card: {_card(cause)}. Correct its YAML head."
                return Problem(text, passing=False)
            case HFValidationError():
                return Problem(f"{_line(cause)}. Write owner/name.", passing=False)
        cause = cause.__cause__
    if isinstance(error, OSError) and error.errno is None:
        return Problem(f"{_line(error)}. Run again.", passing=True)
    return None


def _card(error: BaseException) -> str:
    """Return the Hub's complaint about a card's head, which the client writes as a list."""
    lines = [line.removeprefix("- ") for line in str(error).splitlines()[1:]]
    return "; ".join(" ".join(line.split()).rstrip(".") for line in lines if line.strip())


def _answered(error: Any, uploading: bool) -> Problem:
    from huggingface_hub.errors import GatedRepoError

    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        remedy = "Ask for access on its page, then set HF_TOKEN to a token of that account"
    elif _FULL.search(str(error)) or status in (413, 507):
        remedy = "Free space in that account, or ask the Hub for more; the uploaded files are kept"
    elif status in (401, 403):
        remedy = "Log in with `hf auth login`, or set HF_TOKEN to a token that may write there"
    elif status == 404:
        remedy = "Check its name and version, and that your token may see it"
    else:
        remedy = "Run again; the uploaded files are kept"
    text = f"the Hub answered {status} ({_line(error)}). {remedy}."
    over = uploading and status in _UPLOAD_IS_OVER
    passing = (status >= 500 and status != 507) or status in (412, 429) or over
    return Problem(text, passing, asked_wait(error.response.headers))


def _line(error: BaseException) -> str:
    """An error's text in one line, without the signatures that upload addresses carry."""
    lines = [line for line in str(error).splitlines() if not line.startswith(_SEE)]
    return _QUERY.sub(r"\1", " ".join(" ".join(lines).split())).rstrip(".")
