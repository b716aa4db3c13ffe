"""Print a table of scores."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from collectivesft.errors import InputError


def show(table: Path) -> None:
    """Print a CSV to stdout: drawn with rich on a terminal, in aligned columns elsewhere.

    Raises:
        InputError: an empty file.
    """
    with open(table, encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    if not rows:
        raise InputError(table, "an empty file", "Run `collectivesft scores table` again")
    if sys.stdout.isatty():
        _draw(rows)
    else:
        sys.stdout.write(plain(rows))


def plain(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text, columns aligned by two spaces; words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = _numeric(rows)
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ]
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)


def _numeric(rows: Sequence[Sequence[str]]) -> list[bool]:
    def is_number(text: str) -> bool:
        return text.replace(".", "", 1).isdigit()

    return [len(rows) > 1 and all(map(is_number, column[1:])) for column in zip(*rows, strict=True)]


def _draw(rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, number in zip(rows[0], _numeric(rows), strict=True):
        # A narrow terminal breaks heads and names into lines; nothing is cut off.
        justify = "right" if number else "left"
        table.add_column(name.replace("_", " "), justify=justify, overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)
