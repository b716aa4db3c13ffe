"""All scores of a run in one table: CSV for programs, Markdown and LaTeX for people."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft.errors import InputError
from collectivesft.files import atomic_path, read_json, write_text
from collectivesft.scores import answers_table, text_table
from collectivesft.scores.rubric import ASPECTS

COLUMNS = (
    "model", "benchmark", "protocol", "items", "macro", "macro_low", "macro_high", "micro",
    "official_macro", "unparsed", "differ", "p",
)  # fmt: skip
_TEXT = ("model", "benchmark", "protocol")
# Published models to see the run's against: beside the best, the paper's namesake and two of 7B.
REFERENCES = ("CollectiveSFT", "HuatuoGPTII-7B (华佗)", "Qwen-7B-Chat")


def write_tables(
    scores: Sequence[Path], leaderboard: Path, table: Path, markdown: Path, latex: Path
) -> None:
    """Write one row for each model, benchmark and protocol, in the order of ``scores``.

    All rates are percent with two digits, unparsed too; differ counts the items that are right by
    one reading only, p is of the exact McNemar test against the base model ("" for a base model).
    Clinical scores, those of free text and, for CMB, a few published ones stand in the Markdown
    only.

    Args:
        scores: files of `scores score`, `scores score-cases` and `scores score-text`.
        leaderboard: CSV with columns model, category, accuracy.

    Raises:
        InputError: a file that is not of that kind, or two with the same model and protocol.
    """
    found = [(path, _read(path)) for path in scores]
    _check_unique(found)
    choice = [row for _, row in found if row["kind"] == "choice"]
    clinical = [row for _, row in found if row["kind"] == "clinical"]
    rows = [_row(one) for one in choice]
    _write_csv(table, rows)
    parts = [_scores_section(rows)]
    if any(row["benchmark"] == "cmb" for row in rows):
        parts.append(_published_section(leaderboard))
    if clinical:
        parts.append(_clinical_section(clinical))
    if texts := [row for _, row in found if row["kind"] == "text"]:
        lines = _markdown_table(text_table.HEADS, text_table.rows(texts), text_table.WORDS)
        parts.append(f"{text_table.NOTE}\n\n{lines}")
    if went := answers_table.rows(choice):
        lines = _markdown_table(answers_table.HEADS, went, answers_table.WORDS)
        parts.append(f"{answers_table.NOTE}\n\n{lines}")
    write_text(markdown, "\n".join(parts))
    write_text(latex, _latex(rows))


def _read(path: Path) -> dict[str, Any]:
    row = read_json(path)
    if not isinstance(row, dict) or row.get("kind") not in ("choice", "clinical", "text"):
        raise InputError(path, "not a scores file", "Name files that `scores score` wrote")
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


def _row(scores: dict[str, Any]) -> dict[str, str]:
    return {
        **{key: str(scores[key]) for key in (*_TEXT, "items")},
        "macro": _percent(scores["macro"]["value"]),
        "macro_low": _percent(scores["macro"]["low"]),
        "macro_high": _percent(scores["macro"]["high"]),
        "micro": _percent(scores["micro"]["value"]),
        "official_macro": _percent(scores["official"]["macro"]),
        "unparsed": _percent(scores["unparsed"] / scores["items"]),
        "differ": str(scores["differ"]),
        "p": f"{scores['against']['corrected']['p']:.3g}" if scores["against"] else "",
    }


def _write_csv(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _interval(row: dict[str, str]) -> str:
    return f"{row['macro']} ({row['macro_low']} to {row['macro_high']})"


def _cells(row: dict[str, str]) -> list[str]:
    """A row as people read it: the interval in one cell with its value."""
    rates = (row[key] for key in ("micro", "official_macro", "differ", "unparsed", "p"))
    return [*(row[key] for key in (*_TEXT, "items")), _interval(row), *rates]


_HEADS = (
    "Model", "Benchmark", "Protocol", "Items", "Macro, %", "Micro, %", "Official macro, %",
    "Differ", "Unparsed, %", "p",
)  # fmt: skip


def _markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """A Markdown table whose first ``texts`` columns are words, the others numbers."""
    marks = ["---"] * texts + ["---:"] * (len(heads) - texts)
    lines = [heads, marks, *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _scores_section(rows: Sequence[dict[str, str]]) -> str:
    note = (
        "Macro is the mean of the categories, with its 95 % interval. Differ: items that are right "
        "by one of the two readings only. p: exact McNemar test against the base model.\n\n"
    )
    return note + _markdown_table(_HEADS, [_cells(row) for row in rows], len(_TEXT))


def _clinical_section(rows: Sequence[dict[str, Any]]) -> str:
    heads = ("Model", "Benchmark", "Cases", "Answers", "BLEU-4, %", "ROUGE-L, %", "Empty")
    cells = [
        [r["model"], r["benchmark"], str(r["cases"]), str(r["answers"]), _percent(r["bleu"]),
         _percent(r["rouge"]), str(r["empty"])]
        for r in rows
    ]  # fmt: skip
    note = "Clinical cases: overlap with the references over characters, no judgement of quality."
    return f"{note}\n\n{_markdown_table(heads, cells, 2)}{_judged_section(rows)}"


def _judged_section(rows: Sequence[dict[str, Any]]) -> str:
    """A judge's grades; "" where nobody judged."""
    judged = [(row, row["judged"]) for row in rows if row.get("judged")]
    if not judged:
        return ""
    heads = ("Model", "Benchmark", "Judge", *(a.capitalize() for a in ASPECTS), "Average",
             "Graded", "Unparsed", "Cost")  # fmt: skip
    cells = [
        [row["model"], row["benchmark"], by["judge"]]
        + ["" if by[key] is None else f"{by[key]:.2f}" for key in (*ASPECTS, "average")]
        + [str(by["graded"]), str(by["unparsed"]), f"{by['cost']:.4f}"]
        for row, by in judged
    ]
    note = "Clinical cases: grades of a judge, 1 to 5, over the answers whose grades could be read."
    return f"\n{note}\n\n{_markdown_table(heads, cells, 3)}"


def published(leaderboard: Path) -> list[tuple[str, str]]:
    """Macro accuracies (percent) of the leaderboard's best model and of REFERENCES, best first.

    Raises:
        InputError: not a CSV with columns model, category and accuracy.
    """
    with open(leaderboard, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    if not rows or not {"model", "category", "accuracy"} <= set(rows[0]):
        remedy = "Take the file resources/leaderboard/ of the repository"
        raise InputError(leaderboard, "no columns model, category, accuracy", remedy)
    macro = [(r["model"], r["accuracy"]) for r in rows if r["category"] == "macro"]
    macro.sort(key=lambda pair: -float(pair[1]))
    return [pair for place, pair in enumerate(macro) if place == 0 or pair[0] in REFERENCES]


def _published_section(leaderboard: Path) -> str:
    note = "Published, not run here: CMB-Exam's public leaderboard, 2024-03-16."
    rows = [list(pair) for pair in published(leaderboard)]
    return f"{note}\n\n{_markdown_table(('Published model', 'Macro, %'), rows, 1)}"


_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
        "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    }
)  # fmt: skip


def _latex(rows: Sequence[dict[str, str]]) -> str:
    """A tabular with booktabs rules."""
    lines = [_latex_line(_HEADS), r"\midrule", *(_latex_line(_cells(row)) for row in rows)]
    begin = rf"\begin{{tabular}}{{{'l' * len(_TEXT)}{'r' * (len(_HEADS) - len(_TEXT))}}}"
    return "\n".join([begin, r"\toprule", *lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(cell.translate(_ESCAPES) for cell in cells) + r" \\"
