"""Summarise the answers of one experiment's trainings with several seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.files import write_json
from collectivesft.scores.measure.pairs import READINGS, same_questions
from collectivesft.scores.measure.seed_spread import summarise_seeds


def summarise(
    answers: Sequence[Path], model: str, benchmark: str, protocol: str, out: Path
) -> dict[str, Any]:
    """Write mean, interval over questions and spread over seeds, by both readings.

    Args:
        answers: judged answers to the same questions, a file for each seed.
        model, benchmark, protocol: names for tables.

    Raises:
        InputError: files that do not hold the same questions with the same key.
    """
    groups, right = same_questions(answers)
    found: dict[str, Any] = {"kind": "seeds", "model": model, "benchmark": benchmark}
    found |= {"protocol": protocol, "items": len(groups), "trainings": len(answers)}
    found |= {name: summarise_seeds(groups, right[name]) for name in READINGS}
    write_json(out, found)
    return found
