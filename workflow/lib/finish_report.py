"""Finish the HTML report that Snakemake made: its name, and lists that follow the chosen order.

Use: python workflow/lib/finish_report.py RUN FILE. With a new version of Snakemake, where a place
is not found, that part is left as it is, with a warning: a report without it is still a report.
"""

import html
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1].joinpath("report") / "lists.js"
TITLE = "<title>Snakemake Report</title>"
LOADING = "Loading Snakemake Report..."
DESCRIPTION = '<meta name="description" content="">'
END = "</body>"


def finish(text: str, run: str) -> tuple[str, list[str]]:
    """The report with its own name and scripts, and the places that were not found.

    Args:
        text: the HTML file.
        run: name of the run.
    """
    name = html.escape(f"CollectiveSFT, run {run}")
    about = f'<meta name="description" content="What the run {html.escape(run)} made">'
    script = f"<script>\n{SCRIPT.read_text(encoding='utf-8')}</script>\n"
    changes = [
        (TITLE, f"<title>{name}</title>"),
        (LOADING, f"Loading {name} ..."),
        (DESCRIPTION, about),
    ]
    missing = [old for old, _ in changes if old not in text]
    for old, new in changes:
        text = text.replace(old, new, 1)
    before, end, after = text.rpartition(END)
    if not end or "class SearchResults" not in before:
        return text, [*missing, "its lists of results"]
    return before + script + end + after, missing


def main(arguments: list[str]) -> int:
    """Finish one report in place."""
    run, path = arguments[0], Path(arguments[1])
    text, missing = finish(path.read_text(encoding="utf-8"), run)
    path.write_text(text, encoding="utf-8", newline="\n")
    for place in missing:
        print(f"warning: {path}: {place} not found, left as Snakemake made it", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
