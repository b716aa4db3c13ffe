"""From predictions to scores: who is right, by which reading, in which category."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.benchmarks.item import Item, load_items
from collectivesft.errors import InputError
from collectivesft.files import atomic_path, read_jsonl, write_json
from collectivesft.scores.sampling import choose
from collectivesft.scores.statistics import Summary, summarise

_AGAIN = "Delete the predictions and run `collectivesft scores predict` again"
_NEEDED = {
    "id", "benchmark", "model", "answer", "official", "corrected", "stopped", "method",
    "error", "limit", "sample_seed",
}  # fmt: skip


def score(
    predictions: Path, items: Path, model: str, protocol: str, out: Path, table: Path
) -> dict[str, Any]:
    """Write the scores of a model on a benchmark as JSON, and its categories as CSV.

    Headline figures (macro, micro, categories) compare the corrected reading with the key as
    sets of letters. ``official`` compares CMB's own reading with the key letter by letter, as
    CMB's score.py does; its four unsorted keys stand sorted in the items, so up to four questions
    of 11,200 may count otherwise. A question that was too long to ask counts as wrong.

    Returns:
        What is written as JSON. Fractions have six digits; low and high bound 95 % intervals.

    Raises:
        InputError: predictions that do not belong to these items, one for one.
    """
    rows = _rows(predictions, model)
    asked = _matched(predictions, rows, list(load_items(items)))
    groups = [(item.category, item.subcategory) for item in asked]
    right = [set(r["corrected"]) == set(i.answer) for r, i in zip(rows, asked, strict=True)]
    official = [r["official"] == i.answer for r, i in zip(rows, asked, strict=True)]
    summary, by_official = summarise(groups, right), summarise(groups, official)
    scores = {
        "model": model,
        "benchmark": rows[0]["benchmark"],
        "protocol": protocol,
        "kind": "choice",
        "method": rows[0]["method"],
        "items": len(rows),
        "macro": summary.macro,
        "micro": summary.micro,
        **_groups(summary, rows[0]["benchmark"]),
        "official": {"macro": by_official.macro["value"], "micro": by_official.micro["value"]},
        "differ": sum(a != b for a, b in zip(right, official, strict=True)),
        **_counts(rows, asked),
    }
    write_json(out, scores)
    _write_categories(table, scores)
    return scores


def _rows(predictions: Path, model: str) -> list[dict[str, Any]]:
    """The predictions, with all that scoring needs, each of the same model and protocol."""
    rows: list[dict[str, Any]] = []
    for number, row in read_jsonl(predictions):
        if not isinstance(row, dict) or _NEEDED - set(row):
            raise InputError(predictions, "not a prediction", _AGAIN, row=number)
        if row["model"] != model:
            problem = f"a prediction of {row['model']}, not of {model}"
            raise InputError(predictions, problem, "Name the model that made them", row=number)
        for key in ("benchmark", "method", "limit", "sample_seed"):
            if rows and row[key] != rows[0][key]:
                raise InputError(predictions, f"{key} changes", _AGAIN, row=number)
        rows.append(row)
    if not rows:
        raise InputError(predictions, "no predictions", _AGAIN)
    return rows


def _matched(predictions: Path, rows: Sequence[dict], items: Sequence[Item]) -> list[Item]:
    """The item of each row, after a check that exactly the items that were to be asked are there.

    Raises:
        InputError: an id that is missing, unknown or there twice, or another key than the item's.
    """
    asked = {item.id: item for item in choose(items, rows[0]["limit"], rows[0]["sample_seed"])}
    seen: set[str] = set()
    for row in rows:
        id, item = row["id"], asked.get(row["id"])
        if item is None or item.benchmark != row["benchmark"]:
            raise InputError(predictions, "unknown item, not asked by this protocol", _AGAIN, id)
        if id in seen:
            raise InputError(predictions, "item predicted twice", _AGAIN, id)
        if not item.answer:
            raise InputError(predictions, "item without a key", "Fetch the benchmark's key", id)
        if item.answer != row["answer"]:
            raise InputError(predictions, f"key {row['answer']} is now {item.answer}", _AGAIN, id)
        seen.add(id)
    missing = [id for id in asked if id not in seen]
    if missing:
        problem = f"{len(missing)} of {len(asked)} items are missing, {missing[0]} first"
        raise InputError(predictions, problem, _AGAIN)
    return [asked[row["id"]] for row in rows]


def _groups(summary: Summary, benchmark: str) -> dict[str, list[dict[str, Any]]]:
    """Categories in the benchmark's order, unknown ones last; sub-categories within them."""
    labels = benchmarks.get(benchmark).CATEGORIES
    order = [name for name in labels if name in summary.categories]
    order += [name for name in summary.categories if name not in labels]
    return {
        "categories": [
            {"category": name, "label": labels.get(name, name), **summary.categories[name]}
            for name in order
        ],
        "subcategories": [
            {"category": category, "subcategory": subcategory, **values}
            for name in order
            for (category, subcategory), values in summary.subcategories.items()
            if category == name
        ],
    }


def _counts(rows: Sequence[dict], asked: Sequence[Item]) -> dict[str, Any]:
    """How answers went: counts of items, and of first letters of answers and of the key."""
    return {
        "unparsed": sum(not row["corrected"] for row in rows),
        "stopped": sum(row["stopped"] for row in rows),
        "too_long": sum(row["error"] is not None for row in rows),
        "letters": _first_letters(row["corrected"] for row in rows),
        "gold_letters": _first_letters(item.answer for item in asked),
    }


def _first_letters(answers) -> dict[str, int]:
    return dict(sorted(Counter(answer[0] for answer in answers if answer).items()))


def _write_categories(path: Path, scores: dict[str, Any]) -> None:
    """One row a category: accuracy and its interval in percent, two digits."""
    columns = ("category", "label", "items", "accuracy", "low", "high")
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        for row in scores["categories"]:
            values = [f"{100 * row[key]:.2f}" for key in ("value", "low", "high")]
            writer.writerow([row["category"], row["label"], row["items"], *values])
