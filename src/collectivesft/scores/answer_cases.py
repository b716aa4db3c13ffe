"""Clinical cases: a model answers their questions turn by turn."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.common.digests import software
from collectivesft.common.errors import InputError
from collectivesft.common.progress import Reporter
from collectivesft.schema.item import Item, load_items
from collectivesft.scores.engines import decode
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines.failures import UNANSWERED, Failures
from collectivesft.scores.engines.http_client import Unanswered
from collectivesft.scores.engines.language_model import LanguageModel
from collectivesft.scores.engines.openai_server import Completions, Server
from collectivesft.scores.engines.resume_log import ResumeLog
from collectivesft.scores.prompt.item_sample import choose
from collectivesft.scores.prompt.prompts import render

# Modules that decide the answers, and the prompts that these are part of.
CODE = (*models.CODE, "scores/answer_cases", "scores/prompt/prompts")
# Writes an answer to a prompt (text and tokens); returns it and True if it ended in time.
Write = Callable[[str, list[int]], tuple[str, bool]]
# Cases whose answers a loaded model writes at the same time: each token reads all weights once.
TOGETHER = 8


def answer_cases(
    folder: Path,
    name: str,
    items: Path,
    out: Path,
    *,
    max_new_tokens: int,
    limit: int | None,
    sample_seed: int,
    threads: int,
    server: Server | None = None,
) -> None:
    """Write one row for each question of each case, in the order of the file.

    A row holds id, benchmark, model (``name``), turn (from 1), prompt, question, reference,
    answer, stopped (it ended within the limit) and error (null; prompt_too_long: then nothing
    was asked; unanswered and a reason: the server gave none; the answer is empty then). Earlier
    answers are part of the next prompt. The tokenizer's chat template is used. A killed run
    resumes after the last finished case.

    Args:
        server: asks this server, several cases at once, and loads no model.

    Raises:
        UserError: a model that cannot be loaded, or has no chat template; a server that refuses.
        InputError: ``items`` has no test cases.
    """
    cases = choose(list(load_items(items)), limit, sample_seed)
    if not cases or any(item.kind != "clinical" for item in cases):
        raise InputError(items, "no clinical test cases", "Name a clinical benchmark's items")
    facts = {"threads": threads, **models.versions()} if server is None else server.facts()
    header = _header(models.digest(folder), name, cases, max_new_tokens, facts)
    model = models.load_tokenizer(folder) if server else models.load(folder, threads)
    total = sum(len(case.turns) for case in cases)
    label = f"{name}, {out.name.partition('.answers')[0]}: answers"
    with ResumeLog(out, header) as journal, Reporter(label, total) as reporter:
        done = {record["id"]: record["rows"] for record in journal.done}
        reporter.advance(sum(map(len, done.values())))
        waiting = [case for case in cases if case.id not in done]
        answered = _served if server else _local
        for id, rows in answered(model, name, waiting, max_new_tokens, server):
            if not any(map(_unanswered, rows)):
                journal.append({"id": id, "rows": rows})
            done[id] = rows
            reporter.advance(len(rows))
        journal.finish(row for case in cases for row in done[case.id])


def _local(
    model: LanguageModel, name: str, cases: Sequence[Item], limit: int, _: None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Id and rows of each case of a loaded model, some cases at a time."""
    for start in range(0, len(cases), TOGETHER):
        yield from _group(model, name, cases[start : start + TOGETHER], limit)


def _group(
    model: LanguageModel, name: str, cases: Sequence[Item], limit: int
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Ask a turn of every case, then the next of those that have one; yield a case at its end."""
    open_cases = {case.id: _converse(model, name, case, limit) for case in cases}
    replies: dict[str, Any] = dict.fromkeys(open_cases)  # None starts a conversation
    while open_cases:
        asked = {}
        for id, conversation in list(open_cases.items()):
            try:
                asked[id] = conversation.send(replies[id])[1]
            except StopIteration as end:
                del open_cases[id]
                yield id, end.value
        if asked:
            prompts = list(asked.values())
            written = decode.generate(model, decode.Prefix((), None), prompts, limit)
            texts = ((models.text_of(model, one.tokens), one.stopped) for one in written)
            replies = dict(zip(asked, texts, strict=True))


def _served(
    model: LanguageModel, name: str, cases: Sequence[Item], limit: int, server: Server
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Id and rows of each case, as a server gets them done."""
    if not cases:
        return
    with server.open() as endpoint:
        endpoint.check_serves(server.model)
        asking = Completions(endpoint, server, model, "chat")

        def write(text: str, ids: list[int]) -> tuple[str, bool]:
            return asking.write(text, ids, limit)

        def answer(number: int) -> list[dict[str, Any]]:
            return _answer_case(model, name, cases[number], limit, write)

        failures = Failures(len(cases))
        for number, rows in endpoint.together(answer, range(len(cases)), server.concurrency):
            reasons = [row["error"] for row in rows if _unanswered(row)]
            if len(reasons) == len(rows):
                failures.add(Unanswered(reasons[0]))
            else:
                failures.answered += 1
            yield cases[number].id, rows


def _unanswered(row: dict[str, Any]) -> bool:
    """Tell if the server gave no answer to a turn."""
    return (row["error"] or "").startswith(UNANSWERED)


def _header(
    checksum: str, name: str, cases: Sequence[Item], max_new_tokens: int, more: dict[str, Any]
) -> dict[str, Any]:
    facts = json.dumps([asdict(case) for case in cases], ensure_ascii=False)
    return {
        "model": checksum,
        "name": name,
        "code": software([*CODE, f"benchmarks/{cases[0].benchmark}"]),
        "cases": hashlib.sha256(facts.encode()).hexdigest(),
        "max_new_tokens": max_new_tokens,
        **more,
    }


def _answer_case(
    model: LanguageModel, name: str, case: Item, max_new_tokens: int, write: Write
) -> list[dict[str, Any]]:
    """Rows of one case, whose answers ``write`` writes."""
    conversation = _converse(model, name, case, max_new_tokens)
    try:
        asked = next(conversation)
        while True:
            try:
                reply = write(*asked)
            except Unanswered as refused:
                asked = conversation.throw(refused)
            else:
                asked = conversation.send(reply)
    except StopIteration as end:
        return end.value


def _converse(
    model: LanguageModel, name: str, case: Item, max_new_tokens: int
) -> Generator[tuple[str, list[int]], tuple[str, bool], list[dict[str, Any]]]:
    """Yield the prompt of each turn (text and tokens), take its answer, or ``Unanswered`` thrown;
    return the rows."""
    conversation = benchmarks.get(case.benchmark).messages
    answers: list[str] = []
    rows = []
    for number, turn in enumerate(case.turns, start=1):
        prompt = render(model.tokenizer, conversation(case, answers), "chat", "")
        ids = models.encode(model, prompt.text, "chat")
        fits = models.fits(model, len(ids), max_new_tokens)
        error = None if fits else "prompt_too_long"
        answer, stopped = "", False
        try:
            if fits:
                answer, stopped = yield prompt.text, ids
        except Unanswered as refused:
            error = f"{UNANSWERED}: {refused}"
        answers.append(answer)
        rows.append(
            {
                "id": case.id,
                "benchmark": case.benchmark,
                "model": name,
                "turn": number,
                "prompt": prompt.text,
                "question": turn["question"],
                "reference": turn["reference"],
                "answer": answer,
                "stopped": stopped,
                "error": error,
            }
        )
    return rows
