"""Tables as files: CSV for programs, LaTeX for other manuscripts."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.files import atomic_path

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
        "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        "<": r"\textless{}", ">": r"\textgreater{}",
    }
)  # fmt: skip


def write_csv(
    path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] | None = None
) -> None:
    """Write rows atomically as CSV: UTF-8, lines that end in a line feed only.

    Args:
        columns: keys of every row; those of the first one if None. A table of neither has the one
            column ``no_rows``: a file without a header is no table to pandas and Polars.
    """
    names = columns or list(rows[0] if rows else ("no_rows",))
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: no_formula(row[name]) for name in row} for row in rows)


def no_formula(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: such a text gets an apostrophe.

    A name that begins with ``=``, ``+``, ``-`` or ``@`` would be computed when the file is opened.
    Numbers stay.
    """
    risky = isinstance(cell, str) and len(cell) > 1 and cell[0] in "=+-@\t\r"
    return f"'{cell}" if risky and not _is_number(cell) else cell


def tabular(heads: Sequence[str], rows: Sequence[Sequence[Any]], align: str | None = None) -> str:
    """Rows of cells as a tabular with booktabs rules, whatever signs they hold.

    Args:
        align: a letter for each column, such as ``llr``; numbers to the right if None.
    """
    columns = zip(*rows, strict=True)
    align = align or "".join("r" if _are_numbers(cells) else "l" for cells in columns)
    body = [_line(heads), r"\midrule", *map(_line, rows)]
    lines = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[Any]) -> str:
    return " & ".join(map(_cell, cells)) + r" \\"


def _cell(cell: Any) -> str:
    text = str(cell).translate(_ESCAPES)
    return f"${text}$" if text.startswith("-") and _is_number(cell) else text  # a minus, no hyphen


def _are_numbers(values: Iterable[Any]) -> bool:
    """Say if a column has values and all of them are numbers."""
    known = [value for value in values if value not in ("", None)]
    return bool(known) and all(map(_is_number, known))


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
