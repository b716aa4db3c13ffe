"""Predictions and the items that they answer, one for one."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_jsonl
from collectivesft.schema.item import Item
from collectivesft.scores.prompt.item_sample import choose

AGAIN = "Delete the predictions and run `collectivesft scores predict` again"
_NEEDED = {
    "id", "benchmark", "model", "prompt", "raw", "method", "error", "limit", "sample_seed",
}  # fmt: skip


def load(
    predictions: Path, model: str | None = None, needed: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The rows of `scores predict`, with all that is needed, each of one model and protocol.

    Args:
        model: whose they must be; None for whoever's.
        needed: keys that must be there besides those that any use needs.

    Raises:
        InputError: none, one that is no prediction, or one of a different model or protocol.
    """
    rows: list[dict[str, Any]] = []
    for number, row in read_jsonl(predictions):
        if not isinstance(row, dict) or {*_NEEDED, *needed} - set(row):
            raise InputError(predictions, "not a prediction", AGAIN, row=number)
        if model is not None and row["model"] != model:
            problem = f"a prediction of {row['model']}, not of {model}"
            raise InputError(predictions, problem, "Name the model that made them", row=number)
        for key in ("model", "benchmark", "method", "limit", "sample_seed"):
            if rows and row[key] != rows[0][key]:
                raise InputError(predictions, f"{key} changes", AGAIN, row=number)
        rows.append(row)
    if not rows:
        raise InputError(predictions, "no predictions", AGAIN)
    return rows


def match(
    predictions: Path, rows: Sequence[dict], items: Sequence[Item]
) -> list[tuple[Item, dict[str, Any]]]:
    """Items that were to be asked, in their order, each with its row; exactly these are there.

    Raises:
        InputError: an id that is missing, unknown or there twice.
    """
    asked = {item.id: item for item in choose(items, rows[0]["limit"], rows[0]["sample_seed"])}
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        id, item = row["id"], asked.get(row["id"])
        if item is None or item.benchmark != row["benchmark"]:
            raise InputError(predictions, "unknown item, not asked by this protocol", AGAIN, id)
        if id in found:
            raise InputError(predictions, "item predicted twice", AGAIN, id)
        found[id] = row
    missing = [id for id in asked if id not in found]
    if missing:
        problem = f"{len(missing)} of {len(asked)} items are missing, {missing[0]} first"
        raise InputError(predictions, problem, AGAIN)
    return [(item, found[id]) for id, item in asked.items()]


def unscored(items: Iterable[Item]) -> dict[str, int]:
    """Return the number of items that are never asked, by reason."""
    reasons = (item.meta.get("unscored", "") for item in items if item.split == "unscored")
    return dict(sorted(Counter(reasons).items()))
