"""From predictions to scores: who is right, by which reading, in which category."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.common.errors import InputError
from collectivesft.common.files import write_json, write_jsonl
from collectivesft.common.table_files import write_csv
from collectivesft.schema.item import Item, load_items
from collectivesft.scores.extract.grade import grade_prediction
from collectivesft.scores.measure.answer_key import identify
from collectivesft.scores.measure.bootstrap import DIGITS, Summary, summarise
from collectivesft.scores.measure.circular import circular
from collectivesft.scores.measure.diagnostics import count
from collectivesft.scores.measure.pairs import READINGS, against
from collectivesft.scores.measure.predictions import AGAIN, load, match, unscored
from collectivesft.scores.measure.protocol_version import versioned
from collectivesft.scores.measure.samples import grade_samples, repeated
from collectivesft.scores.measure.shares import FEW, floors, wilson
from collectivesft.scores.measure.stems import count_shared, stem_of
from collectivesft.scores.measure.submitted import submitted

_NEEDED = {
    "multiple", "options", "lead", "likelihood", "answer", "stopped", "shots_dropped", "settled",
}  # fmt: skip


def score(
    predictions: Path,
    items: Path,
    model: str,
    protocol: str,
    out: Path,
    table: Path,
    answers: Path,
    base: Path | None = None,
) -> dict[str, Any]:
    """Write a model's scores on a benchmark as JSON, its categories as CSV, its answers as judged.

    Headline figures (macro, micro, categories) count the corrected reading, ``official`` CMB's
    own; ``submitted`` the figures of the paper's own evaluation (see examer.py); ``differ`` is
    the number of items that are right by one of the two readings only. ``apart`` holds
    groups that a benchmark reports by themselves (CMB: politics, and questions without their
    context), ``without_apart`` the averages without them, null where there are none; ``floors`` the
    averages that need no knowledge: one letter always, the best letter of each sub-category;
    ``repeated`` the measures of several drawn answers (see measure/samples.py), of which all other
    figures count the first;
    ``shared_stems`` the items that share their case with a second one, drawn together.
    A question that was too long to ask, or that a server did not answer, counts as wrong. ``key``
    says which answer key was used, ``versioned`` the protocol with its version (``cmb:answer@6``).

    Args:
        answers: JSON Lines to write, one row an item in the items' order: the prompt, the
            answer, the letters of both readings, the key, and who is right.
        base: the base model's judged answers to the same items; ``against`` is then the
            comparison with them (see compare.py), else null.

    Returns:
        The content of ``out``. Fractions have six digits; low and high bound 95 % intervals.

    Raises:
        InputError: predictions that do not belong to these items, one for one.
    """
    rows = load(predictions, model, _NEEDED)
    all_items = list(load_items(items))
    pairs = _keyed(predictions, rows, all_items)
    judged = [grade_prediction(row, item) | grade_samples(row, item) for item, row in pairs]
    stems = [stem_of(item) for item, _ in pairs]
    summary, official = (summarise(_groups(judged), _right(judged, by), stems) for by in READINGS)
    scores = {
        "model": model,
        "benchmark": rows[0]["benchmark"],
        "protocol": protocol,
        "versioned": versioned(rows[0]["benchmark"], protocol),
        "kind": "choice",
        "method": rows[0]["method"],
        "items": len(rows),
        "shared_stems": count_shared(item for item, _ in pairs),
        "unscored": unscored(all_items),
        "key": identify(all_items),
        "macro": summary.macro,
        "micro": summary.micro,
        **_by_group(summary, official, rows[0]["benchmark"]),
        "official": {"macro": official.macro["value"], "micro": official.micro["value"]},
        "floors": floors(judged),
        "submitted": submitted(judged),
        "differ": sum(row["corrected_right"] != row["official_right"] for row in judged),
        **_apart(judged),
        **_circular(judged),
        **_repeated(rows, judged),
        **count([row for _, row in pairs], judged),
        "against": against(base, judged, predictions) if base else None,
    }
    write_jsonl(answers, judged)
    _write_categories(table, scores)
    write_json(out, scores)
    return scores


def _keyed(
    predictions: Path, rows: Sequence[dict], items: Sequence[Item]
) -> list[tuple[Item, dict[str, Any]]]:
    """Items that were to be asked, each with its row, by the key that they were asked with.

    Raises:
        InputError: as ``match``, an item without a key, or a key that is not the item's.
    """
    pairs = match(predictions, rows, items)
    for item, row in pairs:
        if not item.answer:
            problem = "item without a key"
            raise InputError(predictions, problem, "Fetch the benchmark's key", item.id)
        if item.answer != row["answer"]:
            problem = f"key {row['answer']} is now {item.answer}"
            raise InputError(predictions, problem, AGAIN, item.id)
    return pairs


def _circular(judged: Sequence[dict]) -> dict[str, Any]:
    """Return the measures of answers in several orders of the options, if there are such."""
    found = circular(judged)
    return {"circular": found} if found else {}


def _repeated(rows: Sequence[dict], judged: Sequence[dict]) -> dict[str, Any]:
    """Return the measures of several drawn answers, if there are such."""
    found = repeated(rows, judged)
    return {"repeated": found} if found else {}


def _groups(judged: Sequence[dict]) -> list[tuple[str, str]]:
    return [(row["category"], row["subcategory"]) for row in judged]


def _right(judged: Sequence[dict], reading: str) -> list[bool]:
    return [row[f"{reading}_right"] for row in judged]


def _apart(judged: Sequence[dict]) -> dict[str, Any]:
    """Accuracy of each group that is reported apart, and the averages without them all."""
    groups: dict[str, list[dict]] = {}
    for row in judged:
        groups.setdefault(row["apart"], []).append(row)
    rest = groups.pop("", [])
    apart = [
        {"group": group, "items": len(rows)}
        | _share(_right(rows, "corrected"))
        | {"official": round(sum(_right(rows, "official")) / len(rows), DIGITS)}
        for group, rows in sorted(groups.items())
    ]
    summary = summarise(_groups(rest), _right(rest, "corrected")) if apart and rest else None
    remaining = summary and {"items": len(rest), "macro": summary.macro, "micro": summary.micro}
    return {"apart": apart, "without_apart": remaining}


def _share(right: Sequence[bool]) -> dict[str, float]:
    """A share with its interval: Wilson's of few items or where all or none are right."""
    if len(right) < FEW or sum(right) in (0, len(right)):
        return wilson(sum(right), len(right))
    return summarise([("", "")] * len(right), right).micro


