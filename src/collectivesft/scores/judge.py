"""Clinical cases: a chat model grades the answers; its words are kept, and never paid for twice."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import write_jsonl
from collectivesft.common.progress import Reporter
from collectivesft.schema.item import Item, load_items
from collectivesft.scores.cases.case_answers import read_answers
from collectivesft.scores.cases.reply_cache import ReplyCache
from collectivesft.scores.cases.rubric import ASPECTS, LOWEST, grades, messages
from collectivesft.scores.engines import replies as forms
from collectivesft.scores.engines.failures import UNANSWERED, Failures
from collectivesft.scores.engines.http_client import Endpoint, EndpointError, Unanswered

MAX_TOKENS = 256
# Fields of a request that say how long a reply may be.
_LIMITS = ("max_tokens", "max_completion_tokens")
MILLION = 1_000_000
CUT = "cut short"


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


def judge(answers: Path, items: Path, cache: Path, out: Path, by: Judge) -> dict[str, Any]:
    """Write one row for each answer, in their order: the judge's grades.

    A row holds id, turn, model, judge (its name), reply (the judge's words), grades (fluency,
    relevance, completeness, proficiency, each 1 to 5; null where the reply holds none: it is not
    asked again, since at temperature 0 it would say the same), input_tokens, output_tokens (null
    where the server counts none), cost (of this answer, whenever it was paid) and error (null;
    empty: an answer without a character is not sent and gets the lowest grades; cut short: the
    reply reached the limit before its grades; unanswered and a reason: no reply came, no grades).

    Replies are kept in ``cache`` by the sha256 of all that was sent but the limit, so a killed run,
    a second run on the same answers, a new limit or a new reading of grades asks nothing again.
    Those that were cut short are not kept.

    Args:
        cache: JSON Lines that grow with each reply.

    Returns:
        asked (replies that were got now), retried (tries again for them, since the server was
        busy, broken or silent), kept (replies from the cache), unparsed (replies without grades),
        cut (those of them that were cut short), unanswered (no reply came: a refused request, a
        content filter, an empty message; asked again when run again).

    Raises:
        InputError: answers that do not belong to these cases.
        UserError: a server that refuses.
    """
    cases = {item.id: item for item in load_items(items)}
    rows = read_answers(answers)
    bodies = [_body(by, row, cases, rows, answers) for row in rows]
    with ReplyCache(cache) as replies:
        waiting = {_digest(body): body for body in bodies if body}
        new = [key for key in waiting if key not in replies]
        label = f"{rows[0]['model']}, {answers.name.partition('.')[0]}: grades"
        retried, failed = _ask(by, [(key, waiting[key]) for key in new], replies, label)
        judged = [
            _row(by, row, body, replies, failed) for row, body in zip(rows, bodies, strict=True)
        ]
    write_jsonl(out, judged)
    unparsed = sum(row["grades"] is None for row in judged)
    counts = {"asked": len(new), "retried": retried, "kept": len(waiting) - len(new)}
    short = sum(row["error"] == CUT for row in judged)
    lost = sum((row["error"] or "").startswith(UNANSWERED) for row in judged)
    return counts | {"unparsed": unparsed, "cut": short, "unanswered": lost}


def _body(
    by: Judge, row: dict, cases: dict[str, Item], rows: Sequence[dict], answers: Path
) -> dict[str, Any] | None:
    """Return the request for an answer; None for an empty one."""
    case, turn = cases.get(row["id"]), row["turn"]
    if case is None or not 1 <= turn <= len(case.turns):
        remedy = "Name the items that were answered"
        raise InputError(answers, f"turn {turn} of {row['id']} is no question of these", remedy)
    if not row["answer"].strip():  # also where the model's server gave no answer
        return None
    said = {other["turn"]: other["answer"] for other in rows if other["id"] == row["id"]}
    earlier = [said.get(number, "") for number in range(1, turn)]
    body = {
        "model": by.model,
        "messages": messages(case, turn, earlier, row["answer"]),
        "temperature": 0,
        "max_tokens": by.max_tokens,
    }
    return {key: value for key, value in (body | by.body).items() if value is not None}


def _digest(body: dict[str, Any]) -> str:
    """Return the key of a reply. A complete reply is the same under any limit."""
    asked = {key: value for key, value in body.items() if key not in _LIMITS}
    asked["max_tokens"] = MAX_TOKENS  # as replies were kept when there was one limit only
    text = json.dumps(asked, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _ask(
    by: Judge, new: Sequence[tuple[str, dict[str, Any]]], replies: ReplyCache, label: str
) -> tuple[int, dict[str, tuple[dict[str, Any], str]]]:
    """Ask for the replies that the cache does not hold.

    Returns:
        The number of retries; by their keys the replies that were cut short or never came, with
        the reason. These are not kept.
    """
    failed: dict[str, tuple[dict[str, Any], str]] = {}
    if not new:
        return 0, failed
    with (
        Endpoint(by.url, by.key_env, by.timeout_s, by.concurrency) as endpoint,
        Reporter(label, len(new)) as reporter,
    ):

        def grade(place: int) -> tuple[dict[str, Any], bool]:
            return _reply(_post(endpoint, new[place][1]))

        failures = Failures(len(new))
        asked = endpoint.together(failures.caught(grade), range(len(new)), by.concurrency)
        for place, result in asked:
            key = new[place][0]
            if isinstance(result, Unanswered):
                failures.add(result)
                failed[key] = _NO_REPLY, f"{UNANSWERED}: {result}"
            else:
                failures.answered += 1
                found, ended = result
                if ended or grades(found["reply"]):
                    replies.add(key, found)
                else:
                    failed[key] = found, CUT
            reporter.advance()
        return endpoint.retries, failed


_LOWEST_GRADES = dict.fromkeys(ASPECTS, LOWEST)
_NO_REPLY = {"reply": "", "input_tokens": None, "output_tokens": None}


def _post(endpoint: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return endpoint.post("/chat/completions", body)
    except EndpointError as error:
        if error.status not in (400, 422):
            raise
        hint = "If it refuses a field, replace it by body, or leave it out: {field: null}"
        raise type(error)(f"{error}. {hint}.", error.status) from error


def _reply(answer: dict[str, Any]) -> tuple[dict[str, Any], bool]:
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


def _row(
    by: Judge,
    row: dict[str, Any],
    body: dict[str, Any] | None,
    replies: ReplyCache,
    failed: Mapping[str, tuple[dict[str, Any], str]],
) -> dict[str, Any]:
    key = _digest(body) if body else None
    graded = None
    if key is None:
        found = {"reply": "", "input_tokens": 0, "output_tokens": 0}
        never = (row.get("error") or "").startswith(UNANSWERED)
        error, graded = (row["error"], None) if never else ("empty", _LOWEST_GRADES)
    else:
        found, error = failed[key] if key in failed else (replies[key], None)
        graded = grades(found["reply"])
    spent = (found["input_tokens"] or 0) * by.input_price
    spent += (found["output_tokens"] or 0) * by.output_price
    return {
        "id": row["id"],
        "turn": row["turn"],
        "model": row["model"],
        "judge": by.model,
        **found,
        "grades": graded,
        "cost": round(spent / MILLION, 8),
        "error": error,
    }
