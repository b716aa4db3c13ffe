"""Print a table of scores for people."""

import csv
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from collectivesft.common.errors import InputError
from collectivesft.scores.report.columns import COLUMNS

TITLE = "Accuracy in %, macro with its 95 % interval; unparsed: answers without a letter"
_ASKED = ("model", "benchmark", "protocol", "items")
_RATES = ("macro % (95 %)", "micro %", "official %", "unparsed %")
_WORDS = ("model", "benchmark", "protocol")
_SHOWN = ("macro", "macro_low", "macro_high", "micro", "official_macro", "unparsed")
_GAP = 2

Row = Sequence[str]


def show(table: Path) -> None:
    """Print the CSV of `scores table` to stdout: with rules on a terminal, as text elsewhere.

    Where the columns are wider than the terminal (80 where there is none), benchmark, protocol
    and items move into a separate line above the models that they are common to.

    Raises:
        InputError: not a table of scores.
    """
    rows = _read(table)
    heads, parts = arrange(rows, shutil.get_terminal_size().columns)
    if sys.stdout.isatty():
        _draw(heads, parts)
    else:
        sys.stdout.write(plain(heads, parts))


def _read(table: Path) -> list[dict[str, str]]:
    with open(table, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            remedy = "Run `collectivesft scores table` again"
            raise InputError(table, "not a table of scores", remedy)
        return list(reader)


def arrange(rows: Sequence[dict[str, str]], width: int) -> tuple[Row, dict[str, list[Row]]]:
    """Heads, and rows of cells by the line above them ("" for none), at most ``width`` wide."""
    heads = (*_ASKED, *_RATES)
    whole = [(*(row[key] for key in _ASKED), *_rates(row)) for row in rows]
    if not rows or sum(_widths(heads, whole)) + _GAP * (len(heads) - 1) <= width:
        return heads, {"": whole}
    parts: dict[str, list[Row]] = {}
    for row in rows:
        asked = f"{row['benchmark']}, protocol {row['protocol']}, {row['items']} items"
        parts.setdefault(asked, []).append((row["model"], *_rates(row)))
    return ("model", *_RATES), parts


def _rates(row: dict[str, str]) -> tuple[str, ...]:
    """Percent with one digit, the interval in one cell with its value."""
    value, low, high, *others = (f"{float(row[key]):.1f}" for key in _SHOWN)
    return (f"{value} ({low} to {high})", *others)


def _widths(heads: Row, rows: Sequence[Row]) -> list[int]:
    return [max(map(len, column)) for column in zip(heads, *rows, strict=True)]


def plain(heads: Row, parts: dict[str, list[Row]]) -> str:
    """Title, heads and rows as text in aligned columns; words to the left, numbers to the right."""
    widths = _widths(heads, [row for rows in parts.values() for row in rows])

    def line(row: Row) -> str:
        cells = (
            cell.ljust(width) if head in _WORDS else cell.rjust(width)
            for cell, head, width in zip(row, heads, widths, strict=True)
        )
        return (" " * _GAP).join(cells).rstrip()

    lines = [TITLE, "", line(heads)]
    for asked, rows in parts.items():
        lines += ["", asked] if asked else []
        lines += map(line, rows)
    return "\n".join(lines) + "\n"


def _draw(heads: Row, parts: dict[str, list[Row]]) -> None:
    """The same with rich: a rule below the heads, one table for each part."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(TITLE, style="bold")
    widths = _widths(heads, [row for rows in parts.values() for row in rows])
    for asked, rows in parts.items():
        style = {"pad_edge": False, "show_edge": False, "collapse_padding": True}
        table = Table(box=box.SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), **style)
        for head, width in zip(heads, widths, strict=True):
            # A terminal that is too narrow breaks words; numbers stay whole, nothing is cut off.
            words = head in _WORDS
            table.add_column(
                head,
                justify="left" if words else "right",
                overflow="fold",
                min_width=1 if words else width,
                no_wrap=not words,
            )
        for row in rows:
            table.add_row(*row)
        console.print()
        if asked:
            console.print(asked, style="italic")
        console.print(table)
