"""An OpenAI-compatible server over http: patient with what passes, one clear line for the rest.

A key is named by its environment variable. It is read when a request is made and is in no
option, log, file or message.
"""

import json
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlsplit

from collectivesft.common.errors import UserError
from collectivesft.common.retry import asked_wait, with_tries

ATTEMPTS = 6
BACKOFF_S = 1.0
LONGEST_WAIT_S = 120.0
CONNECT_S = 20.0
# Timeout, conflict, too early, too many requests: all may pass, as server errors do.
_PASSING = (408, 409, 425, 429)
# A request that is wrong as it is, which some servers answer with 500 (llama-cpp-python,
# transformers serve).
_INVALID = re.compile(
    r"validation error|invalid_request|Input should be|'type': '\w+_type'|extra_forbidden"
    r"|context (?:window|length|size)|exceeds? the (?:available )?context|maximum context",
    re.I,
)
_UNANSWERED = (400, 413, 422)
_QUOTED = 200  # characters of a server's own words in a message

Task = TypeVar("Task")
Result = TypeVar("Result")


class EndpointError(UserError):
    """A server that refuses a request.

    Args:
        status: the HTTP status, None for no answer.
    """

    def __init__(self, message: str, status: int | None = None):
        self.status = status
        super().__init__(message)


class Unanswered(EndpointError):
    """One request that the server does not answer, although it may answer more: a content
    filter, a prompt that is too long for it, an error and no answer."""


class _Passing(Exception):
    """A failure that may pass: worth a new try after ``wait_s`` seconds (None: back off)."""

    def __init__(self, reason: str, wait_s: float | None = None, error_in_answer: bool = False):
        self.reason, self.wait_s, self.error_in_answer = reason, wait_s, error_in_answer
        super().__init__(reason)


