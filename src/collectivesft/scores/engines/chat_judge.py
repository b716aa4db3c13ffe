"""Ask a chat model for judgements: cached replies, requests that get none, and their cost."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collectivesft.common.progress import Reporter
from collectivesft.scores.cases.reply_cache import ReplyCache
from collectivesft.scores.engines import replies as forms
from collectivesft.scores.engines.failures import UNANSWERED, Failures
from collectivesft.scores.engines.http_client import Endpoint, EndpointError, Unanswered

MAX_TOKENS = 256
# Fields of a request that say how long a reply may be.
_LIMITS = ("max_tokens", "max_completion_tokens")
_MILLION = 1_000_000
# The errors of a reply without a judgement: its limit was reached before one, or it holds none.
CUT, UNREAD = "cut short", "no judgement"
# The error of an answer without a character: it is not sent.
EMPTY = "empty"

Reply = dict[str, Any]
# By its key, a reply that is not kept, with the reason.
Failed = dict[str, tuple[Reply, str]]


@dataclass(frozen=True, slots=True)
class Judge:
    """A chat server; the command line explains each.

    Attributes:
        input_price, output_price: for a million tokens.
        body: fields of a request that are added or replaced; null leaves one out.
    """

    url: str
    model: str
    key_env: str | None = None
    concurrency: int = 8
    timeout_s: float = 120.0
    input_price: float = 0.0
    output_price: float = 0.0
    max_tokens: int = MAX_TOKENS
    body: dict[str, Any] = field(default_factory=dict)

    def request(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """Return the body of a request."""
        body = {
            "model": self.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": self.max_tokens,
        }
        return {key: value for key, value in (body | self.body).items() if value is not None}

    def cost(self, reply: Mapping[str, Any]) -> float:
        """Return the price of a reply's tokens; those that no server counted cost nothing."""
        spent = (reply["input_tokens"] or 0) * self.input_price
        spent += (reply["output_tokens"] or 0) * self.output_price
        return round(spent / _MILLION, 8)


# A reply's fields in the rows of results.
REPLY = ("reply", "input_tokens", "output_tokens")
NO_REPLY = {"reply": "", "input_tokens": None, "output_tokens": None}
NOT_SENT = {"reply": "", "input_tokens": 0, "output_tokens": 0}


def digest(body: Mapping[str, Any]) -> str:
    """Return the key of a reply. A complete reply is the same under any limit."""
    asked = {key: value for key, value in body.items() if key not in _LIMITS}
    asked["max_tokens"] = MAX_TOKENS  # as replies were kept when there was one limit only
    text = json.dumps(asked, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def ask(
    by: Judge,
    waiting: Mapping[str, dict[str, Any]],
    replies: ReplyCache,
    label: str,
    keeps: Callable[[str, Reply, bool], bool],
) -> tuple[dict[str, int], Failed]:
    """Ask for the replies that the cache does not hold.

    Args:
        waiting: requests by the keys of their replies.
        keeps: tells from key, reply and whether it ended by itself if it is kept; one in the cache
            that would not be kept is asked for again.

    Returns:
        Counts: asked (replies that were got now), retried (tries again for them) and kept (replies
        from the cache); the replies that are not kept or never came, with the reason.

    Raises:
        UserError: a server that refuses.
    """
    failed: Failed = {}
    new = [
        (key, body)
        for key, body in waiting.items()
        if key not in replies or not keeps(key, replies[key], True)
    ]
    counts = {"asked": len(new), "retried": 0, "kept": len(waiting) - len(new)}
    if not new:
        return counts, failed
    with (
        Endpoint(by.url, by.key_env, by.timeout_s, by.concurrency) as endpoint,
        Reporter(label, len(new)) as reporter,
    ):

        def post(place: int) -> tuple[Reply, bool]:
            return _reply(_post(endpoint, new[place][1]))

        failures = Failures(len(new))
        asked = endpoint.together(failures.caught(post), range(len(new)), by.concurrency)
        for place, result in asked:
            key = new[place][0]
            if isinstance(result, Unanswered):
                failures.add(result)
                failed[key] = NO_REPLY, f"{UNANSWERED}: {result}"
            else:
                failures.answered += 1
                found, ended = result
                if keeps(key, found, ended):
                    replies.add(key, found | {"judge": by.model})
                else:
                    failed[key] = found, UNREAD if ended else CUT
            reporter.advance()
        return counts | {"retried": endpoint.retries}, failed


def _post(endpoint: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return endpoint.post("/chat/completions", body)
    except EndpointError as error:
        if error.status not in (400, 422):
            raise
        hint = "If it refuses a field, replace it by body, or leave it out: {field: null}"
        raise type(error)(f"{error}. {hint}.", error.status) from error


def _reply(answer: dict[str, Any]) -> tuple[Reply, bool]:
    """Return a judge's words with their tokens, and true unless they were cut at the limit.

    Raises:
        Unanswered: not a chat's answer, or one that was filtered, refused or broken off.
    """
    text, reason = forms.chat(answer)
    usage = answer.get("usage") or {}
    found = {
        "reply": text,
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
    }
    return found, reason != "length"
