"""Measure contamination as an effect: the gain on items found in training data against the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_json
from collectivesft.scores.measure.bootstrap import DIGITS, RESAMPLES, SEED
from collectivesft.scores.measure.pairs import READINGS, same_questions_by_id
from collectivesft.scores.measure.shares import wilson

_REMEDY = "Give the contamination.json of `curated decontaminate` of this version"


def measure_effect(
    answers: Path, base: Path, contamination: Path, model: str, benchmark: str, protocol: str,
    out: Path,
) -> dict[str, Any]:  # fmt: skip
    """Write accuracy and gain on found items and on the rest, and the difference of the gains.

    Args:
        answers, base: judged answers of a trained model and of its base model, same questions.
        contamination: report of the curation that the model was trained on.
        model, benchmark, protocol: names for tables.

    Returns:
        For each reading ``found`` and ``rest``: items, tuned and base (accuracy with Wilson's
        interval), gain (tuned minus base, 95 % over questions); and ``effect``, the gain on found
        items minus that on the rest; null where one of the groups is empty.

    Raises:
        InputError: files that do not hold the same questions, or a report without item ids.
    """
    report = read_json(contamination)
    if not isinstance(report, dict) or "item_ids" not in report:
        raise InputError(contamination, "no item_ids", _REMEDY)
    known = set(report["item_ids"])
    ids, right = same_questions_by_id([answers, base])
    leaked = [f"{benchmark}:{id}" in known for id in ids]
    result: dict[str, Any] = {"kind": "contamination", "model": model, "benchmark": benchmark}
    result |= {"protocol": protocol, "items": len(ids), "removed": report["dropped"]}
    result |= {name: _reading(leaked, *right[name]) for name in READINGS}
    write_json(out, result)
    return result


def _reading(leaked: Sequence[bool], tuned: Sequence[bool], base: Sequence[bool]) -> dict[str, Any]:
    groups = {"found": True, "rest": False}
    rows = {
        name: [(t, b) for there, t, b in zip(leaked, tuned, base, strict=True) if there == wanted]
        for name, wanted in groups.items()
    }
    drawn = {
        name: _drawn([t - b for t, b in pairs], place) if pairs else None
        for place, (name, pairs) in enumerate(rows.items())
    }
    found: dict[str, Any] = {
        name: _group(pairs, drawn[name]) if pairs else None for name, pairs in rows.items()
    }
    effect = None
    if drawn["found"] is not None and drawn["rest"] is not None:
        gains = [found[name]["gain"]["value"] for name in groups]
        effect = _interval(gains[0] - gains[1], drawn["found"] - drawn["rest"])
    return found | {"effect": effect}


def _group(pairs: Sequence[tuple[bool, bool]], drawn: Any) -> dict[str, Any]:
    tuned, base = (sum(side) for side in zip(*pairs, strict=True))
    gain = (tuned - base) / len(pairs)
    return {
        "items": len(pairs),
        "tuned": wilson(tuned, len(pairs)),
        "base": wilson(base, len(pairs)),
        "gain": _interval(gain, drawn),
    }


def _drawn(gains: Sequence[int], place: int) -> Any:
    """Return mean gains of resampled questions, an array of RESAMPLES.

    Only the counts of -1, 0 and 1 matter, so that a draw is one of a multinomial distribution.
    """
    import numpy as np

    random = np.random.Generator(np.random.PCG64([SEED, place]))
    shares = [gains.count(value) / len(gains) for value in (-1, 0, 1)]
    counts = random.multinomial(len(gains), shares, RESAMPLES)
    return (counts[:, 2] - counts[:, 0]) / len(gains)


def _interval(value: float, drawn: Any) -> dict[str, float]:
    import numpy as np

    low, high = np.quantile(drawn, [0.025, 0.975])
    ends = {"value": value, "low": float(low), "high": float(high)}
    return {key: round(one, DIGITS) for key, one in ends.items()}
