"""Clinical cases: a chat model grades the answers; its words are kept, and never paid for twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.files import write_jsonl
from collectivesft.schema.item import Item, load_items
from collectivesft.scores.cases.case_answers import read_answers
from collectivesft.scores.cases.reply_cache import ReplyCache
from collectivesft.scores.cases.rubric import ASPECTS, LOWEST, grades, messages
from collectivesft.scores.engines.chat_judge import (
    NOT_SENT,
    REPLY,
    Failed,
    Judge,
    Reply,
    ask,
    digest,
)
from collectivesft.scores.engines.judge_rows import (
    case_of,
    earlier_answers,
    label,
    not_sent,
    without_reply,
)


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
    waiting = {digest(body): body for body in bodies if body}
    with ReplyCache(cache) as replies:
        counts, failed = ask(by, waiting, replies, label(rows, answers, "grades"), _keeps)
        judged = [
            _row(by, row, body, replies, failed) for row, body in zip(rows, bodies, strict=True)
        ]
    write_jsonl(out, judged)
    unparsed = sum(row["grades"] is None for row in judged)
    return counts | {"unparsed": unparsed} | without_reply(judged)


def _body(
    by: Judge, row: dict, cases: dict[str, Item], rows: Sequence[dict], answers: Path
) -> dict[str, Any] | None:
    """Return the request for an answer; None for an empty one."""
    case = case_of(row, cases, answers)
    if not row["answer"].strip():  # also where the model's server gave no answer
        return None
    return by.request(messages(case, row["turn"], earlier_answers(row, rows), row["answer"]))


def _keeps(key: str, found: Reply, ended: bool) -> bool:
    """Keep complete replies without grades too: at temperature 0 the judge would repeat itself."""
    return ended or grades(found["reply"]) is not None


_LOWEST_GRADES = dict.fromkeys(ASPECTS, LOWEST)


def _row(
    by: Judge, row: dict, body: dict[str, Any] | None, replies: ReplyCache, failed: Failed
) -> dict[str, Any]:
    key = digest(body) if body else None
    if key is None:
        found = NOT_SENT
        error, heard = not_sent(row)
        graded = _LOWEST_GRADES if heard else None
    else:
        found, error = failed[key] if key in failed else (replies[key], None)
        graded = grades(found["reply"])
    return {
        "id": row["id"],
        "turn": row["turn"],
        "model": row["model"],
        "judge": by.model,
        **{name: found[name] for name in REPLY},
        "grades": graded,
        "cost": by.cost(found),
        "error": error,
    }
