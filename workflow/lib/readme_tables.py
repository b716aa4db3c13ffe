"""Put tables and figures of the last runs into both READMEs and docs/reproduce.md, between marks.

A mark ``<!-- table: PATH -->`` is followed by the first table of that Markdown file up to
``<!-- end -->``; a mark ``<!-- figure: PATH | WORDS -->`` by the figure, of which docs/figures/
keeps a copy, since results are no part of the repository. A run that is not there leaves all as it
is.
"""

import re
import shutil
from pathlib import Path

MARK = re.compile(
    r"(<!-- (?P<kind>table|figure): (?P<path>\S+)(?: \| (?P<words>.*?))? -->\n).*?(<!-- end -->)",
    re.S,
)


def first_table(path: Path) -> str:
    """The first table of a Markdown file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return "\n".join(lines[start:end]) + "\n"


def filled(text: str, root: Path) -> str:
    """Return a text whose marked parts are replaced from their files; copy figures."""

    def made(mark: re.Match) -> str:
        path = root / mark["path"]
        if not path.is_file():
            return mark[0]
        if mark["kind"] == "table":
            return mark[1] + first_table(path) + mark[5]
        shutil.copyfile(path, root / "docs/figures" / path.name)
        return f"{mark[1]}![{mark['words']}](docs/figures/{path.name})\n{mark[5]}"

    return MARK.sub(made, text)


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    for page in (root / "README.md", root / "README.zh.md", root / "docs/reproduce.md"):
        page.write_text(filled(page.read_text(encoding="utf-8"), root), encoding="utf-8")