def _by_group(
    summary: Summary, official: Summary, benchmark: str
) -> dict[str, list[dict[str, Any]]]:
    """Categories in the benchmark's order, unknown ones last; sub-categories within them.

    Each with the corrected value and its interval, and the official value.
    """
    labels = benchmarks.get(benchmark).CATEGORIES
    order = [name for name in labels if name in summary.categories]
    order += [name for name in summary.categories if name not in labels]
    return {
        "categories": [
            {"category": name, "label": labels.get(name, name), **summary.categories[name]}
            | {"official": official.categories[name]["value"]}
            for name in order
        ],
        "subcategories": [
            {"category": category, "subcategory": subcategory, **values}
            | {"official": official.subcategories[category, subcategory]["value"]}
            for name in order
            for (category, subcategory), values in summary.subcategories.items()
            if category == name
        ],
    }


def _write_categories(path: Path, scores: dict[str, Any]) -> None:
    """One row a category: accuracy and its interval in percent, two digits."""
    rates = {"accuracy": "value", "low": "low", "high": "high", "official": "official"}
    rows = [
        {key: row[key] for key in ("category", "label", "items")}
        | {column: f"{100 * row[key]:.2f}" for column, key in rates.items()}
        for row in scores["categories"]
    ]
    write_csv(path, rows)
