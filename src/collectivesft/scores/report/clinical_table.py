"""Scores of clinical cases as tables: overlap, grades, criteria, and published grades apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft.scores.cases.rubric import ASPECTS
from collectivesft.scores.report.leaderboard import (
    AVERAGE,
    CLIN_JUDGE,
    CLINICAL,
    board_date,
    chosen_grades,
)

# A note, heads, rows of cells, and how many columns are words.
Table = tuple[str, Sequence[str], list[list[str]], int]


def tables(rows: Sequence[dict[str, Any]], leaderboard: Path | None) -> list[Table]:
    """Overlap of every run, grades of those that were judged, then published grades.

    Overlap and grades are different scales and never in one table; nor do own and published
    grades.

    Args:
        rows: contents of clinical score files.
        leaderboard: CSV of published grades, None for no reference rows.
    """
    found = [_overlap(rows)]
    if judged := [(row, row["judged"]) for row in rows if row.get("judged")]:
        found.append(_judged(judged))
    if twice := [(row, row["second"]) for row in rows if row.get("second")]:
        found += [_judged(twice), _agreement([row for row, _ in twice])]
    places = ("criteria", "second_criteria")
    if checked := [(row, row[key]) for key in places for row in rows if row.get(key)]:
        found.append(_criteria(checked))
    if twice := [row for row in rows if row.get("criteria_agreement")]:
        found.append(_criteria_agreement(twice))
    if leaderboard and any(row["benchmark"] == CLINICAL for row in rows):
        found.append(_published(leaderboard))
    return found


def _overlap(rows: Sequence[dict[str, Any]]) -> Table:
    heads = ("Model", "Benchmark", "Cases", "Answers", "BLEU-4, %", "ROUGE-L, %", "Empty",
             "Truncated", "Prompt too long")  # fmt: skip
    cells = [
        [row["model"], row["benchmark"], str(row["cases"]), str(row["answers"])]
        + [f"{100 * row[key]:.2f}" for key in ("bleu", "rouge")]
        + [str(row[key]) for key in ("empty", "endless", "too_long")]
        for row in rows
    ]
    note = "Clinical cases: overlap with the references over characters, no judgement of quality."
    return note, heads, cells, 2


def _judged(judged: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Table:
    heads = ("Model", "Benchmark", "Judge", *(a.capitalize() for a in ASPECTS), "Average",
             "Good cases, %", "Graded", "Unparsed", "Cost", "Uncounted")  # fmt: skip
    cells = [
        [row["model"], row["benchmark"], by["judge"]]
        + ["" if by[key] is None else f"{by[key]:.2f}" for key in (*ASPECTS, AVERAGE)]
        + [_share(by.get("good"))]
        + [str(by["graded"]), str(by["unparsed"]), f"{by['cost']:.4f}", str(by["uncounted"])]
        for row, by in judged
    ]
    note = (
        "Clinical cases: grades of a judge, 1 to 5, over the answers whose grades could be read. "
        "Good cases: every answer has an average of at least 4, with Wilson's interval. "
        "Uncounted: replies that the cost leaves out, since the server counted no tokens."
    )
    return note, heads, cells, 3


def _share(share: dict[str, float] | None) -> str:
    if share is None:
        return "-"
    value, low, high = (f"{100 * share[key]:.1f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _agreement(rows: Sequence[dict[str, Any]]) -> Table:
    heads = ("Model", "Benchmark", "Judges", "Answers", *(a.capitalize() for a in ASPECTS))
    cells = [
        [row["model"], row["benchmark"], f"{row['judged']['judge']}, {row['second']['judge']}"]
        + [str(row["agreement"]["answers"])]
        + [_kappas(row["agreement"][aspect]) for aspect in ASPECTS]
        for row in rows
    ]
    note = (
        "Clinical cases: agreement of two judges. Cohen's kappa of the grades, after the slash "
        "with quadratic weights; 0 is chance, 1 the same grades."
    )
    return note, heads, cells, 3


def _criteria(checked: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Table:
    heads = ("Model", "Benchmark", "Judge", "Criteria by", "Met, %", "Cases", "Answers", "Criteria",
             "Met", "Unchecked", "Cost", "Uncounted")  # fmt: skip
    cells = [
        [row["model"], row["benchmark"], by["judge"], by["listed_by"] or "-", _share(by["share"])]
        + [str(by[key]) for key in ("cases", "answers", "criteria", "met", "unchecked")]
        + [f"{by['cost']:.4f}", str(by["uncounted"])]
        for row, by in checked
    ]
    note = (
        "Clinical cases: criteria drawn from the references, yes or no by a judge. Mean share that "
        "an answer meets, with a 95 % interval over whole cases. Unchecked: answers without a "
        "verdict on every criterion, left out. The cost of the criteria themselves is not in it."
    )
    return note, heads, cells, 4


def _criteria_agreement(rows: Sequence[dict[str, Any]]) -> Table:
    heads = ("Model", "Benchmark", "Judges", "Criteria", "Same, %", "Kappa")
    cells = []
    for row in rows:
        both = row["criteria_agreement"]
        judges = f"{row['criteria']['judge']}, {row['second_criteria']['judge']}"
        same = "-" if both["same"] is None else f"{100 * both['same']:.1f}"
        value = "-" if both["kappa"] is None else f"{both['kappa']:.2f}"
        cells.append([row["model"], row["benchmark"], judges, str(both["criteria"]), same, value])
    note = (
        "Clinical cases: agreement of two judges on single criteria. Cohen's kappa: 0 is chance, "
        "1 the same verdicts."
    )
    return note, heads, cells, 3


def _kappas(values: dict[str, float | None]) -> str:
    both = (values["kappa"], values["weighted_kappa"])
    return " / ".join("-" if value is None else f"{value:.2f}" for value in both)


def _published(leaderboard: Path) -> Table:
    heads = ("Published model", *(a.capitalize() for a in ASPECTS), "Average")
    cells = [
        [model, *(f"{values[key]:.2f}" for key in (*ASPECTS, AVERAGE))]
        for model, values in chosen_grades(leaderboard).items()
    ]
    note = (
        f"Published, not run here: CMB-Clin's public leaderboard, {board_date(leaderboard)}, "
        f"grades of {CLIN_JUDGE} from 1 to 5. Overlap is another scale; grades of another judge "
        "are not comparable to the digit."
    )
    return note, heads, cells, 1
