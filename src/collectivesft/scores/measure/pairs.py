"""Pair two models' answers to the same questions and test the difference."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_jsonl
from collectivesft.scores.measure.bootstrap import DIGITS
from collectivesft.scores.measure.paired import difference, kappa, mcnemar

READINGS = ("corrected", "official")


_NEEDED = {
    "id", "model", "category", "subcategory", "answer", "official", "corrected", "official_right",
    "corrected_right",
}  # fmt: skip


_REMEDY = "Give two files that `collectivesft scores score` wrote from the same items"


def against(first: Path, rows: Sequence[dict[str, Any]], place: Path) -> dict[str, Any]:
    """``compare`` with judged answers in memory; ``place`` names them in messages.

    Raises:
        InputError: as ``compare``.
    """
    one = by_id(first, read_jsonl(first), _NEEDED, _REMEDY)
    two = by_id(place, enumerate(rows, start=1), _NEEDED, _REMEDY)
    if missing := sorted(one.keys() ^ two.keys()):
        problem = f"{len(missing)} questions are in one file only, {missing[0]} first"
        raise InputError(place, problem, _REMEDY)
    for id, row in one.items():
        if row["answer"] != two[id]["answer"]:
            problem = f"the key is {two[id]['answer']} here, {row['answer']} in {first.name}"
            raise InputError(place, problem, "Score both with the same answer key", row=id)
    pairs = [(one[id], two[id]) for id in sorted(one)]
    models = {name: pair["model"] for name, pair in zip(("first", "second"), pairs[0], strict=True)}
    readings = {name: _reading(pairs, name) for name in READINGS}
    return {"models": models, "items": len(pairs), **readings}


def same_questions(
    paths: Sequence[Path],
) -> tuple[list[tuple[str, str]], dict[str, list[list[bool]]]]:
    """Read judged answers of several trainings to the same questions.

    Returns:
        (category, sub-category) of each question, by id; and for each reading a list for each
        file, right or wrong.

    Raises:
        InputError: files that do not hold the same questions with the same key.
    """
    ids, files = _same(paths)
    groups = [(files[0][id]["category"], files[0][id]["subcategory"]) for id in ids]
    return groups, _rights(ids, files)


def same_questions_by_id(paths: Sequence[Path]) -> tuple[list[str], dict[str, list[list[bool]]]]:
    """Return ids, and right or wrong as ``same_questions`` does."""
    ids, files = _same(paths)
    return ids, _rights(ids, files)


def _same(paths: Sequence[Path]) -> tuple[list[str], list[dict[str, dict[str, Any]]]]:
    files = [by_id(path, read_jsonl(path), _NEEDED, _REMEDY) for path in paths]
    for path, rows in zip(paths, files, strict=True):
        if missing := sorted(files[0].keys() ^ rows.keys()):
            problem = f"{len(missing)} questions are in one file only, {missing[0]} first"
            raise InputError(path, problem, _REMEDY)
        for id, row in files[0].items():
            if row["answer"] != rows[id]["answer"]:
                problem = f"the key is {rows[id]['answer']} here, {row['answer']} in {paths[0]}"
                raise InputError(path, problem, "Score all with the same answer key", row=id)
    return sorted(files[0]), files


def _rights(
    ids: Sequence[str], files: Sequence[dict[str, dict[str, Any]]]
) -> dict[str, list[list[bool]]]:
    return {
        name: [[rows[id][f"{name}_right"] for id in ids] for rows in files] for name in READINGS
    }


def by_id(
    path: Path, found: Iterable[tuple[int, Any]], needed: Collection[str], remedy: str
) -> dict[str, dict[str, Any]]:
    """Judged answers by the id of their question, in the file's order.

    Args:
        path: names them in messages.
        found: each with its number, as ``read_jsonl`` yields them.
        needed: keys that each must hold, ``id`` among them.

    Raises:
        InputError: none, one without a needed key, or a question twice; with this remedy.
    """
    rows: dict[str, dict[str, Any]] = {}
    for number, row in found:
        if not isinstance(row, dict) or set(needed) - set(row):
            raise InputError(path, "not a judged answer", remedy, row=number)
        if row["id"] in rows:
            raise InputError(path, f"question {row['id']} twice", remedy, row=number)
        rows[row["id"]] = row
    if not rows:
        raise InputError(path, "no answers", remedy)
    return rows


def _reading(pairs: Sequence[tuple[dict, dict]], name: str) -> dict[str, Any]:
    right = [(a[f"{name}_right"], b[f"{name}_right"]) for a, b in pairs]
    first, second = zip(*right, strict=True)
    said = [(a[name], b[name]) for a, b in pairs]
    groups = [(a["category"], a["subcategory"]) for a, _ in pairs]
    only_first, only_second = right.count((True, False)), right.count((False, True))
    return {
        "first": round(sum(first) / len(pairs), DIGITS),
        "second": round(sum(second) / len(pairs), DIGITS),
        "difference": difference(groups, first, second),
        "both_right": right.count((True, True)),
        "only_first": only_first,
        "only_second": only_second,
        "both_wrong": right.count((False, False)),
        "p": float(f"{mcnemar(only_first, only_second):.6g}"),
        "same": round(sum(a == b for a, b in said) / len(pairs), DIGITS),
        "kappa": kappa(*(list(texts) for texts in zip(*said, strict=True))),
    }
