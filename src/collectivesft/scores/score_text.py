"""From answers in free text to scores: each task by its own metric, then means."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft import benchmarks
from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import read_jsonl, write_json, write_jsonl
from collectivesft.common.table_files import write_csv
from collectivesft.schema.item import Item, load_items
from collectivesft.scores.extract import patterns
from collectivesft.scores.measure.answer_key import identify
from collectivesft.scores.measure.bootstrap import DIGITS
from collectivesft.scores.measure.diagnostics import ends
from collectivesft.scores.measure.paired import mcnemar
from collectivesft.scores.measure.pairs import by_id
from collectivesft.scores.measure.predictions import load, match, unscored
from collectivesft.scores.measure.text_metrics import METRICS, Metric
from collectivesft.scores.measure.text_statistics import Tasks, differences, summarise

_KEPT = "It keeps its answers: run `collectivesft scores upload` for the file to hand in."
_BASE = "Name the base model's answers that `collectivesft scores score-text` wrote"
_SAME = ("category", "subcategory", "metric", "references")
_NEEDED = {"id", "model", "counts", "right", *_SAME}


def score_text(
    predictions: Path,
    items: Path,
    model: str,
    protocol: str,
    out: Path,
    table: Path,
    answers: Path,
    base: Path | None = None,
) -> dict[str, Any]:
    """Write a model's scores on free text as JSON, its tasks as CSV, its answers as judged.

    A task's value is its metric's main one (see text_metrics.py), a category the mean of its
    tasks, macro the mean of the categories. A question that was too long to ask counts as an empty
    answer. ``key`` says which references were used, ``unscored`` counts items that no one is asked.

    Args:
        base: the base model's judged answers to the same items; ``against`` is then the difference
            from it (macro and categories, with paired intervals) and, for answers that are right
            or wrong, the exact McNemar test; else null.

    Returns:
        The content of ``out``. Fractions have six digits; low and high bound 95 % intervals.

    Raises:
        InputError: predictions that do not belong to these items, one for one.
        UserError: a benchmark that keeps its answers, or a metric that is not known.
    """
    rows = load(predictions, model, {"stopped", "shots_dropped"})
    all_items = list(load_items(items))
    pairs = match(predictions, rows, all_items)
    metrics = _metrics([item for item, _ in pairs])
    judged = [_judge(item, row, metrics) for item, row in pairs]
    tasks = _tasks(judged, metrics)
    scores = {
        "model": model,
        "benchmark": rows[0]["benchmark"],
        "protocol": protocol,
        "kind": "text",
        "items": len(rows),
        "unscored": unscored(all_items),
        "key": identify(all_items),
        **summarise(tasks, benchmarks.get(rows[0]["benchmark"]).CATEGORIES),
        **ends(rows),
        "unparsed": sum(row["read"] == "" for row in judged),
        "refused": sum(row["refused"] for row in judged),
        "against": _against(base, judged, tasks, predictions) if base else None,
    }
    write_jsonl(answers, judged)
    _write_tasks(table, scores)
    write_json(out, scores)
    return scores


def _metrics(items: Sequence[Item]) -> dict[tuple[str, str], Metric]:
    """The metric of each (category, task).

    Raises:
        UserError: an item without references, or an unknown metric.
    """
    references: dict[tuple[str, str], list[Sequence[str]]] = {}
    names: dict[tuple[str, str], str] = {}
    for item in items:
        if not item.references:
            raise UserError(f"{item.benchmark}: question {item.id} has no reference. {_KEPT}")
        if item.metric not in METRICS:
            known = ", ".join(METRICS)
            raise UserError(f"{item.benchmark}: no metric {item.metric!r}. Known are: {known}.")
        task = (item.category, item.subcategory)
        if names.setdefault(task, item.metric) != item.metric:
            raise UserError(f"{item.benchmark}: {item.subcategory} has two metrics. Give it one.")
        references.setdefault(task, []).append(item.references)
    return {task: METRICS[names[task]](found) for task, found in references.items()}


def _judge(
    item: Item, row: dict[str, Any], metrics: dict[tuple[str, str], Metric]
) -> dict[str, Any]:
    metric, raw = metrics[item.category, item.subcategory], row["raw"]
    read, right = metric.read(raw), metric.right(raw, item.references)
    return {
        "id": item.id,
        "model": row["model"],
        "category": item.category,
        "subcategory": item.subcategory,
        "metric": item.metric,
        "prompt": row["prompt"],
        "raw": raw,
        "error": row["error"],
        "references": item.references,
        "read": read,
        "right": right,
        "counts": [round(value, DIGITS) for value in metric.count(raw, item.references)],
        "refused": not read and not right and patterns.REFUSAL.search(raw) is not None,
    }


def _tasks(judged: Sequence[dict], metrics: dict[tuple[str, str], Metric]) -> Tasks:
    counts: Tasks = {}
    for row in judged:
        task = (row["category"], row["subcategory"])
        counts.setdefault(task, (metrics[task], row["metric"], []))[2].append(row["counts"])
    return counts


def _against(base: Path, judged: Sequence[dict], tasks: Tasks, place: Path) -> dict[str, Any]:
    """Return the difference from a second model's answers to the same items, this minus that.

    Raises:
        InputError: no judged answers, or to other items, or by other references or metrics.
    """
    others = by_id(base, read_jsonl(base), _NEEDED, _BASE)
    for row in judged:
        other = others.get(row["id"], {})
        if any(other.get(key) != row[key] for key in _SAME) or len(others) != len(judged):
            remedy = "Score both models on the same items"
            raise InputError(place, f"{base.name} is of other questions", remedy, row=row["id"])
    theirs = [others[row["id"]] for row in judged]
    metrics = {task: metric for task, (metric, _, _) in tasks.items()}
    pairs = [(a["right"], b["right"]) for a, b in zip(theirs, judged, strict=True)]
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    return {
        "model": theirs[0]["model"],
        "difference": differences(_tasks(theirs, metrics), tasks),
        "judged": sum(first is not None for first, _ in pairs),
        "only_first": only_first,
        "only_second": only_second,
        "p": float(f"{mcnemar(only_first, only_second):.6g}"),
    }


def _write_tasks(path: Path, scores: dict[str, Any]) -> None:
    """One row a task: its main value and interval in percent, two digits, and all its values."""
    rows = [
        {"category": row["category"], "task": row["subcategory"]}
        | {key: row[key] for key in ("metric", "items", "main")}
        | {key: f"{100 * row[key]:.2f}" for key in ("value", "low", "high")}
        | {"values": " ".join(f"{key}={100 * value:.2f}" for key, value in row["values"].items())}
        for row in scores["subcategories"]
    ]
    write_csv(path, rows)
