"""Measure the agreement of a model's answers: of two readings, and of two protocols."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import read_jsonl, write_json
from collectivesft.scores.measure.bootstrap import DIGITS
from collectivesft.scores.measure.paired import kappa
from collectivesft.scores.measure.pairs import READINGS, against, by_id

_NEEDED = {"id", "model", "likelihood"}  # ``against`` checks its own columns
_REMEDY = "Name answers that `collectivesft scores score` wrote"


def agree(options: Sequence[str], benchmark: str, out: Path) -> dict[str, Any]:
    """Compare one model's judged answers by protocol and reading; write JSON.

    Args:
        options: PROTOCOL=PATH of judged answers that ``scores score`` wrote, of one benchmark.
        benchmark: its name.

    Returns:
        model, benchmark, and pairs. A pair has first and second (protocol and reading), items,
        same (fraction of items with the same letters), kappa (Cohen's, of the letters; null
        where chance would always agree), and first_right and second_right (fractions).
        First the two readings of each protocol that writes answers, then each two protocols by
        the corrected reading.

    Raises:
        UserError: an option that is not PROTOCOL=PATH.
        InputError: no judged answers, of different models, or not to the same questions.
    """
    files = _files(options)
    answers = {
        name: list(by_id(path, read_jsonl(path), _NEEDED, _REMEDY).values())
        for name, path in files.items()
    }
    pairs = [_readings(files[name], name, rows) for name, rows in answers.items() if _read(rows)]
    pairs += [
        _protocols(files, answers, first, second) for first, second in combinations(answers, 2)
    ]
    model = next(iter(answers.values()))[0]["model"]
    result = {"model": model, "benchmark": benchmark, "pairs": pairs}
    write_json(out, result)
    return result


def _files(options: Sequence[str]) -> dict[str, Path]:
    files = {}
    for option in options:
        name, separator, path = option.partition("=")
        if not (name and separator and path) or name in files:
            raise UserError(f"--answers {option}: write each protocol once, as answer=FILE.")
        files[name] = Path(path)
    return files


def _read(rows: Sequence[dict]) -> bool:
    """Return True if answers were written and read; likelihoods have one reading only."""
    return any(not row["likelihood"] for row in rows)


def _readings(path: Path, protocol: str, rows: Sequence[dict]) -> dict[str, Any]:
    """The corrected and the official reading of the same answers."""
    found = against(path, rows, path)  # checks the rows; a file agrees with itself
    letters = {name: [row[name] for row in rows] for name in READINGS}
    corrected, official = (letters[name] for name in READINGS)
    same = sum(a == b for a, b in zip(corrected, official, strict=True)) / len(rows)
    sides = {
        side: {"protocol": protocol, "reading": name}
        for side, name in zip(("first", "second"), READINGS, strict=True)
    }
    return {
        **sides,
        "items": found["items"],
        "same": round(same, DIGITS),
        "kappa": kappa(corrected, official),
        "first_right": found[READINGS[0]]["first"],
        "second_right": found[READINGS[1]]["first"],
    }


def _protocols(
    files: dict[str, Path], answers: dict[str, list[dict]], first: str, second: str
) -> dict[str, Any]:
    """Two protocols by the corrected reading."""
    found = against(files[first], answers[second], files[second])
    if len(set(found["models"].values())) > 1:
        problem = f"answers of {found['models']['second']}, not of {found['models']['first']}"
        raise InputError(files[second], problem, "Give the protocols of one model")
    reading = found[READINGS[0]]
    return {
        "first": {"protocol": first, "reading": READINGS[0]},
        "second": {"protocol": second, "reading": READINGS[0]},
        "items": found["items"],
        "same": reading["same"],
        "kappa": reading["kappa"],
        "first_right": reading["first"],
        "second_right": reading["second"],
    }
