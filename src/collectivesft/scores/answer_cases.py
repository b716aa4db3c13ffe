"""Clinical cases: a model answers their questions turn by turn."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.benchmarks.item import Item, load_items
from collectivesft.errors import InputError
from collectivesft.progress import Reporter
from collectivesft.scores import decode
from collectivesft.scores import model as models
from collectivesft.scores.journal import Journal
from collectivesft.scores.model import LanguageModel
from collectivesft.scores.prompts import render
from collectivesft.scores.sampling import choose


def answer_cases(
    folder: Path,
    name: str,
    items: Path,
    out: Path,
    max_new_tokens: int,
    limit: int | None,
    sample_seed: int,
    threads: int,
) -> None:
    """Write one row for each question of each case, one case at a time, in the order of the file.

    A row holds id, benchmark, model (``name``), turn (from 1), prompt, question, reference,
    answer, stopped (it ended within the limit) and error (null, or prompt_too_long: then nothing
    was asked and the answer is empty). Earlier answers are part of the next prompt. The
    tokenizer's chat template is used. A killed run goes on after the last finished case.

    Raises:
        UserError: a model that cannot be loaded, or has no chat template.
        InputError: ``items`` has no test cases.
    """
    cases = choose(list(load_items(items)), limit, sample_seed)
    if not cases or any(item.kind != "clinical" for item in cases):
        raise InputError(items, "no clinical test cases", "Name a clinical benchmark's items")
    header = _header(models.digest(folder), name, cases, max_new_tokens, threads)
    model = models.load(folder, threads)
    total = sum(len(case.turns) for case in cases)
    with Journal(out, header) as journal, Reporter("answers", total) as reporter:
        finished = list(journal.done)
        reporter.advance(sum(len(record["rows"]) for record in finished))
        for case in cases[len(finished) :]:
            record = {"id": case.id, "rows": _answer_case(model, name, case, max_new_tokens)}
            journal.append(record)
            finished.append(record)
            reporter.advance(len(record["rows"]))
        journal.finish(row for record in finished for row in record["rows"])


def _header(
    checksum: str, name: str, cases: Sequence[Item], max_new_tokens: int, threads: int
) -> dict[str, Any]:
    facts = json.dumps([asdict(case) for case in cases], ensure_ascii=False)
    return {
        "model": checksum,
        "name": name,
        "cases": hashlib.sha256(facts.encode()).hexdigest(),
        "max_new_tokens": max_new_tokens,
        "threads": threads,
        **models.versions(),
    }


def _answer_case(
    model: LanguageModel, name: str, case: Item, max_new_tokens: int
) -> list[dict[str, Any]]:
    conversation = benchmarks.get(case.benchmark).messages
    answers: list[str] = []
    rows = []
    for number, turn in enumerate(case.turns, start=1):
        prompt = render(model.tokenizer, conversation(case, answers), "chat", "")
        ids = models.encode(model, prompt.text, "chat")
        fits = models.fits(model, len(ids), max_new_tokens)
        written = decode.Written()
        if fits:
            written = decode.generate(model, decode.Prefix((), None), [ids], max_new_tokens)[0]
        answers.append(answer := models.text_of(model, written.tokens))
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
                "stopped": written.stopped,
                "error": None if fits else "prompt_too_long",
            }
        )
    return rows
