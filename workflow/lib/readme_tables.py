"""Put tables and figures of the last runs into both READMEs and three guides, between marks.

A mark ``<!-- table: PATH -->`` is followed by the first table of that Markdown file up to
``<!-- end -->``; a mark ``<!-- figure: PATH | WORDS -->`` by the figure, of which docs/figures/
keeps a copy, since results are no part of the repository; a mark ``<!-- cost: PATH | WORDS -->`` by
words with the disk space and time of that run. A run that is not there leaves all as it is.
"""

import csv
import re
import shutil
from pathlib import Path

PAGES = ("README.md", "README.zh.md", "docs/quickstart.md", "docs/reproduce.md", "docs/download.md")
MARK = re.compile(
    r"(<!-- (?P<kind>table|figure|cost): (?P<path>\S+)(?: \| (?P<words>.*?))? -->\n)"
    r".*?(<!-- end -->)",
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
        if not path.exists():
            return mark[0]
        if mark["kind"] == "cost":
            return f"{mark[1]}{mark['words'].format(**cost(path, root))}\n{mark[5]}"
        if mark["kind"] == "table":
            return mark[1] + first_table(path) + mark[5]
        shutil.copyfile(path, root / "docs/figures" / path.name)
        return f"{mark[1]}![{mark['words']}](docs/figures/{path.name})\n{mark[5]}"

    return MARK.sub(made, text)


def cost(run: Path, root: Path) -> dict[str, str]:
    """Measure a run: GB of the packages, of the weights as fetched, and of all files, and minutes.

    Returns:
        ``packages``, ``weights``, ``stored`` in GB; ``minutes``, the sum of its jobs' times as
        `workflow/bin/times` kept them after an undisturbed run.
    """
    packages = size(root / ".venv")
    stored = packages + size(run) + size(root / ".cache")
    with open(root / "benchmarks/results/run-times.csv", encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["run"] == run.name]
    return {
        "packages": f"{packages / 1e9:.1f}",
        "weights": f"{size(root / '.cache/raw/models') / 1e9:.2f}",
        "stored": f"{stored / 1e9:.0f}",
        "minutes": f"{sum(float(row['seconds']) for row in rows) / 60:.0f}",
    }


def size(folder: Path) -> int:
    """Return the bytes of a folder's files; a file with several names counts once."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            facts = path.stat()
            found[facts.st_dev, facts.st_ino] = facts.st_size
    return sum(found.values())


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    for page in (root / name for name in PAGES):
        page.write_text(filled(page.read_text(encoding="utf-8"), root), encoding="utf-8")
