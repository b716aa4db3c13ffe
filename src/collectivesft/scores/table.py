"""All scores of a run in one table: CSV for programs, Markdown and LaTeX for people."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_text
from collectivesft.common.significance import holm
from collectivesft.common.table_files import tabular, write_csv
from collectivesft.scores.report import (
    answers_table,
    circular_table,
    clinical_table,
    completion_table,
    contamination_table,
    dates_table,
    samples_table,
    seeds_table,
    text_table,
)
from collectivesft.scores.report.columns import COLUMNS
from collectivesft.scores.report.leaderboard import BENCHMARK, board_date, published

_TEXT = ("model", "benchmark", "protocol")
_NEEDED = {"choice": {"submitted"}, "clinical": {"endless", "too_long"}, "text": set()}


def write_tables(
    scores: Sequence[Path],
    leaderboard: Path,
    table: Path,
    markdown: Path,
    latex: Path,
    clinical_leaderboard: Path | None = None,
    seeds: Sequence[Path] = (),
    contamination: Sequence[Path] = (),
    completion: Sequence[Path] = (),
    dates: Sequence[Path] = (),
) -> None:
    """Write one row for each model, benchmark and protocol, in the order of ``scores``.

    All rates are percent with two digits, unparsed too; submitted_micro is the paper's own overall
    figure (see examer.py), differ counts the items that are right by one reading only, p is of the
    exact McNemar test against the base model ("" for a base model), p_holm is adjusted for all
    models of the same benchmark and protocol (Holm). Clinical scores, those of free
    text and, for CMB and CMB-Clin, a few published ones are in the Markdown only.

    Args:
        scores: files of `scores score`, `scores score-cases` and `scores score-text`.
        leaderboard: CSV with columns model, category, accuracy.
        clinical_leaderboard: CSV with columns model, aspect, grade.
        seeds: files of `scores seeds`, for the Markdown.
        contamination: files of `scores contamination`, for the Markdown.
        completion: files of `scores completion`, for the Markdown.
        dates: files of `scores dates`, for the Markdown.

    Raises:
        InputError: a file that is not of that kind, or two with the same model and protocol.
    """
    found = [(path, _read(path)) for path in scores]
    _check_unique(found)
    choice = [row for _, row in found if row["kind"] == "choice"]
    clinical = [row for _, row in found if row["kind"] == "clinical"]
    adjusted = _adjusted(choice)
    rows = [_row(one, adjusted) for one in choice]
    write_csv(table, rows, COLUMNS)
    parts = [_scores_section(rows)]
    parts += _section(seeds_table, [read_json(path) for path in seeds])
    parts += _section(contamination_table, [read_json(path) for path in contamination])
    parts += _section(completion_table, [read_json(path) for path in completion])
    parts += _section(dates_table, [read_json(path) for path in dates])
    if any(row["benchmark"] == BENCHMARK for row in rows):
        parts.append(_published_section(leaderboard))
    if clinical:
        shown = clinical_table.tables(clinical, clinical_leaderboard)
        parts += [f"{note}\n\n{_markdown_table(*cells)}" for note, *cells in shown]
    parts += _section(text_table, [row for _, row in found if row["kind"] == "text"])
    for report in (answers_table, circular_table, samples_table):
        parts += _section(report, choice)
    write_text(markdown, "\n".join(parts))
    align = "l" * len(_TEXT) + "r" * (len(_HEADS) - len(_TEXT))
    write_text(latex, tabular(_HEADS, [_cells(row) for row in rows], align))


def _read(path: Path) -> dict[str, Any]:
    row = read_json(path)
    if not isinstance(row, dict) or row.get("kind") not in ("choice", "clinical", "text"):
        raise InputError(path, "not a scores file", "Name files that `scores score` wrote")
    if missing := _NEEDED[row["kind"]] - set(row):
        raise InputError(
            path, f"no {', '.join(sorted(missing))}: of another version", "Score again"
        )
    return row


def _check_unique(found: Sequence[tuple[Path, dict[str, Any]]]) -> None:
    seen: dict[tuple, Path] = {}
    for path, row in found:
        key = (row["model"], row["benchmark"], row.get("protocol"))
        if key in seen:
            raise InputError(path, f"the same scores as in {seen[key]}", "Name each file once")
        seen[key] = path


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _row(scores: dict[str, Any], adjusted: dict[tuple[str, str, str], float]) -> dict[str, str]:
    p_holm = adjusted.get(tuple(scores[key] for key in _TEXT))
    return {
        **{key: str(scores[key]) for key in (*_TEXT, "items")},
        "macro": _percent(scores["macro"]["value"]),
        "macro_low": _percent(scores["macro"]["low"]),
        "macro_high": _percent(scores["macro"]["high"]),
        "micro": _percent(scores["micro"]["value"]),
        "official_macro": _percent(scores["official"]["macro"]),
        "submitted_micro": _submitted(scores["submitted"]["micro"]),
        "unparsed": _percent(scores["unparsed"] / scores["items"]),
        "differ": str(scores["differ"]),
        "p": f"{scores['against']['corrected']['p']:.3g}" if scores["against"] else "",
        "p_holm": "" if p_holm is None else f"{p_holm:.3g}",
    }


def _adjusted(choice: Sequence[dict[str, Any]]) -> dict[tuple[str, str, str], float]:
    """Return p values by model, adjusted within each benchmark and protocol."""
    groups: dict[tuple[str, str], dict[str, float]] = {}
    for one in choice:
        if one["against"]:
            group = groups.setdefault((one["benchmark"], one["protocol"]), {})
            group[one["model"]] = one["against"]["corrected"]["p"]
    return {
        (model, *group): value
        for group, values in groups.items()
        for model, value in holm(values).items()
    }


def _submitted(value: float | None) -> str:
    return "" if value is None else _percent(value)


def _interval(row: dict[str, str]) -> str:
    return f"{row['macro']} ({row['macro_low']} to {row['macro_high']})"


def _cells(row: dict[str, str]) -> list[str]:
    """A row as people read it: the interval in one cell with its value."""
    rates = (
        row[key]
        for key in ("micro", "official_macro", "submitted_micro", "differ", "unparsed", "p")
    )
    return [*(row[key] for key in (*_TEXT, "items")), _interval(row), *rates]


_HEADS = (
    "Model", "Benchmark", "Protocol", "Items", "Macro, %", "Micro, %", "Official macro, %",
    "Submitted micro, %", "Disagree", "Unparsed, %", "p",
)  # fmt: skip


def _section(report: ModuleType, found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the note and table of a module of ``report``; nothing where it has no rows."""
    cells = report.rows(found)
    if not cells:
        return []
    return [f"{report.NOTE}\n\n{_markdown_table(report.HEADS, cells, report.WORDS)}"]


def _markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """A Markdown table whose first ``texts`` columns are words, the rest numbers."""
    marks = ["---"] * texts + ["---:"] * (len(heads) - texts)
    lines = [heads, marks, *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _scores_section(rows: Sequence[dict[str, str]]) -> str:
    note = (
        "Macro is the mean of the categories, with its 95 % interval. Submitted micro: right "
        "answers by CMB's reading among the submitted ones, as the paper's own examer.py counts. "
        "Disagree: items that are right by one of the two readings only. p: exact McNemar test "
        "against the base model.\n\n"
    )
    return note + _markdown_table(_HEADS, [_cells(row) for row in rows], len(_TEXT))


def _published_section(leaderboard: Path) -> str:
    note = f"Published, not run here: CMB-Exam's public leaderboard, {board_date(leaderboard)}."
    rows = [list(pair) for pair in published(leaderboard)]
    return f"{note}\n\n{_markdown_table(('Published model', 'Macro, %'), rows, 1)}"
