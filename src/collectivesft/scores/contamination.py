"""Measure contamination as an effect: the gain on items trained on against that on the rest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_json
from collectivesft.scores.measure.pairs import READINGS, same_questions_by_id
from collectivesft.scores.measure.shares import apart, tuned_and_base

_REMEDY = "Give the contamination.json of `curated decontaminate` of this version"
_TRAIN = "Give the train.parquet of the model's mixture"
_NEEDED = {"found", "found_in_more", "allowed_splits", "dropped"}
_ASKED = "test"  # the split of all questions that are scored


def measure_effect(
    answers: Path, base: Path, contamination: Path, train: Path, model: str, benchmark: str,
    protocol: str, out: Path,
) -> dict[str, Any]:  # fmt: skip
    """Write accuracy and gain on found items and on the rest, and the difference of the gains.

    An item is found if an example that holds it is in the training file. Items that were not
    looked for (``allowed_splits``) are in neither group, nor are those whose examples the report
    lists in part where no listed one was trained on: ``unknown`` counts both.

    Args:
        answers, base: judged answers of a trained model and of its base model, same questions.
        contamination: report of the curation that the model's mixture was drawn from.
        train: examples that the model was trained on.
        model, benchmark, protocol: names for tables.

    Returns:
        For each reading ``found`` and ``rest``: items, tuned and base (accuracy with Wilson's
        interval), gain (tuned minus base, see ``paired_gain``); and ``effect``, the gain on found
        items minus that on the rest (see ``apart``); null where one of the groups is empty.
        Questions that share a stem count as independent.

    Raises:
        InputError: files that do not hold the same questions, a report without the examples of
            items, or a training file without ids.
    """
    report = read_json(contamination)
    if not isinstance(report, dict) or _NEEDED - set(report):
        raise InputError(contamination, "no examples of found items", _REMEDY)
    ids, right = same_questions_by_id([answers, base])
    leaked = _leaked([f"{benchmark}:{id}" for id in ids], report, train)
    result: dict[str, Any] = {"kind": "contamination", "model": model, "benchmark": benchmark}
    result |= {"protocol": protocol, "items": len(ids), "removed": report["dropped"]}
    result["unknown"] = leaked.count(None)
    result |= {name: _reading(leaked, *right[name]) for name in READINGS}
    write_json(out, result)
    return result


def _leaked(items: Sequence[str], report: Mapping[str, Any], train: Path) -> list[bool | None]:
    """Return for each item whether it was trained on; None where the report does not tell."""
    if _ASKED in report["allowed_splits"]:
        return [None] * len(items)
    examples, more = report["found"], set(report["found_in_more"])
    trained = _trained(train, {id for item in items for id in examples.get(item, ())})
    seen = [not trained.isdisjoint(examples.get(item, ())) for item in items]
    pairs = zip(items, seen, strict=True)
    return [None if item in more and not there else there for item, there in pairs]


def _trained(train: Path, wanted: set[str]) -> set[str]:
    """Return those of the wanted ids that a training file holds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(train) as file:
            if "id" not in file.schema_arrow.names:
                raise InputError(train, "no column id", _TRAIN)
            batches = file.iter_batches(columns=["id"])
            return {id for batch in batches for id in batch.column(0).to_pylist() if id in wanted}
    except pa.ArrowException as error:
        problem = f"not readable as Parquet ({str(error).splitlines()[0]})"
        raise InputError(train, problem, _TRAIN) from error


def _reading(
    leaked: Sequence[bool | None], tuned: Sequence[bool], base: Sequence[bool]
) -> dict[str, Any]:
    rows = list(zip(leaked, tuned, base, strict=True))
    groups = {
        name: tuned_and_base([(t, b) for there, t, b in rows if there is wanted])
        for name, wanted in {"found": True, "rest": False}.items()
    }
    found, rest = groups.values()
    return groups | {"effect": apart(found["gain"], rest["gain"]) if found and rest else None}
