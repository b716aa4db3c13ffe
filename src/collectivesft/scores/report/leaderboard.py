"""Published scores: reference rows, which nobody here ran."""

import csv
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.scores.cases.rubric import ASPECTS

BENCHMARK, CLINICAL = "cmb", "cmb_clin"  # benchmarks of the accuracies and the grades
OWN_ENTRY = "CollectiveSFT"  # of the original study's name
# Published models for comparison: next to the best, the paper's namesake and two of 7B.
REFERENCES = (OWN_ENTRY, "HuatuoGPTII-7B (华佗)", "Qwen-7B-Chat")
# Next to CMB-Clin's best: a medical model, a general one, the base model's family, a small one.
CLIN_REFERENCES = ("HuatuoGPTII-34B", "ChatGPT", "ChatGLM3-6B", "Internlm-Chat-20B")
CLIN_JUDGE = "GPT-4"  # who gave the published grades
AVERAGE = "average"

Grades = dict[str, float]


def board_date(path: Path) -> str:
    """The date of a leaderboard, which its file name ends in: cmb-exam-2024-03-16.csv."""
    return "-".join(path.stem.split("-")[-3:])


def published(leaderboard: Path) -> list[tuple[str, str]]:
    """Macro accuracies (percent) of the leaderboard's best model and of REFERENCES, best first.

    Raises:
        InputError: not a CSV with columns model, category and accuracy.
    """
    macro = [row for row in read_leaderboard(leaderboard) if row["category"] == "macro"]
    macro.sort(key=lambda row: -row["accuracy"])
    shown = macro[:1] + [row for row in macro[1:] if row["model"] in REFERENCES]
    return [(row["model"], f"{row['accuracy']:.2f}") for row in shown]


def grades(leaderboard: Path) -> dict[str, Grades]:
    """Published grades of CMB-Clin, 1 to 5: four aspects and the average by model, best first.

    Raises:
        InputError: not a CSV with columns model, aspect and grade, or an aspect is missing.
    """
    found: dict[str, Grades] = {}
    for row in read_leaderboard(leaderboard, ("model", "aspect", "grade")):
        found.setdefault(row["model"], {})[row["aspect"]] = row["grade"]
    for model, values in found.items():
        if set(values) != {*ASPECTS, AVERAGE}:
            raise InputError(leaderboard, f"{model}: not the aspects of CMB-Clin", _TAKE)
    return dict(sorted(found.items(), key=lambda pair: -pair[1][AVERAGE]))


def chosen_grades(leaderboard: Path) -> dict[str, Grades]:
    """Grades of the leaderboard's best model and of CLIN_REFERENCES, best first."""
    found = grades(leaderboard)
    return {
        model: values
        for place, (model, values) in enumerate(found.items())
        if place == 0 or model in CLIN_REFERENCES
    }


_TAKE = "Take the file resources/leaderboard/ of the repository"


def read_leaderboard(
    path: Path, columns: tuple[str, str, str] = ("model", "category", "accuracy")
) -> list[dict[str, Any]]:
    """Rows of published scores: model, category (or macro), accuracy in percent.

    Args:
        columns: that must be there; the last one holds numbers.

    Raises:
        InputError: no rows with these columns, or something else than a number.
    """
    with open(path, encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    if not rows or not set(columns) <= set(rows[0]):
        raise InputError(path, f"no columns {', '.join(columns)}", _TAKE)
    value = columns[-1]
    for number, row in enumerate(rows, start=2):
        try:
            row[value] = float(row[value])
        except (TypeError, ValueError) as error:
            raise InputError(path, f"its {value} is not a number", _TAKE, number) from error
    return rows
