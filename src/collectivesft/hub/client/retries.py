"""Calls of the Hub's client that are tried again, and end in one message when that is no help."""

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from collectivesft.common.errors import UserError
from collectivesft.common.retry import asked_wait

Result = TypeVar("Result")
TRIES = 4
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 600.0
_SEE = "For more information check"  # a page about the status in general
_CARD = "Invalid metadata in README.md"
_QUERY = re.compile(r"(https?://[^\s?']+)\?[^\s')]*")


def plain_log() -> None:
    """No bars of the client in a log file; on a terminal they stay."""
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()


@dataclass(frozen=True)
class Problem:
    """What went wrong with a call.

    Attributes:
        text: what and what to do, for a person.
        passing: it may go away by itself.
        wait: seconds that the Hub asks to wait first.
    """

    text: str
    passing: bool
    wait: float = 0.0


def with_retries(call: Callable[[], Result], what: str) -> Result:
    """Call again on a server error, a lost connection or a branch that moved on.

    The client retries uploads by itself, but not the creation, the commit and the tag.

    Raises:
        UserError: the Hub refused, or it failed each time.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return call()
        except Exception as error:
            problem = _understand(error)
            if problem is None:
                raise
            if attempt == TRIES or not problem.passing:
                raise UserError(f"{what}: {problem.text}") from error
        time.sleep(max(FIRST_WAIT_S * 2 ** (attempt - 1), problem.wait))
    raise AssertionError("unreachable: the last attempt returns or raises")


def _understand(error: BaseException) -> Problem | None:
    """The problem behind an error of the client; None for an error of this machine or package."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    # The client wraps some: an upload's in a RuntimeError, a download's in a FileNotFoundError.
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case HfHubHTTPError():
                return _answered(cause)
            case OfflineModeIsEnabled():
                return Problem(f"{_line(cause)}. Unset HF_HUB_OFFLINE.", passing=False)
            case httpx2.TransportError():
                remedy = "Check the network and run again; what has arrived is kept."
                text = f"the Hub could not be reached ({_line(cause)}). {remedy}"
                return Problem(text, passing=True)
            case json.JSONDecodeError():
                return Problem("the Hub's answer was cut off or no JSON. Run again.", passing=True)
            case ValueError() if str(cause).startswith(_CARD):
                text = f"the Hub does not take the card: {_card(cause)}. Correct its YAML head."
                return Problem(text, passing=False)
            case HFValidationError():
                return Problem(
                    f"{_line(cause)}. Correct hub.repo_id in the configuration.", passing=False
                )
        cause = cause.__cause__
    if isinstance(error, OSError) and error.errno is None:
        return Problem(f"{_line(error)}. Run again.", passing=True)
    return None


def _card(error: BaseException) -> str:
    """What the Hub said of a card's head: the client puts it in lines that begin with a dash."""
    lines = [line.removeprefix("- ") for line in str(error).splitlines()[1:]]
    return "; ".join(" ".join(line.split()).rstrip(".") for line in lines if line.strip())


def _answered(error) -> Problem:
    from huggingface_hub.errors import GatedRepoError

    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        remedy = "Ask for access on its page, then set HF_TOKEN to a token of that account"
    elif status in (401, 403):
        remedy = "Log in with `hf auth login`, or set HF_TOKEN to a token that may write there"
    elif status == 404:
        remedy = "Check its name (hub.repo_id in the configuration), and that the token may see it"
    else:
        remedy = "Run again; what was uploaded is kept"
    text = f"the Hub answered {status} ({_line(error)}). {remedy}."
    wait = min(asked_wait(error.response.headers) or 0.0, LONGEST_WAIT_S)
    return Problem(text, passing=status >= 500 or status in (412, 429), wait=wait)


def _line(error: BaseException) -> str:
    """An error's text in one line, without the signatures that upload addresses carry."""
    lines = [line for line in str(error).splitlines() if not line.startswith(_SEE)]
    return _QUERY.sub(r"\1", " ".join(" ".join(lines).split())).rstrip(".")
