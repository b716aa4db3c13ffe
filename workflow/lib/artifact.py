"""Run the commands of docs/artifact.md: python workflow/lib/artifact.py [--write] [ROW...].

Each row of its table has a claim, a command and the time that it took. Every command runs, or only
those of the given rows, counted from 1; ``--write`` puts the measured times into the table. The
exit code is 1 if a command failed.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/artifact.md"
ROW = re.compile(r"^\| (?P<claim>[^|]+) \| `(?P<command>[^`]+)` \| (?P<time>[^|]*) \|", re.M)


@dataclass(frozen=True)
class Outcome:
    """Number and claim of a row, whether its command ended with 0, and its seconds."""

    number: int
    claim: str
    held: bool
    seconds: float


def run(page: str, chosen: set[int], root: Path) -> Iterator[Outcome]:
    """Run the commands of the page's chosen rows, of all if none is chosen, in their order.

    Raises:
        ValueError: the page has no row of a number.
    """
    rows = dict(enumerate(ROW.finditer(page), 1))
    if unknown := sorted(chosen - rows.keys()):
        raise ValueError(f"docs/artifact.md has rows 1 to {len(rows)}, not {unknown[0]}")
    search = f"{root / '.venv/bin'}:{os.environ['PATH']}"
    for number, row in rows.items():
        if not chosen or number in chosen:
            started = time.monotonic()
            command = ["bash", "-o", "pipefail", "-c", row["command"]]
            done = subprocess.run(command, cwd=root, env=os.environ | {"PATH": search}, check=False)
            taken = time.monotonic() - started
            yield Outcome(number, row["claim"], done.returncode == 0, taken)


def duration(seconds: float) -> str:
    """Return whole seconds below a minute and a half, else whole minutes."""
    return f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def with_times(page: str, outcomes: list[Outcome]) -> str:
    """Return the page with the times of the commands that ended with 0."""
    times = {one.number: duration(one.seconds) for one in outcomes if one.held}
    rows = list(ROW.finditer(page))
    for number in sorted(times, reverse=True):
        start, end = rows[number - 1].span("time")
        page = page[:start] + times[number] + page[end:]
    return page


def main(arguments: list[str]) -> int:
    """Run, print a line for each row, write the times if asked to; return the exit code."""
    chosen = {int(word) for word in arguments if word != "--write"}
    outcomes = []
    for one in run(PAGE.read_text(encoding="utf-8"), chosen, ROOT):
        outcomes.append(one)
        word = "holds " if one.held else "FAILED"
        print(f"{one.number:2}  {word}  {duration(one.seconds):>7}  {one.claim}", flush=True)
    if "--write" in arguments:
        PAGE.write_text(with_times(PAGE.read_text("utf-8"), outcomes), encoding="utf-8")
    return 0 if all(one.held for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