class Endpoint:
    """A server's address with a pool of connections; safe to use from many threads.

    Args:
        url: up to the version, such as ``http://127.0.0.1:8000/v1``.
        key_env: name of the environment variable that holds the key, None for no key.
        timeout_s: longest time without a byte of an answer.
        connections: most requests at once.

    Raises:
        UserError: not an http address, one with a password in it, or the variable is not set.
    """

    def __init__(self, url: str, key_env: str | None, timeout_s: float, connections: int = 1):
        import httpx2

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"{url}: not an address. Give one such as http://127.0.0.1:8000/v1.")
        if "@" in parts.netloc:
            raise UserError("The address holds a user or password. Name a variable for the key.")
        self.url, self.key_env = url.rstrip("/"), key_env
        self.retries = 0  # tries again of all requests so far
        self._counting = threading.Lock()
        self._closed = threading.Event()
        key = _key(key_env)
        self._secret = key
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(timeout_s, connect=CONNECT_S, pool=None),
            limits=httpx2.Limits(max_connections=connections),
            # A proxy cannot reach a server on this machine.
            trust_env=parts.hostname not in ("127.0.0.1", "localhost", "::1"),
        )

    def __enter__(self) -> "Endpoint":
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed.set()
        self._client.close()

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at ``path``; errors as those of ``post``."""
        return self._patiently(path, lambda: self._client.get(self.url + path))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON object that the server answers to ``body``.

        Tries again, with growing waits or the one that the server names (Retry-After), while it is
        busy, broken or silent.

        Raises:
            EndpointError: refused, not JSON, or still failing after ATTEMPTS tries.
        """
        return self._patiently(path, lambda: self._client.post(self.url + path, json=body))

    def _patiently(self, path: str, send: Callable[[], Any]) -> dict[str, Any]:
        import httpx2

        try:
            return with_tries(
                lambda: self._understand(path, send()),
                lambda error: isinstance(error, (httpx2.TransportError, _Passing)),
                tries=ATTEMPTS,
                first_wait_s=BACKOFF_S,
                longest_wait_s=LONGEST_WAIT_S,
                asked=lambda error: getattr(error, "wait_s", None),
                sleep=self._closed.wait,
                is_over=self._closed.is_set,
                tell=self._count_retry,
            )
        except (httpx2.TransportError, _Passing) as error:
            # A server that answers, with an error for this request each time.
            given_up = getattr(error, "error_in_answer", False)
            kind = Unanswered if given_up else EndpointError
            raise kind(self._gave_up(error)) from error

    def _count_retry(self, error: BaseException, failures: int, wait_s: float) -> None:
        with self._counting:
            self.retries += 1

    def _gave_up(self, error: Exception) -> str:
        import httpx2

        if isinstance(error, _Passing):
            return f"{self.url}: {self._hidden(error.reason)}. Tried {ATTEMPTS} times; run again."
        if isinstance(error, httpx2.TimeoutException):
            remedy = "Raise the timeout or lower the concurrency, then run again"
            return f"{self.url}: no answer in time. {remedy}; answered questions are kept."
        reason = self._hidden(" ".join(str(error).split())) or type(error).__name__
        return f"{self.url}: no connection ({reason}). Start the server or correct the address."

    def _understand(self, path: str, response: Any) -> dict[str, Any]:
        """The object that a response holds.

        Raises:
            EndpointError: it holds no answer and never will.
            _Passing: it may be one next time.
        """
        status = response.status_code
        words = self._words(response) if status != 200 else ""
        if status in _UNANSWERED or (status >= 500 and _INVALID.search(words)):
            raise Unanswered(f"{self.url}{path}: HTTP {status} {words}".strip(), status)
        if status in _PASSING or status >= 500:
            raise _Passing(f"HTTP {status} {words}".strip(), asked_wait(response.headers))
        if status in (401, 403):
            held = f"the key in {self.key_env}" if self.key_env else "a request without a key"
            remedy = "Set the variable to a valid key" if self.key_env else "Name a variable for it"
            raise EndpointError(f"{self.url}: HTTP {status}, it refuses {held}. {remedy}.", status)
        if status != 200:
            words = words or response.reason_phrase
            raise EndpointError(f"{self.url}{path}: HTTP {status} {words}", status)
        try:
            found = response.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise EndpointError(
                f"{self.url}{path}: the answer is no JSON object. Correct the address, it usually "
                "ends in /v1.",
                status,
            )
        if found.get("error") and not found.get("choices") and not found.get("data"):
            words = self._words(response)
            if _INVALID.search(words):
                raise Unanswered(f"{self.url}{path}: HTTP 200 with an error: {words}", 400)
            raise _Passing(f"HTTP 200 with an error: {words}", error_in_answer=True)
        return found

    def _words(self, response: Any) -> str:
        """Return the server's words about an error, in one short line."""
        try:
            found = response.json()
        except ValueError:
            return ""
        for key in ("error", "message", "detail"):
            if isinstance(found, dict) and found.get(key):
                found = found[key]
        text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
        return self._hidden(" ".join(text.split()))[:_QUOTED]

    def _hidden(self, text: str) -> str:
        return text.replace(self._secret, "***") if self._secret else text

    def check_serves(self, name: str) -> None:
        """See that the server has a model, before anything is asked of it.

        A server without a usable list of models (404, an error, an empty list) is believed, with
        a warning where it should have one: the answers decide.

        Raises:
            EndpointError: it serves other models only.
        """
        import httpx2

        try:
            found = self._understand("/models", self._client.get(self.url + "/models"))
        except _Passing as error:
            self._warn_of_models(self._hidden(error.reason))
            return
        except EndpointError as error:
            if error.status in (401, 403) or error.status == 200:
                raise
            if error.status not in (404, 405):
                self._warn_of_models(f"HTTP {error.status}")
            return
        except httpx2.TransportError as error:
            raise EndpointError(self._gave_up(error)) from error
        rows = found.get("data")
        known = [row.get("id") for row in rows or [] if isinstance(row, dict)]
        if not known:
            self._warn_of_models("it lists none")
        elif name not in known:
            raise EndpointError(
                f"{self.url}: it does not serve a model {name!r} (it has: "
                f"{', '.join(map(str, known[:5]))}). Correct the served name."
            )

    def _warn_of_models(self, reason: str) -> None:
        sys.stderr.write(f"warning: {self.url}: no list of models ({reason})\n")

    def together(
        self, work: Callable[[Task], Result], tasks: Iterable[Task], concurrency: int
    ) -> Iterator[tuple[Task, Result]]:
        """Do work for each task in some threads; yield task and result as they get done.

        The first failure ends all: tasks that wait are dropped. Threads that still wait for an
        answer are left behind; the end of the process does not wait for them.
        """
        waiting, failed = deque(tasks), threading.Event()
        done: SimpleQueue = SimpleQueue()

        def run() -> None:
            while waiting and not failed.is_set():
                try:
                    task = waiting.popleft()
                except IndexError:  # a different thread took the last one
                    return
                try:
                    done.put((task, work(task), None))
                except BaseException as error:
                    failed.set()
                    done.put((task, None, error))

        count = len(waiting)
        try:
            for _ in range(min(concurrency, count)):
                threading.Thread(target=run, daemon=True).start()
            for _ in range(count):
                task, result, error = done.get()
                if error is not None:
                    raise error
                yield task, result
        finally:
            failed.set()


def _key(name: str | None) -> str:
    """The key in an environment variable; "" where none is named."""
    if not name:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise UserError(f"The environment variable {name} is not set. Put the server's key there.")
    if not key.isascii() or not key.isprintable():
        raise UserError(f"The environment variable {name} holds no key: it has other characters.")
    return key
