"""Two files of judged answers side by side: two models, or two protocols of one."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from collectivesft.errors import InputError
from collectivesft.files import read_jsonl, write_json
from collectivesft.scores.paired import difference, kappa, mcnemar
from collectivesft.scores.statistics import DIGITS

READINGS = ("corrected", "official")
_NEEDED = {
    "id", "model", "category", "subcategory", "answer", "official", "corrected", "official_right",
    "corrected_right",
}  # fmt: skip
_REMEDY = "Give two files that `collectivesft scores score` wrote from the same items"


def compare(first: Path, second: Path, out: Path | None = None) -> dict[str, Any]:
    """Compare answers to the same questions by both readings; write JSON to ``out`` if given.

    Returns:
        models (first and second), items, and for each reading: first and second (accuracy over
        all items), difference (second minus first: macro and micro with 95 % paired bootstrap
        intervals), both_right,
        only_first, only_second, both_wrong (counts), p (exact McNemar test, two-sided), same
        (fraction of items with the same letters) and kappa (Cohen's, of the letters).

    Raises:
        InputError: files that do not hold the same questions with the same key.
    """
    result = against(first, [row for _, row in read_jsonl(second)], second)
    if out:
        write_json(out, result)
    return result


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


def by_id(
    path: Path, found: Iterable[tuple[int, Any]], needed: Collection[str], remedy: str
) -> dict[str, dict[str, Any]]:
    """Judged answers by the id of their question, in the file's order.

    Args:
        path: names them in messages.
        found: each with its number, as ``read_jsonl`` yields them.
        needed: keys that each must hold, ``id`` among them.

    Raises:
        InputError: none, one without what is needed, or a question twice; with this remedy.
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


def text(result: dict[str, Any], first: str, second: str) -> str:
    """The comparison as aligned lines for people; ``first`` and ``second`` name the files."""
    models = result["models"]
    lines = [f"A: {models['first']} ({first})", f"B: {models['second']} ({second})"]
    lines += [f"{result['items']} questions", ""]
    lines.append(f"{'':28}{'corrected':>24}{'official':>24}")
    for label, cell in _ROWS.items():
        cells = "".join(f"{cell(result[name]):>24}" for name in READINGS)
        lines.append(f"{label:28}{cells}")
    return "\n".join(lines) + "\n"


def _change(values: dict[str, float]) -> str:
    value, low, high = (100 * values[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


_ROWS = {
    "A, micro %": lambda r: f"{100 * r['first']:.1f}",
    "B, micro %": lambda r: f"{100 * r['second']:.1f}",
    "B - A, micro % (95 %)": lambda r: _change(r["difference"]["micro"]),
    "B - A, macro % (95 %)": lambda r: _change(r["difference"]["macro"]),
    "both right": lambda r: str(r["both_right"]),
    "only A right": lambda r: str(r["only_first"]),
    "only B right": lambda r: str(r["only_second"]),
    "both wrong": lambda r: str(r["both_wrong"]),
    "p (exact McNemar)": lambda r: f"{r['p']:.3g}",
    "same letters %": lambda r: f"{100 * r['same']:.1f}",
    "kappa of letters": lambda r: "-" if r["kappa"] is None else f"{r['kappa']:.3f}",
}
