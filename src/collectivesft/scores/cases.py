"""Clinical cases: a model answers their questions turn by turn; the answers are compared."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.benchmarks.item import Item, load_items
from collectivesft.errors import InputError
from collectivesft.files import read_jsonl, write_json
from collectivesft.progress import Reporter
from collectivesft.scores import model as models
from collectivesft.scores.journal import Journal
from collectivesft.scores.model import LanguageModel
from collectivesft.scores.overlap import bleu, rouge_l
from collectivesft.scores.prompts import render
from collectivesft.scores.sampling import choose

_NEEDED = {"id", "benchmark", "model", "turn", "reference", "answer"}
_AGAIN = "Delete the answers and run `collectivesft scores answer-cases` again"


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
        answer, stopped = models.generate(model, [ids], max_new_tokens)[0] if fits else ("", False)
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
                "error": None if fits else "prompt_too_long",
            }
        )
    return rows


def score_cases(answers: Path, model: str, out: Path) -> dict[str, Any]:
    """Write how far answers overlap with the references, over characters without whitespace.

    ``bleu`` is corpus-level BLEU-4, ``rouge`` the mean F1 of ROUGE-L, both fractions with six
    digits; ``empty`` counts answers without a character. Overlap is no judgement of quality.

    Raises:
        InputError: no answers, answers of another model, or one there twice.
    """
    rows = _rows(answers, model)
    found, wanted = [r["answer"] for r in rows], [r["reference"] for r in rows]
    rouges = [rouge_l(a, r) for a, r in zip(found, wanted, strict=True)]
    scores = {
        "model": model,
        "benchmark": rows[0]["benchmark"],
        "kind": "clinical",
        "cases": len({row["id"] for row in rows}),
        "answers": len(rows),
        "bleu": round(bleu(found, wanted), 6),
        "rouge": round(sum(rouges) / len(rouges), 6),
        "empty": sum(not answer.strip() for answer in found),
    }
    write_json(out, scores)
    return scores


def _rows(answers: Path, model: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, int]] = set()
    for number, row in read_jsonl(answers):
        if not isinstance(row, dict) or _NEEDED - set(row):
            raise InputError(answers, "not an answer to a case", _AGAIN, row=number)
        if row["model"] != model:
            problem = f"an answer of {row['model']}, not of {model}"
            raise InputError(answers, problem, "Name the model that made them", row=number)
        if (row["id"], row["turn"]) in seen:
            raise InputError(answers, f"turn {row['turn']} of {row['id']} twice", _AGAIN, number)
        seen.add((row["id"], row["turn"]))
        rows.append(row)
    if not rows:
        raise InputError(answers, "no answers", _AGAIN)
    return rows
