"""Count requests that a server does not answer, so that one of them ends no run."""

from collections.abc import Callable
from typing import Any

from collectivesft.scores.engines.http_client import EndpointError, Unanswered

# The beginning of an answer's error where the server gave none; the reason follows.
UNANSWERED = "unanswered"
# So many requests without any answer end a run: nothing suggests that the next would get one.
MANY = 50


class Failures:
    """Requests that a server did not answer: counted one by one, an error where they are all.

    Args:
        asked: requests in all.
    """

    def __init__(self, asked: int):
        self.asked, self.answered, self.failed = asked, 0, 0

    def caught(self, work: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return ``work`` that returns ``Unanswered`` where it would raise it."""

        def run(task: Any) -> Any:
            try:
                return work(task)
            except Unanswered as error:
                return error

        return run

    def add(self, error: Unanswered) -> None:
        """Count a request without an answer.

        Raises:
            EndpointError: none of all requests, or of the first MANY, was answered.
        """
        self.failed += 1
        if not self.answered and self.failed in (self.asked, MANY):
            raise EndpointError(f"{error}. No request was answered.", error.status) from error
