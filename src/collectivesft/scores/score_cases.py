"""Clinical cases: how far a model's answers overlap with the references."""

from pathlib import Path
from typing import Any

from collectivesft.errors import InputError
from collectivesft.files import read_jsonl, write_json
from collectivesft.scores.overlap import bleu, rouge_l

_NEEDED = {"id", "benchmark", "model", "turn", "reference", "answer"}
_AGAIN = "Delete the answers and run `collectivesft scores answer-cases` again"


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
