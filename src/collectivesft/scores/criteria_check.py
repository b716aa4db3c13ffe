"""Clinical cases: a judge lists yes/no criteria from the references, then marks answers by them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_jsonl, write_jsonl
from collectivesft.schema.item import load_items
from collectivesft.scores.cases.case_answers import read_answers
from collectivesft.scores.cases.criteria import (
    check_messages,
    list_messages,
    listed,
    reference_key,
    verdicts,
)
from collectivesft.scores.cases.reply_cache import ReplyCache
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

# The error of an answer to a question whose reference has no criteria.
NO_CRITERIA = "no criteria"
_ROW = {"key", "id", "turn", "listed_by", "criteria"}


def list_criteria(items: Path, cache: Path, out: Path, by: Judge) -> dict[str, int]:
    """Write one row for each question of the cases: the criteria drawn from its reference.

    A row holds key (sha256 of case, question and reference), id, turn, listed_by (the judge that
    listed them, which may be an earlier one), criteria (1 to 15 texts; null where there are
    none), input_tokens, output_tokens, cost and error (null, or the reason).

    Lists are kept in ``cache`` by that key, whoever made them: the same reference has the same
    criteria for every model, both judges and a later run. A reply that is no list is not kept.

    Args:
        items: the benchmark's cases.
        cache: JSON Lines that grow with each list.

    Returns:
        asked, retried, kept, unparsed (questions without criteria; asked again when run again),
        cut and unanswered (those of them that were cut short, or got no reply).

    Raises:
        InputError: items that are no cases.
        UserError: a server that refuses.
    """
    turns = [(case, turn) for case in load_items(items) for turn in range(1, len(case.turns) + 1)]
    if not turns:
        raise InputError(items, "no questions of clinical cases", "Name a clinical benchmark")
    keys = [reference_key(case, turn) for case, turn in turns]
    waiting = {
        key: by.request(list_messages(case, turn))
        for key, (case, turn) in zip(keys, turns, strict=True)
    }

    def keeps(key: str, found: Reply, ended: bool) -> bool:
        return listed(found["reply"]) is not None

    with ReplyCache(cache) as replies:
        words = f"{items.name.partition('.')[0]}: criteria"
        counts, failed = ask(by, waiting, replies, words, keeps)
        rows = []
        for key, (case, turn) in zip(keys, turns, strict=True):
            found, error = failed[key] if key in failed else (replies[key], None)
            author = found.get("judge", by.model)
            rows.append(
                {"key": key, "id": case.id, "turn": turn, "listed_by": author}
                | {"criteria": listed(found["reply"])}
                | {name: found[name] for name in REPLY if name != "reply"}
                | {"cost": by.cost(found) if author == by.model else 0.0, "error": error}
            )
    write_jsonl(out, rows)
    unparsed = sum(row["criteria"] is None for row in rows)
    return counts | {"unparsed": unparsed} | without_reply(rows)


def check(
    answers: Path, items: Path, criteria: Path, cache: Path, out: Path, by: Judge
) -> dict[str, int]:
    """Write one row for each answer, in their order: yes or no to each of its criteria.

    A row holds id, turn, model, judge, key and listed_by (those of its criteria), criteria, met
    (a truth value each; null where the reply holds no verdict on every criterion), reply,
    input_tokens, output_tokens, cost and error (null; empty: an answer without a character is not
    sent and meets nothing; no criteria: its question has none and is not sent; no judgement or
    cut short: a reply that cannot be read; unanswered and a reason: no reply came).

    Replies with all verdicts are kept in ``cache``; no other is, so that a later run asks again.

    Args:
        answers: as `scores answer-cases` wrote them.
        criteria: JSON Lines that `scores criteria` wrote of the same items.
        cache: JSON Lines that grow with each reply.

    Returns:
        asked, retried, kept, unparsed (answers without verdicts), cut and unanswered (of them).

    Raises:
        InputError: answers or criteria that do not belong to these cases.
        UserError: a server that refuses.
    """
    cases = {item.id: item for item in load_items(items)}
    rows, lists = read_answers(answers), _read_criteria(criteria)
    bodies: list[dict[str, Any] | None] = []
    own: list[dict[str, Any]] = []
    sizes: dict[str, int] = {}
    for row in rows:
        case = case_of(row, cases, answers)
        key = reference_key(case, row["turn"])
        if key not in lists:
            problem = f"no row for turn {row['turn']} of {row['id']} with its present reference"
            raise InputError(criteria, problem, "Delete it and run `scores criteria` again")
        own.append(lists[key])
        texts, body = lists[key]["criteria"], None
        if texts and row["answer"].strip():
            earlier = earlier_answers(row, rows)
            body = by.request(check_messages(case, row["turn"], earlier, row["answer"], texts))
            sizes[digest(body)] = len(texts)
        bodies.append(body)

    def keeps(key: str, found: Reply, ended: bool) -> bool:
        return verdicts(found["reply"], sizes[key]) is not None

    waiting = {digest(body): body for body in bodies if body}
    with ReplyCache(cache) as replies:
        done, failed = ask(by, waiting, replies, label(rows, answers, "criteria"), keeps)
        checked = [
            _row(by, row, one, body, replies, failed)
            for row, one, body in zip(rows, own, bodies, strict=True)
        ]
    write_jsonl(out, checked)
    unparsed = sum(row["met"] is None for row in checked)
    return done | {"unparsed": unparsed} | without_reply(checked)


def _read_criteria(path: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a file of criteria by their keys."""
    found = {}
    for number, row in read_jsonl(path):
        if not isinstance(row, dict) or not row.keys() >= _ROW:
            remedy = "Name a file that `scores criteria` wrote"
            raise InputError(path, "not the criteria of a question", remedy, row=number)
        found[row["key"]] = row
    return found


def _row(
    by: Judge,
    row: dict,
    own: Mapping[str, Any],
    body: dict[str, Any] | None,
    replies: ReplyCache,
    failed: Failed,
) -> dict[str, Any]:
    texts: Sequence[str] | None = own["criteria"]
    met: list[bool] | None = None
    if body is None:
        found = NOT_SENT
        error, heard = not_sent(row)
        if not row["answer"].strip():
            met = [False] * len(texts) if texts and heard else None
        if not texts:
            error = NO_CRITERIA if heard else error
    else:
        key = digest(body)
        found, error = failed[key] if key in failed else (replies[key], None)
        met = verdicts(found["reply"], len(texts)) if texts else None
    return {
        "id": row["id"],
        "turn": row["turn"],
        "model": row["model"],
        "judge": by.model,
        "key": own["key"],
        "listed_by": own["listed_by"],
        "criteria": texts,
        "met": met,
        **{name: found[name] for name in REPLY},
        "cost": by.cost(found),
        "error": error,
    }
