"""Clinical cases: a chat model grades the answers; its words are kept, and never paid for twice."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft.benchmarks.item import Item, load_items
from collectivesft.errors import InputError
from collectivesft.files import write_jsonl
from collectivesft.progress import Reporter
from collectivesft.scores.answers import read_answers
from collectivesft.scores.endpoint import Endpoint, EndpointError
from collectivesft.scores.reply_cache import ReplyCache
from collectivesft.scores.rubric import ASPECTS, LOWEST, grades, messages

MAX_TOKENS = 256
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Judge:
    """A chat server; the command line explains each. Prices are for a million tokens."""

    url: str
    model: str
    key_env: str | None = None
    concurrency: int = 8
    timeout_s: float = 120.0
    input_price: float = 0.0
    output_price: float = 0.0


def judge(answers: Path, items: Path, cache: Path, out: Path, by: Judge) -> dict[str, Any]:
    """Write one row for each answer, in their order: what the judge says of it.

    A row holds id, turn, model, judge (its name), reply (the judge's words), grades (fluency,
    relevance, completeness, proficiency, each 1 to 5; null where the reply holds none: it is not
    asked again, since at temperature 0 it would say the same), input_tokens, output_tokens (null
    where the server counts none), cost (of this answer, whenever it was paid) and error (null,
    or empty: an answer without a character is not sent and gets the lowest grades).

    Replies are kept in ``cache`` by the sha256 of all that was sent, so a killed run, another run
    on the same answers, or another way of reading grades asks nothing again.

    Args:
        cache: JSON Lines that grow with each reply.

    Returns:
        asked (replies that were got now), retried (tries again for them, since the server was
        busy, broken or silent), kept (replies from the cache), unparsed (replies without grades).

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
        retried = _ask(by, [(key, waiting[key]) for key in new], replies)
        judged = [
            _row(by, row, replies[_digest(body)] if body else None)
            for row, body in zip(rows, bodies, strict=True)
        ]
    write_jsonl(out, judged)
    unparsed = sum(row["grades"] is None for row in judged)
    counts = {"asked": len(new), "retried": retried, "kept": len(waiting) - len(new)}
    return counts | {"unparsed": unparsed}


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
    return {
        "model": by.model,
        "messages": messages(case, turn, earlier, row["answer"]),
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
    }


def _digest(body: dict[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _ask(by: Judge, new: Sequence[tuple[str, dict[str, Any]]], replies: ReplyCache) -> int:
    """Ask for what the cache does not hold; how many tries again that took."""
    if not new:
        return 0
    with (
        Endpoint(by.url, by.key_env, by.timeout_s, by.concurrency) as endpoint,
        Reporter("grades", len(new)) as reporter,
    ):

        def grade(place: int) -> dict[str, Any]:
            return _reply(by, endpoint.post("/chat/completions", new[place][1]))

        for place, found in endpoint.together(grade, range(len(new)), by.concurrency):
            replies.add(new[place][0], found)
            reporter.advance()
        return endpoint.retries


def _reply(by: Judge, answer: dict[str, Any]) -> dict[str, Any]:
    """A judge's words and their tokens.

    Raises:
        EndpointError: not a chat's answer.
    """
    try:
        text = answer["choices"][0]["message"]["content"] or ""
    except (KeyError, IndexError, TypeError) as error:
        problem = f"{by.url}: an answer without a message. Name a server with /chat/completions."
        raise EndpointError(problem) from error
    usage = answer.get("usage") or {}
    return {
        "reply": text,
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
    }


def _row(by: Judge, row: dict[str, Any], reply: dict[str, Any] | None) -> dict[str, Any]:
    lowest = dict.fromkeys(ASPECTS, LOWEST)
    found = reply or {"reply": "", "input_tokens": 0, "output_tokens": 0}
    spent = (found["input_tokens"] or 0) * by.input_price
    spent += (found["output_tokens"] or 0) * by.output_price
    return {
        "id": row["id"],
        "turn": row["turn"],
        "model": row["model"],
        "judge": by.model,
        **found,
        "grades": grades(found["reply"]) if reply else lowest,
        "cost": round(spent / MILLION, 8),
        "error": None if reply else "empty",
    }
