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
from collectivesft.scores.engines.http_client import Endpoint, EndpointError

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
    """Write one row for each answer, in their order: what the judge says of it.

    A row holds id, turn, model, judge (its name), reply (the judge's words), grades (fluency,
    relevance, completeness, proficiency, each 1 to 5; null where the reply holds none: it is not
    asked again, since at temperature 0 it would say the same), input_tokens, output_tokens (null
    where the server counts none), cost (of this answer, whenever it was paid) and error (null;
    empty: an answer without a character is not sent and gets the lowest grades; cut short: the
    reply reached the limit before its grades).

    Replies are kept in ``cache`` by the sha256 of all that was sent but the limit, so a killed run,
    another run on the same answers, another limit or way of reading grades asks nothing again.
    Those that were cut short are not kept.

    Args:
        cache: JSON Lines that grow with each reply.

    Returns:
        asked (replies that were got now), retried (tries again for them, since the server was
        busy, broken or silent), kept (replies from the cache), unparsed (replies without grades),
        cut (those of them that were cut short).

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
        retried, cut = _ask(by, [(key, waiting[key]) for key in new], replies)
        judged = [_row(by, row, body, replies, cut) for row, body in zip(rows, bodies, strict=True)]
    write_jsonl(out, judged)
    unparsed = sum(row["grades"] is None for row in judged)
    counts = {"asked": len(new), "retried": retried, "kept": len(waiting) - len(new)}
    short = sum(row["error"] == CUT for row in judged)
    return counts | {"unparsed": unparsed, "cut": short}


def _body(
    by: Judge, row: dict, cases: dict[str, Item], rows: Sequence[dict], answers: Path
) -> dict[str, Any] | None:
    """What is sent for an answer; None for an empty one."""
    case, turn = cases.get(row["id"]), row["turn"]
    if case is None or not 1 <= turn <= len(case.turns):
        remedy = "Name the items that were answered"
        raise InputError(answers, f"turn {turn} of {row['id']} is no question of these", remedy)
    if not row["answer"].strip():
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
    """What a reply is kept by. What was said whole is the same under any limit."""
    asked = {key: value for key, value in body.items() if key not in _LIMITS}
    asked["max_tokens"] = MAX_TOKENS  # as replies were kept when there was one limit only
    text = json.dumps(asked, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _ask(
    by: Judge, new: Sequence[tuple[str, dict[str, Any]]], replies: ReplyCache
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Ask for what the cache does not hold.

    Returns:
        How many tries again that took; by their keys the replies that were cut short.
    """
    cut: dict[str, dict[str, Any]] = {}
    if not new:
        return 0, cut
    with (
        Endpoint(by.url, by.key_env, by.timeout_s, by.concurrency) as endpoint,
        Reporter("grades", len(new)) as reporter,
    ):

        def grade(place: int) -> tuple[dict[str, Any], bool]:
            return _reply(by, _post(endpoint, new[place][1]))

        for place, (found, ended) in endpoint.together(grade, range(len(new)), by.concurrency):
            if ended or grades(found["reply"]):
                replies.add(new[place][0], found)
            else:
                cut[new[place][0]] = found
            reporter.advance()
        return endpoint.retries, cut


def _post(endpoint: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return endpoint.post("/chat/completions", body)
    except EndpointError as error:
        if error.status not in (400, 422):
            raise
        hint = "If it refuses a field, replace it by body, or leave it out: {field: null}"
        raise EndpointError(f"{error}. {hint}.", error.status) from error


def _reply(by: Judge, answer: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A judge's words and their tokens; whether it ended them itself.

    Raises:
        EndpointError: not a chat's answer.
    """
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"] or ""
    except (KeyError, IndexError, TypeError) as error:
        problem = f"{by.url}: an answer without a message. Name a server with /chat/completions."
        raise EndpointError(problem) from error
    usage = answer.get("usage") or {}
    found = {
        "reply": text,
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
    }
    return found, choice.get("finish_reason") != "length"


def _row(
    by: Judge,
    row: dict[str, Any],
    body: dict[str, Any] | None,
    replies: ReplyCache,
    cut: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    key = _digest(body) if body else None
    if key is None:
        found, error = {"reply": "", "input_tokens": 0, "output_tokens": 0}, "empty"
    else:
        found, error = (cut[key], CUT) if key in cut else (replies[key], None)
    spent = (found["input_tokens"] or 0) * by.input_price
    spent += (found["output_tokens"] or 0) * by.output_price
    return {
        "id": row["id"],
        "turn": row["turn"],
        "model": row["model"],
        "judge": by.model,
        **found,
        "grades": grades(found["reply"]) if key else dict.fromkeys(ASPECTS, LOWEST),
        "cost": round(spent / MILLION, 8),
        "error": error,
    }
