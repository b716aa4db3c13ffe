"""A table of all sources: what they are, how to get them, and what is there."""

from pathlib import Path

from collectivesft.errors import InputError
from collectivesft.raw import catalogue, locations
from collectivesft.raw.folder import RawFolder
from collectivesft.sources import Source

HEADER = ("source", "licence", "access", "rows", "where", "here")


def table_rows(root: Path | None) -> list[tuple[str, ...]]:
    """One row a source, in the order of HEADER.

    Args:
        root: folder of ``datasets/NAME/manifest.json`` and ``benchmarks/NAME/manifest.json``.
    """
    return [_row(name, catalogue.load(name), root) for name in catalogue.names()]


def _row(name: str, source: Source, root: Path | None) -> tuple[str, ...]:
    rows = "unknown" if source.rows is None else f"{source.rows:,}"
    return (name, source.licence, source.access, rows, _where(source), _present(name, root))


def _where(source: Source) -> str:
    for file in source.files:
        for location in file.locations:
            return locations.origin(location)
    return source.homepage


def _present(name: str, root: Path | None) -> str:
    if root is None:
        return "not asked"
    manifest = Path(root) / name / "manifest.json"
    if not manifest.is_file():
        return "no"
    try:
        count = len(RawFolder.load(manifest).names)
    except InputError:
        return "damaged"
    return f"{count} file{'' if count == 1 else 's'}"


def print_table(root: Path | None) -> None:
    """Print the table on stdout, at full width where it is not a terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=220)
    table = Table(*HEADER)
    for row in table_rows(root):
        table.add_row(*row)
    console.print(table)
