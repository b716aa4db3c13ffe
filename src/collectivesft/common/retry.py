"""Try a call again after passing errors, with growing waits or the wait a server asks for."""

import email.utils
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Result = TypeVar("Result")


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Read the seconds that Retry-After asks for, as a number or a date (RFC 9110, 10.2.3).

    Args:
        headers: of the answer; names in lower case, or a mapping that ignores case.

    Returns:
        At least 0, with no upper bound; None without the header, or where it says neither.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.replace(".", "", 1).isdecimal():
        return float(asked)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def with_tries(
    call: Callable[[], Result],
    is_passing: Callable[[BaseException], bool],
    *,
    tries: int,
    first_wait_s: float,
    longest_wait_s: float,
    asked: Callable[[BaseException], float | None] = lambda error: None,
    progress: Callable[[], int] | None = None,
    sleep: Callable[[float], Any] | None = None,
    is_over: Callable[[], bool] = lambda: False,
    tell: Callable[[BaseException, int, float], Any] = lambda error, failures, wait: None,
) -> Result:
    """Return the call's result; after a passing error, wait and call again.

    The waits are ``first_wait_s``, then twice as long each time, never above ``longest_wait_s``.

    Args:
        is_passing: true for an error that may go away by itself.
        tries: number of calls, or of calls in a row that made no progress.
        asked: seconds that the server asks to wait, which replaces the growing wait; None: no wish.
        progress: how far the work has come (bytes on the disk, for example). A failed call that
            came further than all before it resets the count of tries and the waits.
        sleep: waits a number of seconds; ``time.sleep`` by default.
        is_over: true when nobody needs the result any more: the next error is the last.
        tell: receives the error, the number of failures in a row and the seconds of each wait,
            before it begins.

    Raises:
        BaseException: the last error itself, once it does not pass or the tries are used up.
    """
    import tenacity

    count = _Failures(progress)

    def wait(state: Any) -> float:
        error = state.outcome.exception()
        wish = asked(error)
        seconds = first_wait_s * 2 ** (count.failures(state) - 1) if wish is None else wish
        return min(seconds, longest_wait_s)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_passing),
        stop=lambda state: is_over() or count.failures(state) >= tries,
        wait=wait,
        sleep=sleep or (lambda seconds: time.sleep(seconds)),
        before_sleep=lambda state: tell(
            state.outcome.exception(), count.failures(state), state.next_action.sleep
        ),
        reraise=True,
    )(call)


class _Failures:
    """Count failed calls in a row; a call that made progress begins the count again."""

    def __init__(self, progress: Callable[[], int] | None):
        self._progress = progress or (lambda: 0)
        self._most = self._progress()
        self._attempt, self._count = 0, 0

    def failures(self, state: Any) -> int:
        """Return the count after this attempt, the same for each question about it."""
        if state.attempt_number != self._attempt:
            self._attempt, reached = state.attempt_number, self._progress()
            self._count = 1 if reached > self._most else self._count + 1
            self._most = max(self._most, reached)
        return self._count
