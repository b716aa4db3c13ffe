"""Write tables, ledgers and cards as self-contained HTML pages, for the report of a run.

A report shows only formats of a browser: Markdown and CSV would be offered as downloads. A page
loads nothing, runs nothing, and takes its looks from page.css, which is written into it.
"""

import csv
import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import atomic_path
from collectivesft.paper.tables import NAMES

# Larger pages are not shown: Chromium opens addresses of up to 2 MiB, and a report's pages are
# addresses that hold their content in base64, which takes a third more.
LARGEST = 1_500_000
KINDS = (".md", ".csv")
# Columns of tables in percent and in points, also with _low and _high.
_PERCENT = {
    "accuracy", "base", "bleu", "first_right", "high", "low", "macro", "micro", "official",
    "official_macro", "rouge", "same", "second_right", "submitted_micro", "tuned",
}  # fmt: skip
_POINTS = {"change", "difference"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<base target="_blank">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""


def write_pages(
    pages: Iterable[tuple[str, Path]], folders: Iterable[tuple[str, Path]], front: Path, out: Path
) -> None:
    """Write a folder ``out`` of ``CATEGORY/TITLE.html``, and ``front.html``, a fragment.

    Args:
        pages: ``CATEGORY/TITLE`` and the Markdown or CSV file that the page shows.
        folders: ``CATEGORY`` and a folder; each CSV in it becomes a page named after its file.
        front: Markdown file that is shown on the first screen up to the end of its first table.

    Raises:
        InputError: a file of a different kind, or one that is too large to be shown.
        UserError: two pages of one name, or a name that is not ``CATEGORY/TITLE``.
    """
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    with atomic_path(out) as partial:
        for name, source in [*pages, *_in_folders(folders)]:
            target = partial / _file_name(name)
            if target.exists():
                raise UserError(f"page {name!r} is named twice. Give each page its own name.")
            text = _PAGE.format(title=html.escape(Path(name).name), style=style, body=body(source))
            _write(target, source, text)
        shown = _to_first_table(front.read_text(encoding="utf-8"))
        _write(partial / "front.html", front, markdown(shown))


def _to_first_table(text: str) -> str:
    """Markdown up to the end of its first table, or all of it where there is none."""
    lines = text.splitlines(keepends=True)
    rows = [place for place, line in enumerate(lines) if line.startswith("|")]
    last = next((p for p in rows if p + 1 not in rows), len(lines) - 1)
    return "".join(lines[: last + 1])


def _in_folders(folders: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
    for category, folder in folders:
        # A table without rows, such as of a benchmark that the run lacks, would be a blank page.
        for path in (p for p in sorted(folder.glob("*.csv")) if p.read_text("utf-8").strip()):
            yield f"{category}/Table of {NAMES.get(path.stem, path.stem)}", path


def _file_name(name: str) -> str:
    # A report writes the name into an address, in which a comma would begin the content.
    if not re.fullmatch(r"\w[\w ()-]*/\w[\w .()-]*", name):
        remedy = "Name it as in 'Scores/All models', in letters, digits, spaces, dots, (), - and _."
        raise UserError(f"page {name!r} is not CATEGORY/TITLE. {remedy}")
    return f"{name}.html"


def _write(target: Path, source: Path, text: str) -> None:
    if len(text.encode()) > LARGEST:
        raise InputError(
            source, f"more than {LARGEST} bytes as a page", "Leave it out of the pages"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", newline="\n")


def body(source: Path) -> str:
    """The content of a Markdown or CSV file as HTML.

    Raises:
        InputError: a file of a different kind.
    """
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".md":
        return markdown(text)
    if source.suffix == ".csv":
        return table(list(csv.reader(text.splitlines())))
    raise InputError(source, "cannot be shown as a page", f"Name one of {', '.join(KINDS)}")


def markdown(text: str) -> str:
    """Markdown with tables as HTML; HTML inside it is shown as text, never interpreted.

    YAML between two lines of three dashes at the start, as in cards of the Hub, comes last, folded.
    """
    from markdown_it import MarkdownIt

    settings = ""
    if text.startswith("---\n") and "\n---\n" in text:
        settings, text = text[4:].split("\n---\n", 1)
    rendered = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    rendered = rendered.replace("<table>", '<div class="wide"><table>')
    rendered = rendered.replace("</table>", "</table></div>")
    if settings:
        escaped = html.escape(settings)
        rendered += f"<details><summary>Metadata</summary><pre>{escaped}</pre></details>\n"
    return rendered


def table(rows: list[list[str]]) -> str:
    """Rows, the first of them names of columns, as a table; numbers are right-aligned."""
    lines = ['<div class="wide"><table>']
    for place, row in enumerate(rows):
        tag = "td" if place else "th"
        row = row if place else map(_head, row)
        cells = "".join(f"<{tag}{_side(cell)}>{html.escape(cell)}</{tag}>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</table></div>", ""])


def _head(column: str) -> str:
    """A column's name as words, with its unit."""
    stem = column.removesuffix("_low").removesuffix("_high")
    unit = ", %" if stem in _PERCENT else ", points" if stem in _POINTS else ""
    return column.replace("_", " ") + unit


def _side(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return ""
    return ' style="text-align:right"'
